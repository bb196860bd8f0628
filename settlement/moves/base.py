"""What the table of moves is made of: who may have a move, the populations of unfinished records, and their rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mover(Enum):
    """Who must act next; the value is what people read."""

    OPERATIONS = "operations"
    RISK = "risk"
    APPROVER = "approver"
    FRONT_OFFICE = "front office"
    REFERENCE_DATA = "reference data"
    BACK_OFFICE = "back office"
    COUNTERPARTY = "counterparty"
    MARKET = "custodian or market"
    SYSTEM = "the system itself"
    TIME = "time"


@dataclass(frozen=True)
class Rule:
    """One row of the table: of the records of its population for which `when` holds and no earlier row's does, it is
    the mover's move.

    when: SQL over the population. since: SQL for the moment from which on. evidence: SQL text, the public id of what
    shows it. who: SQL text that names the mover more closely, or the reasons that were given. next: what the mover
    does.
    """

    code: str
    title: str
    mover: Mover
    next: str
    when: str
    since: str
    evidence: str
    who: str = "''"


@dataclass(frozen=True)
class Population:
    """Unfinished records of one kind, which its rules divide: the last of them takes all that is left.

    record: TRADE, LEG, INSTRUCTION, EXCEPTION or PROPOSAL, as the reader sees it. source, where: SQL; the condition is
    one that a partial index answers. key: SQL bigint, by which pages go on; `order`: SQL of the same order, as an index
    gives it. The rest are SQL of what lists show and filter by; money: whether the quantity is of a currency.
    holds_book: SQL condition that the record concerns the book `%(book)s`.
    """

    code: str
    title: str
    record: str
    source: str
    where: str
    key: str
    order: str
    trade: str
    channel: str
    party: str
    value_date: str
    asset: str
    quantity: str
    money: str
    holds_book: str
    rules: tuple[Rule, ...]
