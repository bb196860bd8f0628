"""The blotter: pages over any number of trades at the same price.

Three things keep a page flat at a million rows: keys instead of offsets (an offset only for a jump, and only so
far), filters that an index serves, and a window of ids for filters that none serves. Nothing counts a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core import sql
from core.as_of import AsOf
from core.sight import is_narrowed
from trades.lifecycle import State
from trades.selectors.as_of import AS_OF, last_trade
from trades.selectors.as_of import WINDOW as WINDOW_AS_OF

PAGE_SIZES = (50, 100, 200, 500)
MAX_PAGE = 200  # the farthest jump: an offset of 10,000 rows at the default size
COUNT_CAP = 10_000
WINDOW = 200_000  # ids that one page looks through for a filter without an index
WINDOW_OF_DESKS = 50_000  # for whoever sees some desks only: of each id the trade is looked up
TIMEOUT_MS = 3_000

SORTS = ("-captured", "captured", "-trade_date", "trade_date")
SORTS_AS_OF = SORTS[:2]  # no index serves the trade dates of the past


class TooBroad(Exception):  # noqa: N818
    """The filter looks through more trades than one page may take time for."""


@dataclass(frozen=True)
class Filter:
    """What the blotter shows. Ids are resolved; `trade_ids` (from a reference search) overrides the rest."""

    state: State | None = None
    counterparty_ids: tuple[int, ...] = ()
    counterparty_ref: str = ""
    book_id: int | None = None
    product: str = ""
    source: str = ""
    traded_from: date | None = None
    traded_to: date | None = None
    trade_ids: tuple[int, ...] | None = None

    @property
    def indexed(self) -> bool:
        """Tell whether an index in the order of capture serves every part of the filter, or nearly."""
        if self.trade_ids is not None or len(self.counterparty_ids) == 1:
            return True
        return not (
            self.counterparty_ids
            or self.counterparty_ref
            or self.book_id
            or self.product
            or self.source
            or self.traded_from
            or self.traded_to
        )


@dataclass(frozen=True)
class Key:
    """The place of a row in a sort: its id, and its trade date where that comes first."""

    trade_id: int
    trade_date: date | None = None


@dataclass(frozen=True)
class Page:
    """Rows in display order; whether there are more on either side; how far back a window was searched."""

    rows: list[dict[str, Any]]
    more: bool
    searched_to: int | None = None


def conditions(wanted: Filter) -> tuple[list[str], dict[str, Any]]:
    """Return the SQL conditions of a filter over `s` (state) and `v` (version), with their parameters."""
    if wanted.trade_ids is not None:
        return ["s.trade_id = ANY(%(trade_ids)s::bigint[])"], {"trade_ids": list(wanted.trade_ids)}
    found: list[str] = []
    if wanted.state is not None:
        found.append("s.state = %(state)s")
    if len(wanted.counterparty_ids) == 1:
        found.append("v.counterparty_id = %(counterparty_id)s")
    elif wanted.counterparty_ids:
        found.append("v.counterparty_id = ANY(%(counterparty_ids)s::bigint[])")
    elif wanted.counterparty_ref:
        found.append("v.counterparty_ref = %(counterparty_ref)s")
    if wanted.book_id is not None:
        found.append("v.book_id = %(book_id)s")
    if wanted.product:
        found.append("v.product = %(product)s")
    if wanted.source:
        found.append("v.source = %(source)s")
    if wanted.traded_from:
        found.append("v.trade_date >= %(traded_from)s")
    if wanted.traded_to:
        found.append("v.trade_date <= %(traded_to)s")
    return found, {
        "state": None if wanted.state is None else wanted.state.value,
        "counterparty_id": next(iter(wanted.counterparty_ids), None),
        "counterparty_ids": list(wanted.counterparty_ids),
        "counterparty_ref": wanted.counterparty_ref,
        "book_id": wanted.book_id,
        "product": wanted.product,
        "source": wanted.source,
        "traded_from": wanted.traded_from,
        "traded_to": wanted.traded_to,
    }


# The page's keys are found first over narrow rows; only those few are joined with everything shown of them.
_PAGE = """
WITH page AS MATERIALIZED (
    SELECT s.trade_id, s.version, s.state, s.block_id, s.changed_at
    FROM {source}
    {where}
    ORDER BY {order}
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT s.trade_id, s.version, s.state, s.block_id, s.changed_at, v.recorded_at, v.product, v.source, v.source_ref,
       v.side, v.instrument_ref, i.code AS instrument_code, i.name AS instrument_name,
       v.counterparty_ref, p.code AS counterparty_code, p.name AS counterparty_name,
       v.book_ref, v.trader, v.quantity, v.price, v.currency, v.net_amount, v.contra_currency, v.contra_amount,
       v.trade_date, v.settlement_date
FROM page s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
ORDER BY {order}
"""
_STATES = "trades_state s"
_JOINED = f"{_STATES} JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version"


def page(
    wanted: Filter,
    *,
    sort: str = "-captured",
    size: int = 50,
    number: int = 1,
    after: Key | None = None,
    before: Key | None = None,
    as_of: AsOf | None = None,
    patience_ms: int = TIMEOUT_MS,
) -> Page:
    """Return a page of the blotter, now or as it was.

    after, before: the key of the row that the page follows or precedes in display order; without them `number`
    jumps by an offset, up to MAX_PAGE. TooBroad when the search takes longer than `patience_ms`. As it was, `sort` is
    one of SORTS_AS_OF and no index serves a filter, so that a page looks through a window of trades.
    """
    backwards = before is not None and after is None
    key = before if backwards else after
    descending = sort.startswith("-") != backwards
    by_date = sort.endswith("trade_date")
    found, parameters = conditions(wanted)
    parameters["limit"] = size + 1
    parameters["offset"] = 0 if key else (min(number, MAX_PAGE) - 1) * size
    if key is not None:
        found.append(_beyond(key, by_date=by_date, descending=descending, parameters=parameters))
    edge = None
    if as_of is not None:
        parameters |= {**as_of.parameters(), "last": last_trade(as_of)}
        found.append("t.trade_id <= %(last)s")
    if not _quick(wanted, as_of) and not by_date and not parameters["offset"]:
        edge = _window(key, as_of, descending=descending)
        if edge is not None:
            sign = ">=" if descending else "<="
            found.append(f"s.trade_id {sign} %(edge)s")
            if as_of is not None or any("v." in each for each in found):
                found.append(f"v.trade_id {sign} %(edge)s")
            parameters["edge"] = edge
    statement = _statement(found, as_of, by_date=by_date, descending=descending)
    with _bounded(not _quick(wanted, as_of) or by_date, patience_ms):
        rows = sql.records(statement, parameters)
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    return Page(rows, more, edge if not more else None)


def _quick(wanted: Filter, as_of: AsOf | None) -> bool:
    """Tell whether an index serves the filter, or it names its trades; none serves the desks that somebody sees."""
    if as_of is not None or is_narrowed():
        return wanted.trade_ids is not None
    return wanted.indexed


def _statement(found: list[str], as_of: AsOf | None, *, by_date: bool, descending: bool) -> str:
    direction = "DESC" if descending else "ASC"
    order = f"s.trade_id {direction}"
    if by_date:
        order = f"v.trade_date {direction}, {order}"
    joined = by_date or any("v." in each for each in found)
    return _PAGE.format(
        source=AS_OF if as_of is not None else _JOINED if joined else _STATES,
        where=f"WHERE {' AND '.join(found)}" if found else "",
        order=order,
    )


def _beyond(key: Key, *, by_date: bool, descending: bool, parameters: dict[str, Any]) -> str:
    sign = "<" if descending else ">"
    parameters["key_id"] = key.trade_id
    if not by_date:
        return f"s.trade_id {sign} %(key_id)s"
    parameters["key_date"] = key.trade_date
    # The first condition is implied by the second, and is the one that the index on the date understands.
    return (
        f"v.trade_date {sign}= %(key_date)s AND (v.trade_date, s.trade_id) {sign} (%(key_date)s, %(key_id)s)"
    )


def _window(key: Key | None, as_of: AsOf | None, *, descending: bool) -> int | None:
    """Return the id at which a search without an index stops, or None when it reaches the end anyway."""
    window = WINDOW_AS_OF if as_of is not None else WINDOW_OF_DESKS if is_narrowed() else WINDOW
    ends = sql.row("SELECT min(trade_id), max(trade_id) FROM trades_state")
    if ends is None or ends[0] is None:
        return None
    lowest, highest = ends
    if as_of is not None:
        highest = min(highest, last_trade(as_of))
    if descending:
        edge = (key.trade_id if key else highest + 1) - window
        return None if edge <= lowest else edge
    edge = (key.trade_id if key else lowest - 1) + window
    return None if edge >= highest else edge


@contextmanager
def _bounded(bounded: bool, milliseconds: int) -> Iterator[None]:
    """Stop a search that no index serves after a time, as TooBroad."""
    if not bounded:
        yield
        return
    try:
        with sql.within(milliseconds):
            yield
    except sql.TookTooLong as error:
        raise TooBroad from error


@dataclass(frozen=True)
class Total:
    """What trades buy and sell in one currency: how many, and the net amounts. An allocated block counts nothing."""

    currency: str
    trades: int
    bought: Decimal
    sold: Decimal


@dataclass(frozen=True)
class Totals:
    """How many trades a filter matches, at most COUNT_CAP + 1, and their totals by currency.

    Above COUNT_CAP both are of the trades captured last, and there are more.
    """

    count: int
    by_currency: list[Total]

    @property
    def more(self) -> bool:
        """Tell whether there were more than were looked at."""
        return self.count > COUNT_CAP


_TOTALS = f"""
WITH found AS MATERIALIZED (
    SELECT s.trade_id, s.version, s.state FROM {{source}} {{where}} ORDER BY s.trade_id DESC LIMIT %(cap)s + 1
), looked AS (
    SELECT * FROM found ORDER BY trade_id DESC LIMIT %(cap)s
)
SELECT v.currency, count(*), coalesce(sum(v.net_amount) FILTER (WHERE v.side = 'BUY'), 0),
       coalesce(sum(v.net_amount) FILTER (WHERE v.side = 'SELL'), 0), (SELECT count(*) FROM found)
FROM looked s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.state <> {State.ALLOCATED.value}
GROUP BY GROUPING SETS ((), (v.currency)) ORDER BY v.currency NULLS FIRST
"""


def totals(wanted: Filter) -> Totals:
    """Return how many trades a filter matches and what they add up to. TooBroad when that takes too long."""
    found, parameters = conditions(wanted)
    source = _JOINED if any("v." in each for each in found) else _STATES
    where = f"WHERE {' AND '.join(found)}" if found else ""
    with _bounded(not _quick(wanted, None), TIMEOUT_MS):
        rows = sql.rows(_TOTALS.format(source=source, where=where), {**parameters, "cap": COUNT_CAP})
    (_, _, _, _, count), *by_currency = rows
    return Totals(int(count), [Total(*each[:4]) for each in by_currency])


_KEYS = """
SELECT s.trade_id, s.version, s.changed_at FROM {source} {where} ORDER BY s.trade_id DESC LIMIT %(most)s
"""


def keys(wanted: Filter, *, most: int) -> list[tuple[int, int, datetime]]:
    """Return id, version and last change of the trades that a filter matches, the last captured first.

    TooBroad when that takes too long.
    """
    found, parameters = conditions(wanted)
    source = _JOINED if any("v." in each for each in found) else _STATES
    where = f"WHERE {' AND '.join(found)}" if found else ""
    with _bounded(not _quick(wanted, None), TIMEOUT_MS):
        return sql.rows(_KEYS.format(source=source, where=where), {**parameters, "most": most})


_SOURCES = """
WITH RECURSIVE source AS (
    (SELECT source FROM trades_version WHERE version = 1 ORDER BY source LIMIT 1)
    UNION ALL
    SELECT (SELECT v.source FROM trades_version v WHERE v.version = 1 AND v.source > source.source
            ORDER BY v.source LIMIT 1)
    FROM source WHERE source.source IS NOT NULL
)
SELECT source FROM source WHERE source IS NOT NULL LIMIT %s
"""


MAX_SOURCES = 10_000


def sources(*, most: int = 200) -> list[str]:
    """Return the front-office systems that ever sent a trade, at most so many: one index probe each."""
    return [name for (name,) in sql.rows(_SOURCES, [most])]


def find_reference(text: str) -> list[int]:
    """Return the trades whose front-office reference is exactly the text (or its upper case), at most 200."""
    return [
        trade_id
        for (trade_id,) in sql.rows(
            "SELECT trade_id FROM trades_version WHERE version = 1 AND source = ANY(%s)"
            " AND source_ref = ANY(%s) ORDER BY trade_id DESC LIMIT 200",
            [sources(most=MAX_SOURCES), list({text, text.upper()})],
        )
    ]


def with_ids(wanted: Filter, trade_ids: list[int]) -> Filter:
    """Return the filter narrowed to certain trades."""
    return replace(wanted, trade_ids=tuple(trade_ids))
