"""UNKNOWN_INSTRUMENT holds what is dealt in something the reference data does not have."""

import pytest

from refdata.models import InstrumentIdentifier
from tests.support.factories import equity, fx, goods, told_of, world

pytestmark = pytest.mark.django_db


def _finding(actual: str) -> dict[str, tuple[str, ...]]:
    return {
        "UNKNOWN_INSTRUMENT": ("BLOCK", "instrument", "", actual, f"The instrument {actual} is not known.")
    }


def test_a_security_that_is_not_there_is_found():
    world()
    assert _finding("ACME-SHARE").items() <= told_of(equity(instrument="ACME-SHARE")).items()


def test_the_articles_of_an_order_that_are_not_there_are_named_once_each():
    world()
    lines = [{"sku": sku, "quantity": "1", "unit_price": "1"} for sku in ("SKU-9", "SKU-1", "SKU-8", "SKU-9")]
    assert told_of(goods(lines=lines)) == _finding("SKU-8, SKU-9")


def test_a_security_is_known_by_a_further_identifier():
    of = world()
    InstrumentIdentifier.objects.create(instrument=of.apple, scheme="SEDOL", value="2046251")
    assert told_of(equity(instrument="2046251")) == {}


@pytest.mark.parametrize("document", [equity(), fx(), goods()], ids=["EQUITY", "FX", "GOODS"])
def test_what_is_there_and_what_has_no_instrument_pass(document):
    world()
    assert told_of(document) == {}
