"""The mapping language: how the columns of a foreign file become messages of ours. docs/reference/mapping.md.

A mapping is YAML. It is compiled once into functions; whatever is wrong with it is named before the first
row is read. A value that does not exist (an empty column, say) is `None` and its field is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from refdata.identifiers import identifier_fault

# The kinds of reference data a file may imply, in the order in which they refer to each other. Prices and
# rates are facts of the market: no file of deals makes them.
IMPLIED_KINDS = ("parties", "books", "instruments", "ssis")
SHIPPED = Path(__file__).parent / "mappings"
Row = Mapping[str, str | None]


class MappingInvalid(Exception):  # noqa: N818
    """A mapping that cannot be used, with everything that is wrong with it."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


class Unmapped(Exception):  # noqa: N818
    """A row that a mapping can make nothing of."""


class Scope(NamedTuple):
    """What a value is computed from: one row, and all rows of its group."""

    row: Row
    group: Sequence[Row]


Value = Callable[[Scope], Any]
Condition = Callable[[Scope], bool]


@dataclass(frozen=True)
class Control:
    """A sum that must come out the same over the file's rows and over the trades made of them.

    amount, currency: of one row; equals: the trade's gross_amount or net_amount; buy, sell: the sign with
    which a trade of that side counts.
    """

    amount: Value
    currency: Value
    equals: str
    buy: int
    sell: int


@dataclass(frozen=True)
class ReferenceRow:
    """One row of reference data that a row of the file implies, if `when` holds."""

    kind: str
    when: Condition
    fields: Value


@dataclass(frozen=True)
class FileMapping:
    """A compiled mapping.

    fields: the message of a group; group_by: what rows of one group share (None: each row is one);
    same: columns that may not differ within a group; number_repeats: whether a reference that comes again
    in one file is another deal (`ref#2`) or a fault; columns: every column that is used or ignored.
    """

    name: str
    format: str
    encoding: str
    delimiter: str
    source: str
    fields: Value
    group_by: Value | None
    same: tuple[str, ...]
    number_repeats: bool
    control: Control | None
    columns: frozenset[str]
    refdata: tuple[ReferenceRow, ...] = field(default=())


def load_mapping(reference: str) -> FileMapping:
    """Return the mapping in a file, or the shipped one of that name; MappingInvalid says what is wrong."""
    path = Path(reference)
    shipped = SHIPPED / f"{reference}.yaml"
    if not path.is_file():
        if not shipped.is_file():
            known = ", ".join(sorted(each.stem for each in SHIPPED.glob("*.yaml")))
            raise MappingInvalid([f"{reference} is neither a file nor a shipped mapping ({known})"])
        path = shipped
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingInvalid([f"{path.name} is not YAML: {error}"]) from None
    return compile_mapping(document, name=path.stem)


_TOP = {
    "format", "encoding", "delimiter", "source", "group_by", "same", "repeats", "ignore", "numbers", "fields",
    "control", "refdata",
}  # fmt: skip


def compile_mapping(document: Any, *, name: str) -> FileMapping:
    """Compile a mapping document; MappingInvalid with every fault and where it is."""
    if not isinstance(document, dict):
        raise MappingInvalid(["a mapping is an object"])
    made = _Compiler(document.get("numbers") or {})
    made.no_others(document, _TOP, "")
    group_by = document.get("group_by")
    mapping = FileMapping(
        name=name,
        format=made.one_of(document, "format", ("csv", "ndjson")),
        encoding=str(document.get("encoding", "utf-8-sig")),
        delimiter=str(document.get("delimiter", ",")),
        source=str(document.get("source", "")),
        fields=made.object(document.get("fields"), "fields"),
        group_by=None if group_by is None else made.value(group_by, "group_by"),
        same=tuple(made.names(document.get("same", []), "same")),
        number_repeats=made.one_of(document, "repeats", ("refuse", "number")) == "number",
        control=made.control(document.get("control")),
        refdata=tuple(made.reference_rows(document.get("refdata") or {})),
        columns=frozenset(made.columns | set(made.names(document.get("ignore", []), "ignore"))),
    )
    if made.faults:
        raise MappingInvalid(made.faults)
    return mapping


