"""What a posting rule declares: the lines it makes of trades and corporate actions, in SQL."""

from __future__ import annotations

from dataclasses import dataclass

COLUMNS = (
    "source, source_id, version, book_id, currency, effective_date, account, instrument_id, leg, amount, price,"
    " lot_trade_id, lot_leg"
)


@dataclass(frozen=True)
class Rule:
    """One posting rule. version: goes up with whatever changes what it makes of the same trade.

    lines: a query with the columns COLUMNS over the relations
    `sources` (source, source_id): the trades (`T`), actions (`A`) and runs (`P`) asked about;
    `held`: their standing position entries, with `source`, `source_id` and, of trades, `product`, `side` and `price`;
    `moved`: what they did to lots, likewise;
    `valued`: of runs of the daily profit (`P`) that say what a day came to at last, what each position was worth beyond
    its cost, as `amount` by `instrument_id` with its `price`; on the day, and below zero on the next day that was told;
    `charged`: what trades of a `product` are charged, by `type`, `amount` above zero where we receive it, and whether
    it `is_paid` with the deal itself.
    `amount`: above zero a debit. The lines of each source, book, currency and day add up to nought: one entry.
    """

    code: str
    version: int
    title: str
    lines: str
