"""What is open against the next cut-offs, and what will miss them at the present pace."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from core import sql
from refdata.models import CutOff
from settlement.cut_offs import Place
from settlement.forecast import CutOffAhead, next_cut_offs
from tests.settlement.support import BackOffice, seal, validated
from tests.support.factories import SINCE, captured_ids, check_everything, equity, fx, goods, world
from trades.lifecycle import State

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
CUT_OFF = NOW.replace(hour=18)  # in London, the day before the factories' value date
VALUE_DATE = date(2026, 11, 25)


def dollar_cut_off(at="11:00"):
    return CutOff.objects.create(
        channel="CASH", currency="USD", zone="Europe/London", time=at, lead_days=1, valid_from=SINCE
    )


def lines(now=NOW, **how):
    return {each.place: each for each in next_cut_offs(now=now, **how)}


def held(*ref):
    """Hold deals for their price, and return the trades."""
    ids = captured_ids(
        *(equity(each, price="500.25", quantity=str(n)) for n, each in enumerate(ref, start=1))
    )
    check_everything()
    return ids


def free(trade_id, minutes_ago):
    """Say that a held trade came free so many minutes before NOW."""
    at = NOW - timedelta(minutes=minutes_ago)
    sql.run(
        "UPDATE trades_state SET state = %s, changed_at = %s WHERE trade_id = %s",
        [State.VALIDATED.value, at, trade_id],
    )
    sql.run(
        "UPDATE trades_exception SET closed_at = %s, closed_by = 'user:ann', resolution = 'fixed'"
        " WHERE trade_id = %s",
        [at, trade_id],
    )


@pytest.mark.django_db
class TestTheNextCutOffs:
    def test_come_the_earliest_first_with_what_is_open_against_each(self):
        world()
        dollar_cut_off()
        captured_ids(equity())
        validated(equity(), fx(), goods(), equity(settlement_date="2026-12-15"))

        found = next_cut_offs(now=NOW)
        assert [(each.place, each.value_date, each.at) for each in found] == [
            (Place("CASH", "*", "USD"), VALUE_DATE, NOW.replace(hour=11)),
            (Place("CASH"), VALUE_DATE, CUT_OFF),
            (Place("GOODS"), VALUE_DATE, CUT_OFF),
            (Place("SECURITIES"), VALUE_DATE, CUT_OFF),
        ]
        assert [(each.open["captured"], each.open["validated"]) for each in found] == [
            (1, 2),
            (0, 2),
            (0, 1),
            (1, 1),
        ]

    def test_move_on_to_the_next_value_date_with_the_second_of_the_cut_off(self):
        world()
        dollar_cut_off()
        at = NOW.replace(hour=11)
        assert lines(at - timedelta(seconds=1))[Place("CASH", "*", "USD")].value_date == VALUE_DATE
        assert lines(at)[Place("CASH", "*", "USD")].value_date == date(2026, 11, 26)

    def test_count_what_is_sealed_until_it_is_claimed(self):
        world()
        dollar_cut_off()
        validated(equity(), fx())
        batches = seal()
        found = lines()
        assert [found[each].open["unclaimed"] for each in sorted(found)] == [1, 1, 0, 1]
        office = BackOffice()
        for each in batches:
            office.claim(each)
        assert {each.open["unclaimed"] for each in lines().values()} == {0}

    def test_say_when_there_was_too_much_to_look_at_all(self):
        world()
        validated(equity(), equity(), equity())
        assert {each.capped for each in lines(cap=2).values()} == {True}
        assert {each.capped for each in lines(cap=3).values()} == {False}

    def test_know_how_many_held_trades_came_free_lately(self):
        world()
        trades = held(*(f"E-{n}" for n in range(6)))
        for trade_id, minutes in zip(trades, (10, 40, 61), strict=False):
            free(trade_id, minutes)
        line = lines()[Place("SECURITIES")]
        assert (line.open["held"], line.worked) == (3, (2, 1))
        assert lines()[Place("GOODS")].worked == (0, 0)


class TestTheForecast:
    def line(self, hours=2.0, **given):
        made = CutOffAhead(Place("CASH"), VALUE_DATE, NOW + timedelta(hours=hours), **given)
        made.open.update(captured=0, held=25)
        return made

    def test_is_what_the_slower_of_two_paces_leaves(self):
        assert self.line(worked=(6, 4)).expected_to_miss(NOW) == 25 - 12
        assert self.line(worked=(6, 1)).expected_to_miss(NOW) == 25 - 4
        assert self.line(hours=0.25, worked=(6, 4)).expected_to_miss(NOW) == 25 - 1

    def test_is_all_that_is_held_when_nobody_works_or_the_time_is_up(self):
        assert self.line(worked=(6, 0)).expected_to_miss(NOW) == 25
        assert self.line(hours=-1, worked=(600, 300)).expected_to_miss(NOW) == 25

    def test_is_nothing_when_all_will_be_done(self):
        assert self.line(worked=(100, 50)).expected_to_miss(NOW) == 0

    def test_adds_what_the_checks_will_not_have_reached(self):
        line = self.line(worked=(100, 50), checked=(30, 15))
        line.open["captured"] = 100
        assert line.expected_to_miss(NOW) == 40

    @given(
        held=st.integers(0, 10_000),
        worked=st.tuples(st.integers(0, 500), st.integers(0, 500)).filter(lambda each: each[1] <= each[0]),
        minutes=st.integers(-60, 600),
    )
    def test_never_grows_with_time_or_work_and_never_leaves_the_held(self, held, worked, minutes):
        def missing(minutes, worked):
            line = self.line(hours=minutes / 60, worked=worked)
            line.open["held"] = held
            return line.expected_to_miss(NOW)

        found = missing(minutes, worked)
        assert 0 <= found <= held
        assert missing(minutes + 1, worked) <= found
        assert missing(minutes, (worked[0] + 1, worked[1] + 1)) <= found


@pytest.mark.django_db
def test_the_api_tells_each_cut_off_with_what_will_miss_it():
    world()
    dollar_cut_off()
    held("E-1", "E-2", "E-3")
    with time_machine.travel(NOW, tick=False):
        answer = BackOffice().get("cut-offs")
    assert answer.status_code == 200
    document = answer.json()
    assert document["as_of"] == "2026-11-24T09:00:00Z"
    first = document["items"][0]
    assert first == {
        "channel": "CASH",
        "market": "*",
        "currency": "USD",
        "value_date": "2026-11-25",
        "cut_off_at": "2026-11-24T11:00:00Z",
        "seconds_left": 7200,
        "open": {"captured": 0, "held": 3, "validated": 0, "unclaimed": 0},
        "open_is_capped": False,
        "pace": {
            "checked_in_60_minutes": 0,
            "checked_in_30_minutes": 0,
            "freed_in_60_minutes": 0,
            "freed_in_30_minutes": 0,
        },
        "expected_to_miss": 3,
    }
    assert [each["expected_to_miss"] for each in document["items"]] == [3, 0, 0, 3]
