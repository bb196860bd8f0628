"""How much of what a run came to was realised, by whatever it is asked for: a total beside each explanation."""

from __future__ import annotations

from typing import Any

from core import sql
from ledger.selectors.profit import GROUPS

GAINS = ("realised", "unrealised", "carry", "fees", "fx", "adjustments", "transferred", "difference")
_OF_LINES, _OF_GAINS = (
    ("carry", "fees", "fx", "adjustments"),
    ("realised", "unrealised", "transferred", "difference"),
)
_SUMS = ", ".join(f"coalesce(sum(l.{name}), 0) AS {name}" for name in (*GAINS, "total"))
_KEY = "book_id, product, instrument_id, currency, trader, counterparty_id"
_BOTH = f"""
(
    SELECT {_KEY}, {", ".join(_OF_LINES)}, {", ".join(f"0 AS {each}" for each in _OF_GAINS)}, '' AS reason,
           0 AS worth, 0 AS cost, 0 AS quantity, total
    FROM ledger_profit_line WHERE run_id = %(run)s
    UNION ALL
    SELECT {_KEY}, {", ".join("0" for _ in _OF_LINES)}, {", ".join(_OF_GAINS)}, reason, worth, cost, quantity, 0
    FROM ledger_profit_gain WHERE run_id = %(run)s
) l LEFT JOIN refdata_book b ON b.id = l.book_id LEFT JOIN refdata_instrument i ON i.id = l.instrument_id
LEFT JOIN refdata_party c ON c.id = l.counterparty_id
"""
_WHERE = "(%(book)s::text IS NULL OR b.code = %(book)s)"
_REASONS = "coalesce(array_agg(DISTINCT l.reason) FILTER (WHERE l.reason <> ''), '{}') AS reasons"


def gains_by(*, run_id: int, by: str, book: str | None = None) -> list[dict[str, Any]]:
    """Return the total of a run as GAINS, by one of GROUPS, the largest first; of one book or of all.

    In base currency; the figures of a row add up to its total. reasons: why its `difference` is there.
    """
    return sql.records(
        f"SELECT {GROUPS[by]} AS name, {_SUMS}, {_REASONS} FROM {_BOTH} WHERE {_WHERE}"
        " GROUP BY 1 ORDER BY abs(sum(l.total)) DESC, 1",
        {"run": run_id, "book": book},
    )


def gains_total(*, run_id: int, book: str | None = None) -> dict[str, Any]:
    """Return the total of a run as GAINS, in base currency; of one book or of all."""
    return sql.records(
        f"SELECT {_SUMS}, {_REASONS} FROM {_BOTH} WHERE {_WHERE}", {"run": run_id, "book": book}
    )[0]


def gains_of_positions(*, run_id: int, book: str) -> list[dict[str, Any]]:
    """Return the same by instrument and currency of a book, with the quantity in its lots, its cost and its worth.

    cost and worth: of what is open, at the close, in the row's own currency.
    """
    return sql.records(
        "SELECT coalesce(i.code, '') AS instrument, l.currency, sum(l.quantity) AS quantity, sum(l.cost) AS cost,"
        f" sum(l.worth) AS worth, {_SUMS}, {_REASONS} FROM {_BOTH} WHERE b.code = %(book)s"
        " GROUP BY 1, 2 ORDER BY abs(sum(l.total)) DESC, 1, 2",
        {"run": run_id, "book": book},
    )
