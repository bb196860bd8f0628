"""Whatever the limit, the filter and the stretch that one page may look at: the pages together are the log."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from core import audit, sql
from feed.selectors import Position, Selection, last_event_id, read_page
from tests.support.records import CLERK, NOW

TYPES = ("thing.happened", "thing.broke", "other.happened")


def wanted(type: str, types: tuple[str, ...]) -> bool:
    return not types or type in types or f"{type.partition('.')[0]}.*" in types


@pytest.mark.django_db
@given(
    happened=st.lists(st.tuples(st.sampled_from(TYPES), st.booleans()), max_size=40),
    limit=st.integers(1, 9),
    scan=st.integers(1, 50),
    types=st.lists(st.sampled_from((*TYPES, "thing.*", "lost.*")), unique=True, max_size=3),
)
def test_pages_are_the_log_in_order_without_gap_or_overlap(
    happened: list[tuple[str, bool]], limit: int, scan: int, types: list[str]
) -> None:
    with transaction.atomic(), patch("feed.selectors.MAX_SCAN", scan):
        at = Position(last_event_id())
        kept = []
        for number, (type, is_kept) in enumerate(happened, start=1):
            # What is rolled back leaves a gap in the ids.
            with transaction.atomic():
                audit.record(type=type, subject="thing", ids=[number], actor=CLERK, at=NOW)
                transaction.set_rollback(not is_kept)
            kept += [(type, number)] * is_kept
        seen, more = [], True
        while more:
            page = read_page(after=at, limit=limit, selection=Selection(tuple(types)))
            assert len(page.events) <= limit
            assert page.next.event_id > at.event_id or not happened
            seen += [(each["type"], each["subject_id"]) for each in page.events]
            at, more = page.next, page.more
        assert read_page(after=at, limit=limit).events == []
        stored = sql.row("SELECT count(*) FROM core_event WHERE subject = 'thing'")
        transaction.set_rollback(True)
    assert stored == (len(kept),)
    assert seen == [each for each in kept if wanted(each[0], tuple(types))]
