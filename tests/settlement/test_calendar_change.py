"""Holidays, cycles, cut-offs and channels change by two people, who see what that comes to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from core import sql
from core.audit import Actor, encode
from core.http.problem import Problem
from core.models import Proposal
from refdata.models import CutOff, Holiday, SettlementCycle
from settlement.models import Channel
from settlement.services.calendar_change import (
    Change,
    approve_calendar_change,
    foresee,
    foresee_proposal,
    propose_calendar_change,
)
from tests.settlement.support import trade_ref, validated
from tests.support.factories import EURO_SHARE, equity, world
from tests.support.records import CLERK, LATER, NOW, person

pytestmark = pytest.mark.django_db

EVE = {"calendar": "USD", "date": "2026-11-24", "name": "closed"}
LATE = {
    "channel": "CASH", "market": "*", "currency": "USD", "zone": "America/New_York", "time": "17:00:00",
    "lead_days": 0, "valid_from": "2026-01-01",
}  # fmt: skip
CYCLE = {"product": "EQUITY", "market": "*", "days": 3, "valid_from": "2020-01-01"}


@pytest.fixture
def maker(db: None) -> User:
    return person("maker")


@pytest.fixture
def checker(db: None) -> User:
    return person("checker")


def everything() -> list[tuple[Any, ...]]:
    tables = ("refdata_holiday", "refdata_cut_off", "refdata_settlement_cycle", "settlement_channel")
    return [row for name in tables for row in sql.rows(f"SELECT t::text FROM {name} t ORDER BY 1")]


def propose(change: Change, maker: User, reason: str = "as announced") -> int:
    return propose_calendar_change(change=change, reason=reason, user=maker, actor=CLERK, now=NOW)


def approve(proposal: int, checker: User, **more: str) -> Proposal:
    return approve_calendar_change(
        proposal_id=proposal, user=checker, note="", actor=Actor("user:checker"), now=LATER, **more
    )


def refused(kind: str, *rows: Mapping[str, Any] | Any, withdrawn: bool = False) -> tuple[int, list[str]]:
    before = everything()
    with pytest.raises(Problem) as problem:
        foresee(change=Change(kind, list(rows), withdrawn), now=NOW)
    assert everything() == before
    return problem.value.status, [each.pointer for each in problem.value.faults]


class TestWhatItComesTo:
    def test_a_holiday_moves_the_settlement_dates_of_open_trades(self):
        world()
        (trade_id,) = validated(equity(settlement_date=None))
        before = everything()
        found = foresee(change=Change("holidays", [EVE]), now=NOW)
        assert everything() == before
        assert (found.of, found.effect.trades, found.effect.partial) == ("USD", 1, False)
        assert found.changes == [{"key": "USD 2026-11-24", "before": None, "after": EVE}]
        (item,) = found.effect.dates
        assert item == {
            "trade": trade_ref(trade_id),
            "settlement_date": item["before"],
            "before": "2026-11-24",
            "after": "2026-11-25",
        }

    def test_a_cycle_moves_them_and_one_of_another_product_does_not(self):
        world()
        validated(equity(instrument=EURO_SHARE, currency="EUR", settlement_date=None))
        cycle = {**CYCLE, "market": "EUR", "days": 9, "valid_from": "2026-01-01"}
        found = foresee(change=Change("settlement-cycles", [cycle]), now=NOW).effect
        assert [(each["before"], each["after"]) for each in found.dates] == [("2026-11-25", "2026-12-04")]
        bonds = foresee(change=Change("settlement-cycles", [{**cycle, "product": "BOND"}]), now=NOW).effect
        assert bonds.trades == 0

    def test_a_cut_off_of_a_place_is_other_on_each_day_to_come_and_for_the_trades_of_the_place(self):
        world()
        validated(equity())
        found = foresee(change=Change("cut-offs", [LATE]), now=NOW).effect
        assert (found.trades, found.deadlines, found.cut_offs) == (0, 0, 15)
        assert found.moments[0] == {
            "channel": "CASH", "market": "*", "currency": "USD", "value_date": "2026-11-23",
            "before": None, "after": "2026-11-23T22:00:00+00:00",
        }  # fmt: skip
        early = foresee(change=Change("cut-offs", [{**LATE, "lead_days": 5}]), now=NOW).effect
        assert early.deadlines == 1

    def test_a_holiday_of_the_firm_moves_cut_offs(self):
        found = foresee(change=Change("holidays", [{**EVE, "calendar": "FIRM"}]), now=NOW).effect
        assert {each["value_date"] for each in found.moments} == {"2026-11-25"}
        assert found.cut_offs == 3

    def test_a_channel_moves_its_own_cut_offs(self):
        change = Change("channels", [{"channel": "CASH", "cut_off_time": "17:00"}])
        found = foresee(change=change, now=NOW)
        assert found.effect.cut_offs == 15
        assert found.changes[0]["after"]["cut_off_time"] == "17:00:00"
        assert Channel.objects.get(code="CASH").cut_off_time.hour == 18


class TestTwoPeople:
    def test_add_and_withdraw_a_holiday(self, maker, checker):
        approve(propose(Change("holidays", [EVE]), maker), checker)
        assert Holiday.objects.filter(calendar="USD", date="2026-11-24").count() == 1
        approve(propose(Change("holidays", [EVE], withdrawn=True), maker), checker)
        assert Holiday.objects.filter(calendar="USD", date="2026-11-24").count() == 0
        told = sql.rows("SELECT type, actor, reason FROM core_event WHERE subject = 'holiday' ORDER BY id")
        assert told == [
            ("holiday.created", "user:checker", "as announced"),
            ("holiday.withdrawn", "user:checker", "as announced"),
        ]

    def test_add_change_and_end_a_cut_off_and_a_cycle(self, maker, checker):
        approve(propose(Change("cut-offs", [LATE]), maker), checker)
        approve(
            propose(Change("cut-offs", [{**LATE, "time": "16:00", "valid_to": "2027-01-31"}]), maker), checker
        )
        assert (CutOff.objects.get().time.hour, str(CutOff.objects.get().valid_to)) == (16, "2027-01-31")
        approve(propose(Change("settlement-cycles", [CYCLE]), maker), checker)
        assert SettlementCycle.objects.get(valid_from="2020-01-01", market="*", product="EQUITY").days == 3

    def test_change_what_a_channel_asks_two_people_for(self, maker, checker):
        change = Change(
            "channels", [{"channel": "CASH", "release_from": "1000000", "hold_release_from": None}]
        )
        approve(propose(change, maker), checker)
        assert Channel.objects.get(code="CASH").release_from == 1_000_000
        ((reason, data),) = sql.rows("SELECT reason, data FROM core_event WHERE type = 'channel.changed'")
        assert reason == "as announced"
        assert sql.json_value(data)["after"]["release_from"] == "1000000.0000"

    def test_are_two_and_one_proposal_waits_for_each_calendar(self, maker, checker):
        proposal = propose(Change("holidays", [EVE]), maker)
        with pytest.raises(Problem, match="Somebody else"):
            approve(proposal, maker)
        with pytest.raises(Problem, match="Another proposal"):
            propose(Change("holidays", [{**EVE, "date": "2026-12-28"}]), maker)
        propose(Change("holidays", [{**EVE, "calendar": "JPY"}]), maker)
        assert Holiday.objects.filter(date="2026-11-24").count() == 0

    def test_see_it_anew_when_it_comes_to_more_by_then(self, maker, checker):
        world()
        proposal = propose(Change("holidays", [EVE]), maker)
        validated(equity(settlement_date=None))
        with pytest.raises(Problem, match="no longer what was shown"):
            approve(proposal, checker)
        now = foresee_proposal(content=Proposal.objects.get(id=proposal).content, now=LATER)
        assert not isinstance(now, Problem)
        approve(proposal, checker, seen=encode(now.effect.summary()))
        assert Holiday.objects.filter(calendar="USD", date="2026-11-24").count() == 1

    def test_are_refused_when_the_rows_are_other_by_then(self, maker, checker):
        proposal = propose(Change("holidays", [EVE]), maker)
        Holiday.objects.create(calendar="USD", date="2026-11-24", name="meanwhile")
        with pytest.raises(Problem, match="no longer what it was"):
            approve(proposal, checker)
        assert Holiday.objects.get(calendar="USD", date="2026-11-24").name == "meanwhile"
        assert Proposal.objects.get(id=proposal).state == "PENDING"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("kind", "rows", "expected"),
        [
            ("parties", [EVE], (422, ["/kind"])),
            ("holidays", [], (422, ["/rows"])),
            ("holidays", [EVE, {**EVE, "calendar": "EUR"}], (422, ["/rows"])),
            ("holidays", ["x"], (422, ["/rows"])),
            ("holidays", [{"date": "2026-11-24"}], (422, ["/rows"])),
            ("holidays", [{**EVE, "calendar": "??"}], (422, ["/rows/0/calendar"])),
            ("cut-offs", [{**LATE, "time": "25:00", "lead_days": 99}], (422, ["/rows/0/time"])),
            ("channels", [{"channel": "ROAD"}], (422, ["/rows/0/channel"])),
            (
                "channels",
                [{"channel": "CASH", "cut_off_zone": "Mars", "cut_off_time": "25:00", "lead_days": -1, "x": 1,
                  "release_from": 5}],
                (422, ["/rows/0/x", "/rows/0/cut_off_zone", "/rows/0/cut_off_time", "/rows/0/lead_days",
                       "/rows/0/release_from"]),
            ),
            ("channels", [{"channel": "CASH"}], (409, [])),
        ],
    )  # fmt: skip
    def test_names_every_fault_and_stores_nothing(self, kind, rows, expected):
        assert refused(kind, *rows) == expected

    def test_what_is_withdrawn_exists_and_is_a_holiday(self):
        assert refused("holidays", EVE, withdrawn=True) == (422, ["/rows/0"])
        assert refused("cut-offs", LATE, withdrawn=True) == (422, ["/withdrawn"])

    def test_without_a_reason(self, maker):
        with pytest.raises(Problem, match="cannot be proposed"):
            propose(Change("holidays", [EVE]), maker, reason=" ")
        assert Proposal.objects.count() == 0


def test_more_trades_than_are_looked_at_are_said_to_be(monkeypatch):
    monkeypatch.setattr("settlement.services.calendar_effect.TRADES_MOST", 1)
    world()
    validated(equity("E-1", settlement_date=None), equity("E-2", settlement_date=None))
    effect = foresee(change=Change("holidays", [EVE]), now=NOW + timedelta(minutes=1)).effect
    assert (effect.trades, effect.partial) == (1, True)
