"""Repair: operations correct what a held trade says, as its next version, and the checks look again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any, Literal

import msgspec
from django.db import transaction

from core import sql
from core.audit import Actor, encode
from core.http.problem import Fault, Problem, not_found
from core.money import format_number
from core.sql import json_value
from core.text import text_faults
from trades.lifecycle import SUBJECT, State, move_trades
from trades.products import PRODUCTS
from trades.products._reading import Unreadable, read_message
from trades.products.base import Message, Terms
from trades.services.allocation import refuse_apart
from trades.services.capture import context_of, enrich
from trades.services.difference import differing_columns
from trades.services.guards import why_fixed
from trades.services.versions import (
    STATED_AMOUNTS,
    Revision,
    add_versions,
    current_versions,
    lock_held,
    restate,
    state_amounts,
    versions_since,
)

CAUSE = "REPAIR"
EVENT = "trade.repaired"

Kind = Literal["PARTY", "BOOK", "INSTRUMENT", "CURRENCY", "DECIMAL", "DATE", "CHOICE", "TEXT"]
Path = tuple[str | int, ...]
_BOTH = STATED_AMOUNTS
_VALUE = ("accrued_amount", *_BOTH)
_NET = ("net_amount",)
_NONE: tuple[str, ...] = ()
_LINE = "<n>"  # the number of an order's line, from 0


@dataclass(frozen=True)
class Repairable:
    """A field that operations may correct.

    moves: the amounts that follow from it, computed anew unless they are corrected in the same repair;
    economic: whether it changes what is delivered or paid, by whom, to whom or when.
    """

    label: str
    kind: Kind
    moves: tuple[str, ...] = _NONE
    economic: bool = True
    choices: tuple[str, ...] = ()


_RATE_BASES = ("SOLD_PER_BOUGHT", "BOUGHT_PER_SOLD")
# The fields of one leg of a swap.
_EXCHANGE: tuple[tuple[str, str, Kind, tuple[str, ...], tuple[str, ...]], ...] = (
    ("bought.currency", "bought currency", "CURRENCY", _NET, ()),
    ("bought.amount", "bought amount", "DECIMAL", _NET, ()),
    ("sold.currency", "sold currency", "CURRENCY", _NONE, ()),
    ("sold.amount", "sold amount", "DECIMAL", _NONE, ()),
    ("rate", "rate", "DECIMAL", _NONE, ()),
    ("rate_basis", "rate quoted as", "CHOICE", _NONE, _RATE_BASES),
)

# By their names in a message; a line's are short for terms.lines.<n>.
REPAIRABLE: dict[str, Repairable] = {
    "counterparty": Repairable("Counterparty", "PARTY"),
    "book": Repairable("Book", "BOOK"),
    "trader": Repairable("Trader", "TEXT", economic=False),
    "side": Repairable("Side", "CHOICE", moves=_NET, choices=("BUY", "SELL")),
    "instrument": Repairable("Instrument", "INSTRUMENT", moves=_VALUE),
    "quantity": Repairable("Quantity", "DECIMAL", moves=_VALUE),
    "price": Repairable("Price", "DECIMAL", moves=_VALUE),
    "currency": Repairable("Currency", "CURRENCY", moves=_VALUE),
    "accrued_amount": Repairable("Accrued interest", "DECIMAL", moves=_BOTH),
    "gross_amount": Repairable("Gross amount", "DECIMAL", moves=_NET),
    "net_amount": Repairable("Net amount", "DECIMAL"),
    "trade_date": Repairable("Trade date", "DATE"),
    "settlement_date": Repairable("Settlement date", "DATE", moves=("accrued_amount",)),
    "terms.bought.currency": Repairable("Bought currency", "CURRENCY", moves=_BOTH),
    "terms.bought.amount": Repairable("Bought amount", "DECIMAL", moves=_BOTH),
    "terms.sold.currency": Repairable("Sold currency", "CURRENCY"),
    "terms.sold.amount": Repairable("Sold amount", "DECIMAL"),
    "terms.rate": Repairable("Rate", "DECIMAL"),
    "terms.rate_basis": Repairable("Rate quoted as", "CHOICE", choices=_RATE_BASES),
    **{
        f"terms.{leg}.{name}": Repairable(f"{words} {label}", kind, moves=moves, choices=choices)
        for leg, words in (("near", "Near leg:"), ("far", "Far leg:"))
        for name, label, kind, moves, choices in _EXCHANGE
    },
    "terms.far.settlement_date": Repairable("Far leg: settlement date", "DATE"),
    f"lines.{_LINE}.sku": Repairable("SKU", "INSTRUMENT", moves=_BOTH),
    f"lines.{_LINE}.description": Repairable("Description", "TEXT", economic=False),
    f"lines.{_LINE}.quantity": Repairable("Quantity", "DECIMAL", moves=_BOTH),
    f"lines.{_LINE}.unit_price": Repairable("Unit price", "DECIMAL", moves=_BOTH),
    f"lines.{_LINE}.milestone": Repairable("Milestone", "DATE"),
}
# What an event tells of what followed, beside the corrected fields themselves.
_FOLLOWING = ("gross_amount", "net_amount", "base_amount", "counterparty_id", "book_id", "instrument_id")


@dataclass(frozen=True)
class RepairField:
    """One field of a certain trade that may be corrected, as a form shows it."""

    name: str
    label: str
    kind: Kind
    value: str
    choices: tuple[str, ...] = ()


def repair_fields(*, trade_id: int) -> list[RepairField]:
    """Return what may be corrected of a trade with its present values. Problem 404 for an unknown trade."""
    rows = current_versions(trade_ids=[trade_id])
    if not rows:
        raise not_found("trade")
    return _fields_of(rows[0])


@dataclass(frozen=True)
class FieldChange:
    """A field that one version of a trade changed, and who made that version."""

    version: int
    actor: str
    name: str
    label: str
    before: str
    after: str


# What makes a version tells the log first, before anything else happens to it.
_MAKERS = """
SELECT DISTINCT ON (version) version, actor FROM core_event
WHERE subject = %s AND subject_id = %s AND version > %s ORDER BY version, id
"""


def changes_since(*, trade_id: int, version: int) -> list[FieldChange]:
    """Return what later versions changed of the fields that may be corrected, in the order of versions.

    A version that the trade never had counts as the first one after it.
    """
    rows = versions_since(trade_id=trade_id, version=version)
    makers = dict(sql.rows(_MAKERS, [SUBJECT, trade_id, version])) if len(rows) > 1 else {}
    found = []
    for earlier, later in pairwise(rows):
        before = {each.name: each for each in _fields_of(earlier)}
        after = {each.name: each for each in _fields_of(later)}
        for name in dict.fromkeys([*before, *after]):
            was, now = (each[name].value if name in each else "" for each in (before, after))
            if was != now:
                label = (after.get(name) or before[name]).label
                number = later["version"]
                found.append(FieldChange(number, makers.get(number, ""), name, label, was, now))
    return found


def _fields_of(row: Mapping[str, Any]) -> list[RepairField]:
    message = restate(row)
    fields = []
    for name in _names(message):
        pattern, path = _place(name)
        kind = REPAIRABLE[pattern]
        label = f"Line {int(path[2]) + 1} {kind.label.lower()}" if _LINE in pattern else kind.label
        fields.append(RepairField(name, label, kind.kind, _shown(_at(message, path)) or "", kind.choices))
    return fields


def repair_trade(
    *,
    trade_id: int,
    version: int,
    changes: Mapping[str, str],
    reason: str,
    actor: Actor,
    now: datetime,
) -> int:
    """Correct fields of a held trade and send it back to the checks; return the new version.

    changes: new values by the names of REPAIRABLE, as text. Amounts that follow from a corrected field are
    computed anew, unless they are corrected too; the two amounts and the rate of a foreign exchange deal are
    each agreed, and none follows from the others. Problem 404 for an unknown trade, 412 when it has another
    version by now, 409 when it is not held, its economics are live at the back office, or it is a part of a block
    and shares with the others what would change, 422 with every fault, without a reason, or when nothing would change.
    """
    with transaction.atomic():
        lock_held(trade_id=trade_id, version=version)
        row = current_versions(trade_ids=[trade_id])[0]
        before = restate(row)
        after, changed = _corrected(row, before, changes, reason)
        _ask_guards(trade_id, changed)
        terms = _enriched(row, after, changed, now)
        differing = differing_columns(row, terms)
        refuse_apart(row, differing)
        revision = Revision(trade_id, version, differing, _told(row, before, after, terms, changed))
        reason = reason.strip()
        add_versions(revisions=[revision], cause=CAUSE, event=EVENT, reason=reason, at=now, actor=actor)
        move_trades(
            trade_ids=[trade_id],
            source=State.EXCEPTION,
            target=State.CAPTURED,
            at=now,
            actor=actor,
            reason=reason,
            locked=True,
        )
    return version + 1


def _corrected(
    row: Mapping[str, Any], before: Message, changes: Mapping[str, str], reason: str
) -> tuple[Message, dict[str, Path]]:
    """Return the corrected message and the fields that differ, by name with their places in it."""
    faults = text_faults(reason, pointer="/reason")
    document = json_value(encode(PRODUCTS[row["product"]].restate(row)))
    possible = set(_names(before))
    places: dict[str, Path] = {}
    for name, value in changes.items():
        if name in possible:
            places[name] = _place(name)[1]
            _put(document, places[name], value.strip())
        else:
            faults.append(Fault(_pointer(name), "This cannot be corrected here.", "unknown-field"))
    after = None
    try:
        after = read_message(encode(document).encode())
    except Unreadable as error:
        faults += [_as_sent(fault, places) for fault in error.faults]
    if faults or after is None:
        raise Problem(422, "invalid", "The trade cannot be corrected like this.", faults=faults)
    state_amounts(after, row, [name for name in STATED_AMOUNTS if name not in changes])
    changed = {name: path for name, path in places.items() if _at(before, path) != _at(after, path)}
    if not changed:
        raise Problem(422, "nothing-changed", "Nothing would change.")
    _let_follow(after, changed)
    return after, changed


def _let_follow(message: Message, changed: Mapping[str, Path]) -> None:
    """Forget the amounts that follow from what changed, and from them, so that enrichment derives them."""
    moved = list(changed)
    for name in moved:
        for amount in REPAIRABLE[_place(name)[0]].moves:
            if amount not in moved and hasattr(message, amount):
                setattr(message, amount, None)
                moved.append(amount)


def _ask_guards(trade_id: int, changed: Mapping[str, Path]) -> None:
    economic = sorted(name for name in changed if REPAIRABLE[_place(name)[0]].economic)
    if not economic:
        return
    if why := why_fixed([trade_id]).get(trade_id):
        faults = [Fault(_pointer(name), why, "live-instructions") for name in economic]
        raise Problem(
            409, "live-instructions", "The economics cannot be corrected now.", detail=why, faults=faults
        )


def _enriched(row: Mapping[str, Any], message: Message, changed: Mapping[str, Path], now: datetime) -> Terms:
    terms = enrich(message, context_of([message], at=now))
    moved = any(hasattr(message, amount) for name in changed for amount in REPAIRABLE[_place(name)[0]].moves)
    if not moved and row["base_amount"] is not None:
        # The deal is as big as it was: that rates have moved since is no part of the correction.
        terms.base_amount = row["base_amount"]
    return terms


def _told(
    row: Mapping[str, Any], before: Message, after: Message, terms: Terms, changed: Mapping[str, Path]
) -> dict[str, Any]:
    told = {
        name: {"before": _shown(_at(before, path)), "after": _shown(_at(after, path))}
        for name, path in changed.items()
    }
    for name in _FOLLOWING:
        if name not in changed and row[name] != getattr(terms, name):
            told[name] = {"before": _shown(row[name]), "after": _shown(getattr(terms, name))}
    return told


def _shown(value: Any) -> str | None:
    if isinstance(value, Decimal):
        return format_number(value)
    return None if value is None or value is msgspec.UNSET else str(value)


def _as_sent(fault: Fault, places: Mapping[str, Path]) -> Fault:
    """Return a fault of the message as a fault of the change that made it."""
    for name, path in places.items():
        if fault.pointer == "".join(f"/{step}" for step in path):
            return Fault(_pointer(name), fault.detail, fault.code)
    return Fault("/changes", f"{fault.pointer}: {fault.detail}", fault.code)


def _pointer(name: str) -> str:
    return "/changes/" + name.replace("~", "~0").replace("/", "~1")


def _place(name: str) -> tuple[str, Path]:
    """Return the pattern in REPAIRABLE that a field's name follows, and its place in a message."""
    head, *rest = name.split(".")
    if head != "lines":
        return name, (head, *rest)
    number, *field = rest
    return ".".join(["lines", _LINE, *field]), ("terms", "lines", int(number), *field)


