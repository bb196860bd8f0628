"""The SSI that is chosen for a leg is the most specific one in force, and there is never a doubt which that is."""

from __future__ import annotations

from datetime import date
from importlib import import_module
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from refdata.models import Party, Ssi
from refdata.ssi_choice import NARROWED, PRECEDENCE, chosen_sql

pytestmark = pytest.mark.django_db

_DAY = date(2026, 11, 25)
_VALUES = {
    "key": ("XNAS", "*"),
    "product": ("EQUITY", "FUND", "*"),
    "currency": ("USD", "*"),
    "book": ("EQ-US", "EQ-UK", "*"),
}
_NEED = {
    "asset_kind": "SECURITY",
    "ssi_key": "XNAS",
    "product": "EQUITY",
    "currency": "USD",
    "market": "XNAS",
    "book": "EQ-US",
    "value_date": _DAY,
}
_rows = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(each) for name, each in _VALUES.items()}),
    max_size=12,
    unique_by=lambda row: frozenset(row.items()),
)


@pytest.fixture
def owner() -> Party:
    return Party.objects.create(code="CP", name="Counterparty")


def _ssi(owner: Party, **fields: Any) -> Ssi:
    given = {"kind": "SECURITY", "key": "*", "account": "A", "valid_from": date(2026, 1, 1), **fields}
    return Ssi.objects.create(party=owner, **given)


def _chosen(owner: Party, **changed: Any) -> int | None:
    need = {"party_id": owner.id, **_NEED, **changed}
    columns = ", ".join(f"%({name})s{'::date' if name == 'value_date' else ''} AS {name}" for name in need)
    ((found,),) = sql.rows(f"SELECT {chosen_sql('n')} FROM (SELECT {columns}) AS n", need)
    return found


@given(_rows, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_first_of_those_that_fit_by_the_declared_precedence_is_chosen(owner, rows, shuffle) -> None:
    with transaction.atomic():
        stored = {_ssi(owner, **row).id: row for row in shuffle.sample(rows, len(rows))}
        needs = {"key": "XNAS", **_NEED}
        fitting = {
            ssi_id: row
            for ssi_id, row in stored.items()
            if all(value in (needs[name], "*") for name, value in row.items())
        }
        best = max(
            fitting,
            key=lambda ssi_id: [fitting[ssi_id].get(name, "*") != "*" for name in PRECEDENCE],
            default=None,
        )
        assert _chosen(owner) == best
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"key": "XNAS"}, {"book": "EQ-US"}),
        ({"book": "EQ-US"}, {"product": "EQUITY"}),
        ({"product": "EQUITY"}, {"currency": "USD"}),
        ({"currency": "USD"}, {}),
        ({"key": "XNAS", "currency": "USD"}, {"key": "XNAS"}),
    ],
)
def test_what_is_named_first_goes_before_whatever_else_is_named(owner, first, second) -> None:
    _ssi(owner, **second)
    chosen = _ssi(owner, **first)
    assert _chosen(owner) == chosen.id


def test_cash_is_narrowed_to_the_market_of_what_is_paid_for(owner) -> None:
    cash = {"kind": "CASH", "key": "USD"}
    anywhere, here = _ssi(owner, **cash), _ssi(owner, **cash, market="XNAS")
    paid = {"asset_kind": "CASH", "ssi_key": "USD"}
    assert _chosen(owner, **paid) == here.id
    assert _chosen(owner, **paid, market="XLON") == anywhere.id
    assert _chosen(owner, **paid, market="") == anywhere.id


def test_one_for_another_book_product_or_currency_is_never_chosen(owner) -> None:
    for narrowed in ({"book": "EQ-UK"}, {"product": "FUND"}, {"currency": "EUR"}, {"key": "XLON"}):
        _ssi(owner, **narrowed)
    assert _chosen(owner) is None


def test_it_is_chosen_on_its_first_and_its_last_day_only(owner) -> None:
    only = _ssi(owner, valid_from=_DAY, valid_to=_DAY)
    assert _chosen(owner) == only.id
    assert _chosen(owner, value_date=date(2026, 11, 24)) is None
    assert _chosen(owner, value_date=date(2026, 11, 26)) is None


def test_a_party_counts_as_narrowed_once_one_of_its_rows_names_more_than_the_asset(owner) -> None:
    _ssi(owner)
    assert sql.rows(NARROWED) == []
    _ssi(owner, book="EQ-US")
    assert sql.rows(NARROWED) == [(owner.id,)]


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "fits"),
    [
        (date(2026, 1, 31), None, False),
        (date(2025, 1, 1), date(2026, 1, 1), False),
        (date(2026, 1, 10), date(2026, 1, 11), False),
        (date(2026, 2, 1), None, True),
        (date(2025, 1, 1), date(2025, 12, 31), True),
    ],
)
def test_the_database_refuses_two_of_one_place_on_the_same_day(owner, valid_from, valid_to, fits) -> None:
    _ssi(owner, valid_to=date(2026, 1, 31))
    if fits:
        _ssi(owner, valid_from=valid_from, valid_to=valid_to)
        return
    with pytest.raises(IntegrityError, match="refdata_ssi_no_overlap"), transaction.atomic():
        _ssi(owner, valid_from=valid_from, valid_to=valid_to)
    _ssi(owner, valid_from=valid_from, valid_to=valid_to, book="EQ-US")  # of another place


@pytest.mark.parametrize(
    ("kind", "name"), [("CASH", "currency"), ("SECURITY", "market"), ("GOODS", "market")]
)
def test_the_database_refuses_a_narrowing_that_the_key_says_already(owner, kind, name) -> None:
    with pytest.raises(IntegrityError, match="refdata_ssi_narrowed_by"), transaction.atomic():
        _ssi(owner, kind=kind, **{name: "X"})


def test_rows_that_overlapped_before_end_where_the_next_one_begins_and_the_log_says_so(owner) -> None:
    sql.run("ALTER TABLE refdata_ssi DROP CONSTRAINT refdata_ssi_no_overlap")
    first, second, last = (_ssi(owner, valid_from=date(2026, month, 1)) for month in (1, 3, 6))
    apart = _ssi(owner, kind="GOODS", valid_to=date(2026, 2, 1))
    sql.run(import_module("refdata.migrations.0240_specific_ssis").TRIM)

    assert dict(Ssi.objects.values_list("id", "valid_to")) == {
        first.id: date(2026, 2, 28),
        second.id: date(2026, 5, 31),
        last.id: None,
        apart.id: date(2026, 2, 1),
    }
    told = sql.rows(
        "SELECT subject_id, data->'after' FROM core_event WHERE subject = 'ssi' ORDER BY subject_id"
    )
    assert [(ssi_id, sql.json_value(after)) for ssi_id, after in told] == [
        (first.id, {"valid_to": "2026-02-28"}),
        (second.id, {"valid_to": "2026-05-31"}),
    ]
