"""The calendar counts what is owed once, on its value date, by how far it has come."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from core import sql
from settlement.obligations import (
    Standing,
    WantedObligations,
    list_days,
    list_obligations,
)
from tests.settlement.support import VALUE_DATE, seal, validated, waiting_leg
from tests.support.factories import APPLE, captured_ids, equity, swap, world
from tests.support.records import NOW, hold

pytestmark = pytest.mark.django_db


def test_x():
    world()
    validated(equity(), swap())
    print(list_days(now=NOW, limit=10))
    seal()
    print(list_days(now=NOW, limit=10))
    print(list_obligations(wanted=WantedObligations(VALUE_DATE), limit=10))
    assert 0
