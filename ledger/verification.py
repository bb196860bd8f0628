"""Positions told again from the trades alone, by code that shares nothing with what enters them.

Each trade's legs are read in Python as its product declares them, where entering reads them in SQL; the running
totals are compared with the sums of the entries, and the lots with what is held, what became of them, and what was
paid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from core import sql
from core.money import ZERO
from trades.lifecycle import State
from trades.products import PRODUCTS
from trades.products.base import LINES, Leg

PORTION = 5_000  # trades looked at while entering waits
_JSON = ("terms",)
_QUANTUM = Decimal("0.0000000001")


class Figure(NamedTuple):
    """What a figure is of: a book, an instrument (0: cash), a currency and a counterparty (0: none)."""

    book_id: int
    instrument_id: int
    currency: str
    counterparty_id: int


@dataclass(frozen=True, slots=True)
class Wrong:
    """A figure that is not what it is made of: `kept` is what stands, `told` what was told again.

    trade_id: whose entries are wrong; None where the running total or the lots are. what: in words.
    """

    figure: Figure
    what: str
    kept: Decimal
    told: Decimal
    trade_id: int | None = None


_TRADES = """
SELECT s.state, v.trade_id, v.version, v.product, v.side, v.book_id, v.instrument_id, v.instrument_ref, v.currency,
       v.contra_currency, v.contra_amount, v.counterparty_id, v.quantity, v.gross_amount, v.net_amount, v.trade_date,
       v.settlement_date, v.terms, (s.changed_xid, s.trade_id) <= (%(xid)s, %(mark)s) AS is_followed
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.trade_id > %(after)s ORDER BY s.trade_id LIMIT %(portion)s
"""
_ENTERED = """
SELECT trade_id, basis, effective_date, book_id, instrument_id, currency, counterparty_id, sum(quantity)
FROM ledger_position_entry WHERE trade_id = ANY(%s::bigint[])
GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(quantity) <> 0
"""
Entered = dict[tuple[int, str, date, Figure], Decimal]


def wrong_entries(*, after: int, xid: int, mark: int) -> tuple[list[Wrong], int | None]:
    """Return what the entries of the next trades after an id have wrong, and the last id looked at (None: no more).

    xid, mark: how far the positions have followed the trades; what has changed since is still to be entered.
    """
    trades = sql.records(_TRADES, {"after": after, "xid": xid, "mark": mark, "portion": PORTION})
    followed = [trade for trade in trades if trade["is_followed"]]
    told: Entered = {}
    for trade in followed:
        for name in _JSON:
            trade[name] = sql.json_value(trade[name])
        for basis, day, figure, quantity in _holdings(trade):
            key = (trade["trade_id"], basis, day, figure)
            told[key] = told.get(key, ZERO) + quantity
    ids = [trade["trade_id"] for trade in followed]
    kept: Entered = {
        (trade_id, basis, day, Figure(*figure)): quantity
        for trade_id, basis, day, *figure, quantity in (sql.rows(_ENTERED, [ids]) if ids else ())
    }
    wrong = [
        Wrong(key[3], f"{key[1].lower()} of {key[2]}", kept.get(key, ZERO), told.get(key, ZERO), key[0])
        for key in sorted({*kept, *told})
        if kept.get(key, ZERO) != told.get(key, ZERO)
    ]
    return wrong, trades[-1]["trade_id"] if trades else None


def _holdings(trade: Mapping[str, Any]) -> Iterator[tuple[str, date, Figure, Decimal]]:
    """Yield what a trade makes us hold: since when it counts, of which day, of what, and how much."""
    if trade["state"] in {State.CANCELLED, State.ALLOCATED} or trade["book_id"] is None:
        return
    found = []
    for leg in PRODUCTS[trade["product"]].legs:
        for line in trade["terms"][LINES] if leg.per_line else (None,):
            quantity = _read(leg.quantity, trade, line)
            if leg.is_held and quantity not in {None, ""} and Decimal(quantity):
                found.append((leg, line, Decimal(quantity).quantize(_QUANTUM)))
    figures = [_figure(leg, trade, line) for leg, line, _ in found]
    if any(figure is None for figure in figures):
        return
    for figure, (leg, line, quantity) in zip(figures, found, strict=True):
        assert figure is not None  # noqa: S101 - asked above
        signed = -quantity if trade["side"] == ("BUY" if leg.giver == "BUYER" else "SELL") else quantity
        yield "TRADED", trade["trade_date"], figure, signed
        if trade["state"] == State.SETTLED:
            yield "SETTLED", _day(_read(leg.date, trade, line)), figure, signed


def _figure(leg: Leg, trade: Mapping[str, Any], line: Mapping[str, Any] | None) -> Figure | None:
    instrument, currency = 0, trade["currency"]
    if leg.kind == "CASH":
        currency = _read(leg.asset, trade, line)
    else:
        instrument = trade["instrument_id"] if line is None else line["instrument_id"]
    if instrument is None:
        return None
    return Figure(trade["book_id"], int(instrument), currency, trade["counterparty_id"] or 0)


def _read(place: str, trade: Mapping[str, Any], line: Mapping[str, Any] | None) -> Any:
    part, dot, key = place.rpartition(".")
    if not dot:
        return trade[place]
    return (line or {}).get(key) if part == LINES else ((trade["terms"] or {}).get(part) or {}).get(key)


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


_TOTALS = """
SELECT book_id, instrument_id, currency, counterparty_id, basis, coalesce(p.kept, 0), coalesce(e.told, 0)
FROM (
    SELECT book_id, instrument_id, currency, counterparty_id, b.basis, b.kept FROM ledger_position
    CROSS JOIN LATERAL (VALUES ('TRADED', traded), ('SETTLED', settled)) AS b(basis, kept)
) p FULL JOIN (
    SELECT book_id, instrument_id, currency, counterparty_id, basis, sum(quantity) AS told
    FROM ledger_position_entry GROUP BY 1, 2, 3, 4, 5
) e USING (book_id, instrument_id, currency, counterparty_id, basis)
WHERE coalesce(p.kept, 0) <> coalesce(e.told, 0) ORDER BY 1, 2, 3, 4, 5
"""


def wrong_totals() -> list[Wrong]:
    """Return the running totals that their entries do not add up to."""
    return [
        Wrong(Figure(*figure), f"running total, {basis.lower()}", kept, told)
        for *figure, basis, kept, told in sql.rows(_TOTALS)
    ]


_LOTS = """
WITH told AS (
    SELECT book_id, instrument_id, currency, sum(traded) AS quantity FROM ledger_position
    WHERE instrument_id <> 0 GROUP BY 1, 2, 3
), kept AS (
    SELECT book_id, instrument_id, currency, sum(quantity) AS quantity FROM ledger_lot GROUP BY 1, 2, 3
), moved AS (
    SELECT book_id, instrument_id, currency, sum(quantity) AS quantity FROM ledger_lot_movement GROUP BY 1, 2, 3
)
SELECT book_id, instrument_id, currency, 'lots', coalesce(k.quantity, 0), coalesce(t.quantity, 0)
FROM told t FULL JOIN kept k USING (book_id, instrument_id, currency)
WHERE coalesce(k.quantity, 0) <> coalesce(t.quantity, 0)
UNION ALL
SELECT book_id, instrument_id, currency, 'movements of lots', coalesce(m.quantity, 0), coalesce(k.quantity, 0)
FROM moved m FULL JOIN kept k USING (book_id, instrument_id, currency)
WHERE coalesce(m.quantity, 0) <> coalesce(k.quantity, 0)
ORDER BY 1, 2, 3, 4
"""


# What lots cost is what was paid for them, less what was received, and what was gained. What waits to be told again
# is left out, and so is what was refused, which is in no lot.
_COSTS = """
WITH said AS (
    SELECT book_id, instrument_id, currency, cost AS kept, 0 AS told FROM ledger_lot
    UNION ALL
    SELECT e.book_id, e.instrument_id, e.currency, 0,
           CASE WHEN e.quantity > 0 THEN e.amount ELSE -e.amount END
           + CASE WHEN (SELECT p.with_fees FROM ledger_lot_policy p
                        WHERE p.book_id = e.book_id AND p.valid_from <= e.effective_date
                        ORDER BY p.version DESC LIMIT 1) THEN e.fees ELSE 0 END
    FROM ledger_position_entry e
    WHERE e.basis = 'TRADED' AND e.trade_id IS NOT NULL AND e.instrument_id <> 0 AND e.reverses IS NULL
      AND NOT EXISTS (SELECT FROM ledger_position_entry r WHERE r.reverses = e.id)
      AND NOT EXISTS (SELECT FROM ledger_lot_movement m WHERE m.source_id = e.trade_id AND m.leg = e.leg
                      AND m.rank = 'T' AND m.kind = 'REFUSED')
    UNION ALL
    SELECT book_id, instrument_id, currency, 0, gain + CASE rank WHEN 'A' THEN value ELSE 0 END
    FROM ledger_lot_movement
)
SELECT book_id, instrument_id, currency, 'cost of lots', sum(kept), sum(told) FROM said
WHERE NOT EXISTS (SELECT FROM ledger_position_due d
                  WHERE d.book_id = said.book_id AND d.instrument_id = said.instrument_id)
GROUP BY 1, 2, 3 HAVING sum(kept) <> sum(told) ORDER BY 1, 2, 3
"""


def wrong_lots() -> list[Wrong]:
    """Return the positions whose lots are not all that is held, not the sum of what became of them, or cost other
    than what was paid and gained."""
    return [
        Wrong(Figure(book, instrument, currency, 0), what, kept, told)
        for book, instrument, currency, what, kept, told in (*sql.rows(_LOTS), *sql.rows(_COSTS))
    ]
