"""What the screens of limits show: how full each member is, what two people must decide, and who uses a member."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from core import sql
from core.clock import business_date
from core.money import ZERO
from risk import selectors as risk
from risk.measures import MEASURES
from risk.models import Limit
from risk.services import stops, terms
from risk.services.decision import Held, LimitTerms, Standing
from risk.services.limits import limits_in_force

# From the widest to the narrowest, along our own house and then along theirs.
HIERARCHY = (
    "entity", "desk", "book", "trader", "party_group", "counterparty", "country", "issuer", "instrument", "product",
    "currency", "source",
)  # fmt: skip
# How a member's part of a limit's key names a row of reference data: table, column, and what it belongs to.
_NAMED_BY = {
    "counterparty": ("refdata_party", "code", "concat_ws(' · ', name, nullif(party_group, ''))"),
    "book": ("refdata_book", "code", "concat_ws(' · ', nullif(name, ''), desk)"),
    "entity": ("refdata_party", "id::text", "name"),
    "instrument": ("refdata_instrument", "code", "concat_ws(' · ', name, nullif(issuer, ''))"),
}


def utilisations(*, now: datetime, top: int, named: bool = True) -> list[dict[str, Any]]:
    """Return the limits in force, the widest first, with their fullest members: figures and marks in base currency,
    keys resolved to names if so wished. Windows that are over are left out."""
    limits = sorted(limits_in_force(at=now), key=_rank)
    names = dict(Limit.objects.values_list("id", "name"))
    stored = risk.members_of([limit.id for limit in limits], top=top + 1)
    today = business_date(now).isoformat()
    found: list[dict[str, Any]] = []
    for limit in limits:
        rows = stored[limit.id]
        standing = Standing(
            {(limit.id, row["key"]): row["used"] for row in rows},
            {(limit.id, row["key"]): Held(row["held_up"], row["held_down"]) for row in rows},
        )
        members = [_member(limit, standing, row) for row in rows if _is_shown(limit, row["key"], today)]
        members.sort(key=lambda each: -each["per_mille"])
        found.append(
            {
                "id": limit.id,
                "code": limit.code,
                "name": names[limit.id],
                "dimensions": limit.group[0],
                "title": limit.declared.title,
                "unit": "%" if limit.declared.share else limit.declared.unit,
                "accumulates": limit.accumulates,
                "warn": limit.warn,
                "hard": limit.hard,
                "members": members[:top],
                "reserves": any(each["reserved"] for each in members),
            }
        )
    for each in found:
        for member in each["members"]:
            member["code"] = " · ".join(part for _, part in _parts(each, member))
    if named:
        _name_members(found)
    return found


def breaches(*, now: datetime, most: int) -> list[dict[str, Any]]:
    """Return the members of limits that are over a mark, those over the hard one first and then the fullest; each
    with its limit's code and name. Nothing is looked at beyond the `most` fullest of each limit."""
    found = [
        {**member, "limit": limit["code"], "limit_name": limit["name"]}
        for limit in utilisations(now=now, top=most, named=False)
        for member in limit["members"]
        if member["status"] != "WITHIN"
    ]
    return sorted(found, key=lambda each: (each["status"] != "OVER", -(each["share"] or 0)))[:most]


def _rank(limit: LimitTerms) -> tuple[list[int], str]:
    return [HIERARCHY.index(name) for name in limit.dimensions], limit.code


def _is_shown(limit: LimitTerms, key: str, today: str) -> bool:
    if limit.declared.share and key.endswith("|*"):
        return False
    return not limit.declared.per or key.rpartition("|")[2] >= today


def _member(limit: LimitTerms, standing: Standing, row: dict[str, Any]) -> dict[str, Any]:
    key, hard, warn = row["key"], limit.hard_of(row["key"]), limit.warn
    figure = standing.figure(limit, key)
    used = Standing(standing.used, {}).figure(limit, key)
    status = "OVER" if figure > hard else "NEAR" if warn is not None and figure > warn else "WITHIN"
    return {
        "key": key,
        "used": used,
        "reserved": figure - used,
        "headroom": hard - figure,
        "raised": limit.raised.get(key, ZERO),
        "status": status,
        "per_mille": min(1000, int(figure * 1000 / hard)) if hard else 1000,
        "warn_per_mille": int(warn * 1000 / hard) if warn is not None and hard else None,
        "share": (figure * 100 / hard) if hard else None,
    }


