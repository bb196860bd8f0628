"""The columns of breaks; open and closed ones, of all reconciliations or of one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.template import Context

from core.ids import BREAK, public_id
from ops.lists.base import Asked
from ops.lists.breaks import BREAKS, wanted_of
from tests.ledger.reconciling import break_ids, defined
from tests.ledger.reconciling import run as reconcile
from tests.ledger.statements import listed, send
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, equity
from tests.support.records import NOW


@pytest.fixture
def broken(world: World) -> int:
    captured_ids(equity())
    defined("TRADES-FO")
    send(listed("TRADES", [], source="FO-EQ"))
    reconcile("TRADES-FO")
    (found,) = break_ids()
    return found


def test_what_an_address_does_not_mean_filters_nothing() -> None:
    assert wanted_of({"view": "lost", "reconciliation": " A\0B "}) == ("open", "AB")


def test_it_has_been_open_since_it_came_back() -> None:
    cell = BREAKS.by_code["open_for"].cell
    assert cell.value({"opened_at": NOW, "reopened_at": None}) == NOW
    later = NOW + timedelta(hours=1)
    assert cell.value({"opened_at": NOW, "reopened_at": later}) == later


def test_those_of_a_reconciliation_leave_and_lead_to_their_page(broken: int, sign_in: SignIn) -> None:
    reference = public_id(BREAK, broken)

    def ids_of(**parameters: str) -> list[int]:
        asked = Asked(parameters, "", 1, NOW, 10)
        return [row["id"] for rows in BREAKS.pages(asked) for row in rows]

    assert ids_of() == ids_of(reconciliation="TRADES-FO") == [broken]
    assert ids_of(view="closed") == ids_of(reconciliation="OTHER") == []
    clerk = sign_in("operations")
    answer = clerk.get("/breaks?reconciliation=TRADES-FO&columns=of,what")
    row = answer.context["rows"][0]
    shown = BREAKS.columns[0].cell.show(row, Context())
    assert f'data-row-link href="/breaks/{reference}"' in shown
    assert shown in answer.content.decode()
    assert "only ours" in BREAKS.by_code["what"].cell.show(row, Context())
    assert "Both sides agree" not in clerk.get("/breaks").content.decode()
    assert (
        "No break matches reconciliation “OTHER”"
        in clerk.get("/breaks?reconciliation=OTHER").content.decode()
    )
