"""SSI_CHANGED points out a deal that settles to an account that was changed a few days ago."""

from datetime import date, timedelta

import pytest

from core.audit import system
from refdata.services import load_rows
from tests.support.factories import SINCE, equity, goods, party, ssi, told_of, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


def _finding(day: str, what: str = "cash USD", who: str = "BROKER-01") -> dict[str, tuple[str, ...]]:
    actual = f"{what} on {day}"
    message = f"The settlement instruction of {who} changed: {actual}."
    return {"SSI_CHANGED": ("WARN", who, "unchanged since 2026-11-18", actual, message)}


def _load(account: str, *, valid_from: date = SINCE, days_ago: int = 0, agent: str = "DEUTDEFF") -> None:
    row = {
        "party": "BROKER-01",
        "kind": "CASH",
        "key": "USD",
        "account": account,
        "agent_bic": agent,
        "valid_from": valid_from,
    }
    at = NOW - timedelta(days=days_ago)
    (result,) = load_rows(kind="ssis", rows=[row], actor=system("tests"), now=at).results
    assert result.outcome in {"created", "changed"}, result.faults


def test_an_account_that_was_edited_within_five_days_is_found():
    world()
    _load("NEW-ACCOUNT", days_ago=5)
    assert told_of(equity()) == _finding("2026-11-18")


def test_an_account_that_was_edited_before_that_is_not():
    world()
    _load("NEW-ACCOUNT", days_ago=6)
    assert told_of(equity()) == {}


def test_an_account_that_begins_to_hold_after_another_is_found():
    of = world()
    of.broker.ssis.filter(kind="CASH", key="USD").update(valid_to=date(2026, 11, 19))
    ssi(of.broker, "CASH", "USD", valid_from=date(2026, 11, 20), account="NEXT")
    assert told_of(equity()) == _finding("2026-11-20")


def test_our_own_account_is_looked_at_like_theirs():
    of = world()
    of.ours.ssis.filter(kind="SECURITY").update(valid_to=date(2026, 11, 19))
    ssi(of.ours, "SECURITY", "*", valid_from=date(2026, 11, 20), account="NEXT")
    assert told_of(equity()) == _finding("2026-11-20", "security XNAS", "OURS")


def test_the_first_account_of_a_party_is_no_change():
    world()
    party("NEWCOMER", ssis=[("SECURITY", "*")])
    rows = [
        {"party": "NEWCOMER", "kind": "CASH", "key": "USD", "account": "A", "agent_bic": "DEUTDEFF",
         "valid_from": date(2026, 11, 20)}
    ]  # fmt: skip
    load_rows(kind="ssis", rows=rows, actor=system("tests"), now=NOW)
    assert told_of(equity(counterparty="NEWCOMER")) == {}


def test_an_address_of_goods_is_another_check_s_matter():
    of = world()
    of.customer.ssis.filter(kind="GOODS").update(valid_to=date(2026, 11, 19))
    ssi(of.customer, "GOODS", "*", valid_from=date(2026, 11, 20), delivery_address="Elsewhere")
    assert set(told_of(goods())) == {"NEW_DELIVERY_ADDRESS"}


def test_an_account_for_one_book_that_takes_the_place_of_the_broad_one_is_found():
    of = world()
    ssi(of.broker, "CASH", "USD", valid_from=date(2026, 11, 20), book="BOOK-1")
    assert told_of(equity()) == _finding("2026-11-20")


def test_a_new_account_for_another_book_changes_nothing():
    of = world()
    ssi(of.broker, "CASH", "USD", valid_from=date(2026, 11, 20), book="BOOK-2")
    assert told_of(equity()) == {}
