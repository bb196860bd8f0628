"""What a kind of reconciliation declares: the fields of a line, how ours are read, and by which rules both meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.ids import INSTRUCTION, database_id, public_id

FieldType = Literal["text", "decimal", "date", "currency", "instruction"]


@dataclass(frozen=True)
class Field:
    """One field of a line. A `decimal` is signed; an `instruction` is the id of one, in any spelling, or any text."""

    name: str
    type: FieldType
    about: str
    required: bool = True


@dataclass(frozen=True)
class Kind:
    """One kind of reconciliation.

    fields: of a line, theirs as ours. ours: gives the query of our side; it takes `source`, `start`, `until`,
    `accounts`, `basis` and those of core.as_of, and gives `id` (text), `day` and the fields. bases: since when our
    side may count, of which a definition says one; empty: it has no choice. tells_past: our side can be read as it was
    known at a moment. reference: how an id of ours is told. identity: the
    fields that tell their lines apart, which a corrected file leaves as they are. money: the field of the amount and
    that of its currency, or, valued by close prices, of the quantity and that of its instrument. snapshot: a
    statement says what is there, and not what happened on its day. account: the field by which our side is narrowed
    to what the statements are about. near: fields of which two records come near that share all but one. levels: the
    rules of a new definition, as data.
    """

    code: str
    title: str
    fields: tuple[Field, ...]
    ours: Callable[[], str]
    identity: tuple[str, ...]
    money: tuple[str, str]
    valued_by: Literal["CURRENCY", "INSTRUMENT"]
    levels: tuple[Mapping[str, Any], ...]
    example: Mapping[str, str]
    reference: Callable[[str], str] = str
    snapshot: bool = False
    near: tuple[str, ...] = ()
    account: str = ""
    balances: bool = False
    bases: tuple[str, ...] = ()
    tells_past: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, in their order."""
        return tuple(each.name for each in self.fields)

    def field(self, name: str) -> Field:
        """Return a field by name; KeyError when there is none."""
        return next(each for each in self.fields if each.name == name)


def columns_of(kind: Kind, records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return records as columns, by the names of the kind's fields."""
    return {name: [each.get(name) for each in records] for name in kind.names}


def instruction_reference(number: str) -> str:
    """Return an instruction's own id, `ins_…`, from its number."""
    return public_id(INSTRUCTION, int(number))


def instruction_of(text: str) -> str:
    """Return the id of an instruction in one spelling; any other text as it is.

    Messages may not carry an underscore, so that a bank sends back `ins-…`.
    """
    found = database_id(INSTRUCTION, text.strip().lower().replace("-", "_"))
    return text.strip() if found is None else public_id(INSTRUCTION, found)
