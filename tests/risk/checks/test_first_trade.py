"""FIRST_TRADE points out the first deal with a party that was taken on."""

from datetime import date

import pytest

from refdata.models import Party
from tests.support.factories import captured_ids, check_everything, codes_of, equity, told_of, world

pytestmark = pytest.mark.django_db


def test_the_first_deal_with_a_new_party_is_pointed_out_and_the_next_is_not():
    world()
    Party.objects.filter(code="BROKER-01").update(onboarded_on=date(2026, 11, 16))
    message = "This is the first trade with BROKER-01, onboarded on 2026-11-16."
    finding = ("INFO", "counterparty", "onboarded on 2026-11-16", "BROKER-01", message)
    assert told_of(equity("E-1")) == {"FIRST_TRADE": finding}
    assert told_of(equity("E-2", quantity="7")) == {}


def test_of_many_at_once_only_the_first_captured_is():
    world()
    Party.objects.filter(code="BROKER-01").update(onboarded_on=date(2026, 11, 16))
    trades = captured_ids(*[equity(quantity=str(n + 1)) for n in range(20)])
    check_everything(limit=7)
    assert [codes_of(each) for each in trades] == [["FIRST_TRADE"], *[[]] * 19]


def test_a_party_that_was_always_one_passes():
    world()
    assert told_of(equity()) == {}
