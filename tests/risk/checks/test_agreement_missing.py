"""AGREEMENT_MISSING holds a deal that no agreement with the party covers."""

from datetime import date

import pytest

from refdata.models import Agreement, Party
from tests.support.factories import SINCE, equity, fx, party, told_of, world

pytestmark = pytest.mark.django_db


def _agreement(code: str = "BROKER-01", product: str = "EQUITY", **fields) -> None:
    given = {"reference": "ISDA-2002", "valid_from": SINCE, **fields}
    Agreement.objects.create(party=Party.objects.get(code=code), product=product, **given)


def _finding(actual: str) -> dict[str, tuple[str, ...]]:
    message = f"There is not an agreement for EQUITY in force with {actual}."
    return {"AGREEMENT_MISSING": ("BLOCK", "counterparty", "an agreement for EQUITY", actual, message)}


def test_a_party_without_one_is_found_once_anybody_has_one_for_the_product():
    world()
    party("BROKER-02")
    assert told_of(equity("E-1")) == {}
    _agreement("BROKER-02")
    assert told_of(equity("E-2", quantity="7")) == _finding("BROKER-01")
    assert told_of(fx()) == {}


@pytest.mark.parametrize("product", ["EQUITY", "*"])
def test_a_party_with_one_passes(product):
    world()
    party("BROKER-02")
    _agreement("BROKER-02")
    _agreement(product=product)
    assert told_of(equity()) == {}


@pytest.mark.parametrize(("last", "passes"), [(date(2026, 11, 23), True), (date(2026, 11, 22), False)])
def test_one_that_lapsed_is_named_with_its_last_day(last, passes):
    world()
    _agreement(valid_to=last)
    assert told_of(equity()) == ({} if passes else _finding("BROKER-01 lapsed on 2026-11-22"))


def test_one_that_does_not_hold_yet_is_none():
    world()
    _agreement(valid_from=date(2026, 11, 24))
    assert told_of(equity()) == _finding("BROKER-01")
