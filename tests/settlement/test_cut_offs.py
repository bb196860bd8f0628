"""Cut-offs by channel, market and currency: which one applies, when, and that the seal keeps to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.audit import system
from refdata.calendars import BusinessCalendar
from refdata.models import CutOff, Instrument
from settlement.cut_off import local_moment
from settlement.cut_offs import CutOffs, Place, Rule, cut_off_of_batch, cut_offs_around
from settlement.models import Batch, Channel
from settlement.services.seal_due import seal_due
from tests.settlement.support import BackOffice, legs_of, lines_of, seal, state, validated
from tests.support.factories import (
    EURO_SHARE,
    SINCE,
    captured_ids,
    check_everything,
    equity,
    fx,
    swap,
    world,
)

VALUE_DATE = date(2026, 11, 25)  # of the factories' deals, a Wednesday
LONDON = datetime(2026, 11, 24, 18, tzinfo=UTC)  # the channels' own cut-off for it
SECOND = timedelta(seconds=1)


def row(channel, market="*", currency="*", at="12:00", **fields):
    """Store a cut-off in London, a business day before the value date, unless it says otherwise."""
    given = {"zone": "Europe/London", "lead_days": 1, "valid_from": SINCE, **fields}
    return CutOff.objects.create(channel=channel, market=market, currency=currency, time=at, **given)


def moment(channel, *, on=VALUE_DATE, **place):
    known = cut_offs_around(on)
    return known.moment(known.place(channel, **place), on)


def due(now):
    """Seal what is due and return the assets of each new batch."""
    return [
        [line["asset"] for line in lines_of(batch_id)]
        for batch_id in seal_due(now=now, actor=system("cut-off"))
    ]


@pytest.mark.django_db
class TestTheCutOff:
    def test_is_the_channels_own_where_no_row_holds(self):
        row("CASH", currency="USD", valid_to=date(2026, 11, 24))
        row("CASH", currency="USD", valid_from=date(2026, 11, 26))
        assert moment("CASH", currency="USD") == LONDON
        assert moment("CASH", currency="USD", on=date(2026, 11, 26)).hour == 12
        assert moment("GOODS") == LONDON

    def test_is_the_most_specific_that_holds(self):
        hours = {}
        for hour, (market, currency) in enumerate(
            [("*", "*"), ("*", "JPY"), ("XTKS", "*"), ("XTKS", "JPY")], start=9
        ):
            hours[market, currency] = row("SECURITIES", market, currency, at=f"{hour}:00")
        asked = {"market": "XTKS", "currency": "JPY"}
        assert [
            moment("SECURITIES", **asked).hour,
            moment("SECURITIES", market="XTKS", currency="USD").hour,
            moment("SECURITIES", market="XNAS", currency="JPY").hour,
            moment("SECURITIES", market="XNAS", currency="USD").hour,
            moment("CASH", currency="JPY").hour,
        ] == [12, 11, 10, 9, 18]
        for place, expected in (
            (("XTKS", "JPY"), 11),
            (("XTKS", "*"), 10),
            (("*", "JPY"), 9),
            (("*", "*"), 18),
        ):
            hours[place].valid_to = date(2026, 11, 24)
            hours[place].save()
            assert moment("SECURITIES", **asked).hour == expected

    def test_of_a_held_trade_is_the_first_of_its_legs(self):
        world()
        row("CASH", currency="USD", at="07:00")
        row("SECURITIES", market="XNAS", at="08:00")
        deals = [
            equity(quantity="-1"),
            fx(counterparty="NOBODY"),
            equity(instrument=EURO_SHARE, currency="EUR", quantity="-1"),
        ]
        held = captured_ids(*deals)
        check_everything()
        deadlines = dict(sql.rows("SELECT trade_id, deadline FROM trades_exception"))
        assert [deadlines[each] for each in held] == [
            LONDON.replace(hour=7),
            LONDON.replace(hour=7),
            LONDON,
        ]


@pytest.mark.django_db
class TestTheSeal:
    def test_takes_each_leg_from_the_second_of_its_own_cut_off_on(self):
        world()
        row("CASH", currency="EUR", at="11:00")
        row("CASH", currency="USD", at="12:00")
        (trade_id,) = validated(fx())

        euro, dollar = LONDON.replace(hour=11), LONDON.replace(hour=12)
        assert due(euro - SECOND) == []
        assert due(euro) == [["EUR"]]
        assert state(trade_id) == "VALIDATED"
        assert due(dollar - SECOND) == []
        assert due(dollar) == [["USD"]]
        assert state(trade_id) == "INSTRUCTED"
        assert due(LONDON) == []
        assert list(Batch.objects.order_by("id").values_list("channel", "sequence")) == [
            ("CASH", 1),
            ("CASH", 2),
        ]

    def test_takes_a_security_by_its_market_and_currency(self):
        made = world()
        row("SECURITIES", market="XNAS", currency="USD", at="11:00")
        row("SECURITIES", market="XNAS", currency="EUR", at="10:00")
        Instrument.objects.filter(pk=made.euro_share.pk).update(market="XNAS")
        share, euro_share = validated(equity(), equity(instrument=EURO_SHARE, currency="EUR"))

        assert due(LONDON.replace(hour=10)) == [[EURO_SHARE]]
        assert due(LONDON.replace(hour=11)) == [[made.apple.code]]
        assert {state(share), state(euro_share)} == {"VALIDATED"}
        assert due(LONDON) == [["EUR", "USD"]]
        assert {state(share), state(euro_share)} == {"INSTRUCTED"}

    def test_lets_the_far_leg_wait_for_its_own_day_and_cut_off(self):
        world()
        row("CASH", currency="USD", at="20:00")
        (trade_id,) = validated(swap())

        assert due(LONDON) == [["EUR"]]
        assert state(trade_id) == "VALIDATED"
        assert due(LONDON.replace(hour=20)) == [["USD"]]
        assert state(trade_id) == "INSTRUCTED"
        far = {leg["value_date"] for leg in legs_of(trade_id)} - {VALUE_DATE}
        (far_date,) = far
        eve = datetime.combine(BusinessCalendar().add_business_days(far_date, -1), time(18), UTC)
        assert due(eve - SECOND) == []
        assert due(eve) == [["EUR"]]
        assert due(eve.replace(hour=20) - SECOND) == []
        assert due(eve.replace(hour=20)) == [["USD"]]

    def test_by_hand_does_not_wait_for_any_cut_off(self):
        world()
        row("CASH", currency="EUR", at="20:00")
        (trade_id,) = validated(fx())
        assert len(seal()) == 1
        assert state(trade_id) == "INSTRUCTED"

    def test_of_what_was_rejected_has_the_first_cut_off_of_its_batch_as_deadline(self):
        world()
        row("CASH", currency="USD", at="09:00")
        validated(fx())
        (batch_id,) = seal()
        assert cut_off_of_batch(batch_id) == LONDON.replace(hour=9)
        office = BackOffice()
        office.claim(batch_id)
        office.acknowledge(batch_id, office.lines(batch_id), EUR="AC01")
        ((deadline,),) = sql.rows("SELECT deadline FROM trades_exception WHERE kind = 'REJECTION'")
        assert deadline == LONDON.replace(hour=9)

    def test_keeps_numbers_without_gaps_whatever_the_order_of_cut_offs(self):
        world()
        Channel.objects.filter(code="SECURITIES").update(lead_days=0)
        for hour, currency in ((9, "GBP"), (10, "USD")):
            row("CASH", currency=currency, at=f"{hour}:00", lead_days=0)
        validated(*(equity() for _ in range(3)), fx())
        now = LONDON - timedelta(days=1)
        for _ in range(60):
            due(now)
            now += timedelta(hours=1)
        numbers = dict(
            sql.rows("SELECT channel_id, array_agg(sequence ORDER BY id) FROM settlement_batch GROUP BY 1")
        )
        assert numbers == {"CASH": [1, 2], "SECURITIES": [1]}


_EUROPE = ("2026-03-29", "2026-10-25", "2027-03-28", "2027-10-31")
_AMERICA = ("2026-03-08", "2026-11-01", "2027-03-14", "2027-11-07")
_AUSTRALIA = ("2026-04-05", "2026-10-04", "2027-04-04", "2027-10-03")
# The Sundays on which the clocks change; in Tokyo they never do.
CHANGES = {
    "Europe/London": _EUROPE,
    "Europe/Zurich": _EUROPE,
    "America/New_York": _AMERICA,
    "Asia/Tokyo": _EUROPE,
    "Australia/Sydney": _AUSTRALIA,
    "Australia/Lord_Howe": _AUSTRALIA,  # by half an hour
}


@pytest.mark.parametrize(
    ("zone", "change"), [(zone, change) for zone, changes in CHANGES.items() for change in changes]
)
@pytest.mark.parametrize("at", ["00:00:00", "01:30:00", "02:15:00", "17:59:59", "23:59:59"])
def test_cut_offs_are_exact_to_the_second_over_changes_of_the_clock(zone, change, at):
    rule = Rule(Place("CASH", "*", "USD"), zone, time.fromisoformat(at), 0)
    own = Rule(Place("CASH"), "UTC", time(12), 1)
    known = CutOffs([own, rule], BusinessCalendar(), {"CASH": "Payments"})
    place = known.place("CASH", currency="USD")
    for days in range(-3, 4):
        day = date.fromisoformat(change) + timedelta(days=days)
        moment = local_moment(day, rule.at, zone)
        wall = datetime.combine(day, rule.at)
        assert moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) >= wall
        assert (moment - SECOND).astimezone(ZoneInfo(zone)).replace(tzinfo=None) < wall
        if day.weekday() > 4:  # the firm is closed
            continue
        assert known.moment(place, day) == moment
        assert known.past(place, now=moment) >= day
        assert known.past(place, now=moment - SECOND) < day
        assert known.following(place, now=moment - SECOND) == day
        assert known.following(place, now=moment) > day


_MARKETS, _CURRENCIES = ("XNAS", "XTKS", "XLON"), ("USD", "JPY", "GBP")
_RULES = st.lists(
    st.builds(
        Rule,
        place=st.builds(
            Place,
            channel=st.just("SECURITIES"),
            market=st.sampled_from(("*", *_MARKETS[:2])),
            currency=st.sampled_from(("*", *_CURRENCIES[:2])),
        ),
        zone=st.sampled_from(sorted(CHANGES)),
        at=st.times().map(lambda each: each.replace(microsecond=0)),
        lead_days=st.integers(0, 2),
    ),
    unique_by=lambda rule: rule.place,
    max_size=6,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rules=_RULES, market=st.sampled_from(_MARKETS), currency=st.sampled_from(_CURRENCIES))
def test_the_place_of_a_leg_has_the_rule_that_is_most_specific_for_the_leg(rules, market, currency):
    own = Rule(Place("SECURITIES"), "UTC", time(18), 1)
    by_place = {Place("SECURITIES"): own} | {rule.place: rule for rule in rules}
    known = CutOffs([*by_place.values()], BusinessCalendar(), {"SECURITIES": "Deliveries"})
    place = known.place("SECURITIES", market=market, currency=currency)

    assert place in set(known.places())
    expected = next(
        by_place[each]
        for each in (
            Place("SECURITIES", market, currency),
            Place("SECURITIES", market),
            Place("SECURITIES", "*", currency),
            Place("SECURITIES"),
        )
        if each in by_place
    )
    assert known.rule(place, VALUE_DATE) == expected
