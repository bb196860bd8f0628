"""Two sides matched by the levels of a reconciliation: what agrees, what differs, what only one side has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from core import matching
from core.matching import Absolute, Cardinality, Days, Exact, Level, Relative, Rules, Text
from core.money import format_number
from ledger.kinds.base import Field, Kind

DIFFERING = "differing "  # before the name of a level whose keys agree and nothing more is asked


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a side: what names it from run to run, its day, its fields as texts, and the id of its line."""

    id: str
    day: date
    fields: Mapping[str, str]
    line_id: int = 0

    def content(self) -> dict[str, Any]:
        """Return the record as data for JSON."""
        return {"id": self.id, "day": self.day.isoformat(), **self.fields}


@dataclass(frozen=True, slots=True)
class Met:
    """Records that belong together: their ids, the level that says so, and where they differ, as data for JSON."""

    level: int
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    differences: tuple[dict[str, str], ...] = ()


@dataclass
class Compared:
    """What became of two sides. Every id of either is in exactly one of the first four.

    near: of ids on their own, what comes near on the other side, with the fields that keep it away, as data for JSON.
    """

    matched: list[Met] = field(default_factory=list)
    differing: list[Met] = field(default_factory=list)
    only_ours: list[str] = field(default_factory=list)
    only_theirs: list[str] = field(default_factory=list)
    near: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def compare(
    *, kind: Kind, levels: Sequence[Mapping[str, Any]], ours: Sequence[Record], theirs: Sequence[Record]
) -> Compared:
    """Match two sides: by each level in turn, and what is left then by the keys of the levels alone.

    What agrees in the keys and is out of a tolerance differs. A field of which no line of theirs says anything is not
    compared. The order of the records decides nothing.
    """
    told = frozenset(name for record in theirs for name, value in record.fields.items() if value)
    rules = rules_of(kind, levels, told)
    outcome = matching.match(ours=_columns(kind, ours), theirs=_columns(kind, theirs), rules=rules)
    found = Compared(only_ours=list(outcome.unmatched_ours), only_theirs=list(outcome.unmatched_theirs))
    for pair in outcome.pairs:
        _put(found, pair.level, (pair.ours,), (pair.theirs,), pair.differences)
    for group in outcome.groups:
        _put(found, group.level, group.ours, group.theirs, group.differences)
    for near in (outcome.near_ours, outcome.near_theirs):
        for id, misses in near.items():
            found.near[id] = [
                {
                    "id": miss.id,
                    "taken": miss.taken,
                    "differences": [_content(each) for each in miss.differences],
                }
                for miss in misses
            ]
    return found


def rules_of(kind: Kind, levels: Sequence[Mapping[str, Any]], told: frozenset[str]) -> Rules:
    """Return the rules that the levels of a definition are, of the fields that are told."""
    strict, loose = [], []
    for number, level in enumerate(levels):
        keys = tuple(level["keys"])
        if not set(keys) <= told:
            continue
        tolerances = {
            name: _tolerance(tolerance)
            for name, tolerance in level.get("compare", {}).items()
            if name in told
        }
        cardinality = Cardinality[level.get("cardinality", "ONE_TO_ONE")]
        name = f"{number}"
        if cardinality is not Cardinality.ONE_TO_ONE:
            amount = kind.money[0]
            only_sums = {amount: tolerances.get(amount, Exact())}
            strict.append(
                Level(keys, tolerances=only_sums, cardinality=cardinality, sums=(amount,), name=name)
            )
            continue
        strict.append(Level(keys, tolerances=tolerances, name=name))
        if tolerances:
            loose.append(Level(keys, compared=tolerances, name=f"{DIFFERING}{number}"))
    if not strict:  # nothing is told by which records could meet
        strict.append(Level(tuple(levels[0]["keys"]), name="0"))
    # What the levels before have not paired has no such partner: it is only told who comes near by these fields.
    near = [Level(kind.near, name=f"{len(levels)}")] if kind.near and set(kind.near) <= told else []
    return Rules((*strict, *loose, *near))


def _tolerance(told: Mapping[str, Any]) -> Exact:
    match told["type"]:
        case "ABSOLUTE":
            return Absolute(Decimal(told["limit"]))
        case "RELATIVE":
            return Relative(Decimal(told["limit"]))
        case "DAYS":
            return Days(int(told["limit"]))
    return Text()


def _columns(kind: Kind, records: Sequence[Record]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"id": [each.id for each in records]}
    for each in kind.fields:
        columns[each.name] = [_typed(each, record.fields.get(each.name)) for record in records]
    return columns


def _typed(of: Field, text: str | None) -> Any:
    if not text:
        return None
    match of.type:
        case "decimal":
            return Decimal(text)
        case "date":
            return date.fromisoformat(text)
    return text


def _put(
    found: Compared,
    level: str,
    ours: tuple[str, ...],
    theirs: tuple[str, ...],
    differences: Sequence[matching.Difference],
) -> None:
    told = tuple(_content(each) for each in differences if not each.within)
    if told:
        found.differing.append(Met(int(level.removeprefix(DIFFERING)), ours, theirs, told))
    else:
        found.matched.append(Met(int(level.removeprefix(DIFFERING)), ours, theirs))


def _content(difference: matching.Difference) -> dict[str, str]:
    return {
        "field": difference.field,
        "ours": _text(difference.ours),
        "theirs": _text(difference.theirs),
        "tolerance": difference.tolerance,
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return str(format_number(value or Decimal(0)))
    return value.isoformat() if isinstance(value, date) else str(value)
