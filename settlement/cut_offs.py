"""Which cut-off applies to what: by channel, market and currency, the most specific first.

A cut-off is a channel's own, or a row of the reference data `cut-offs` for a place of it. What leaves by a channel is
of one place: a payment of its currency, a delivery of a security of the security's market and currency, goods of none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import product as combinations
from typing import NamedTuple

from core import sql
from refdata.calendars import FIRM, BusinessCalendar, calendars_for
from refdata.models import ANY
from settlement.cut_off import HORIZON, cut_off
from settlement.models import CHANNEL_OF, CHANNELS, Batch
from trades.products import PRODUCTS
from trades.services.deadlines import Due

_DAY = timedelta(days=1)


class Place(NamedTuple):
    """A channel, and the market and currency that cut-offs tell apart there; `*` for all others."""

    channel: str
    market: str = ANY
    currency: str = ANY


@dataclass(frozen=True, slots=True)
class Rule:
    """A cut-off in local time, `lead_days` business days before the value date, for a range of value dates.

    place: what it was given for; a channel's own has neither market nor currency, and holds on every date.
    """

    place: Place
    zone: str
    at: time
    lead_days: int
    valid_from: date = date.min
    valid_to: date | None = None

    def holds_on(self, value_date: date) -> bool:
        """Tell whether it holds for a value date."""
        return self.valid_from <= value_date and (self.valid_to is None or value_date <= self.valid_to)


class CutOffs:
    """All cut-offs as they stand, by the firm's calendar."""

    def __init__(self, rules: Collection[Rule], calendar: BusinessCalendar, names: Mapping[str, str]) -> None:
        """Take the rules, each channel's own and those of places, and the names of the channels."""
        self.calendar = calendar
        self.names = names
        self._by_place: dict[Place, list[Rule]] = {}
        for rule in rules:
            self._by_place.setdefault(rule.place, []).append(rule)
        for each in self._by_place.values():
            each.sort(key=lambda rule: rule.valid_from, reverse=True)  # a channel's own begins before all
        self.channels = sorted({rule.place.channel for rule in rules})
        self._markets = {name: self._named(name, "market") for name in self.channels}
        self._currencies = {name: self._named(name, "currency") for name in self.channels}
        self._moments: dict[tuple[Rule, date], datetime] = {}

    def _named(self, channel: str, what: str) -> frozenset[str]:
        return frozenset(getattr(place, what) for place in self._by_place if place.channel == channel) - {ANY}

    def places(self) -> Iterator[Place]:
        """Yield every place that may have a cut-off of its own: all combinations of what a channel's rows name."""
        for channel in self.channels:
            markets, currencies = self._markets[channel], self._currencies[channel]
            for market, currency in combinations(sorted({ANY, *markets}), sorted({ANY, *currencies})):
                yield Place(channel, market, currency)

    def place(self, channel: str, *, market: str = "", currency: str = "") -> Place:
        """Return the place of what leaves by a channel, on a market and in a currency."""
        return Place(
            channel,
            market if market in self._markets[channel] else ANY,
            currency if currency in self._currencies[channel] else ANY,
        )

    def rule(self, place: Place, value_date: date) -> Rule:
        """Return the most specific rule that holds at a place for a value date."""
        channel, market, currency = place
        for each in dict.fromkeys(
            (place, Place(channel, market), Place(channel, ANY, currency), Place(channel))
        ):
            for rule in self._by_place.get(each, ()):
                if rule.holds_on(value_date):
                    return rule
        raise LookupError(f"there is no settlement channel {channel}")

    def moment(self, place: Place, value_date: date) -> datetime:
        """Return the cut-off of a place for a value date, in UTC."""
        rule = self.rule(place, value_date)
        found = self._moments.get((rule, value_date))
        if found is None:
            found = self._moments[rule, value_date] = cut_off(
                value_date=value_date,
                at=rule.at,
                zone=rule.zone,
                lead_days=rule.lead_days,
                calendar=self.calendar,
            )
        return found

    def past(self, place: Place, *, now: datetime) -> date:
        """Return the latest value date whose cut-off has passed at a place.

        What is due before leaves with it, also where a change of the rules gave that date a later cut-off.
        """
        days = (now.date() + _DAY * n for n in range(HORIZON.days, -HORIZON.days, -1))
        return next((day for day in days if self.moment(place, day) <= now), now.date() - HORIZON)

    def following(self, place: Place, *, now: datetime) -> date:
        """Return the first business day whose cut-off at a place is still to come."""
        day = self.calendar.add_business_days(now.date() - 2 * _DAY, 0)
        while self.moment(place, day) <= now:
            day = self.calendar.add_business_days(day, 1)
        return day


