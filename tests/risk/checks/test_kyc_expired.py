"""KYC_EXPIRED holds a deal with a party whose review is overdue."""

from datetime import date

import pytest

from refdata.models import Party
from tests.support.factories import equity, told_of, world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("day", "found"), [(None, False), (date(2026, 11, 23), False), (date(2026, 11, 22), True)]
)
def test_a_review_that_ended_before_the_deal_is_found(day, found):
    world()
    Party.objects.filter(code="BROKER-01").update(kyc_valid_to=day)
    message = "The know-your-customer review of BROKER-01 was good until 2026-11-22."
    finding = {"KYC_EXPIRED": ("BLOCK", "counterparty", "2026-11-22", "BROKER-01", message)}
    assert told_of(equity()) == (finding if found else {})
