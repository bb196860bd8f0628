"""Limits and their members, as the grid gets them."""

import pytest

from tests.ops.data_sets.reading import rows_of
from tests.support.factories import checked, equity, limit, used, world

pytestmark = pytest.mark.django_db


def test_each_member_is_a_row_with_what_it_uses_and_the_marks():
    world()
    limit(hard="9000000", warn="10")
    checked(equity())
    ((member, figure),) = used().items()
    told = rows_of("limits", only=("limit", "member", "used", "reserved", "warn", "hard"))
    assert told == [
        {"limit": "CPTY", "member": member, "used": float(figure), "reserved": 0.0, "warn": 10.0, "hard": 9e6}
    ]
