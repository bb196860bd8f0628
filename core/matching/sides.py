"""A side of records as columns, and how rows of two sides are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import Any, NamedTuple

from core.matching.outcome import Difference, Reason
from core.matching.rules import Level
from core.matching.tolerances import EXACT, WHOLE_PPM, Exact

Rows = list[int]
ID = "id"


class Side:
    """Columns of one length; `left`: the rows that are not matched yet, in the order of their ids."""

    def __init__(self, name: str, columns: Mapping[str, Sequence[Any]], fields: Iterable[str]) -> None:
        """Raise ValueError for a column that is missing or of another length, and for an id that comes twice."""
        missing = sorted({ID, *fields} - columns.keys())
        if missing:
            raise ValueError(f"{name} lacks columns: {', '.join(missing)}.")
        self.ids = columns[ID]
        self.columns = {field: columns[field] for field in fields}
        uneven = sorted(field for field, column in self.columns.items() if len(column) != len(self.ids))
        if uneven:
            raise ValueError(f"{name} has columns of another length: {', '.join(uneven)}.")
        if len(set(self.ids)) != len(self.ids):
            raise ValueError(f"{name} has an id twice.")
        self.rows: Rows = sorted(range(len(self.ids)), key=self.ids.__getitem__)
        self.left = self.rows

    def keys(self, fields: tuple[str, ...], rows: Rows) -> tuple[Rows, list[Any]]:
        """Return those of the rows that have all the keys, and these: bare where it is one, else tuples."""
        columns = [self.values(field, rows) for field in fields]
        if any(None in column for column in columns):
            whole = [at for at, key in enumerate(zip(*columns, strict=True)) if None not in key]
            rows = [rows[at] for at in whole]
            columns = [[column[at] for at in whole] for column in columns]
        return rows, columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))

    def values(self, field: str, rows: Rows) -> list[Any]:
        """Return a column of the rows."""
        column = self.columns[field]
        if rows is self.rows and self.is_in_order:
            return list(column)
        return list(map(column.__getitem__, rows))

    def row_by(self, field: str) -> dict[Any, int] | None:
        """Return what is left by a field, without those that lack it; None where a value comes twice."""
        column = self.columns[field]
        whole = self.left is self.rows  # then the order does not matter, and none is made
        values = column if whole else self.values(field, self.left)
        by_value = dict(zip(values, range(len(column)) if whole else self.left, strict=True))
        present = len(values) - (values.count(None) if None in by_value else 0)
        by_value.pop(None, None)
        return by_value if len(by_value) == present else None

    @property
    def is_in_order(self) -> bool:
        """Tell whether the records came in the order of their ids."""
        if not hasattr(self, "_in_order"):
            self._in_order = self.rows == list(range(len(self.ids)))
        return self._in_order

    def total(self, field: str, rows: Iterable[int]) -> Decimal:
        """Return the exact sum of a column over rows; what is missing counts as nothing."""
        column = self.columns[field]
        return reduce(EXACT.add, (Decimal(column[row] or 0) for row in rows), Decimal(0))

    def take(self, rows: Iterable[int]) -> None:
        """Count rows as matched."""
        taken = set(rows)
        if taken:
            self.left = [row for row in self.left if row not in taken]


class Verdict(NamedTuple):
    """What a comparison came to: `score` is the better the smaller it is."""

    fits: bool
    score: tuple[int, int]
    differences: tuple[Difference, ...]


def differ(field: str, tolerance: Exact, ours: Any, theirs: Any) -> tuple[Difference, int] | None:
    """Return how two values differ and how badly (ppm), or None where they are the same."""
    if ours == theirs or tolerance.canonical(ours) == tolerance.canonical(theirs):
        return None
    if ours is None or theirs is None:
        reason = Reason.MISSING_OURS if ours is None else Reason.MISSING_THEIRS
        return Difference(field, ours, theirs, str(tolerance), None, reason), WHOLE_PPM
    within, distance, severity = tolerance.apart(ours, theirs)
    reason = Reason.WITHIN_TOLERANCE if within else Reason.OUT_OF_TOLERANCE
    return Difference(field, ours, theirs, str(tolerance), distance, reason), severity


def judge(level: Level, values: Iterable[tuple[str, Exact, Any, Any]]) -> Verdict:
    """Compare values of two sides by the tolerances of a level."""
    found = [each for each in (differ(*value) for value in values) if each]
    differences = tuple(difference for difference, _ in found)
    out = sum(not each.within for each in differences)
    fits = not any(each.field in level.tolerances and not each.within for each in differences)
    return Verdict(fits, (out, sum(severity for _, severity in found)), differences)


def judge_rows(level: Level, ours: Side, row: int, theirs: Side, other: int) -> Verdict:
    """Compare two records."""
    return judge(
        level,
        (
            (field, tolerance, ours.columns[field][row], theirs.columns[field][other])
            for field, tolerance in level.fields.items()
        ),
    )
