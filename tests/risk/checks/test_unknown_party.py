"""UNKNOWN_PARTY holds a trade whose counterparty nobody has set up."""

import pytest

from tests.support.factories import equity, goods, party, told_of, world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("document", [equity(counterparty="ACME"), goods(counterparty="ACME")])
def test_a_counterparty_that_is_not_set_up_is_found(document):
    world()
    assert told_of(document) == {
        "UNKNOWN_PARTY": ("BLOCK", "counterparty", "", "ACME", "The counterparty ACME is not known.")
    }


@pytest.mark.parametrize("reference", ["BROKER-01", "529900T8BM49AURSDO55"], ids=["code", "LEI"])
def test_a_counterparty_is_known_by_its_code_and_by_its_lei(reference):
    world()
    assert told_of(equity(counterparty=reference)) == {}


def test_a_code_goes_before_another_partys_lei():
    world()
    party("529900T8BM49AURSDO55", ssis=())
    assert set(told_of(equity(counterparty="529900T8BM49AURSDO55"))) == {"SSI_MISSING"}
