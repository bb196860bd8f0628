"""How full limits were is kept hour by hour: the highest of each hour, of the fullest members, for a week."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from risk.models import UseSample, Utilisation
from risk.selectors import use_samples
from risk.services import use_samples as samples
from risk.services.use_samples import KEPT, sample_use
from tests.support.factories import checked, equity, limit, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


def kept() -> list[tuple[str, Decimal, Decimal]]:
    return list(UseSample.objects.order_by("hour", "key").values_list("key", "figure", "hard"))


def test_an_hour_keeps_its_highest_figure_and_the_mark_of_the_last() -> None:
    world()
    made = limit(hard="20000")
    checked(equity())
    (used,) = Utilisation.objects.values_list("used", flat=True)
    assert sample_use(now=NOW) == 1
    Utilisation.objects.update(used=Decimal(5))
    made.hard = Decimal(30000)
    made.save()
    assert sample_use(now=NOW + timedelta(minutes=50)) == 1
    assert kept() == [("BROKER-01", used, Decimal(30000))]
    sample_use(now=NOW + timedelta(hours=1))
    assert kept() == [("BROKER-01", used, Decimal(30000)), ("BROKER-01", Decimal(5), Decimal(30000))]
    assert [row["figure"] for row in use_samples([(made.id, "BROKER-01")], since=NOW)] == [used, Decimal(5)]
    assert use_samples([(made.id, "OTHER")], since=NOW) == []


def test_only_the_fullest_are_kept_and_nothing_longer_than_a_week() -> None:
    world()
    made = limit(hard="20000")
    Utilisation.objects.bulk_create(
        Utilisation(limit=made, key=f"P-{n}", used=Decimal(n)) for n in range(1, samples.MEMBERS + 3)
    )
    assert sample_use(now=NOW) == samples.MEMBERS
    assert min(figure for _, figure, _ in kept()) == Decimal(3)
    UseSample.objects.update(hour=NOW - KEPT - timedelta(hours=1))
    sample_use(now=NOW)
    assert {each.hour for each in UseSample.objects.all()} == {NOW}


def test_without_limits_there_is_nothing_to_keep() -> None:
    world()
    assert sample_use(now=NOW) == 0
    assert kept() == []