def _names(message: Message) -> list[str]:
    """Return the names of all that may be corrected of a message, an order's lines one by one."""
    names: list[str] = []
    for pattern in _patterns(type(message)):
        if _LINE not in pattern:
            names.append(pattern)
    lines = getattr(getattr(message, "terms", None), "lines", ())
    of_lines = [pattern for pattern in _patterns(type(message)) if _LINE in pattern]
    return names + [pattern.replace(_LINE, str(n)) for n in range(len(lines)) for pattern in of_lines]


@cache
def _patterns(message: type[Message]) -> tuple[str, ...]:
    """Return the names in REPAIRABLE that a product's message has a place for."""
    declared = msgspec.inspect.type_info(message)
    found = []
    for pattern in REPAIRABLE:
        steps = pattern.replace("lines.", "terms.lines.").split(".")
        if _reaches(declared, steps):
            found.append(pattern)
    return tuple(found)


def _reaches(declared: msgspec.inspect.Type, steps: Sequence[str]) -> bool:
    if isinstance(declared, msgspec.inspect.UnionType):
        return any(_reaches(each, steps) for each in declared.types)
    if not steps:  # what can only be one thing cannot be corrected
        return not (isinstance(declared, msgspec.inspect.LiteralType) and len(declared.values) == 1)
    if isinstance(declared, msgspec.inspect.ListType):
        return steps[0] == _LINE and _reaches(declared.item_type, steps[1:])
    if isinstance(declared, msgspec.inspect.StructType):
        return any(each.name == steps[0] and _reaches(each.type, steps[1:]) for each in declared.fields)
    return False


def _at(message: Any, path: Path) -> Any:
    for step in path:
        message = message[step] if isinstance(step, int) else getattr(message, step)
    return message


def _put(document: Any, path: Path, value: str) -> None:
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = value
