"""The columns of confirmations, and what their address filters by."""

from __future__ import annotations

from django.template import Context

from ops.lists.confirmations import CONFIRMATIONS, understood, wanted_of
from trades.selectors.confirmations import WantedConfirmations


def test_what_an_address_does_not_mean_filters_nothing() -> None:
    assert understood({"status": "NONSENSE", "product": "EQUITY", "days": "-1", "party": " A\0B "}) == {
        "product": "EQUITY",
        "party": "AB",
    }
    assert wanted_of({"days": "3", "party": "AB"}) == WantedConfirmations(party="AB", days=3)


def test_only_what_lies_apart_differs() -> None:
    apart = [{"field": "net_amount", "within": False}, {"field": "price", "within": True}]
    cell = CONFIRMATIONS.by_code["differs"].cell
    assert cell.value({"differences": apart}) == "net amount"
    assert cell.value({"differences": []}) is None


def test_what_both_cancelled_says_so() -> None:
    cell = CONFIRMATIONS.by_code["stands"].cell
    row = {"status": "CANCELLED"}
    assert cell.value(row) == "CANCELLED"
    assert "cancelled by both" in cell.show(row, Context())
