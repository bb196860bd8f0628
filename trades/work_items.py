"""What work items are: their kinds, and what the codes on them wait for. Each app declares its own, once, at start.

An item's causes are why it is open, as keys that items alike share: `SSI_MISSING ISLANDSB cash SEK` is one
cause however many trades it holds. Its waits name the reference data that may end a cause, as `ssis:ISLANDSB:cash SEK`
does: when a row of that name changes, the trade goes to the checks again by itself (trades/services/release.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from django.core.exceptions import ImproperlyConfigured
from django.db import models

from core.as_of import AsOf

MAX_CAUSE = 200  # characters of a cause's key


class Move(models.TextChoices):
    """Whose move an item is."""

    OPERATIONS = "OPERATIONS", "operations"
    FRONT_OFFICE = "FRONT_OFFICE", "front office"
    BACK_OFFICE = "BACK_OFFICE", "back office"
    REFERENCE_DATA = "REFERENCE_DATA", "reference data"
    RISK = "RISK", "risk"


@dataclass(frozen=True)
class About:
    """What an item hangs on: a subject of the log, its id, and which member of it, where it has several."""

    subject: str
    subject_id: int
    member: str = ""


@dataclass(frozen=True)
class Facts:
    """What a person must know of an item beside its trade, if it has one: a table of texts, and where to go on.

    heads: what stands above the columns; from the second on they hold figures. place: the code of a limit and the key
    of its member, where the console has a screen of what counts in it.
    """

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    place: tuple[str, str] | None = None


@dataclass(frozen=True)
class WorkKind:
    """One kind of work item.

    move: whose it is unless a code says otherwise. next_action: what that person does. answered: what closes it.
    mark: what lists show of it before its summary, a word of the console's, for what is not every day's.
    rechecks: whether a change of reference data may send its trade to the checks without anybody asking.
    by_hand: a person closes it, by saying what was behind it. facts: what is told of it beside its trade, if it has
    one; given what it is about, and the moment as of which it is asked.
    """

    code: str
    title: str
    severity: Literal["BLOCK", "WARN", "INFO"]
    next_action: str
    answered: str
    move: Move = Move.OPERATIONS
    rechecks: bool = False
    mark: str = ""
    by_hand: bool = False
    facts: Callable[[About, AsOf], Facts] | None = None


@dataclass(frozen=True)
class Cause:
    """What a code on a work item means for whoever works it.

    subject: SQL text that names what the code is about, over the finding `f` and its trade's terms `v`; items
    with the same code and subject share a cause. waits: SQL text[] over the same, the names of the reference
    data that may end it, `<kind of reference data>:<name>`.
    """

    code: str
    move: Move | None = None
    next_action: str = ""
    subject: str = "f.subject"
    waits: str = ""


FINDING = WorkKind(
    code="FINDING",
    title="check findings",
    severity="BLOCK",
    next_action="Repair the trade, or fix what it refers to, or have it accepted.",
    answered="The checks find nothing that blocks the trade any more, or it is cancelled.",
    rechecks=True,
)
CHANGE = WorkKind(
    code="CHANGE",
    title="change that could not be applied",
    mark="CHANGE_REFUSED",
    severity="WARN",
    next_action="Amend or cancel the trade by hand as the front office meant, or say why it is right as it is.",
    answered="A person says how it was seen to, or the change is sent again and can be made.",
)
CONFIRMATION = WorkKind(
    code="CONFIRMATION",
    title="confirmation differs",
    severity="WARN",
    next_action="Agree with the counterparty who is right: amend the trade, or have them confirm it anew.",
    answered="The counterparty's latest confirmation and the trade's current version agree within the tolerances.",
)
UNCONFIRMED = WorkKind(
    code="UNCONFIRMED",
    title="confirmation overdue",
    severity="WARN",
    next_action="Ask the counterparty for its confirmation, or have somebody with the right waive it.",
    answered="The counterparty confirms something of the trade, the confirmation is waived, or the trade is cancelled.",
)
UNMAILED = WorkKind(
    code="UNMAILED",
    title="mail to a counterparty not sent",
    severity="WARN",
    next_action="Put the address right in the policy of confirmations, or ask the counterparty in another way.",
    answered="A person says how it was seen to.",
    by_hand=True,
)
_KINDS: dict[str, WorkKind] = {}
_CAUSES: dict[str, Cause] = {}
_ASKED = "The front office answers the question put to it; its answer brings the item back."


def register_kinds(kinds: Iterable[WorkKind]) -> None:
    """Declare kinds of work items; ImproperlyConfigured for a code that is taken."""
    for each in kinds:
        if _KINDS.setdefault(each.code, each) != each:
            raise ImproperlyConfigured(f"the kind of work item {each.code} is declared twice")


def register_causes(causes: Iterable[Cause]) -> None:
    """Declare what codes mean; ImproperlyConfigured for a code that is taken."""
    for each in causes:
        if _CAUSES.setdefault(each.code, each) != each:
            raise ImproperlyConfigured(f"the cause {each.code} is declared twice")
    _case.cache_clear()


def kinds() -> dict[str, WorkKind]:
    """Return the declared kinds by code, in the order of their codes."""
    return dict(sorted(_KINDS.items()))


def kind_of(code: str) -> WorkKind:
    """Return a declared kind; KeyError when nobody declared it."""
    return _KINDS[code]


def move_of(kind: str, codes: Sequence[str]) -> Move:
    """Return whose move a new item is: whom all its codes name, else operations, who must sort them."""
    default = kind_of(kind).move
    named = {_CAUSES[code].move or default if code in _CAUSES else default for code in codes}
    return named.pop() if len(named) == 1 else Move.OPERATIONS if named else default


def next_action(*, kind: str, codes: Sequence[str], move: str) -> str:
    """Return what whoever has the move does next, in words."""
    if move == Move.FRONT_OFFICE and move_of(kind, codes) != Move.FRONT_OFFICE:
        return _ASKED
    said = [each.next_action for code in codes if (each := _CAUSES.get(code)) and each.next_action]
    return " ".join(dict.fromkeys(said)) or kind_of(kind).next_action


def subject_sql() -> str:
    """Return SQL over `f` and `v` for the subject of a finding's cause."""
    return _case("subject", "f.subject")


def waits_sql() -> str:
    """Return SQL over `f` and `v` for the names of what a finding waits for; null when for nothing."""
    return _case("waits", "NULL::text[]")


@cache
def _case(part: str, default: str) -> str:
    whens = " ".join(
        f"WHEN '{code}' THEN {told}"
        for code, cause in sorted(_CAUSES.items())
        if (told := getattr(cause, part)) and told != default
    )
    return f"(CASE f.code {whens} ELSE {default} END)" if whens else default
