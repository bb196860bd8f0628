"""Rows that hold for a range of days: two of the same key never hold on the same day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from core import sql
from refdata.kinds.base import Kind, Plan, RowFault


def range_faults(row: Mapping[str, Any]) -> Iterator[RowFault]:
    """Yield a fault when a row's last day comes before its first."""
    if row["valid_to"] is not None and row["valid_to"] < row["valid_from"]:
        yield RowFault("valid_to", "The last day comes before the first.")


def find_overlaps(kind: Kind, plans: Sequence[Plan]) -> None:
    """Add a fault to every plan that would hold on a day on which another row of its key holds.

    The kind's key ends with `valid_from`; another row is part of it by its code. A plan that is refused leaves what is
    stored as it was, and that may be in another plan's way: the rest are looked at until nothing more is refused.
    """
    stored = _stored(kind, plans)
    good = list(plans)
    while good:
        _compare(kind, good, stored)
        left = [plan for plan in good if not plan.faults]
        if len(left) == len(good):
            return
        good = left


def _stored(kind: Kind, plans: Sequence[Plan]) -> list[tuple[int, dict[str, Any]]]:
    """Return the stored rows, with their ids, that have the key of a plan but for its range."""
    names = kind.key[:-1]
    places = {tuple(plan.after[name] for name in names) for plan in plans}
    if not places:
        return []
    arrays = ", ".join("%s::text[]" for _ in names)
    columns = ", ".join(f"k{at}" for at in range(len(names)))
    read = [kind.fields[name].read or f"t.{kind.fields[name].column or name}" for name in names]
    match = " AND ".join(f"{each} = k.k{at}" for at, each in enumerate(read))
    rows = sql.rows(
        f"{kind.select} JOIN unnest({arrays}) AS k({columns}) ON {match}",
        [list(column) for column in zip(*places, strict=True)],
    )
    return [(row[0], kind.as_row(row)) for row in rows]


def _compare(kind: Kind, plans: Sequence[Plan], stored: Sequence[tuple[int, dict[str, Any]]]) -> None:
    changed = {plan.id for plan in plans if plan.id}
    by_place: dict[tuple[Any, ...], list[tuple[date, date, Plan | None]]] = {}
    for row, plan in [
        *((row, None) for row_id, row in stored if row_id not in changed),
        *((plan.after, plan) for plan in plans),
    ]:
        place = tuple(row[name] for name in kind.key[:-1])
        entry = (row["valid_from"], row["valid_to"] or date.max, plan)
        by_place.setdefault(place, []).append(entry)
    for entries in by_place.values():
        entries.sort(key=lambda each: each[:2])
        longest = entries[0]
        for entry in entries[1:]:
            if entry[0] <= longest[1]:
                _refuse(longest, entry)
            longest = max(longest, entry, key=lambda each: each[1])


def _refuse(earlier: tuple[date, date, Plan | None], later: tuple[date, date, Plan | None]) -> None:
    begins, plan = later[0], later[2]
    if plan is not None:
        detail = f"The row from {earlier[0]} still holds on {begins}: end it before."
        plan.faults.append(RowFault("valid_from", detail, "overlap"))
    elif earlier[2] is not None:
        detail = f"Another row holds from {begins} on: end this one before."
        earlier[2].faults.append(RowFault("valid_to", detail, "overlap"))
