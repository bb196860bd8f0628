"""Corporate actions as their newest versions say, and as what they do to positions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from core import sql
from core.as_of import NOW, AsOf
from core.money import format_number
from ledger.actions import Action, Type

_COLUMNS = """
SELECT a.id, a.action_id, c.reference, a.version, a.type, i.code AS instrument, a.ex_date, a.record_date, a.pay_date,
       a.currency, a.rate, a.new_quantity AS new, a.old_quantity AS old, a.is_cancelled AS cancelled, a.approved_at,
       a.proposal_id, o.reason, coalesce(m.username, n.name, '') AS maker, coalesce(k.username, '') AS checker
FROM ledger_corporate_action_version a
JOIN ledger_corporate_action c ON c.id = a.action_id
JOIN refdata_instrument i ON i.id = a.instrument_id
JOIN core_proposal o ON o.id = a.proposal_id
LEFT JOIN auth_user m ON m.id = o.maker_id
LEFT JOIN core_api_client n ON n.id = o.maker_client_id
LEFT JOIN auth_user k ON k.id = o.checker_id
"""
_NEWEST = """
a.version = (SELECT max(l.version) FROM ledger_corporate_action_version l WHERE l.action_id = a.action_id)
"""
_TERMS = ("type", "instrument", "currency", "cancelled")
_DAYS = ("ex_date", "record_date", "pay_date")
_NUMBERS = ("rate", "new", "old")


def action_content(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a version of an action says as data for JSON, as proposals keep it."""
    return {
        **{name: row[name] for name in _TERMS},
        **{name: row[name].isoformat() for name in _DAYS},
        **{name: format_number(row[name]) for name in _NUMBERS},
    }


def newest_action(reference: str) -> dict[str, Any] | None:
    """Return what an action says as its newest version has it, None where there is none."""
    found = sql.records(f"{_COLUMNS} WHERE c.reference = %s AND {_NEWEST}", [reference])
    return action_content(found[0]) if found else None


def list_actions(
    *, instrument: str | None = None, since: date | None = None, after: int = 0, limit: int = 100
) -> list[dict[str, Any]]:
    """Return actions as their newest versions say, in the order in which these were set, after a version's id.

    instrument: its code. since: the earliest pay date.
    """
    return sql.records(
        f"{_COLUMNS} WHERE {_NEWEST} AND a.id > %(after)s"
        " AND (%(instrument)s::text IS NULL OR i.code = %(instrument)s)"
        " AND (%(since)s::date IS NULL OR a.pay_date >= %(since)s) ORDER BY a.id LIMIT %(limit)s",
        {"instrument": instrument, "since": since, "after": after, "limit": limit},
    )


def latest_actions(*, limit: int) -> list[dict[str, Any]]:
    """Return the actions with the latest ex-dates, the latest first."""
    return sql.records(f"{_COLUMNS} WHERE {_NEWEST} ORDER BY a.ex_date DESC, a.id DESC LIMIT %s", [limit])


_PENDING = """
SELECT p.content->>'code', p.id FROM core_proposal p WHERE p.kind = %s AND p.state = 'PENDING' ORDER BY p.id
"""


def pending_of(kind: str) -> dict[str, int]:
    """Return the proposals of a kind that wait, by what they are for."""
    return dict(sql.rows(_PENDING, [kind]))


# Per cent of nominal is a hundredth a unit.
_STANDING = """
SELECT DISTINCT ON (a.action_id) a.instrument_id, a.action_id, a.version, a.type, a.ex_date, a.record_date, a.pay_date,
       a.currency, coalesce(a.rate, 0) / CASE i.price_basis WHEN 'PERCENT' THEN 100 ELSE 1 END AS rate,
       coalesce(a.new_quantity, 1), coalesce(a.old_quantity, 1), a.is_cancelled
FROM ledger_corporate_action_version a JOIN refdata_instrument i ON i.id = a.instrument_id
WHERE a.instrument_id = ANY(%(ids)s) AND (%(as_at)s::timestamptz IS NULL OR a.approved_at <= %(as_at)s)
ORDER BY a.action_id, a.version DESC
"""


def actions_of(instrument_ids: Iterable[int], *, as_of: AsOf = NOW) -> dict[int, list[Action]]:
    """Return the actions that stand, or stood, by instrument: an empty list where there were some and none stands."""
    found: dict[int, list[Action]] = defaultdict(list)
    asked = {"ids": sorted(set(instrument_ids)), "as_at": as_of.as_at}
    for instrument_id, action_id, version, type_, *terms, is_cancelled in sql.rows(_STANDING, asked):
        standing = found[instrument_id]
        if not is_cancelled:
            standing.append(Action(action_id, version, Type(type_), *terms))
    return dict(found)
