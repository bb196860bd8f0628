"""GROUP_TRADE points out a deal between companies of one group."""

import pytest

from refdata.models import Party
from tests.support.factories import equity, told_of, world

pytestmark = pytest.mark.django_db


def _groups(**groups: str) -> None:
    for code, group in groups.items():
        Party.objects.filter(code=code.replace("_", "-")).update(party_group=group)


def test_a_party_of_our_own_group_is_pointed_out():
    world()
    _groups(OURS="QUAY", BROKER_01="QUAY")
    message = "BROKER-01 belongs to our own group, and is not a party outside of QUAY."
    assert told_of(equity()) == {
        "GROUP_TRADE": ("WARN", "counterparty", "a party outside of QUAY", "BROKER-01", message)
    }


@pytest.mark.parametrize(
    "groups", [{}, {"OURS": "QUAY"}, {"BROKER_01": "QUAY"}, {"OURS": "QUAY", "BROKER_01": "OTHER"}]
)
def test_a_party_of_no_group_or_another_passes(groups):
    world()
    _groups(**groups)
    assert told_of(equity()) == {}


def test_the_entity_itself_is_another_checks_matter():
    world()
    _groups(OURS="QUAY")
    assert set(told_of(equity(counterparty="OURS"))) == {"SELF_TRADE"}