# Each channel's own, which has a name, and the rows of its places. Records of other apps have no cut-off.
_RULES = f"""
SELECT c.name, c.code, '{ANY}', '{ANY}', c.cut_off_zone, c.cut_off_time, c.lead_days, NULL::date, NULL::date
FROM settlement_channel c WHERE c.code IN ({", ".join(f"'{each}'" for each in CHANNELS)})
UNION ALL
SELECT NULL, r.channel, r.market, r.currency, r.zone, r.time, r.lead_days, r.valid_from, r.valid_to
FROM refdata_cut_off r JOIN settlement_channel c ON c.code = r.channel
"""


def cut_offs_around(day: date, until: date | None = None) -> CutOffs:
    """Return the cut-offs, which know the firm's holidays for some weeks around a day or range."""
    last = (until or day) + 2 * HORIZON
    calendar = calendars_for(codes={FIRM}, first=day - 2 * HORIZON, last=last)[FIRM]
    names, rules = {}, []
    for name, *row in sql.rows(_RULES):
        place, (zone, at, lead_days, valid_from, valid_to) = Place(*row[:3]), row[3:]
        rules.append(Rule(place, zone, at, lead_days, valid_from or date.min, valid_to))
        if name is not None:
            names[place.channel] = name
    return CutOffs(rules, calendar, names)


# The market and the currency of each instrument.
_INSTRUMENTS = "SELECT id, code, market, currency FROM refdata_instrument WHERE {column} = ANY(%s)"


def places_of(cut_offs: CutOffs, due: Due, instruments: Mapping[int, tuple[str, str]]) -> set[Place]:
    """Return the places of a trade's legs. instruments: market and currency by id."""
    product = PRODUCTS.get(due.product)
    market, currency = instruments.get(due.instrument_id or 0, ("", ""))
    paid = {"currency": due.currency, "contra_currency": due.contra_currency or ""}
    return {
        cut_offs.place(CHANNEL_OF[leg.kind], currency=paid[leg.asset])
        if leg.kind == "CASH"
        else cut_offs.place(CHANNEL_OF[leg.kind], market=market, currency=currency)
        for leg in (product.legs if product else ())
    }


def cut_offs_of_trades(dues: Collection[Due]) -> dict[Due, datetime]:
    """Return for each the first cut-off, in UTC, of the places that the trade's legs are of."""
    if not dues:
        return {}
    dates = [due.settlement_date for due in dues]
    known = cut_offs_around(min(dates), max(dates))
    asked = sorted({due.instrument_id for due in dues if due.instrument_id is not None})
    instruments = {row[0]: (row[2], row[3]) for row in sql.rows(_INSTRUMENTS.format(column="id"), [asked])}
    return {
        due: min(known.moment(place, due.settlement_date) for place in places_of(known, due, instruments))
        for due in dues
    }


def cut_off_of_batch(batch_id: int) -> datetime:
    """Return the first cut-off, in UTC, that what is in a batch has for its value date."""
    batch = Batch.objects.get(id=batch_id)
    known = cut_offs_around(batch.value_date)
    places = places_by_asset(known, batch.channel_id, batch.control_totals)
    return min(known.moment(place, batch.value_date) for place in places.values())


def cut_offs_to_come(
    leaving: Collection[tuple[str, str]], *, now: datetime
) -> dict[tuple[str, str], datetime]:
    """Return, by channel and asset, the next cut-off in UTC at which the asset can leave by the channel."""
    known = cut_offs_around(now.date())
    assets: dict[str, set[str]] = {}
    for channel, asset in leaving:
        assets.setdefault(channel, set()).add(asset)
    return {
        (channel, asset): known.moment(place, known.following(place, now=now))
        for channel, each in assets.items()
        for asset, place in places_by_asset(known, channel, each).items()
    }


def places_by_asset(cut_offs: CutOffs, channel: str, assets: Collection[str]) -> dict[str, Place]:
    """Return the place of each currency, security or good that leaves by a channel; of many as one, `*`, the widest."""
    if channel == CHANNEL_OF["CASH"]:
        return {each: cut_offs.place(channel, currency=each) for each in assets}
    rows = sql.rows(_INSTRUMENTS.format(column="code"), [list(assets)])
    found = {code: (market, currency) for _, code, market, currency in rows}
    return {
        asset: cut_offs.place(channel, market=market, currency=currency)
        for asset in assets
        for market, currency in (found.get(asset, ("", "")),)
    }