def _name_members(limits: list[dict[str, Any]]) -> None:
    """Give every member its name: what the parts of its key stand for, in the order of the dimensions."""
    wanted: dict[str, set[str]] = {}
    for limit in limits:
        for member in limit["members"]:
            for dimension, part in _parts(limit, member):
                wanted.setdefault(dimension, set()).add(part)
    names = {
        dimension: dict(
            sql.rows(
                f"SELECT {column}, {name} FROM {table} WHERE {column} = ANY(%s)", [sorted(wanted[dimension])]
            )
        )
        for dimension, (table, column, name) in _NAMED_BY.items()
        if dimension in wanted
    }
    for limit in limits:
        for member in limit["members"]:
            parts = _parts(limit, member)
            member["name"] = " · ".join(
                filter(None, (names.get(each, {}).get(part, "") for each, part in parts))
            )


def _parts(limit: dict[str, Any], member: dict[str, Any]) -> list[tuple[str, str]]:
    return list(zip(limit["dimensions"], member["key"].split("|"), strict=False))


_PENDING = """
SELECT p.id, p.kind, p.subject_id, p.content, p.reason, p.made_at, p.maker_id, coalesce(u.username, a.name) AS maker
FROM core_proposal p
LEFT JOIN auth_user u ON u.id = p.maker_id
LEFT JOIN core_api_client a ON a.id = p.maker_client_id
WHERE p.state = 'PENDING' AND p.kind = ANY(%s) ORDER BY p.id LIMIT 100
"""
KINDS = (*terms.KINDS, stops.KIND)


def pending(*, now: datetime) -> list[dict[str, Any]]:
    """Return the proposals about limits and stops that await a second person, the oldest first, with what each would
    change."""
    rows = sql.records(_PENDING, [list(KINDS)])
    for row in rows:
        row["content"] = sql.json_value(row["content"])
        if row["kind"] == terms.TERMS:
            row["changes"] = _changes(row["content"])
        else:
            row["changes"] = _raised(row["content"], now) if row["kind"] == terms.EXCESS else []
        row["title"] = title_of(row["kind"], row["content"])
    return rows


def title_of(kind: str, content: dict[str, Any]) -> str:
    """Return what a proposal asks for, in one sentence."""
    told = defaultdict(str, content)
    if kind == terms.TERMS:
        code = (content.get("after") or {}).get("code", "")
        return f"{'Change' if told['before'] else 'Make'} the limit {code}"
    if kind == stops.KIND:
        return f"Lift the stop of {told['kind'].lower()} {told['key']}"
    return (
        f"Let {told['key'] or 'all'} exceed {told['code']} by {_figure(told['amount'])} for {told['hours']} h"
    )


# How a proposal's terms are called; the form calls them so too.
_CALLED = {
    "code": "Code",
    "name": "Name",
    "measure": "Measure",
    "dimensions": "Kept by",
    "members": "Only for these members",
    "warn": "Warning",
    "hard": "Hard",
    "currency": "Currency",
    "floor": "Silent up to a total of",
    "valid_from": "First day",
    "valid_to": "Last day",
    "approver_role": "Excess approved by",
    "excess_max": "Excess at most",
    "excess_hours": "Excess for at most, hours",
}
_FIGURES = {"warn", "hard", "floor", "excess_max"}
_MARK = """
SELECT l.hard + coalesce(sum(t.amount), 0), l.currency, l.measure FROM risk_limit l
LEFT JOIN risk_temporary_excess t ON t.limit_id = l.id AND t.key = %(key)s
    AND t.valid_from <= %(at)s AND t.valid_until > %(at)s
WHERE l.code = %(code)s GROUP BY l.id
"""


def _changes(content: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what a proposal would change of a limit's terms: the name, how it is and how it would be."""
    before, after = content.get("before") or {}, content.get("after") or {}
    return [
        (called, _said(name, before.get(name)), _said(name, after.get(name)))
        for name, called in _CALLED.items()
        if (before.get(name) or "") != (after.get(name) or "")
    ]


def _raised(content: dict[str, Any], now: datetime) -> list[tuple[str, str, str]]:
    """Return what a temporary excess would make of a member's hard mark, from what it is at this moment."""
    told = defaultdict(str, content)
    found = sql.row(_MARK, {"code": told["code"], "key": told["key"], "at": now})
    if found is None or not told["amount"]:
        return []
    hard, currency, measure = found
    base = settings.BASE_CURRENCY if MEASURES[measure].unit == "MONEY" else ""
    unit = f" {currency or base}".rstrip()
    then = hard + Decimal(told["amount"])
    return [
        (f"Hard mark of {told['key'] or 'all'}", f"{hard:,.2f}{unit}", f"{then:,.2f}{unit}"),
        ("For how long", "", f"{told['hours']} h"),
    ]


def _figure(text: str) -> str:
    return f"{Decimal(text):,.2f}" if text else ""


def _said(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if value is not None and name in _FIGURES:
        return _figure(value)
    if name == "measure" and value in MEASURES:
        return MEASURES[value].title
    return "" if value is None else str(value)
