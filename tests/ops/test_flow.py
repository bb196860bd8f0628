"""What flows is counted once from the log, however often and in whatever stretches somebody counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit import Actor, record
from feed.selectors import last_event_id
from ops import flow
from ops.models import FlowCount

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 14, 3, 20, tzinfo=UTC)
CHECKS = Actor("system:checks")


def told(type: str, count: int, *, ago: timedelta) -> None:
    """Let a number of events of a type stand in the log, so long ago."""
    record(type=type, subject="trade", ids=range(1, count + 1), actor=CHECKS, at=NOW - ago)


def begin() -> None:
    """Let everything that stands in the log now be counted, and nothing of it be kept."""
    while flow.count_up_to(up_to=last_event_id(), now=NOW):
        pass
    FlowCount.objects.all().delete()


def count_all() -> None:
    while flow.count_up_to(up_to=last_event_id(), now=NOW):
        pass


def count_since(moment: datetime) -> dict[str, int]:
    return flow.flow(now=NOW, since=moment).since


def test_events_are_counted_by_type_since_a_minute() -> None:
    begin()
    told("trade.captured", 3, ago=timedelta(minutes=1))
    told("trade.held", 2, ago=timedelta(minutes=1))
    told("trade.captured", 4, ago=timedelta(hours=3))
    told("party.changed", 9, ago=timedelta(minutes=1))
    count_all()
    assert count_since(NOW - timedelta(minutes=2)) == {"trade.captured": 3, "trade.held": 2}
    assert count_since(NOW - timedelta(hours=4)) == {"trade.captured": 7, "trade.held": 2}


def test_counting_again_counts_nothing_twice() -> None:
    begin()
    told("trade.captured", 5, ago=timedelta(minutes=1))
    count_all()
    count_all()
    told("trade.captured", 1, ago=timedelta(minutes=1))
    count_all()
    assert count_since(NOW - timedelta(minutes=2)) == {"trade.captured": 6}


def test_the_log_is_counted_in_stretches_and_says_while_more_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    begin()
    monkeypatch.setattr(flow, "STEP", 4)
    told("trade.captured", 10, ago=timedelta(minutes=1))
    answers = [flow.count_up_to(up_to=last_event_id(), now=NOW) for _ in range(4)]
    assert answers == [True, True, False, False]
    assert count_since(NOW - timedelta(minutes=2)) == {"trade.captured": 10}


def test_what_is_older_than_is_kept_is_neither_counted_nor_kept() -> None:
    begin()
    told("trade.captured", 2, ago=flow.KEPT + timedelta(minutes=1))
    told("trade.captured", 1, ago=flow.KEPT - timedelta(minutes=1))
    count_all()
    assert count_since(NOW - 2 * flow.KEPT) == {"trade.captured": 1}
    told("trade.held", 1, ago=timedelta(minutes=1))
    flow.count_up_to(up_to=last_event_id(), now=NOW + timedelta(hours=1))
    assert count_since(NOW - 2 * flow.KEPT) == {"trade.held": 1}


def test_the_last_bar_is_that_of_the_present_five_minutes() -> None:
    begin()
    told("trade.captured", 3, ago=timedelta(minutes=3))  # 14:00:20
    told("trade.captured", 2, ago=timedelta(minutes=4))  # 13:59:20
    told("trade.captured", 8, ago=timedelta(minutes=90))
    told("trade.captured", 1, ago=timedelta(hours=2))  # before the first bar
    told("trade.held", 1, ago=timedelta(minutes=3))
    count_all()
    intake, checks, batches = flow.flow(now=NOW, since=NOW).lanes
    assert intake.series == [flow.Series("captured", 0, lately=3, in_hour=5, in_all=13)]
    assert [(each.lately, each.in_all) for each in checks.series] == [(0, 0), (1, 1)]
    assert intake.most == 8
    assert max(bar.x for bar in intake.bars) == flow.WIDTH - 10
    assert batches.bars == []


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 10**6), min_size=flow.BARS, max_size=flow.BARS), min_size=1, max_size=2)
)
def test_every_bar_stays_in_its_drawing_and_what_is_not_nothing_is_seen(flowed: list[list[int]]) -> None:
    most = max(sum(each) for each in zip(*flowed, strict=True))
    bars = flow._bars(flowed, most)
    assert len(bars) == sum(1 for series in flowed for count in series if count)
    for bar in bars:
        assert bar.height >= 2
        assert bar.y >= 0 and bar.y + bar.height <= flow.HEIGHT
