"""SSI_AMBIGUOUS holds a trade when more than one settlement instruction fits a leg."""

from datetime import date

import pytest

from tests.support.factories import equity, party, ssi, told_of, world

pytestmark = pytest.mark.django_db


def _finding(who: str, leg: str) -> tuple[str, ...]:
    return ("BLOCK", who, "1", leg, f"{who} has more than one standing settlement instruction for {leg}.")


def test_two_accounts_for_one_currency_are_found():
    of = world()
    ssi(of.broker, "CASH", "USD", valid_from=date(2026, 1, 1))
    assert told_of(equity()) == {"SSI_AMBIGUOUS": _finding("BROKER-01", "cash USD")}


def test_two_instructions_for_any_market_are_found():
    of = world()
    ssi(of.ours, "SECURITY", "*", valid_from=date(2026, 1, 1))
    assert told_of(equity()) == {"SSI_AMBIGUOUS": _finding("OURS", "security XNAS")}


def test_the_exact_market_goes_before_any_however_many_there_are():
    world()
    new = party("NEW", ssis=[("CASH", "USD"), ("SECURITY", "*"), ("SECURITY", "XNAS")])
    ssi(new, "SECURITY", "*", valid_from=date(2026, 1, 1))
    assert told_of(equity(counterparty="NEW")) == {}


def test_two_for_the_exact_market_are_found_although_one_for_any_is_there():
    world()
    new = party("NEW", ssis=[("CASH", "USD"), ("SECURITY", "*"), ("SECURITY", "XNAS")])
    ssi(new, "SECURITY", "XNAS", valid_from=date(2026, 1, 1))
    assert told_of(equity(counterparty="NEW")) == {"SSI_AMBIGUOUS": _finding("NEW", "security XNAS")}


def test_an_account_that_has_ended_does_not_count():
    of = world()
    ssi(of.broker, "CASH", "USD", valid_from=date(2026, 1, 1), valid_to=date(2026, 11, 24))
    assert told_of(equity()) == {}
