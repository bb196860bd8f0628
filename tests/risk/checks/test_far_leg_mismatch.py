"""FAR_LEG_MISMATCH holds a swap whose far leg's amounts do not agree with its rate."""

import pytest

from tests.support.factories import checked, codes_of, swap, told_of, world

pytestmark = pytest.mark.django_db


def test_a_far_leg_of_another_rate_is_found():
    world()
    assert told_of(swap(far={"rate": "1.25"})) == {
        "FAR_LEG_MISMATCH": (
            "BLOCK",
            "terms.far",
            "870000.0000",
            "1000000.00",
            "The far leg's bought amount and rate make 870000.0000, but it sells 1000000.00.",
        )
    }


@pytest.mark.parametrize(
    ("far", "passes"),
    [
        ({"rate": "0.9195402299", "rate_basis": "SOLD_PER_BOUGHT"}, True),
        ({"rate": "1.08751"}, True),
        ({"rate": "1.08752"}, False),
        ({"rate": "-1.0875"}, True),
        ({"rate": "0"}, True),
    ],
)
def test_a_far_leg_must_follow_its_rate_either_way_where_it_has_one(far, passes):
    world()
    assert ("FAR_LEG_MISMATCH" not in codes_of(checked(swap(far=far)))) is passes


def test_the_near_leg_is_found_by_the_check_of_all_amounts():
    world()
    document = swap()
    document["terms"]["near"]["rate"] = "1.2"
    assert list(told_of(document)) == ["AMOUNT_MISMATCH"]
