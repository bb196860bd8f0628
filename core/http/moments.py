"""The two axes of time in the query of a read: `as_at`, `effective_at`, and the cursors that carry them."""

from __future__ import annotations

from datetime import UTC, datetime

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from core.as_of import AsOf, known_at, moment_of, tick_of
from core.http.cursor import bent_cursor, numbers_of
from core.http.problem import Fault, unreadable

AXES = ("as_at", "effective_at")
# How API descriptions declare the axes.
IN_QUERY = [
    OpenApiParameter(
        "as_at",
        OpenApiTypes.DATETIME,
        description="as it was known at this moment, which is not in the future",
    ),
    OpenApiParameter(
        "effective_at",
        OpenApiTypes.DATETIME,
        description="as it was in force at this moment, by what is known",
    ),
]
_PARTS = 3  # as_at, effective_at, last id


def read_moment(text: str) -> datetime:
    """Return an RFC 3339 moment in UTC; ValueError when it is none or has no offset.

    In UTC, because PostgreSQL knows no offset of 16 hours or more.
    """
    moment = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that was not encoded
    if moment.tzinfo is None or "\0" in text:  # which the reading ends at
        raise ValueError("no offset, or something behind it")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def moment_parameter(request: Request, name: str) -> datetime | None:
    """Return a moment of the query, or None; Problem 400 when it cannot be read."""
    text = request.query_params.get(name)
    try:
        return read_moment(text) if text else None
    except ValueError:
        raise unreadable([_malformed(name)]) from None


def as_of(request: Request, *, now: datetime) -> AsOf | None:
    """Return where on the axes of time a read looks, None for the present.

    Problem 400 naming every malformed axis, and an `as_at` after `now`: what will be known nobody knows.
    """
    asked = _asked(request, now)
    return known_at(asked[0], effective_at=asked[1]) if any(asked) else None


def as_of_list(request: Request, *, now: datetime) -> tuple[AsOf | None, int]:
    """Return where on the axes of time a list looks (None: the present), and the id it goes on after.

    The cursor of such a list carries its moments, so that the pages after the first need nothing else; other
    moments beside it are a Problem 400.
    """
    text = request.query_params.get("cursor", "")
    asked = _asked(request, now)
    numbers = numbers_of(text)
    if numbers is None or len(numbers) != _PARTS:
        if text and any(asked):
            raise bent_cursor()
        return (known_at(asked[0], effective_at=asked[1]) if any(asked) else None), 0
    try:
        carried = (moment_of(numbers[0]), moment_of(numbers[1]))
    except OverflowError:
        raise bent_cursor() from None
    faults = [
        Fault(f"query:{name}", "The cursor belongs to another moment.")
        for name, given, kept in zip(AXES, asked, carried, strict=True)
        if given not in {None, kept}
    ]
    if faults:
        raise unreadable(faults)
    if not any(carried) or (carried[0] or now) > now or not 0 <= numbers[2] < 2**63:
        raise bent_cursor()
    return known_at(carried[0], effective_at=carried[1]), numbers[2]


def next_key(where: AsOf, last: int) -> tuple[int, int, int]:
    """Return the key of the cursor with which a list goes on after an id."""
    return tick_of(where.as_at), tick_of(where.effective_at), last


def _asked(request: Request, now: datetime) -> tuple[datetime | None, datetime | None]:
    faults, found = [], []
    for name in AXES:
        text = request.query_params.get(name)
        try:
            moment = read_moment(text) if text is not None else None
        except ValueError:
            faults.append(_malformed(name))
            continue
        if name == "as_at" and moment is not None and moment > now:
            faults.append(Fault("query:as_at", "This moment is still to come.", "future"))
        found.append(moment)
    if faults:
        raise unreadable(faults)
    return found[0], found[1]


def _malformed(name: str) -> Fault:
    return Fault(f"query:{name}", "A moment with its offset, RFC 3339.")
