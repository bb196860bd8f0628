"""FAR_NOT_AFTER_NEAR holds a swap whose far leg is not the later one."""

import pytest

from tests.support.factories import checked, codes_of, swap, told_of, world

pytestmark = pytest.mark.django_db


def test_a_far_leg_before_the_near_one_is_found():
    world()
    assert told_of(swap(far={"settlement_date": "2026-11-24"})) == {
        "FAR_NOT_AFTER_NEAR": (
            "BLOCK",
            "terms.far.settlement_date",
            "after 2026-11-25",
            "2026-11-24",
            "The far leg falls due on 2026-11-24, which must be after 2026-11-25.",
        )
    }


@pytest.mark.parametrize(("day", "passes"), [("2026-11-25", False), ("2026-11-26", True)])
def test_it_must_be_later_by_a_day_at_least(day, passes):
    world()
    assert ("FAR_NOT_AFTER_NEAR" not in codes_of(checked(swap(far={"settlement_date": day})))) is passes
