"""The columns of the queue."""

from __future__ import annotations

from ops.lists.exceptions import EXCEPTIONS


def test_the_closed_ones_are_shown_with_who_closed_them() -> None:
    usual = [each.code for each in EXCEPTIONS.usual_columns({"view": "closed"})]
    assert usual[:3] == ["closed", "closed_by", "resolution"]
    assert "due" not in usual


def test_the_past_is_shown_without_what_is_not_kept_of_it() -> None:
    assert "move" not in [each.code for each in EXCEPTIONS.usual_columns({}, past=True)]
    assert [each.code for each in EXCEPTIONS.columns_of("team,due", {}, past=True)] == ["exception", "due"]


def test_an_item_on_no_trade_tells_what_it_is_about() -> None:
    row = {"trade_id": None, "member": "BROKER-01", "owner": None, "team": "Desk A", "amount_at_risk": None}
    told = {
        code: EXCEPTIONS.by_code[code].cell.value(row)
        for code in ("counterparty", "about", "owner", "at_risk")
    }
    assert told == {"counterparty": "BROKER-01", "about": None, "owner": "Desk A", "at_risk": None}
