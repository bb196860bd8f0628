"""An amendment is a JSON merge patch (RFC 7396) of the message that a trade's version says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from core.audit import encode
from core.http.problem import Fault, not_found
from core.sql import json_value
from trades.products import PRODUCTS
from trades.products._reading import MAX_DEPTH, Unreadable, depth_of, read_document
from trades.products.base import Context, Message, Terms
from trades.services.capture import enrich
from trades.services.repair import REPAIRABLE, repair_fields
from trades.services.versions import STATED_AMOUNTS, current_versions, state_amounts

# What makes a deal the deal it is; its version has a place of its own beside the changes.
FIXED = ("source", "source_ref", "product", "source_version")
# What a message says of its first check only, and no version keeps.
ONCE = ("reservation",)
_SET_APART = frozenset((*FIXED, *ONCE))
_POINTER = "/changes"
FIELD_PREFIX = "set."  # of the names of a form's fields
# The amounts that follow from fields which operations do not repair one by one.
_FOLLOWING = {"terms.lines": STATED_AMOUNTS, "fees": ("net_amount",)}
_MOVES = {
    **{name: each.moves for name, each in REPAIRABLE.items() if each.moves and not name.startswith("lines.")},
    **_FOLLOWING,
}


_MOVES_BY_HEAD: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
for _name, _amounts in _MOVES.items():
    _MOVES_BY_HEAD.setdefault(_name.partition(".")[0], []).append((_name, _amounts))


def patch_faults(changes: Any) -> list[Fault]:
    """Return what is wrong with changes before any trade is looked at."""
    if not isinstance(changes, dict) or not changes:
        return [Fault(_POINTER, "An object with at least one field to change.", "missing")]
    if depth_of(changes) > MAX_DEPTH:
        return [Fault(_POINTER, f"The changes are nested deeper than {MAX_DEPTH} levels.", "too-deep")]
    return []


def patch_of(*, trade_id: int, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the changes that a form asks for, as a merge patch: what was typed otherwise than a trade says it.

    typed: values by the names of `repair_fields`. An empty one is taken out, so that it is derived or left to its
    default. Lines go as a whole: a merge patch knows no part of a list.
    """
    patch: dict[str, Any] = {}
    rows = current_versions(trade_ids=[trade_id])
    if not rows:
        raise not_found("trade")
    present = {each.name: each.value for each in repair_fields(trade_id=trade_id)}
    document = json_value(encode(PRODUCTS[rows[0]["product"]].restate(rows[0])))
    for name, value in typed.items():
        if name not in present or value == present[name]:
            continue
        head, *rest = name.split(".")
        if head == "lines":
            lines = patch.setdefault("terms", {}).setdefault("lines", document["terms"]["lines"])
            lines[int(rest[0])][rest[1]] = value
            continue
        place = patch
        for step in (head, *rest)[:-1]:
            place = place.setdefault(step, {})
        place[(head, *rest)[-1]] = value or None
    return patch


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


def _set_apart_faults(patch: Mapping[str, Any], row: Mapping[str, Any]) -> list[Fault]:
    """Return what is wrong with the fields of a patch that no amendment changes."""
    fixed = [
        Fault(f"{_POINTER}/{name}", "This cannot be amended.", "fixed")
        for name in FIXED
        if name in patch and patch[name] != row[name]
    ]
    return fixed + [
        Fault(f"{_POINTER}/{name}", "A deal says this when it comes, and no amendment does.", "fixed")
        for name in ONCE
        if patch.get(name) is not None
    ]


def amended(
    row: Mapping[str, Any], patches: Sequence[Mapping[str, Any]], source_version: int | None
) -> tuple[Message, bool]:
    """Return the message of a stored version with patches applied one after the other, and whether it is
    another size of deal.

    Amounts that follow from a changed field are derived anew, unless the same patch states them; null has one
    derived. Unreadable with every fault, pointing into the changes.
    """
    product = PRODUCTS[row["product"]]
    document = product.restate(row)
    document["source_version"] = source_version
    faults: list[Fault] = []
    kept: tuple[str, ...] = STATED_AMOUNTS
    moved = False
    for patch in patches:
        following = patch
        if not _SET_APART.isdisjoint(patch):
            following = {name: value for name, value in patch.items() if name not in _SET_APART}
            faults += _set_apart_faults(patch, row)
        after = merge(document, following)
        if follows := _follow(document, after, following):
            moved = True
            for name in follows - set(following):
                after.pop(name, None)
        kept = tuple(name for name in kept if name not in follows and name not in following)
        document = after
    try:
        message = read_document(document, declared=product.message, given=patches)
    except Unreadable as error:
        moved_faults = [Fault(f"{_POINTER}{each.pointer}", each.detail, each.code) for each in error.faults]
        raise Unreadable(faults + moved_faults) from None
    if faults:
        raise Unreadable(faults)
    state_amounts(message, row, kept)
    return message, moved


def amended_terms(row: Mapping[str, Any], message: Message, moved: bool, context: Context) -> Terms:
    """Return the enriched terms of an amended message.

    A deal that is as big as it was keeps its size in base currency: that rates have moved since is no part of it.
    """
    terms = enrich(message, context)
    if not moved and row["base_amount"] is not None:
        terms.base_amount = row["base_amount"]
    return terms


def _follow(before: Mapping[str, Any], after: Mapping[str, Any], patch: Mapping[str, Any]) -> set[str]:
    """Return the amounts that follow from what a patch made different between two messages."""
    return {
        amount
        for head in patch
        for name, amounts in _MOVES_BY_HEAD.get(head, ())
        if _differ(_at(before, name), _at(after, name))
        for amount in amounts
    }


def _differ(before: Any, after: Any) -> bool:
    """Tell whether two values of a message differ: numbers by their value, however they are written."""
    if before == after or str(before) == str(after):
        return False
    try:
        return Decimal(str(before)) != Decimal(str(after))
    except InvalidOperation:
        return True


def _at(document: Any, name: str) -> Any:
    for step in name.split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document
