"""Positions and the entries behind them: as they are, or as they were known and in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from core import sql
from core.as_of import KNOWN, NOW, AsOf
from ledger.models import Basis


@dataclass(frozen=True, slots=True)
class Which:
    """Which positions are asked for: by the codes of what they are of. None narrows nothing.

    instrument: the code of one; empty: cash only.
    """

    book: str | None = None
    instrument: str | None = None
    currency: str | None = None
    party: str | None = None

    def sql(self) -> tuple[str, dict[str, Any]]:
        """Return the condition on a row `p` with the columns of a position, and its parameters."""
        conditions: list[str] = ["true"]
        for name, condition in (
            ("book", "p.book_id = (SELECT id FROM refdata_book WHERE code = %(book)s)"),
            ("currency", "p.currency = %(currency)s"),
            ("party", "p.counterparty_id = (SELECT id FROM refdata_party WHERE code = %(party)s)"),
        ):
            if getattr(self, name) is not None:
                conditions.append(condition)
        if self.instrument:
            conditions.append(
                "p.instrument_id = (SELECT id FROM refdata_instrument WHERE code = %(instrument)s)"
            )
        elif self.instrument is not None:
            conditions.append("p.instrument_id = 0")
        return " AND ".join(conditions), {name: getattr(self, name) for name in self.__slots__}


Place = tuple[int, int, str, int]  # book, instrument, currency, counterparty
_THEN = f"""(
    SELECT e.book_id, e.instrument_id, e.currency, e.counterparty_id,
           CASE WHEN e.basis = '{Basis.TRADED.value}' THEN e.quantity ELSE 0 END AS traded,
           CASE WHEN e.basis = '{Basis.SETTLED.value}' THEN e.quantity ELSE 0 END AS settled
    FROM ledger_position_entry e
    WHERE core_known(e.xid, e.recorded_at, {KNOWN})
      AND (%(on)s::date IS NULL OR e.effective_date <= %(on)s::date)
)"""


def list_positions(
    *,
    which: Which,
    by_party: bool = False,
    as_of: AsOf = NOW,
    on: date | None = None,
    after: Place | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return positions that are not nought, by book, instrument (cash first) and currency, after a place.

    by_party: told apart by counterparty. on: what was dealt, or was to settle and has, by the end of that day.
    """
    present = as_of.as_at is None and on is None
    key = "p.book_id, p.instrument_id, p.currency" + (", p.counterparty_id" if by_party else "")
    condition, parameters = which.sql()
    if after is not None:
        width = 4 if by_party else 3
        names = ("after_book", "after_instrument", "after_currency", "after_party")[:width]
        condition += f" AND ({key}) > ({', '.join(f'%({name})s' for name in names)})"
        parameters |= dict(zip(names, after, strict=False))
    return sql.records(
        f"""
WITH page AS MATERIALIZED (
    SELECT {key}, sum(p.traded) AS traded, sum(p.settled) AS settled
    FROM {"ledger_position" if present else _THEN} p WHERE {condition}
    GROUP BY {key} HAVING sum(p.traded) <> 0 OR sum(p.settled) <> 0 ORDER BY {key} LIMIT %(limit)s
)
SELECT p.*, k.code AS book, i.code AS instrument, i.name AS instrument_name, c.code AS party
FROM page p JOIN refdata_book k ON k.id = p.book_id LEFT JOIN refdata_instrument i ON i.id = p.instrument_id
LEFT JOIN refdata_party c ON c.id = {"p.counterparty_id" if by_party else "0"} ORDER BY {key}
""",
        {**parameters, **as_of.parameters(), "on": on, "limit": limit},
    )


def list_entries(
    *,
    which: Which,
    basis: Basis | None = None,
    as_of: AsOf = NOW,
    on: date | None = None,
    after: tuple[date, int] | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return the entries of which positions are the sum, by the day from which they count, after a (day, id)."""
    condition, parameters = which.sql()
    last_day, last_id = after or (date.min, 0)
    return sql.records(
        f"""
SELECT p.*, k.code AS book, i.code AS instrument, c.code AS party, a.reference AS action,
       EXISTS (SELECT FROM ledger_position_entry r WHERE r.reverses = p.id
               AND core_known(r.xid, r.recorded_at, {KNOWN})) AS is_reversed
FROM ledger_position_entry p JOIN refdata_book k ON k.id = p.book_id
LEFT JOIN refdata_instrument i ON i.id = p.instrument_id LEFT JOIN refdata_party c ON c.id = p.counterparty_id
LEFT JOIN ledger_corporate_action a ON a.id = p.action_id
WHERE {condition} AND core_known(p.xid, p.recorded_at, {KNOWN})
  AND (%(on)s::date IS NULL OR p.effective_date <= %(on)s::date)
  AND (%(basis)s::text IS NULL OR p.basis = %(basis)s) AND (p.effective_date, p.id) > (%(last_day)s, %(last_id)s)
ORDER BY p.effective_date, p.id LIMIT %(limit)s
""",
        {
            **parameters,
            **as_of.parameters(),
            "on": on,
            "basis": None if basis is None else basis.value,
            "last_day": last_day,
            "last_id": last_id,
            "limit": limit,
        },
    )
