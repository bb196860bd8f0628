"""An amendment is a JSON merge patch (RFC 7396) of the message that a trade's version says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.audit import encode
from core.http.problem import Fault
from core.sql import json_value
from trades.products import PRODUCTS
from trades.products._reading import MAX_DEPTH, Unreadable, depth_of, read_message
from trades.products.base import Context, Message, Terms
from trades.services.capture import enrich
from trades.services.repair import REPAIRABLE
from trades.services.versions import STATED_AMOUNTS, state_amounts

# What makes a deal the deal it is; its version has a place of its own beside the changes.
FIXED = ("source", "source_ref", "product", "source_version")
_POINTER = "/changes"
# The amounts that follow from fields which operations do not repair one by one.
_FOLLOWING = {"terms.lines": STATED_AMOUNTS, "fees": ("net_amount",)}
_MOVES = {
    **{name: each.moves for name, each in REPAIRABLE.items() if not name.startswith("lines.")},
    **_FOLLOWING,
}


def patch_faults(changes: Any) -> list[Fault]:
    """Return what is wrong with changes before any trade is looked at."""
    if not isinstance(changes, dict) or not changes:
        return [Fault(_POINTER, "An object with at least one field to change.", "missing")]
    if depth_of(changes) > MAX_DEPTH:
        return [Fault(_POINTER, f"The changes are nested deeper than {MAX_DEPTH} levels.", "too-deep")]
    return []


def merge(document: Any, patch: Any) -> Any:
    """Return a document with a JSON merge patch applied (RFC 7396). Neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def amended(
    row: Mapping[str, Any], patches: Sequence[Mapping[str, Any]], source_version: int | None
) -> tuple[Message, bool]:
    """Return the message of a stored version with patches applied one after the other, and whether it is
    another size of deal.

    Amounts that follow from a changed field are derived anew, unless the same patch states them; null has one
    derived. Unreadable with every fault, pointing into the changes.
    """
    document = {**json_value(encode(PRODUCTS[row["product"]].restate(row))), "source_version": source_version}
    faults = [
        Fault(f"{_POINTER}/{name}", "This cannot be amended.", "fixed")
        for patch in patches
        for name in FIXED
        if name in patch and patch[name] != row[name]
    ]
    kept, moved = set(STATED_AMOUNTS), False
    for patch in patches:
        following = {name: value for name, value in patch.items() if name not in FIXED}
        after = merge(document, following)
        follows = _follow(document, after)
        moved = moved or bool(follows)
        kept -= {*follows, *following}
        for name in follows - set(following):
            after.pop(name, None)
        document = after
    try:
        message = read_message(encode(document).encode())
    except Unreadable as error:
        moved_faults = [Fault(f"{_POINTER}{each.pointer}", each.detail, each.code) for each in error.faults]
        raise Unreadable(faults + moved_faults) from None
    if faults:
        raise Unreadable(faults)
    state_amounts(message, row, except_for=[name for name in STATED_AMOUNTS if name not in kept])
    return message, moved


def amended_terms(row: Mapping[str, Any], message: Message, moved: bool, context: Context) -> Terms:
    """Return the enriched terms of an amended message.

    A deal that is as big as it was keeps its size in base currency: that rates have moved since is no part of it.
    """
    terms = enrich(message, context)
    if not moved and row["base_amount"] is not None:
        terms.base_amount = row["base_amount"]
    return terms


def _follow(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Return the amounts that follow from what differs between two messages."""
    return {
        amount
        for name, amounts in _MOVES.items()
        if amounts and _at(before, name) != _at(after, name)
        for amount in amounts
    }


def _at(document: Any, name: str) -> Any:
    for step in name.split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document
