"""FX_SPOT: two currencies change hands two business days of both later."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from refdata.models import FxRate, Holiday
from tests.support.factories import captured_ids, fx, world
from tests.support.legs import legs_of
from tests.support.records import version_of

pytestmark = pytest.mark.django_db


def deal(bought: tuple[str, str], sold: tuple[str, str], rate: str = "1", **changes):
    terms = {
        "bought": dict(zip(("currency", "amount"), bought, strict=True)),
        "sold": dict(zip(("currency", "amount"), sold, strict=True)),
        "rate": rate,
    }
    return fx(terms={**terms, **changes.pop("terms", {})}, **changes)


def stored(document):
    (trade_id,) = captured_ids(document)
    return version_of(trade_id, 1)


def test_its_columns_hold_the_bought_side_first():
    world()
    found = stored(fx())
    assert (found["side"], found["quantity"], found["currency"]) == ("BUY", 1_000_000, "EUR")
    assert (found["contra_amount"], found["contra_currency"], found["price"]) == (
        1_085_000,
        "USD",
        Decimal("1.085"),
    )
    assert (found["gross_amount"], found["net_amount"], found["base_amount"]) == (
        1_000_000,
        1_000_000,
        1_000_000,
    )
    assert (found["instrument_ref"], found["instrument_id"], found["terms"]) == (None, None, None)


@pytest.mark.parametrize("basis", ["SOLD_PER_BOUGHT", "BOUGHT_PER_SOLD"])
def test_which_way_its_rate_is_quoted_is_kept(basis):
    world()
    assert stored(deal(("EUR", "1"), ("USD", "1"), terms={"rate_basis": basis}))["terms"] == {
        "rate_basis": basis
    }


def test_both_amounts_are_kept_as_they_were_agreed():
    world()
    found = stored(deal(("JPY", "100.5"), ("BHD", "1.0005")))
    assert (found["gross_amount"], found["contra_amount"]) == (Decimal("100.5"), Decimal("1.0005"))
    assert found["net_amount"] == found["gross_amount"]


@pytest.mark.parametrize(
    ("bought", "base"), [(("USD", "100"), "92"), (("JPY", "100"), "0.61"), (("CHF", "1"), None)]
)
def test_its_base_amount_is_that_of_the_bought_side(bought, base):
    world()
    found = stored(deal(bought, ("EUR", "5")))
    assert found["base_amount"] == (None if base is None else Decimal(base))


def test_the_rate_of_the_sold_currency_is_not_needed():
    world()
    FxRate.objects.all().delete()
    assert stored(fx())["base_amount"] == 1_000_000


@pytest.mark.parametrize("calendar", ["EUR", "USD", "FIRM"])
def test_a_settlement_date_that_is_not_sent_is_open_in_both_currencies(calendar):
    world()
    assert stored(fx(settlement_date=None))["settlement_date"] == date(2026, 11, 25)
    Holiday.objects.create(calendar=calendar, date=date(2026, 11, 25))
    assert stored(fx(settlement_date=None, trader="x"))["settlement_date"] == date(2026, 11, 26)


def test_its_legs_are_both_currencies_received_and_delivered():
    of = world()
    (trade_id,) = captured_ids(fx())
    where = (date(2026, 11, 25), of.broker.id, of.book.id)
    assert legs_of(trade_id) == [
        (1, "CASH", "EUR", "RECEIVE", Decimal(1_000_000), *where, "EUR"),
        (2, "CASH", "USD", "DELIVER", Decimal(1_085_000), *where, "USD"),
    ]
