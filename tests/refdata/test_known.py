"""References that were looked up before are used until a change of reference data has been committed."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from core import sql
from refdata import known
from refdata.known import STAMP, resolve_known
from refdata.models import Book, FxRate, Holiday, Instrument, InstrumentIdentifier, Party
from refdata.selectors import References, resolve
from tests.refdata.conftest import load

TODAY = date(2026, 11, 23)
NAMES: dict[str, set[str]] = {
    "parties": {"CP"},
    "instruments": {"US0378331005", "BBG000B9XRY4"},
    "books": {"EQ-US"},
    "currencies": {"USD", "EUR"},
}


def stamp() -> int:
    """Return the stamp that holds now."""
    ((value,),) = sql.rows(f"SELECT {STAMP}")
    return int(value)


def ask(*, days: tuple[date, date] | None = None, on: date = TODAY, **names: set[str]) -> References:
    return resolve_known(**{**NAMES, **names}, on=on, days=days, stamp=stamp())


@pytest.fixture
def loaded(transactional_db: None, party: Any, apple: Any) -> None:
    load("books", {"code": "EQ-US", "desk": "EQ", "entity": "ENT"})
    load("fx-rates", {"currency": "USD", "date": "2026-11-20", "rate": "0.86"})


def same(found: References, wanted: References) -> bool:
    return all(
        getattr(found, name) == getattr(wanted, name) for name in ("parties", "instruments", "books", "rates")
    )


def test_the_second_of_the_same_names_needs_only_the_stamp(loaded, django_assert_num_queries):
    first = ask()
    with django_assert_num_queries(1):
        again = ask()
    assert same(again, first)
    assert same(again, resolve(**NAMES, on=TODAY))


def test_only_what_is_new_is_looked_up(loaded):
    load("parties", {"code": "CP2", "name": "Another"})
    ask()
    asked: list[set[str]] = []
    original = known.resolve
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "resolve", lambda **names: asked.append(names["parties"]) or original(**names))
        found = ask(parties={"CP", "CP2"})
    assert asked == [{"CP2"}]
    assert set(found.parties) >= {"CP", "CP2"}


CHANGES = {
    "a party": lambda: Party.objects.filter(code="CP").update(restricted=True),
    "an instrument": lambda: Instrument.objects.update(settlement_cycle=3),
    "an identifier": lambda: InstrumentIdentifier.objects.create(
        instrument=Instrument.objects.get(), scheme="FIGI", value="BBG000B9XRY4"
    ),
    "a book": lambda: Book.objects.update(desk="OTHER"),
    "a rate": lambda: FxRate.objects.update(rate=Decimal("0.9")),
    "a holiday": lambda: Holiday.objects.create(calendar="USD", date=TODAY),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_committed_change_is_seen_by_the_next(loaded, change):
    ask()
    before = stamp()
    CHANGES[change]()
    assert stamp() > before
    days = (TODAY, TODAY + timedelta(days=5))
    assert same(ask(days=days), resolve(**NAMES, on=TODAY, days=days))
    calendar = ask(days=days).calendars["USD"]
    assert calendar.is_business_day(TODAY) is (change != "a holiday")


def test_what_was_unknown_is_found_once_it_is_there(loaded):
    assert "NEW" not in ask(parties={"NEW"}).parties
    load("parties", {"code": "NEW", "name": "Just made"})
    assert ask(parties={"NEW"}).parties["NEW"].code == "NEW"


def test_nothing_is_kept_of_what_a_transaction_sees(loaded):
    with transaction.atomic():
        Party.objects.filter(code="CP").update(restricted=True)
        assert ask().parties["CP"].restricted is True
        inside = stamp()
        transaction.set_rollback(True)
    Book.objects.update(desk="OTHER")  # takes the number that was rolled back
    assert stamp() == inside
    assert ask().parties["CP"].restricted is False


def test_another_day_has_its_own_rates(loaded):
    load("fx-rates", {"currency": "USD", "date": "2026-11-24", "rate": "0.80"})
    assert ask().rates["USD"] == Decimal("0.86")
    assert ask(on=TODAY + timedelta(days=1)).rates["USD"] == Decimal("0.80")


def test_days_beyond_those_kept_are_looked_up(loaded):
    Holiday.objects.create(calendar="USD", date=date(2036, 1, 2))
    found = ask(days=(date(2036, 1, 1), date(2036, 2, 1)))
    assert not found.calendars["USD"].is_business_day(date(2036, 1, 2))


def test_no_more_is_kept_than_the_bound(loaded, monkeypatch):
    monkeypatch.setattr(known, "KEPT_MAX", 10)
    for number in range(20):
        ask(parties={f"NOBODY-{number}"})
        assert sum(map(len, known._kept.seen)) <= 10 + 5
    assert connection.in_atomic_block is False
