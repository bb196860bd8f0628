"""LEI_LAPSED points out a deal with a party whose identifier was not renewed."""

from datetime import date

import pytest

from refdata.models import Party
from tests.support.factories import equity, told_of, world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("day", "found"), [(None, False), (date(2026, 11, 23), False), (date(2026, 11, 22), True)]
)
def test_an_lei_that_had_to_be_renewed_before_the_deal_is_found(day, found):
    world()
    Party.objects.filter(code="BROKER-01").update(lei_valid_to=day)
    message = "The LEI of BROKER-01 had to be renewed by 2026-11-22."
    finding = {"LEI_LAPSED": ("WARN", "counterparty", "2026-11-22", "BROKER-01", message)}
    assert told_of(equity()) == (finding if found else {})
