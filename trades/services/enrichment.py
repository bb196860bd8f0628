"""Enrichment once more: what reference data did not know when a trade came may be known by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from core.audit import Actor
from refdata.selectors import References
from trades.lifecycle import State
from trades.products._reading import Unreadable
from trades.products.base import Context, Message
from trades.services.capture import context_of, enrich
from trades.services.versions import (
    STATED_AMOUNTS,
    Revision,
    add_versions,
    current_versions,
    lock_states,
    restate,
)

CAUSE = "ENRICH"
EVENT = "trade.enriched"
# The trades that can go back to the checks. Elsewhere a new version would pass by unchecked.
STATES = frozenset({State.EXCEPTION, State.VALIDATED})

_RESOLVED = ("counterparty_id", "book_id", "instrument_id", "base_amount")
_UNRESOLVED = (
    "v.counterparty_id IS NULL OR v.book_id IS NULL OR v.base_amount IS NULL"
    " OR v.instrument_ref IS NOT NULL AND v.instrument_id IS NULL"
    " OR v.terms @? '$.**.instrument_id ? (@ == null)' OR v.terms @? '$.contract ? (@ == null)'"
)


def enrich_again(*, trade_ids: Sequence[int], actor: Actor, at: datetime, reason: str) -> list[int]:
    """Resolve again what did not resolve, and write the next version where that found something.

    Only held and validated trades are looked at, and only what is empty is filled: everything else stays as
    the front office sent it. Returns the ids with a new version, which the caller sends back to the checks.
    """
    with transaction.atomic():
        locked = lock_states(trade_ids=trade_ids)
        open_ids = [trade_id for trade_id, (_, state) in locked.items() if state in STATES]
        rows = _readable(current_versions(trade_ids=open_ids, condition=_UNRESOLVED)) if open_ids else []
        if not rows:
            return []
        context = context_of([message for _, message in rows], at=at)
        revisions = [revision for row, message in rows if (revision := _revision(row, message, context))]
        add_versions(revisions=revisions, cause=CAUSE, event=EVENT, reason=reason, at=at, actor=actor)
    return [each.trade_id for each in revisions]


def _readable(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Message]]:
    """Return rows with their messages; one that can no longer be read stays held, and stops no other."""
    found = []
    for row in rows:
        try:
            found.append((row, restate(row)))
        except Unreadable:
            continue
    return found


def _revision(row: Mapping[str, Any], message: Message, context: Context) -> Revision | None:
    terms = enrich(message, context)
    changed = {
        name: value for name in _RESOLVED if row[name] is None and (value := getattr(terms, name)) is not None
    }
    told = {name: {"before": None, "after": value} for name, value in changed.items()}
    filled, resolved = _filled(row["terms"], terms.terms)
    if resolved:
        changed["terms"] = filled
        told["terms"] = {"before": None, "after": f"{resolved} more resolved"}
    if resolved and "contract" in filled and row["block_id"] is None:  # the parts of a block make it as it is
        amounts = _amounts(row, message, context)
        changed |= amounts
        told |= {name: {"before": row[name], "after": value} for name, value in amounts.items()}
    return Revision(row["trade_id"], row["version"], changed, told) if changed else None


def _amounts(row: Mapping[str, Any], message: Message, context: Context) -> dict[str, Any]:
    """Return the amounts that follow from what the instrument tells only now.

    One that is not what enrichment made of the message without the instrument was stated, and stays.
    """
    asked = msgspec.structs.replace(message, **dict.fromkeys(STATED_AMOUNTS))
    blind = enrich(asked, Context(References(rates=context.rates), context.asked))
    for name in STATED_AMOUNTS:
        if row[name] != getattr(blind, name):
            setattr(asked, name, row[name])
    told = enrich(asked, context)
    amounts = {name: value for name in STATED_AMOUNTS if (value := getattr(told, name)) != row[name]}
    return amounts | ({"base_amount": told.base_amount} if "gross_amount" in amounts else {})


def _filled(stored: Any, fresh: Any) -> tuple[Any, int]:
    """Return stored terms with their empty places filled from fresh ones, and how many were."""
    if stored is None and fresh is not None:
        return fresh, 1
    if isinstance(stored, dict) and isinstance(fresh, dict):
        pairs = {name: _filled(value, fresh.get(name)) for name, value in stored.items()}
        return {name: value for name, (value, _) in pairs.items()}, sum(n for _, n in pairs.values())
    if isinstance(stored, list) and isinstance(fresh, list):
        items = [_filled(value, new) for value, new in zip(stored, fresh, strict=True)]
        return [value for value, _ in items], sum(n for _, n in items)
    return stored, 0
