"""The journal compared with positions, lots and charges by code that knows no posting rule.

What a balance must be follows from what is held alone: inventory is what the open lots cost, cash is what has settled,
what is receivable and payable is what is dealt and has not settled, gains are those of the lots, what is accrued is
what trades are charged, and what positions are valued at beyond their cost is what the last close said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from core import sql
from core.money import round_money_sql
from core.sides import side


@dataclass(frozen=True, slots=True)
class WrongBalance:
    """A balance that is not what it must be; instrument_id: 0 where it is of none. kept, told: debits less credits."""

    book_id: int
    instrument_id: int
    currency: str
    what: str
    kept: Decimal
    told: Decimal


# What is stated with these, in their own currency, is paid with them and no charge of its own.
_PAID = "'EQUITY', 'BOND', 'LISTED_DERIVATIVE', 'GOODS', 'SERVICE'"
_ASKED = "(%(books)s::bigint[] IS NULL OR {book} = ANY(%(books)s::bigint[]))"
# A day of profit that is told in this moment is not posted yet. Accounts with an instrument on the line that are no
# inventory hold what its lots have gained.
_BALANCES = f"""
WITH kept AS (
    SELECT j.book_id, p.instrument_id, j.currency, figure.what, sum(p.debit - p.credit) AS amount
    FROM ledger_journal j JOIN ledger_posting p ON p.entry_id = j.id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN p.account IN ('INVENTORY', 'CASH') THEN lower(p.account)
        WHEN p.account = 'ACCRUED_CHARGES' THEN 'accrued charges'
        WHEN p.account = 'VALUATION' THEN 'valuation'
        WHEN p.account IN ('RECEIVABLE', 'PAYABLE') THEN 'receivable and payable'
        WHEN p.account IN ('REALISED_GAIN', 'REVENUE', 'COST_OF_SALES') AND p.instrument_id <> 0
            THEN 'realised gain' END AS what) figure
    WHERE figure.what IS NOT NULL AND {_ASKED.format(book="j.book_id")} GROUP BY 1, 2, 3, 4
), told AS (
    SELECT book_id, instrument_id, currency, 'inventory' AS what, sum(cost) AS amount FROM ledger_lot
    WHERE {_ASKED.format(book="book_id")} GROUP BY 1, 2, 3
    UNION ALL
    SELECT book_id, instrument_id, currency, 'realised gain', -sum(gain) FROM ledger_lot_movement
    WHERE {_ASKED.format(book="book_id")} GROUP BY 1, 2, 3
    UNION ALL
    SELECT p.book_id, 0, p.currency, of.what, sum(of.amount) FROM ledger_position p
    CROSS JOIN LATERAL (VALUES ('cash', p.settled), ('receivable and payable', p.traded - p.settled))
        AS of(what, amount)
    WHERE p.instrument_id = 0 AND {_ASKED.format(book="p.book_id")} GROUP BY 1, 3, 4
    UNION ALL
    SELECT g.book_id, g.instrument_id, g.currency, 'valuation', {{valued}}
    FROM ledger_profit_gain g JOIN refdata_book k ON k.id = g.book_id
    WHERE g.instrument_id > 0 AND {_ASKED.format(book="g.book_id")} AND g.run_id = (
        SELECT id FROM ledger_profit_run WHERE kind <> 'INTRADAY' ORDER BY day DESC, number DESC LIMIT 1)
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT v.book_id, 0, c.currency, 'accrued charges', sum(c.amount)
    FROM ({{charged}}) c JOIN trades_state s USING (trade_id)
    JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
    WHERE v.book_id IS NOT NULL AND {_ASKED.format(book="v.book_id")}
      AND NOT (c.is_stated AND c.currency = v.currency AND v.product IN ({_PAID}))
    GROUP BY 1, 3
)
SELECT book_id, instrument_id, currency, what, coalesce(k.amount, 0), coalesce(t.amount, 0)
FROM kept k FULL JOIN told t USING (book_id, instrument_id, currency, what)
WHERE coalesce(k.amount, 0) <> coalesce(t.amount, 0)
  AND (what <> 'valuation' OR NOT EXISTS (SELECT FROM ledger_journal_due d WHERE d.source = 'P'))
ORDER BY 1, 2, 3, 4
"""
_VALUED = round_money_sql("sum(g.worth - g.cost)", "g.currency")
_UNBALANCED = """
SELECT j.book_id, 0, j.currency, 'entry ' || j.id, sum(p.debit - p.credit), 0
FROM ledger_journal j JOIN ledger_posting p ON p.entry_id = j.id WHERE {asked} GROUP BY j.id
HAVING sum(p.debit) <> sum(p.credit) ORDER BY j.id
"""


def wrong_balances(*, books: Sequence[int] | None = None) -> list[WrongBalance]:
    """Return the balances that are not what positions and lots say, and the entries that do not balance; of some books,
    or of all. Each of the two is one look: what waits to be posted then is taken for wrong."""
    asked = {"books": None if books is None else list(books)}
    balances = _BALANCES.format(charged=side("charged").query, valued=_VALUED)
    unbalanced = _UNBALANCED.format(asked=_ASKED.format(book="j.book_id"))
    return [WrongBalance(*row) for row in (*sql.rows(balances, asked), *sql.rows(unbalanced, asked))]
