"""What a kind of reference data declares, so that one loader, one API and one audit serve them all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from core import sql
from core.money import is_currency

REQUIRED: Any = msgspec.NODEFAULT
PARTIES, INSTRUMENTS = "parties", "instruments"

# Control characters but tab and line feed, and halves of characters that UTF-8 cannot hold.
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TEXT_LENGTH_MAX = 1_000


@dataclass(frozen=True, slots=True)
class RowFault:
    """One thing wrong with one field of a row; an empty field means the row as a whole."""

    field: str
    detail: str
    code: str = "invalid"


@dataclass(frozen=True)
class Field:
    """One field of a row: its type, where it is stored, and what it is when nobody says.

    type: what msgspec reads; sql: the column's SQL type, empty for what another table stores;
    column: the column, when not named like the field; read: the SQL expression it is read by;
    default: of a new row and of an explicit null (REQUIRED: there is none);
    reference: PARTIES or INSTRUMENTS when the row names another row and the column holds its id.
    """

    type: Any
    sql: str
    column: str = ""
    read: str = ""
    default: Any = REQUIRED
    reference: str = ""
    digits: tuple[int, int] = (18, 10)  # of a decimal: before and after the point


@dataclass(slots=True)
class Plan:
    """One row on its way: what was given, what is stored, what shall be stored, and what is wrong.

    number counts from 1; ids are those of the rows it refers to, by field.
    """

    number: int
    given: dict[str, Any] = field(default_factory=dict)
    faults: list[RowFault] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    id: int = 0
    before: dict[str, Any] | None = None
    after: dict[str, Any] = field(default_factory=dict)


class Kind:
    """A kind of reference data: its fields, the rules of a row, and how rows are found and listed.

    A module of refdata/kinds declares one: a subclass and its one instance.
    """

    code: ClassVar[str]
    subject: ClassVar[str]
    table: ClassVar[str]
    joins: ClassVar[str] = ""
    key: ClassVar[tuple[str, ...]]
    fields: ClassVar[dict[str, Field]]
    filters: ClassVar[dict[str, str]] = {}
    example: ClassVar[dict[str, Any]]
    figure: ClassVar[str] = (
        ""  # what each day says of the first of the key, to be held against the day before
    )
    loaded_by: ClassVar[str] = ""  # the scope that loading it over the API needs besides that of all kinds

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        """Yield what is wrong with a whole row as it would be stored."""
        yield from ()

    def prepare(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Return a row as it was sent in the form its fields declare."""
        return raw

    def merge(self, before: dict[str, Any] | None, given: dict[str, Any]) -> dict[str, Any]:
        """Return the row to store: what was given over what is stored, defaults for what is neither."""
        stored = self.defaults if before is None else before
        return {name: given.get(name, stored.get(name)) for name in self.fields}

    def find_clashes(self, plans: Sequence[Plan]) -> None:
        """Add a fault to every plan that would take what another row owns."""

    def write_more(self, plans: Sequence[Plan]) -> None:
        """Write what another table stores of rows that were just written."""

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Return the default of every field that has one."""
        return {n: f.default for n, f in self.fields.items() if f.default is not REQUIRED}

    @cached_property
    def row_type(self) -> type[msgspec.Struct]:
        """Return the struct that reads a row: an absent field stays unset."""
        declared: list[Any] = []
        for name, each in self.fields.items():
            if each.default is REQUIRED:
                declared.append((name, each.type))
            else:
                declared.append((name, each.type | None | msgspec.UnsetType, msgspec.UNSET))
        row = msgspec.defstruct(type(self).__name__, declared, kw_only=True, forbid_unknown_fields=True)
        msgspec.json.Decoder(row)  # completes the type before a second thread can meet it unfinished
        return row

    @cached_property
    def columns(self) -> dict[str, Field]:
        """Return the stored columns with their fields."""
        return {each.column or name: each for name, each in self.fields.items() if each.sql}

    @cached_property
    def select(self) -> str:
        """Return the statement, up to its conditions, that reads `id` and every field."""
        read = [each.read or f"t.{each.column or name}" for name, each in self.fields.items()]
        return f"SELECT t.id, {', '.join(read)} FROM {self.table} t {self.joins}"

    def as_row(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return a row of `select`, without its id, as a dictionary by field."""
        return dict(zip(self.fields, values[1:], strict=True))

    def stored(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return stored rows by id."""
        found = sql.rows(f"{self.select} WHERE t.id = ANY(%s)", [list(ids)])
        return {row[0]: self.as_row(row) for row in found}

    def lock(self) -> None:
        """Let one writer of the kind at a time go on until its transaction ends.

        Rows are then compared with what is really stored, and their ids become visible in order.
        """
        sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"refdata/{self.code}"])


def value_faults(name: str, each: Field, value: Any) -> Iterator[RowFault]:
    """Yield what is wrong with one value that already has the type of its field."""
    if isinstance(value, str):
        if not value and each.default is REQUIRED:
            yield RowFault(name, "This must not be empty.", "missing")
        yield from _text_faults(name, value)
    elif isinstance(value, dict):
        for text in (*value, *value.values()):
            yield from _text_faults(name, text)
    elif isinstance(value, Decimal):
        whole, scale = each.digits
        if not value.is_finite() or value.adjusted() >= whole or value != round(value, scale):
            yield RowFault(name, f"At most {whole} digits before the point and {scale} after it.")


def _text_faults(name: str, text: str) -> Iterator[RowFault]:
    if text != text.strip():
        yield RowFault(name, "There are spaces around this.")
    if _UNFIT.search(text) or len(text) > _TEXT_LENGTH_MAX:
        yield RowFault(name, f"No control characters, at most {_TEXT_LENGTH_MAX} characters.")


def is_number(text: str) -> bool:
    """Tell whether a text is a plain decimal number: no exponent, spaces or separators."""
    return _NUMBER.fullmatch(text) is not None


def currency_faults(name: str, code: str) -> Iterator[RowFault]:
    """Yield a fault unless ISO 4217 lists the code."""
    if not is_currency(code):
        yield RowFault(name, "ISO 4217 lists no such currency.", "unknown")


def one_of(name: str, value: object, choices: Iterable[object]) -> Iterator[RowFault]:
    """Yield a fault unless the value is one of the choices."""
    if value not in choices:
        yield RowFault(name, f"Use one of {', '.join(map(str, choices))}.", "unknown")
