"""Allocation: a block is divided into parts, trades of their own that make it exactly.

The parts inherit what the block says, but for the book, the counterparty and the quantity that each names. Quantities
are given; every amount of money is divided in proportion to them, so that the parts' amounts add up to the block's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from core import sql
from core.audit import encode
from core.http.problem import Fault, Problem
from core.ids import TRADE, public_id
from core.money import ZERO, format_number
from core.sql import json_value
from trades.lifecycle import State
from trades.products import PRODUCTS
from trades.products._reading import Unreadable, _struct_faults, read_message
from trades.products.base import Message, Product, Reference, Terms, require_decimals
from trades.services.capture import context_of, enrich
from trades.services.division import divide, divide_money

MAX_PARTS = 1_000
MAX_AT_ONCE = 10_000  # parts that go with the blocks of one request
_BASE_DIGITS = 4
_ITEMS = "/items"


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of one part. `source_ref`: the front office's id of it; else the block's with a number."""

    quantity: Decimal
    book: Reference | None = None
    counterparty: Reference | None = None
    source_ref: Annotated[str, Meta(min_length=1, max_length=128)] | None = None

    def __post_init__(self) -> None:
        require_decimals(self.quantity)


# Made with the module, by one thread (see trades/products/_reading.py).
_PART: msgspec.json.Decoder[Part] = msgspec.json.Decoder(Part)


def read_parts(items: Any) -> tuple[list[Part], list[Fault]]:
    """Return what is asked of each part, and every fault of it; Problem 413 for more than MAX_PARTS."""
    if not isinstance(items, list) or not items:
        return [], [Fault(_ITEMS, "A list of at least one part.", "missing")]
    if len(items) > MAX_PARTS:
        raise Problem(413, "too-many-items", f"A block has at most {MAX_PARTS:,} parts, not {len(items):,}.")
    parts: list[Part] = []
    faults: list[Fault] = []
    named: set[str] = set()
    for place, item in enumerate(items):
        found = _struct_faults(item, Part, f"{_ITEMS}/{place}")
        if not found:
            part = _PART.decode(encode(item).encode())
            found = _part_faults(part, f"{_ITEMS}/{place}", named)
            parts.append(part)
        faults += found
    return parts, faults


def _part_faults(part: Part, pointer: str, named: set[str]) -> list[Fault]:
    faults = []
    if part.quantity <= 0:
        faults.append(Fault(f"{pointer}/quantity", "More than zero.", "range"))
    if part.book is None and part.counterparty is None:
        faults.append(Fault(pointer, "A book, a counterparty, or both.", "missing"))
    if part.source_ref is not None:
        if part.source_ref in named:
            faults.append(Fault(f"{pointer}/source_ref", "Another part has this reference.", "conflict"))
        named.add(part.source_ref)
    return faults


def _invalid(faults: Sequence[Fault]) -> Problem:
    return Problem(422, "invalid", "The trade cannot be allocated like this.", faults=faults)


# --- the parts that there are


_IDS = f"""
SELECT block_id, trade_id FROM trades_state WHERE block_id = ANY(%s) AND state <> {State.CANCELLED.value}
ORDER BY block_id, trade_id LIMIT %s
"""
_PARTS = f"""
SELECT s.block_id, v.trade_id, v.version, s.state, s.changed_at, s.checked_version, v.recorded_at, v.source,
       v.source_ref, v.source_version, v.base_amount
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.block_id = ANY(%s) AND s.state <> {State.CANCELLED.value} ORDER BY s.trade_id
"""


