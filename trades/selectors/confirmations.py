"""Confirmations as they stand: a page of them by status, and those of a trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import sql
from core.matching import Difference, Exact, Level, Rules, match
from trades.lifecycle import State

_LIST = """
SELECT c.id, c.reference, c.version, c.status, c.trade_id, c.trade_version, c.differences, c.opened_at, c.changed_at,
       c.matched_at, p.code AS party
FROM trades_confirmation c JOIN refdata_party p ON p.id = c.party_id
WHERE c.id > %(after)s AND (%(status)s::text IS NULL OR c.status = %(status)s)
  AND (%(trade)s::bigint IS NULL OR c.trade_id = %(trade)s)
ORDER BY c.id LIMIT %(limit)s
"""


def list_confirmations(
    *, status: str | None = None, trade_id: int | None = None, after: int = 0, limit: int = 100
) -> list[dict[str, Any]]:
    """Return confirmations in the order in which their references came, those behind an id, at most `limit`."""
    found = sql.records(_LIST, {"status": status, "trade": trade_id, "after": after, "limit": limit})
    return [{**each, "differences": sql.json_value(each["differences"])} for each in found]


_POLICIES = """
SELECT product, party, demanded, overdue_after_hours, remind_every_hours, mail_to, changed_at
FROM trades_confirmation_policy
WHERE demanded IS NOT NULL OR overdue_after_hours IS NOT NULL OR mail_to <> '' ORDER BY product, party
"""


def list_policies() -> list[dict[str, Any]]:
    """Return which trades must be confirmed or need not, and after how many hours one that is not is overdue."""
    return sql.records(_POLICIES)


@dataclass(frozen=True)
class WantedConfirmations:
    """Which confirmations a list shows. Empty texts ask for all; days: have stood so for at least as many."""

    status: str = ""
    party: str = ""
    product: str = ""
    days: int = 0


_PAGE = """
SELECT c.id, c.reference, c.version, c.status, c.trade_id, c.trade_version, c.differences, c.opened_at, c.changed_at,
       p.code AS party, p.name AS party_name, v.product, v.side, v.action, v.trade_date, v.currency, v.quantity,
       v.net_amount, coalesce(i.code, v.instrument_ref) AS instrument
FROM trades_confirmation c
JOIN trades_confirmation_version v ON v.id = c.version_id
JOIN refdata_party p ON p.id = c.party_id
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
WHERE {where} ORDER BY c.id DESC LIMIT %(limit)s
"""
_FILTERS = {
    "status": "c.status = %(status)s",
    "party": "c.party_id = (SELECT id FROM refdata_party WHERE code = %(party)s)",
    "product": "v.product = %(product)s",
    "days": "c.changed_at <= %(now)s - make_interval(days => %(days)s)",
}


def page_of_confirmations(
    *, wanted: WantedConfirmations, now: datetime, before: int | None = None, limit: int
) -> list[dict[str, Any]]:
    """Return confirmations with what is said, the last that came first, from before an id on, at most `limit`."""
    asked = vars(wanted)
    parts = [each for name, each in _FILTERS.items() if asked[name]]
    if before is not None:
        parts.append("c.id < %(before)s")
    found = sql.records(
        _PAGE.format(where=" AND ".join(parts) or "TRUE"),
        {**asked, "now": now, "before": before, "limit": limit},
    )
    return [{**each, "differences": sql.json_value(each["differences"])} for each in found]


TERMS = (
    "side", "quantity", "price", "currency", "net_amount", "contra_currency", "contra_amount", "trade_date",
    "settlement_date",
)  # fmt: skip
_ONE = f"""
SELECT c.id, c.party_id, c.reference, c.version, c.status, c.trade_id, c.trade_version, c.differences, c.opened_at,
       c.changed_at, p.code AS party, p.name AS party_name, v.action, v.product, v.received_at, v.actor, v.source,
       v.source_ref, v.named_trade_id, coalesce(i.code, v.instrument_ref) AS instrument,
       {", ".join(f"v.{each}" for each in TERMS)}
FROM trades_confirmation c
JOIN trades_confirmation_version v ON v.id = c.version_id
JOIN refdata_party p ON p.id = c.party_id
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
WHERE c.id = %s
"""
_OURS = f"""
SELECT v.trade_id AS id, v.version, v.product, coalesce(i.code, v.instrument_ref) AS instrument,
       {", ".join(f"v.{each}" for each in TERMS)}
FROM trades_version v LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
"""
# A deal that is matched already is nobody else's; the nearest days first, so that the bound takes the others.
_NEAR = f"""{_OURS} JOIN trades_state s ON s.trade_id = v.trade_id AND s.version = v.version
WHERE v.counterparty_id = %(party_id)s AND v.product = %(product)s
  AND v.trade_date BETWEEN %(trade_date)s::date - {{days}} AND %(trade_date)s::date + {{days}}
  AND s.state <> ALL(%(ended)s)
  AND NOT EXISTS (SELECT FROM trades_confirmation c WHERE c.trade_id = v.trade_id)
ORDER BY abs(v.trade_date - %(trade_date)s::date), v.trade_id DESC LIMIT {{bound}}
"""
_NEAR_DAYS, _NEAR_BOUND, _NEAR_SHOWN = 5, 500, 5


def read_confirmation(confirmation_id: int) -> dict[str, Any] | None:
    """Return what a counterparty says now under one reference, beside our version it stands against (`ours`)."""
    rows = sql.records(_ONE, [confirmation_id])
    if not rows:
        return None
    found = {**rows[0], "differences": sql.json_value(rows[0]["differences"]), "ours": None}
    if found["trade_id"] is not None:
        asked = [found["trade_id"], found["trade_version"]]
        found["ours"] = sql.records(f"{_OURS} WHERE v.trade_id = %s AND v.version = %s", asked)[0]
    return found


def near_misses(
    confirmation: Mapping[str, Any], *, confirmed: Mapping[str, Exact]
) -> list[tuple[dict[str, Any], list[Difference]]]:
    """Return open trades of the same party and product that come nearest to what has no trade, the nearest first.

    confirmed: the fields that must agree, and how far apart they may lie, as the product declares them. With each
    trade, what keeps it away. Those of a few days around the trade date are looked at, 500 at most.
    """
    asked = {
        **{name: confirmation[name] for name in ("party_id", "product", "trade_date")},
        "ended": [State.CANCELLED.value, State.ALLOCATED.value],
    }
    ours = sql.records(_NEAR.format(days=_NEAR_DAYS, bound=_NEAR_BOUND), asked)
    if not ours:
        return []
    rules = Rules(levels=(Level(keys=("product",), tolerances=confirmed),), near_max=_NEAR_SHOWN)
    names = ("id", "product", *confirmed)
    outcome = match(
        ours={name: [each[name] for each in ours] for name in names},
        theirs={name: [confirmation[name]] for name in names},
        rules=rules,
    )
    by_id = {each["id"]: each for each in ours}
    fitting = [(by_id[pair.ours], list(pair.differences)) for pair in outcome.pairs]
    near = [
        (by_id[each.id], list(each.differences)) for each in outcome.near_theirs.get(confirmation["id"], ())
    ]
    return fitting + near
