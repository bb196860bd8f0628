"""LATE_BOOKING points out a deal that was captured more than a day of business after it was done."""

import pytest

from tests.support.factories import capture, check_everything, checked, codes_of, equity, told_of, world
from tests.support.records import CLERK, LATER, NOW
from trades.services.repair import repair_trade

pytestmark = pytest.mark.django_db


def test_a_deal_of_last_week_is_found():
    world()
    told = told_of(equity(executed_at="2026-11-19T10:30:00+01:00"))
    assert told == {
        "LATE_BOOKING": (
            "WARN", "executed_at", "within 24 hours", "2026-11-19 09:30 UTC",
            "The deal of 2026-11-19 09:30 UTC was not captured within 24 hours of business.",
        )
    }  # fmt: skip


@pytest.mark.parametrize(
    ("executed", "passes"),
    [
        ("2026-11-23T09:00:00Z", True),
        ("2026-11-20T14:00:00Z", True),  # Friday, captured on Monday at the same hour: a day of business
        ("2026-11-20T13:59:59Z", False),
        ("2026-11-21T00:00:00Z", True),  # a Saturday
        ("2026-11-24T09:00:00Z", True),
    ],
)
def test_weekends_do_not_count(executed, passes):
    world()
    assert NOW.isoformat() == "2026-11-23T14:00:00+00:00"
    assert ("LATE_BOOKING" not in told_of(equity(executed_at=executed))) is passes


def test_a_deal_without_a_moment_of_execution_passes():
    world()
    assert told_of(equity()) == {}


def test_a_repair_makes_a_deal_neither_late_nor_punctual():
    world()
    late = checked(equity("LATE", executed_at="2026-11-19T09:30:00Z", book="NOWHERE"))
    capture(equity("SOON", executed_at="2026-11-20T14:02:00Z", quantity="7", book="NOWHERE"))
    check_everything()
    for trade_id in (late, late + 1):
        repair_trade(
            trade_id=trade_id, version=1, changes={"book": "BOOK-1"}, reason="typo", actor=CLERK, now=LATER
        )
    check_everything(now=LATER)
    assert codes_of(late) == ["LATE_BOOKING"]
    assert "LATE_BOOKING" not in codes_of(late + 1)
