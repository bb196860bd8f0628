"""The columns of SSIs."""

from __future__ import annotations

from django.template import Context

from ops.lists.ssis import SSIS

ROW = {
    "party": "BROKER-01",
    "book": "BOOK-1",
    "product": "FX_SPOT",
    "market": "*",
    "currency": "*",
    "account": "DE02",
    "agent_bic": "DEUTDEFF",
    "place_of_settlement": "",
    "delivery_address": "",
}


def test_only_what_narrows_is_told() -> None:
    cell = SSIS.by_code["only_for"].cell
    assert cell.value(ROW) == "book BOOK-1, product FX_SPOT"
    assert cell.show(ROW, Context()) == (
        '<span class="muted">book</span> BOOK-1 <span class="muted">product</span> FX spot'
    )
    free = {**ROW, "book": "*", "product": "*"}
    assert (cell.value(free), cell.show(free, Context())) == (None, "—")


def test_where_it_settles_is_one_line() -> None:
    assert SSIS.by_code["settles_at"].cell.value(ROW) == "DE02 DEUTDEFF"


def test_a_row_leads_to_its_party_until_it_is_narrowed_to_that() -> None:
    shown = SSIS.columns[0].cell.show
    assert "data-row-link" in shown(ROW, Context())
    assert "data-row-link" not in shown(ROW, Context({"party": "BROKER-01"}))
