"""The calendar counts what is owed once, on its value date, by how far it has come."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from risk.services.stops import make_stop
from settlement import obligations
from settlement.obligations import (
    Day,
    Standing,
    WantedObligations,
    list_days,
    list_obligations,
    read_day,
)
from settlement.services.hold import Wanted, make_hold
from settlement.services.recall_line import recall_instruction
from settlement.services.report import Report, report_status
from settlement.services.withhold import withhold_batches
from tests.settlement.support import (
    LATER,
    VALUE_DATE,
    BackOffice,
    advance,
    batch_of,
    instruction_ids,
    lines_of,
    ref,
    seal,
    trade_ref,
    validate,
    validated,
    waiting_leg,
)
from tests.support.factories import APPLE, captured_ids, equity, goods, settle_gross, swap, world
from tests.support.records import CLERK, NOW, hold

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
Figures = dict[tuple[str, str], dict[str, tuple[int, str]]]


def figures_of(day: Day) -> Figures:
    """Return (asset, direction) → standing → (count, quantity) of a day."""
    return {
        (line.asset, line.direction): {
            standing.value: (each.count, f"{each.quantity.normalize():f}")
            for standing, each in line.figures.items()
        }
        for line in day.lines
    }


def figures(value_date: date = VALUE_DATE) -> Figures:
    return figures_of(read_day(value_date, now=NOW))


def days(*, now: datetime = NOW, since: date = date.min, limit: int = 100) -> list[tuple[date, bool]]:
    """Return the days of a page of the calendar, and whether each is late."""
    return [(day.value_date, day.is_late) for day in list_days(now=now, since=since, limit=limit)[0]]


def listed(standing: str = "", value_date: date = VALUE_DATE, **wanted: str) -> list[tuple[str, str]]:
    """Return the reference and the quantity of each obligation of a list."""
    rows = list_obligations(
        wanted=WantedObligations(value_date, standing=Standing(standing) if standing else None, **wanted),
        limit=1_000,
    )
    return [(row["reference"], f"{row['quantity'].normalize():f}") for row in rows]


def hand_over(office: BackOffice, **rejected: str) -> None:
    """Have every batch claimed and answered."""
    for (batch_id,) in sql.rows("SELECT batch_id FROM settlement_batch_state WHERE claimed_at IS NULL"):
        office.claim(batch_id)
        answers = office.acknowledge(batch_id, lines_of(batch_id), **rejected).json()["items"]
        assert {each["status"] for each in answers} == {200}
    advance()


def tell(instruction_id: int, kind: Any, quantity: str = "", reason: str = "") -> None:
    report = Report(instruction_id, kind, reason, Decimal(quantity) if quantity else None)
    (result,) = report_status(reports=[report], actor=CLERK, now=LATER)
    assert result.status == 200, result.detail


class TestAnObligation:
    def test_is_a_leg_until_it_is_sealed_and_then_the_instruction_that_nets_it(self):
        world()
        first, second = validated(equity(), equity(side="SELL", quantity="30"))
        assert figures() == {
            ("USD", "DELIVER"): {"OPEN": (1, "18725")},
            ("USD", "RECEIVE"): {"OPEN": (1, "5617.5")},
            (APPLE, "RECEIVE"): {"OPEN": (1, "100")},
            (APPLE, "DELIVER"): {"OPEN": (1, "30")},
        }
        assert listed("OPEN", asset="USD") == [
            (f"{trade_ref(first)}/2", "18725"),
            (f"{trade_ref(second)}/2", "5617.5"),
        ]
        seal()
        assert figures() == {
            ("USD", "DELIVER"): {"SEALED": (1, "13107.5")},
            (APPLE, "RECEIVE"): {"SEALED": (1, "70")},
        }
        ((cash,), (security,)) = (instruction_ids(batch_of(each)) for each in ("CASH", "SECURITIES"))
        assert listed() == [
            (ref(each), quantity) for each, quantity in sorted([(cash, "13107.5"), (security, "70")])
        ]
        assert listed("OPEN") == []

    def test_goes_from_claimed_to_failed_and_settled_part_by_part(self):
        world()
        validated(equity())
        seal()
        (security,) = instruction_ids(batch_of("SECURITIES"))
        hand_over(BackOffice())
        assert figures()[APPLE, "RECEIVE"] == {"CLAIMED": (1, "100")}
        tell(security, "PARTIAL", "40")
        assert figures()[APPLE, "RECEIVE"] == {"FAILED": (1, "60"), "SETTLED": (1, "40")}
        assert listed("FAILED") == [(ref(security), "60")]
        assert listed("SETTLED") == [(ref(security), "40")]
        tell(security, "SETTLED")
        assert figures()[APPLE, "RECEIVE"] == {"SETTLED": (1, "100")}
        assert figures()["USD", "DELIVER"] == {"CLAIMED": (1, "18725")}

    def test_of_a_later_date_stands_on_that_day(self):
        world()
        spot, _ = validated(equity(), swap())
        far = date(2026, 12, 25)
        before = figures(far)
        assert before == {
            ("EUR", "DELIVER"): {"OPEN": (1, "1000000")},
            ("USD", "RECEIVE"): {"OPEN": (1, "1087500")},
        }
        seal()  # the near legs: the far ones wait
        assert figures(far) == before
        waiting_leg(spot, "10", value_date="2026-12-01")
        assert figures(date(2026, 12, 1)) == {("USD", "DELIVER"): {"OPEN": (1, "10")}}

    def test_that_is_taken_back_is_open_anew_but_for_what_had_settled(self):
        world()
        validated(equity())
        seal()
        (security,) = instruction_ids(batch_of("SECURITIES"))
        office = BackOffice()
        hand_over(office)
        tell(security, "PARTIAL", "40")
        recall_instruction(instruction_id=security, reason="the rest", actor=CLERK, now=LATER)
        (request,) = office.get("settlement-recalls").json()["items"]
        office.post(f"settlement-recalls/{request['id']}/answers", {"answer": "CONSENT"})
        anew = {"SETTLED": (1, "40"), "OPEN": (1, "60")}
        assert figures()[APPLE, "RECEIVE"] == anew
        seal()
        assert figures()[APPLE, "RECEIVE"] == {"SETTLED": (1, "40"), "SEALED": (1, "60")}
        hand_over(office)  # the cancellation, which is no obligation, too
        assert figures()[APPLE, "RECEIVE"] == {"SETTLED": (1, "40"), "CLAIMED": (1, "60")}

    def test_that_the_back_office_cancelled_unasked_has_failed(self):
        world()
        validated(equity())
        seal()
        (security,) = instruction_ids(batch_of("SECURITIES"))
        hand_over(BackOffice())
        tell(security, "CANCELLATION_COMPLETED")
        assert figures()[APPLE, "RECEIVE"] == {"FAILED": (1, "100")}

    def test_of_what_nobody_has_checked_or_that_is_called_off_is_none(self):
        world()
        captured_ids(equity())
        assert figures() == {}
        assert days() == []


class TestWhatIsHeld:
    def test_is_of_trades_that_are_exceptions(self):
        world()
        (trade_id,) = captured_ids(goods())
        hold(trade_id)
        held = {"HELD": (1, "12")}
        assert figures()["SKU-1", "DELIVER"] == held
        assert f"{trade_ref(trade_id)}/1001" in dict(listed("HELD"))

    def test_is_what_a_hold_names_and_the_other_leg_of_its_pair(self):
        world()
        settle_gross()
        validated(equity(), swap())
        make_hold(
            wanted=Wanted("COUNTERPARTY", "BROKER-01", channel="SECURITIES"), reason="x", actor=CLERK, now=NOW
        )
        found = figures()
        assert found[APPLE, "RECEIVE"] == {"HELD": (1, "100")}
        assert found["USD", "DELIVER"] == {"HELD": (1, "18725"), "OPEN": (1, "1085000")}
        assert found["EUR", "RECEIVE"] == {"OPEN": (1, "1000000")}

    def test_is_what_a_stop_keeps_from_being_sealed(self):
        world()
        make_stop(kind="TRADER", key="jdoe", reason="x", actor=CLERK, now=NOW)
        validated(equity(), equity(trader="asmith"))
        assert figures()[APPLE, "RECEIVE"] == {"HELD": (1, "100"), "OPEN": (1, "100")}

    def test_is_what_a_stop_keeps_from_being_claimed(self):
        world()
        validated(equity())
        seal()
        make_stop(kind="TRADER", key="jdoe", reason="x", actor=CLERK, now=NOW)
        withhold_batches(NOW, CLERK)
        assert figures()[APPLE, "RECEIVE"] == {"HELD": (1, "100")}
        assert listed("HELD", asset=APPLE) == [(ref(instruction_ids(batch_of("SECURITIES"))[0]), "100")]

    def test_is_what_the_back_office_rejected_until_it_is_repaired(self):
        world()
        validated(equity())
        seal()
        hand_over(BackOffice(), **{APPLE: "AC04"})
        assert figures()[APPLE, "RECEIVE"] == {"HELD": (1, "100")}
        assert figures()["USD", "DELIVER"] == {"CLAIMED": (1, "18725")}


WEEK = date(2026, 11, 23)  # a Monday, and the day of NOW


def on(value_date: date, **changes: Any) -> dict[str, Any]:
    return equity(settlement_date=value_date.isoformat(), **changes)


class TestTheDays:
    def test_that_are_past_and_not_done_come_first_then_this_week_and_later_ones(self):
        world()
        office = BackOffice()
        past, done, later = WEEK - 10 * DAY, WEEK - 7 * DAY, WEEK + 30 * DAY
        validated(on(past), on(done), on(WEEK))
        seal(value_date=WEEK)
        hand_over(office)
        for each in (done, WEEK):
            for (instruction_id,) in sql.rows(
                "SELECT id FROM settlement_instruction WHERE value_date = %s", [each]
            ):
                tell(instruction_id, "SETTLED")
        (held,) = captured_ids(on(WEEK - DAY))
        hold(held)
        validated(on(later), on(VALUE_DATE))
        every = [(past, True), (WEEK - DAY, True), (WEEK, False), (VALUE_DATE, False), (later, False)]
        assert days() == every
        assert days(now=NOW + 7 * DAY) == [every[0], every[1], (VALUE_DATE, True), every[4]]
        assert figures(done)["USD", "DELIVER"] == {"SETTLED": (1, "18725")}  # where it is asked for by name
        seen: list[tuple[date, bool]] = []
        since: date | None = date.min
        while since is not None:
            page, since = list_days(now=NOW, since=since, limit=2)
            seen += [(day.value_date, day.is_late) for day in page]
        assert seen == every

    def test_of_a_crowd_are_told_as_at_least(self, monkeypatch):
        world()
        monkeypatch.setattr(obligations, "MOST", 2)
        first, *_ = validated(equity("a", side="SELL"), equity("b"))
        (day,), _ = list_days(now=NOW, limit=10)
        assert day.at_least == frozenset()
        validated(equity("c"))
        (day,), _ = list_days(now=NOW, limit=10)
        assert day.at_least == {Standing.OPEN, Standing.HELD}
        assert figures_of(day)["USD", "DELIVER"] == {"OPEN": (1, "18725")}
        assert listed("OPEN", asset="USD")[0][0] == f"{trade_ref(first)}/2"
        settle_gross()
        seal()
        (day,), _ = list_days(now=NOW, limit=10)
        assert day.at_least == set(Standing) - {Standing.OPEN}
        assert sum(each.count for line in day.lines for each in line.figures.values()) == 2

    def test_have_so_many_lines_with_currencies_first(self, monkeypatch):
        world()
        validated(equity(), goods())
        (day,), _ = list_days(now=NOW, limit=10)
        every = [(line.asset_kind, line.asset, line.direction) for line in day.lines]
        assert every == [
            ("CASH", "EUR", "RECEIVE"),
            ("CASH", "USD", "DELIVER"),
            ("SECURITY", APPLE, "RECEIVE"),
            ("GOODS", "SKU-1", "DELIVER"),
            ("GOODS", "SKU-2", "DELIVER"),
        ]
        monkeypatch.setattr(obligations, "LINES", 2)
        (day,), _ = list_days(now=NOW, limit=10)
        assert ([line.asset for line in day.lines], day.lines_left_off) == (["EUR", "USD"], 3)

    def test_are_read_by_as_many_statements_whatever_is_in_them(self, django_assert_num_queries):
        world()
        validated(*(on(WEEK + n * DAY) for n in range(6)))
        seal(value_date=WEEK + 2 * DAY)
        with django_assert_num_queries(9):
            assert len(days()) == 6


_DONE = st.lists(
    st.tuples(
        st.sampled_from(["SETTLED", "FAILED", "PARTIAL", "UNMATCHED"]), st.integers(0, 11), st.integers(1, 90)
    ),
    min_size=4,
    max_size=10,
)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(done=_DONE, channel=st.sampled_from(["CASH", "SECURITIES"]), held=st.booleans())
def test_whatever_is_done_each_leg_counts_once_and_lists_agree_with_figures(done, channel, held):
    with transaction.atomic():
        world()
        settle_gross()
        trades = captured_ids(*(equity(f"t{n}", quantity="100") for n in range(6)))
        sql.run("DELETE FROM core_work")
        hold(trades[0])
        from_checks = trades[1:]
        validate(from_checks)
        if held:
            make_hold(wanted=Wanted("TRADE", trade_ref(trades[1])), reason="x", actor=CLERK, now=NOW)
        seal(channel)
        hand_over(BackOffice())
        instructions = [each for (each,) in sql.rows("SELECT id FROM settlement_instruction ORDER BY id")]
        for kind, which, quantity in done:
            reason = "LACK" if kind in {"FAILED", "UNMATCHED"} else ""
            report = Report(
                instructions[which % len(instructions)],
                kind,
                reason,
                Decimal(quantity) if kind == "PARTIAL" else None,
            )
            report_status(reports=[report], actor=CLERK, now=LATER)
        day = read_day(VALUE_DATE, now=NOW)
        rows = list_obligations(wanted=WantedObligations(VALUE_DATE), limit=1_000)
        transaction.set_rollback(True)
    totals = {line.asset: sum(each.quantity for each in line.figures.values()) for line in day.lines}
    assert totals == {"USD": 6 * 18725, APPLE: 600}
    counted: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counted[row["asset"], row["standing"]] += 1
    assert counted == {
        (line.asset, standing): each.count for line in day.lines for standing, each in line.figures.items()
    }


def test_a_list_goes_on_where_its_page_before_ended():
    world()
    settle_gross()
    validated(equity("a"), equity("b"))
    seal()
    (security, _) = instruction_ids(batch_of("SECURITIES"))
    hand_over(BackOffice())
    tell(security, "PARTIAL", "40")
    validated(equity("c"))
    wanted = WantedObligations(VALUE_DATE)
    whole = list_obligations(wanted=wanted, limit=100)
    assert len(whole) == 2 + 4 + 1
    seen: list[dict[str, Any]] = []
    after = None
    while page := list_obligations(wanted=wanted, after=after, limit=2):
        seen += page
        after = page[-1]["at"]
    assert seen == whole
