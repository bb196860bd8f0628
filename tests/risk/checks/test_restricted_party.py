"""RESTRICTED_PARTY holds every deal with a party on the restricted list."""

import pytest

from tests.support.factories import equity, party, told_of, world

pytestmark = pytest.mark.django_db


def test_a_restricted_counterparty_is_found_by_its_code():
    world()
    party("SHADY", restricted=True, lei="HWUPKR0MPOU8FGXBT394")
    for reference in ("SHADY", "HWUPKR0MPOU8FGXBT394"):
        told = told_of(equity(counterparty=reference, trader=reference))
        assert told["RESTRICTED_PARTY"] == ("BLOCK", "counterparty", "", "SHADY", "SHADY is restricted.")


def test_any_other_counterparty_passes():
    world()
    assert told_of(equity()) == {}
