"""What a format declares, and how the texts that it finds become lines of a kind: every fault is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from core.http.problem import Fault
from core.money import ZERO, format_number, is_currency
from ledger.kinds.base import Field, Kind, instruction_of

LINES_MAX = 1_000_000
TEXT_MAX = 200
FAULTS_MAX = 100  # that are named; how many more there are is said
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,10})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Raw:
    """One line as it stands in a file: where, and the text of each field. `entry`: ENTRY, OPENING or CLOSING."""

    place: str
    number: int
    values: Mapping[str, str | None]
    entry: str = "ENTRY"


@dataclass
class Found:
    """What a format has found in a file: its lines, faults of the file as such, and the day that it says it is of."""

    lines: Iterable[Raw]
    faults: list[Fault] = field(default_factory=list)
    business_date: date | None = None


@dataclass(frozen=True)
class StatementFormat:
    """One format. kinds: those it can carry, empty for all. read: the lines of a file, given its bytes and its kind;
    Problem 400 for what is not of the format at all."""

    code: str
    title: str
    media_types: tuple[str, ...]
    read: Callable[[bytes, Kind], Found]
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is kept: the number of its place in the file, and its fields in one spelling each."""

    number: int
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Balance:
    """What a statement says was there before and after its entries, of one account and currency."""

    account: str
    currency: str
    opening: Decimal
    closing: Decimal
    entries: Decimal

    @property
    def residual(self) -> Decimal:
        """What the entries do not explain: 0 in a statement that adds up."""
        return self.opening + self.entries - self.closing

    def content(self) -> dict[str, str]:
        """Return the balance as data for JSON."""
        numbers = {
            name: str(format_number(getattr(self, name))) for name in ("opening", "entries", "closing")
        }
        return {"account": self.account, "currency": self.currency, **numbers}


@dataclass
class Parsed:
    """A file, read: its lines and balances, and what is wrong with it, `fault_count` in all."""

    lines: list[Line] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    business_date: date | None = None

    def fault(self, found: Fault) -> None:
        """Note a fault; those beyond FAULTS_MAX are only counted."""
        self.fault_count += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(found)


def parse(found: Found, kind: Kind) -> Parsed:
    """Return the lines that a format has found as lines of a kind."""
    parsed = Parsed(business_date=found.business_date)
    for each in found.faults:
        parsed.fault(each)
    told: dict[tuple[str, str], dict[str, Decimal]] = {}
    sums: dict[tuple[str, str], Decimal] = {}
    known = frozenset(kind.names)
    for raw in found.lines:
        if len(parsed.lines) == LINES_MAX:
            parsed.fault(Fault("", f"A file has at most {LINES_MAX:,} lines.", "too-many"))
            break
        for name in raw.values.keys() - known:
            parsed.fault(Fault(f"{raw.place}/{name}", "There is no such field.", "unknown-field"))
        fields = _fields(raw, kind, parsed)
        if fields is None:
            continue
        if raw.entry == "ENTRY":
            parsed.lines.append(Line(raw.number, fields))
        if kind.balances:
            _balance(raw, fields, told, sums, parsed)
    _close(told, sums, parsed)
    return parsed


def _fields(raw: Raw, kind: Kind, parsed: Parsed) -> dict[str, str] | None:
    """Return the fields of a line, each in one spelling; None when one has a fault, which is noted."""
    fields: dict[str, str] = {}
    good = True
    of_balance = (*kind.identity[:2], kind.money[0]) if raw.entry != "ENTRY" else ()
    for each in kind.fields:
        text = (raw.values.get(each.name) or "").strip()
        if not text:
            if each.name in of_balance or (each.required and not of_balance):
                good = False
                parsed.fault(Fault(f"{raw.place}/{each.name}", "This field is required.", "missing"))
            continue
        value, why = _value(each, text)
        if why:
            good = False
            parsed.fault(Fault(f"{raw.place}/{each.name}", why, "type"))
        fields[each.name] = value
    return fields if good else None


def _value(of: Field, text: str) -> tuple[str, str]:
    """Return a value in one spelling, and what is wrong with it."""
    match of.type:
        case "decimal":
            if not _DECIMAL.fullmatch(text):
                return "", "A decimal number such as -1250.50: no more than 18 digits and 10 decimal places."
            number = Decimal(text)
            return str(format_number(number or ZERO)), ""
        case "date":
            try:
                return date.fromisoformat(text).isoformat(), ""
            except ValueError:
                return "", "A date such as 2026-11-23."
        case "currency":
            return text, "" if is_currency(text) else "ISO 4217 lists no such currency."
    if len(text) > TEXT_MAX or _CONTROL.search(text):
        return "", f"A text of at most {TEXT_MAX} characters, without control characters."
    return (instruction_of(text) if of.type == "instruction" else text), ""


def _balance(
    raw: Raw,
    fields: Mapping[str, str],
    told: dict[tuple[str, str], dict[str, Decimal]],
    sums: dict[tuple[str, str], Decimal],
    parsed: Parsed,
) -> None:
    of = (fields["account"], fields["currency"])
    amount = Decimal(fields["amount"])
    if raw.entry == "ENTRY":
        sums[of] = sums.get(of, ZERO) + amount
    elif raw.entry in told.setdefault(of, {}):
        parsed.fault(
            Fault(raw.place, f"A second {raw.entry.lower()} balance of {of[0]} in {of[1]}.", "twice")
        )
    else:
        told[of][raw.entry] = amount


def _close(
    told: Mapping[tuple[str, str], Mapping[str, Decimal]],
    sums: Mapping[tuple[str, str], Decimal],
    parsed: Parsed,
) -> None:
    """Keep the balances, and note each that the entries do not explain. Entries with a fault are not counted, so a
    balance is only judged where there is none."""
    for (account, currency), each in sorted(told.items()):
        missing = {"OPENING", "CLOSING"} - each.keys()
        if missing:
            detail = f"The {missing.pop().lower()} balance of {account} in {currency} is missing."
            parsed.fault(Fault(f"/balances/{account}/{currency}", detail, "missing"))
            continue
        balance = Balance(
            account, currency, each["OPENING"], each["CLOSING"], sums.get((account, currency), ZERO)
        )
        parsed.balances.append(balance)
        if balance.residual and not parsed.fault_count:
            said = balance.content()
            detail = (
                f"{said['opening']} and entries of {said['entries']} {currency} do not make {said['closing']}:"
                f" {format_number(balance.residual)} too much."
            )
            parsed.fault(Fault(f"/balances/{account}/{currency}", detail, "balance"))
