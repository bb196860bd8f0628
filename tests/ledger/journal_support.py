"""The journal as the tests read it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core import sql
from ledger.services.posting_journal import lock_journal, post_due
from tests.support.records import NOW

Balances = dict[tuple[str, str], Decimal]


def journal(*, at: Any = NOW) -> None:
    """Let the journal follow positions and lots, until nothing is due."""
    lock_journal()
    while post_due(now=at):
        pass


def balances(rule: str = "") -> Balances:
    """Return debits less credits, by account and currency, of one rule or all, without what is nought."""
    return {
        (account, currency): amount
        for account, currency, amount in sql.rows(
            "SELECT p.account, j.currency, sum(p.debit - p.credit) FROM ledger_posting p"
            " JOIN ledger_journal j ON j.id = p.entry_id WHERE %s IN ('', j.rule)"
            " GROUP BY 1, 2 HAVING sum(p.debit - p.credit) <> 0",
            [rule],
        )
    }


def standing() -> list[tuple[Any, ...]]:
    """Return all that stands, without what only says when it was posted."""
    return sql.rows(
        "SELECT j.source, j.source_id, j.rule, j.entity_id, j.book_id, j.currency, j.effective_date, p.account,"
        " p.instrument_id, p.leg, p.price, p.lot_trade_id, p.lot_leg, p.debit, p.credit"
        " FROM ledger_journal j JOIN ledger_posting p ON p.entry_id = j.id WHERE j.reverses IS NULL"
        " AND NOT EXISTS (SELECT FROM ledger_journal r WHERE r.reverses = j.id)"
        " ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15"
    )


def entries() -> list[tuple[Any, ...]]:
    """Return each entry's rule, trade version, what it reverses (as a place in this list) and both its dates."""
    found = sql.rows(
        "SELECT id, rule, version, reverses, effective_date, posting_date FROM ledger_journal ORDER BY id"
    )
    places = {row[0]: n for n, row in enumerate(found)}
    return [(rule, version, places.get(reverses), *days) for _, rule, version, reverses, *days in found]
