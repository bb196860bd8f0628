"""ACCRUED_MISMATCH holds a bond whose stated accrued interest is not the computed one."""

import pytest

from tests.support.factories import bond, bund, checked, codes_of, told_of, world

pytestmark = pytest.mark.django_db


def test_an_accrued_amount_by_another_day_count_is_found():
    world()
    bund()
    assert told_of(bond(accrued_amount="4722.22")) == {
        "ACCRUED_MISMATCH": (
            "BLOCK",
            "accrued_amount",
            "4750.68",
            "4722.22",
            "The bond's coupon and day count make 4750.68 of accrued interest, but the trade says 4722.22.",
        )
    }


@pytest.mark.parametrize(
    ("accrued", "passes"), [("4750.67", True), ("4750.69", True), ("4750.6999", False), ("0", False)]
)
def test_it_may_differ_by_one_minor_unit(accrued, passes):
    world()
    bund()
    assert ("ACCRUED_MISMATCH" not in codes_of(checked(bond(accrued_amount=accrued)))) is passes