class _Compiler:
    """Turns specifications into functions; collects the columns they use and the faults they have."""

    def __init__(self, numbers: Mapping[str, str]) -> None:
        self.columns: set[str] = set()
        self.faults: list[str] = []
        self._point = str(numbers.get("decimal", "."))
        self._group = str(numbers.get("group", ""))

    # What a document is made of

    def fault(self, path: str, what: str) -> Any:
        """Note a fault; return a function, so that compiling goes on and finds the others."""
        self.faults.append(f"{path or 'the mapping'}: {what}")
        return _nothing

    def no_others(self, spec: Mapping[str, Any], allowed: set[str], path: str) -> None:
        """Note every key that is not allowed."""
        for key in spec:
            if key not in allowed:
                self.fault(path, f"there is no {key!r} here; use {', '.join(sorted(allowed))}")

    def one_of(self, spec: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> str:
        """Return a choice; the first is the default."""
        found = spec.get(key, choices[0])
        if found not in choices:
            self.fault(key, f"{found!r} is not one of {', '.join(choices)}")
        return str(found)

    def names(self, spec: Any, path: str) -> list[str]:
        """Return a list of columns, or the keys of an object that says why."""
        if not isinstance(spec, (list, dict)):
            self.fault(path, "a list of columns is expected")
            return []
        self.columns.update(map(str, spec) if path == "same" else ())
        return [str(each) for each in spec]

    def control(self, spec: Any) -> Control | None:
        if spec is None:
            return None
        if not isinstance(spec, dict):
            self.fault("control", "an object is expected")
            return None
        self.no_others(spec, {"amount", "currency", "equals", "buy", "sell"}, "control")
        return Control(
            amount=self.number(spec.get("amount"), "control/amount"),
            currency=self.value(spec.get("currency"), "control/currency"),
            equals=self.one_of(spec, "equals", ("gross_amount", "net_amount")),
            buy=int(spec.get("buy", 1)),
            sell=int(spec.get("sell", 1)),
        )

    def reference_rows(self, spec: Any) -> Iterator[ReferenceRow]:
        if not isinstance(spec, dict):
            self.fault("refdata", "an object of kinds is expected")
            return
        for kind, rows in spec.items():
            if kind not in IMPLIED_KINDS:
                self.fault("refdata", f"{kind!r} is not one of {', '.join(IMPLIED_KINDS)}")
                continue
            for at, each in enumerate(rows if isinstance(rows, list) else [rows]):
                path = f"refdata/{kind}/{at}"
                if not isinstance(each, dict):
                    self.fault(path, "an object of fields is expected")
                    continue
                when = self.condition(each["when"], f"{path}/when") if "when" in each else _always
                fields = {key: value for key, value in each.items() if key != "when"}
                yield ReferenceRow(str(kind), when, self.object(fields, path))

    # Values

    def value(self, spec: Any, path: str) -> Value:
        """Compile a value: a plain scalar is a constant, an object is an operator with its parameters."""
        if spec is None or isinstance(spec, (list, float)):
            return self.fault(path, "a value is expected: a constant text or an operator")
        if not isinstance(spec, dict):
            constant = str(spec).lower() if isinstance(spec, bool) else str(spec)
            return lambda scope: constant
        operators = [key for key in spec if key in _OPERATORS]
        if len(operators) != 1:
            return self.fault(path, f"exactly one operator is expected: {', '.join(_OPERATORS)}")
        operator = operators[0]
        method, parameters = _OPERATORS[operator]
        self.no_others(spec, {operator, *parameters}, path)
        compiled: Value = method(self, spec, f"{path}/{operator}")
        return compiled

    def values(self, spec: Any, path: str) -> list[Value]:
        if not isinstance(spec, list) or not spec:
            self.fault(path, "a list of values is expected")
            return []
        return [self.value(each, f"{path}/{at}") for at, each in enumerate(spec)]

    def number(self, spec: Any, path: str) -> Callable[[Scope], Decimal | None]:
        """Compile a value that is a decimal number."""
        inner, point, group = self.value(spec, path), self._point, self._group

        def number(scope: Scope) -> Decimal | None:
            found = inner(scope)
            if found is None or isinstance(found, Decimal):
                return found
            plain = found.replace(group, "") if group else found
            plain = plain.replace(point, ".") if point != "." else plain
            try:
                parsed = Decimal(plain)
            except InvalidOperation:
                parsed = None
            if parsed is None or not parsed.is_finite():
                raise Unmapped(f"{found!r} is not a number")
            return parsed

        return number

    def numbers(self, spec: Any, path: str) -> list[Callable[[Scope], Decimal | None]]:
        if not isinstance(spec, list) or not spec:
            self.fault(path, "a list of numbers is expected")
            return []
        return [self.number(each, f"{path}/{at}") for at, each in enumerate(spec)]

    def object(self, spec: Any, path: str) -> Value:
        """Compile an object of fields; a field without a value is left out."""
        if not isinstance(spec, dict) or not spec:
            return self.fault(path, "an object of fields is expected")
        fields = {str(key): self.value(each, f"{path}/{key}") for key, each in spec.items()}

        def build(scope: Scope) -> dict[str, Any]:
            made = {}
            for name, value in fields.items():
                try:
                    found = value(scope)
                except Unmapped as error:
                    raise Unmapped(f"{name}: {error}") from None
                if found is not None:
                    made[name] = found
            return made

        return build

    def _object(self, spec: Mapping[str, Any], path: str) -> Value:
        return self.object(spec["object"], path)

    def _column(self, spec: Mapping[str, Any], path: str) -> Value:
        name = str(spec["column"])
        self.columns.add(name)

        def column(scope: Scope) -> str | None:
            text = (scope.row.get(name) or "").strip()
            return text or None

        return column

    def _number(self, spec: Mapping[str, Any], path: str) -> Value:
        return self.number(spec["number"], path)

    def _join(self, spec: Mapping[str, Any], path: str) -> Value:
        parts, separator = self.values(spec["join"], path), str(spec.get("with", ""))

        def join(scope: Scope) -> str | None:
            found = [part(scope) for part in parts]
            return None if None in found else separator.join(map(str, found))

        return join

    def _first(self, spec: Mapping[str, Any], path: str) -> Value:
        choices = self.values(spec["first"], path)
        return lambda scope: next((found for each in choices if (found := each(scope)) is not None), None)

    def _replace(self, spec: Mapping[str, Any], path: str) -> Value:
        inner, by = self.value(spec["replace"], path), str(spec.get("by", ""))
        pattern = self._pattern(spec.get("pattern"), path)

        def replace(scope: Scope) -> str | None:
            found = inner(scope)
            return None if found is None else pattern.sub(by, str(found))

        return replace

    def _lookup(self, spec: Mapping[str, Any], path: str) -> Value:
        inner, table = self.value(spec["lookup"], path), spec.get("in")
        if not isinstance(table, dict):
            return self.fault(path, "`in` is an object: value in the file → value of ours")
        known = {str(key): str(value) for key, value in table.items()}

        def lookup(scope: Scope) -> str | None:
            found = inner(scope)
            if found is not None and found not in known:
                raise Unmapped(f"{found!r} is not one of {', '.join(known)}")
            return None if found is None else known[found]

        return lookup

    def _choose(self, spec: Mapping[str, Any], path: str) -> Value:
        cases = []
        for at, case in enumerate(spec["choose"] if isinstance(spec["choose"], list) else []):
            here = f"{path}/{at}"
            if not isinstance(case, dict) or set(case) != {"when", "then"}:
                return self.fault(here, "a case has `when` and `then`")
            cases.append((self.condition(case["when"], here), self.value(case["then"], here)))
        if not cases:
            return self.fault(path, "a list of cases is expected")
        otherwise = self.value(spec["else"], f"{path}/else") if "else" in spec else _nothing

        def choose(scope: Scope) -> Any:
            return next((then for when, then in cases if when(scope)), otherwise)(scope)

        return choose

    # Numbers. A part that does not exist makes the result not exist, but for `sum`, which leaves it out.

    def _sum(self, spec: Mapping[str, Any], path: str) -> Value:
        parts = self.numbers(spec["sum"], path)

        def total(scope: Scope) -> Decimal | None:
            found = [each for part in parts if (each := part(scope)) is not None]
            return sum(found[1:], found[0]) if found else None

        return total

    def _multiply(self, spec: Mapping[str, Any], path: str) -> Value:
        parts = self.numbers(spec["multiply"], path)

        def product(scope: Scope) -> Decimal | None:
            result = Decimal(1)
            for part in parts:
                factor = part(scope)
                if factor is None:
                    return None
                result *= factor
            return result

        return product

    def _divide(self, spec: Mapping[str, Any], path: str) -> Value:
        parts, decimals = self.numbers(spec["divide"], path), spec.get("decimals")
        if len(parts) != 2 or not isinstance(decimals, int):
            return self.fault(path, "two numbers and `decimals` are expected")
        quantum = Decimal(1).scaleb(-decimals)

        def quotient(scope: Scope) -> Decimal | None:
            dividend, divisor = parts[0](scope), parts[1](scope)
            if dividend is None or divisor is None:
                return None
            if divisor == 0:
                raise Unmapped("a division by zero")
            return (dividend / divisor).quantize(quantum, rounding=ROUND_HALF_UP)

        return quotient

    def _negate(self, spec: Mapping[str, Any], path: str) -> Value:
        inner = self.number(spec["negate"], path)

        def negate(scope: Scope) -> Decimal | None:
            found = inner(scope)
            return None if found is None else -found

        return negate

    # Dates

    def _date(self, spec: Mapping[str, Any], path: str) -> Value:
        moment = self._parsed(spec["date"], spec.get("formats"), path)

        def day(scope: Scope) -> str | None:
            found = moment(scope)
            return None if found is None else found.date().isoformat()

        return day

    def _moment(self, spec: Mapping[str, Any], path: str) -> Value:
        parsed = self._parsed(spec["moment"], spec.get("formats"), path)
        try:
            zone = ZoneInfo(str(spec.get("zone", "UTC")))
        except (ZoneInfoNotFoundError, ValueError):
            return self.fault(path, f"{spec.get('zone')!r} is no time zone")

        def moment(scope: Scope) -> str | None:
            found = parsed(scope)
            if found is None:
                return None
            local = found if found.tzinfo else found.replace(tzinfo=zone)
            return local.astimezone(UTC).isoformat()

        return moment

    def _parsed(self, spec: Any, formats: Any, path: str) -> Callable[[Scope], datetime | None]:
        inner, allowed = self.value(spec, path), formats or ["%Y-%m-%d"]
        if not isinstance(allowed, list):
            return self.fault(path, "`formats` is a list, tried in order")

        def parsed(scope: Scope) -> datetime | None:
            found = inner(scope)
            if found is None:
                return None
            for each in allowed:
                try:
                    return datetime.strptime(str(found), str(each))  # noqa: DTZ007 - the zone comes after
                except ValueError:
                    continue
            raise Unmapped(f"{found!r} is not a date in the form {' or '.join(map(str, allowed))}")

        return parsed

    # Lists

    def _list(self, spec: Mapping[str, Any], path: str) -> Value:
        """Compile a list of given items; an item whose `when` does not hold is left out."""
        items = []
        for at, each in enumerate(spec["list"] if isinstance(spec["list"], list) else []):
            here = f"{path}/{at}"
            if not isinstance(each, dict) or not set(each) <= {"item", "when"} or "item" not in each:
                return self.fault(here, "an entry has `item` and perhaps `when`")
            when = self.condition(each["when"], here) if "when" in each else _always
            items.append((when, self.value(each["item"], here)))
        if not items:
            return self.fault(path, "a list of entries is expected")
        return lambda scope: [item(scope) for when, item in items if when(scope)]

    def _rows(self, spec: Mapping[str, Any], path: str) -> Value:
        """Compile a list with one item for every row of the group."""
        item = self.value(spec["rows"], path)
        return lambda scope: [item(Scope(row, scope.group)) for row in scope.group]

    # Conditions

    def condition(self, spec: Any, path: str) -> Condition:
        """Compile a condition: a test of one value, or all, any, not of others."""
        if not isinstance(spec, dict):
            return self.fault(path, "a condition is an object")
        for word, combine in (("all", all), ("any", any)):
            if word in spec and isinstance(spec[word], list):
                parts = [self.condition(each, f"{path}/{word}/{at}") for at, each in enumerate(spec[word])]
                return lambda scope: combine(part(scope) for part in parts)
        if "not" in spec:
            inner = self.condition(spec["not"], f"{path}/not")
            return lambda scope: not inner(scope)
        subject = {key: each for key, each in spec.items() if key not in _TESTS}
        tests = [key for key in spec if key in _TESTS]
        if len(tests) != 1 or not subject:
            return self.fault(path, f"a value and one test are expected: {', '.join(_TESTS)}")
        spelled = subject["value"] if set(subject) == {"value"} else subject
        return self._test(spelled, tests[0], spec[tests[0]], path)

    def _test(self, subject: Any, test: str, wanted: Any, path: str) -> Condition:
        if test in {"below", "above"}:
            number, bound = self.number(subject, path), Decimal(str(wanted))
            sign = -1 if test == "below" else 1
            return lambda scope: (found := number(scope)) is not None and sign * (found - bound) > 0
        value, text = self.value(subject, path), str(wanted)
        if test == "empty":
            return lambda scope: (value(scope) is None) == bool(wanted)
        if test == "matches":
            pattern = self._pattern(wanted, path)
            return lambda scope: (found := value(scope)) is not None and bool(pattern.search(str(found)))
        if test == "identifier":
            return lambda scope: (
                (found := value(scope)) is not None
                and identifier_fault(scheme=text, value=str(found)) is None
            )
        return lambda scope: (found := value(scope)) is not None and str(found) == text

    def _pattern(self, spec: Any, path: str) -> re.Pattern[str]:
        try:
            return re.compile(str(spec))
        except re.error as error:
            self.fault(path, f"{spec!r} is no regular expression: {error}")
            return re.compile("")


_TESTS = ("is", "empty", "matches", "below", "above", "identifier")


def _nothing(scope: Scope) -> Any:
    return None


def _always(scope: Scope) -> bool:
    return True


# Every operator: how it is compiled, and its parameters beside the operator itself.
_OPERATORS: dict[str, tuple[Callable[[_Compiler, Mapping[str, Any], str], Value], tuple[str, ...]]] = {
    "column": (_Compiler._column, ()),
    "number": (_Compiler._number, ()),
    "join": (_Compiler._join, ("with",)),
    "first": (_Compiler._first, ()),
    "replace": (_Compiler._replace, ("pattern", "by")),
    "lookup": (_Compiler._lookup, ("in",)),
    "choose": (_Compiler._choose, ("else",)),
    "sum": (_Compiler._sum, ()),
    "multiply": (_Compiler._multiply, ()),
    "divide": (_Compiler._divide, ("decimals",)),
    "negate": (_Compiler._negate, ()),
    "date": (_Compiler._date, ("formats",)),
    "moment": (_Compiler._moment, ("formats", "zone")),
    "object": (_Compiler._object, ()),
    "list": (_Compiler._list, ()),
    "rows": (_Compiler._rows, ()),
}
