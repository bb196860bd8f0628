"""Kinds of records that leave in batches of a channel of their own, beside what is to be settled.

An app that has such records registers what they are at start, and settlement seals what is registered: neither imports
the other. Once sealed they are claimed, pulled, proved and answered like every other batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

Rows = Callable[[Mapping[str, Any]], Iterable[Sequence[object]]]


@dataclass(frozen=True)
class Content:
    """One kind of record.

    code: also that of its channel, whose name is `title`. prefix: of the public ids of records. directions: what the
    sums of a record are of, in the order of its quantities.

    packages: a query of what waits to be sealed, `package` (bigint: what is never mixed in one batch) and
    `value_date`; a pair is sealed as one batch, or as several where it has more lines than a batch may.
    waiting: a query of the records of such a package that were never sealed, `record_id` and `place` (bigint, their
    order), by the parameters `package` and `value_date`, the first `most` of them.
    lines: a query over the relation `wanted` (`record_id`): `record_id`, `asset` (text: what is summed up together),
    `quantities` (numeric[], one for each direction, not negative) and `body` (text: a JSON object).
    sealed: a statement that notes records as sealed, in the transaction of the seal, over the relation `sealed`
    (`record_id`), by the parameters `package`, `value_date`, `batch` and `at`. Nothing it notes may wait again.
    scope: which clients need, besides those of settlement, to see, claim and answer its batches.
    balanced: whether the sums of each asset must be the same in all directions, or nothing leaves.

    columns: the name and the meaning of each column as CSV. rows: what a line, read, is as rows of these columns.
    """

    code: str
    title: str
    prefix: str
    scope: str
    directions: tuple[str, ...]
    packages: str
    waiting: str
    lines: str
    sealed: str
    balanced: bool
    columns: tuple[tuple[str, str], ...]
    rows: Rows


_CONTENTS: dict[str, Content] = {}


def register_contents(*contents: Content) -> None:
    """Register kinds of records; ImproperlyConfigured for a code or a prefix that is taken."""
    for each in contents:
        taken = [
            other for other in _CONTENTS.values() if other.prefix == each.prefix and other.code != each.code
        ]
        if taken or _CONTENTS.setdefault(each.code, each) != each:
            raise ImproperlyConfigured(f"the content {each.code} is registered twice")


def contents() -> tuple[Content, ...]:
    """Return the registered kinds of records, by code."""
    return tuple(_CONTENTS[code] for code in sorted(_CONTENTS))


def content_of(code: str) -> Content | None:
    """Return the kind of records of a channel, or None where it has instructions."""
    return _CONTENTS.get(code)
