"""SSI_MISSING holds a trade when one side of a leg has no settlement instruction on the value date."""

from datetime import date

import pytest

from refdata.models import Ssi
from tests.support.factories import checked, equity, findings_of, fx, goods, party, ssi, told_of, world

pytestmark = pytest.mark.django_db
SETTLES = date(2026, 11, 25)


def _finding(who: str, leg: str) -> tuple[str, ...]:
    return ("BLOCK", who, "1", leg, f"{who} has no standing settlement instruction for {leg}.")


def _missing(document) -> list[tuple[str, str]]:
    found = [each for each in findings_of(checked(document)) if each["code"] == "SSI_MISSING"]
    return sorted((each["subject"], each["actual"]) for each in found)


def test_a_counterparty_without_an_account_for_the_currency_is_found():
    world()
    party("NEW", ssis=[("SECURITY", "*")])
    assert told_of(equity(counterparty="NEW")) == {"SSI_MISSING": _finding("NEW", "cash USD")}


def test_our_own_side_is_looked_at_as_well():
    of = world()
    Ssi.objects.filter(party=of.ours, kind="SECURITY").update(valid_to=date(2026, 11, 24))
    assert told_of(equity()) == {"SSI_MISSING": _finding("OURS", "security XNAS")}


def test_every_missing_instruction_of_both_sides_is_told():
    of = world()
    Ssi.objects.filter(party=of.ours, key="USD").update(key="CHF")
    party("NEW", ssis=())
    assert _missing(fx(counterparty="NEW")) == [
        ("NEW", "cash EUR"),
        ("NEW", "cash USD"),
        ("OURS", "cash USD"),
    ]
    assert _missing(goods(counterparty="NEW")) == [("NEW", "cash EUR"), ("NEW", "goods *")]


@pytest.mark.parametrize("key", ["XNAS", "*"])
def test_a_security_settles_by_its_market_or_by_any(key):
    world()
    party("NEW", ssis=[("CASH", "USD"), ("SECURITY", key)])
    assert told_of(equity(counterparty="NEW")) == {}


def test_a_security_instruction_for_another_market_does_not_fit():
    world()
    party("NEW", ssis=[("CASH", "USD"), ("SECURITY", "XLON")])
    assert told_of(equity(counterparty="NEW")) == {"SSI_MISSING": _finding("NEW", "security XNAS")}


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "fits"),
    [
        (SETTLES, SETTLES, True),
        (SETTLES, None, True),
        (date(2026, 11, 26), None, False),
        (date(2020, 1, 1), date(2026, 11, 24), False),
    ],
)
def test_an_instruction_counts_on_the_days_it_holds(valid_from, valid_to, fits):
    world()
    new = party("NEW", ssis=[("SECURITY", "*")])
    ssi(new, "CASH", "USD", valid_from=valid_from, valid_to=valid_to)
    assert ("SSI_MISSING" in told_of(equity(counterparty="NEW"))) is not fits


def test_an_unknown_party_or_book_is_not_asked_for_instructions():
    world()
    assert _missing(equity(counterparty="NOBODY")) == []
    assert _missing(equity(book="NOWHERE", counterparty="BROKER-01")) == []


@pytest.mark.parametrize(
    ("narrowed", "fits"),
    [
        ({"product": "EQUITY"}, True),
        ({"book": "BOOK-1", "product": "EQUITY", "market": "XNAS"}, True),
        ({"product": "BOND"}, False),
        ({"book": "BOOK-2"}, False),
        ({"market": "XLON"}, False),
    ],
)
def test_an_account_that_is_narrowed_counts_for_the_trades_it_is_narrowed_to(narrowed, fits):
    world()
    new = party("NEW", ssis=[("SECURITY", "*")])
    ssi(new, "CASH", "USD", **narrowed)
    told = {} if fits else {"SSI_MISSING": _finding("NEW", "cash USD")}
    assert told_of(equity(counterparty="NEW")) == told


def test_of_two_trades_of_a_batch_only_the_one_that_no_account_fits_is_found():
    world()
    new = party("NEW", ssis=[("CASH", "EUR"), ("SECURITY", "*")])
    ssi(new, "CASH", "USD", product="EQUITY")
    assert told_of(equity(counterparty="NEW")) == {}
    assert told_of(fx(counterparty="NEW")) == {"SSI_MISSING": _finding("NEW", "cash USD")}