def part_ids(block_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return the parts of blocks that are not cancelled, by block.

    Blocks are left out, from the lowest number on, once there are more than MAX_AT_ONCE parts.
    """
    found: dict[int, list[int]] = {}
    rows = sql.rows(_IDS, [list(block_ids), MAX_AT_ONCE + 1])
    for block_id, trade_id in rows:
        found.setdefault(block_id, []).append(trade_id)
    if len(rows) > MAX_AT_ONCE:
        found.pop(rows[-1][0])  # of this one there may be more
    return found


def parts_of(block_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the current versions of the parts that are not cancelled, with their states, by block."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in sql.records(_PARTS, [list(block_ids)]):
        found.setdefault(row["block_id"], []).append(row)
    return found


def is_divisible(product: str) -> bool:
    """Tell whether trades of a product can be divided into parts."""
    return PRODUCTS[product].divided is not None


def refuse_alone(block_id: int | None) -> None:
    """Refuse to take one part out of a block, with a Problem 409. block_id: None of what is no part."""
    if block_id is not None:
        block = public_id(TRADE, block_id)
        raise Problem(
            409,
            "part-of-block",
            f"The trade is a part of {block}.",
            detail="Allocate the block anew, or cancel it with all of its parts.",
            extra={"block": block},
        )


def refuse(
    kind: str, row: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], fixed: Mapping[int, str]
) -> None:
    """Refuse what cannot be done to a block or to a part of one, with a Problem 409.

    parts: those that would be cancelled with it; fixed: why trades cannot be changed, by trade.
    """
    if kind != "AMEND":
        refuse_alone(row["block_id"])
    if row["state"] == State.ALLOCATED and kind == "AMEND":
        raise Problem(
            409,
            "allocated",
            "The trade is allocated.",
            detail="Its parts carry its terms. Allocate it anew; the allocation may change the terms with it.",
        )
    if row["state"] == State.ALLOCATED and not parts:
        raise Problem(
            413,
            "too-many-items",
            f"The blocks of one request have at most {MAX_AT_ONCE:,} parts.",
            detail="Ask for this one by itself.",
        )
    for part in parts:
        why = "It is settled." if part["state"] == State.SETTLED else fixed.get(part["trade_id"])
        if why is not None:
            name = f"{public_id(TRADE, part['trade_id'])} ({part['source_ref']})"
            raise Problem(409, "settled", f"Its part {name} is settled, in whole or in part.", detail=why)
    if kind == "ALLOCATE" and not is_divisible(row["product"]):
        raise Problem(409, "not-divisible", f"A trade of {row['product']} is not divided into parts.")


# What the parts of a block make together, so that none of it changes in one of them alone.
SHARED = frozenset(
    {
        "product", "side", "instrument_ref", "quantity", "price", "currency", "gross_amount", "net_amount",
        "contra_currency", "contra_amount", "fees",
    }
)  # fmt: skip
_SHARED_TERMS = ("far", "stated_accrued", "rate_basis")


def refuse_apart(row: Mapping[str, Any], differing: Mapping[str, Any]) -> None:
    """Refuse to change in one part what it shares with the others, with a Problem 409 that names each field.

    differing: the columns of the next version that differ, with their values.
    """
    if row["block_id"] is None:
        return
    names = {name for name in differing if name in SHARED}
    if "terms" in differing:
        before, after = row["terms"] or {}, json_value(encode(differing["terms"])) or {}
        if any(before.get(name) != after.get(name) for name in _SHARED_TERMS):
            names.add("terms")
    if not names:
        return
    block, product = public_id(TRADE, row["block_id"]), PRODUCTS[row["product"]]
    raise Problem(
        409,
        "part-of-block",
        f"The trade is a part of {block}.",
        detail="The parts make the block together: allocate it anew instead.",
        faults=[
            Fault(f"/changes{pointer}", f"It is shared with the parts of {block}.", "shared")
            for pointer in sorted({product.pointer(name) for name in names})
        ],
        extra={"block": block},
    )


# --- the parts that there will be


@dataclass(frozen=True)
class _Shares:
    """What each part has of the block's money."""

    net: Sequence[Decimal]
    fees: Sequence[Sequence[Decimal]]  # by fee, in the order of the block's
    base: Sequence[Decimal] | None


def divided(row: Mapping[str, Any], parts: Sequence[Part], at: datetime) -> list[Terms]:
    """Return the enriched terms of the parts that a block's version is divided into, in their order.

    Problem 422 with every fault: where the quantities do not make the block's, where a reference is taken, and
    where a part cannot be read as a trade.
    """
    weights = [part.quantity for part in parts]
    if (total := sum(weights, ZERO)) != row["quantity"]:
        said = f"The parts make {format_number(total)}, the block has {format_number(row['quantity'])}."
        raise _invalid([Fault(_ITEMS, said, "sum")])
    references = _references(row, parts)
    shares = _shares(row, weights)
    messages = _messages(row, parts, references, shares)
    context = context_of(messages, at=at)
    found = []
    for place, message in enumerate(messages):
        message.net_amount = shares.net[place]
        terms = enrich(message, context)
        if shares.base is not None:
            terms.base_amount = shares.base[place]
        found.append(terms)
    return found


_EVER = "SELECT count(*) FROM trades_state WHERE block_id = %s"
_TAKEN = "SELECT source_ref FROM trades_version WHERE source = %s AND source_ref = ANY(%s) AND version = 1"


def _references(row: Mapping[str, Any], parts: Sequence[Part]) -> list[str]:
    """Return the parts' references: those given, else the block's with the number of the part, counted for ever."""
    ((before,),) = sql.rows(_EVER, [row["trade_id"]])
    references = [
        part.source_ref or f"{row['source_ref']}/{number}"
        for number, part in enumerate(parts, start=before + 1)
    ]
    taken = {reference for (reference,) in sql.rows(_TAKEN, [row["source"], references])}
    seen: set[str] = set()
    faults = []
    for place, reference in enumerate(references):
        pointer = f"{_ITEMS}/{place}/source_ref"
        if reference in taken or reference in seen:
            faults.append(Fault(pointer, f"{reference} is the reference of another deal.", "taken"))
        elif len(reference) > 128:
            faults.append(Fault(pointer, "With its number the block's reference is too long.", "missing"))
        seen.add(reference)
    if faults:
        raise _invalid(faults)
    return references


def _shares(row: Mapping[str, Any], weights: Sequence[Decimal]) -> _Shares:
    """Divide what the block pays. The net amounts follow from the gross ones and the fees as the block's does."""
    currency, product = row["currency"], PRODUCTS[row["product"]]
    fees = [
        divide_money(Decimal(fee["amount"]), weights, fee["currency"])
        for fee in json_value(row["fees"]) or ()
    ]
    charged = [
        sum((share[place] for share, fee in zip(fees, json_value(row["fees"]) or (), strict=True)
             if fee["currency"] == currency), ZERO)
        for place in range(len(weights))
    ]  # fmt: skip
    if row["net_amount"] == row["gross_amount"]:
        charged = [ZERO] * len(weights)  # the fees, if any, are no part of it
    sign = 1 if product.fees_on_top or row["side"] == "BUY" else -1
    paid = row["net_amount"] - sign * sum(charged, ZERO)
    base = row["base_amount"]
    return _Shares(
        net=[
            share + sign * fee
            for share, fee in zip(divide_money(paid, weights, currency), charged, strict=True)
        ],
        fees=fees,
        base=None if base is None else divide(base, weights, _BASE_DIGITS),
    )


def _messages(
    row: Mapping[str, Any], parts: Sequence[Part], references: Sequence[str], shares: _Shares
) -> list[Message]:
    """Return what a front office would have sent of each part; Problem 422 with every fault of them."""
    product = PRODUCTS[row["product"]]
    block = _document(row, product)
    money = {
        pointer: divide_money(
            Decimal(str(value)), [part.quantity for part in parts], _currency(block, pointer)
        )
        for pointer in product.divided or ()
        if (value := _get(block, pointer)) is not None
    }
    messages, faults = [], []
    for place, part in enumerate(parts):
        document = deepcopy(block)
        document |= {"source_ref": references[place], "source_version": None, "net_amount": shares.net[place]}
        document |= {
            name: value for name in ("book", "counterparty") if (value := getattr(part, name)) is not None
        }
        for fee, share in zip(document["fees"], shares.fees, strict=True):
            fee["amount"] = share[place]
        _set(document, product.pointer("quantity"), part.quantity)
        for pointer, divided_money in money.items():
            _set(document, pointer, divided_money[place])
        try:
            messages.append(read_message(encode(document).encode()))
        except Unreadable as error:
            faults += [_of_part(fault, place, product) for fault in error.faults]
    if faults:
        raise _invalid(faults)
    return messages


def _document(row: Mapping[str, Any], product: Product) -> dict[str, Any]:
    """Return the block's message as data, with its gross amount where the message has a place for it."""
    document: dict[str, Any] = json_value(encode(product.restate(row)))
    if "/gross_amount" in (product.divided or ()):
        document["gross_amount"] = str(row["gross_amount"])
    return document


def _of_part(fault: Fault, place: int, product: Product) -> Fault:
    """Return a fault of a part's message as one of what was asked of it."""
    names = {product.pointer("quantity"): "quantity"} | {f"/{each}": each for each in Part.__struct_fields__}
    name = names.get(fault.pointer)
    if name is not None:
        return Fault(f"{_ITEMS}/{place}/{name}", fault.detail, fault.code)
    return Fault(f"{_ITEMS}/{place}", f"{fault.pointer}: {fault.detail}", fault.code)


def _currency(document: Mapping[str, Any], pointer: str) -> str:
    """Return the currency of the amount at a pointer: the one beside it, else the deal's."""
    return str(_get(document, pointer.rpartition("/")[0] + "/currency"))


def _get(document: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        document = document.get(step) if isinstance(document, dict) else None
    return document


def _set(document: dict[str, Any], pointer: str, value: Any) -> None:
    *way, last = pointer.split("/")[1:]
    for step in way:
        document = document[step]
    document[last] = value
