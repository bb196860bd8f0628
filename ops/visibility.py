"""What a person of some desks sees: the one door through which every request of theirs goes.

Behind it PostgreSQL shows them their desks only (core/sight.py). The door itself refuses what names a record of
another desk, wherever in the request it stands, so that nothing is done either to what is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse

from core import ids, sql
from core.sight import seeing, seen_throughout
from ops.permissions import Right, desks_of, may

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ADMIN = "/admin/"
_REFERENCE = re.compile(r"(?<![0-9A-Za-z_])([A-Za-z]{3})_[0-9A-Za-z]{2,14}(?![0-9A-Za-z_])")
# Where what a reference names is looked up. A reference of any other kind is of the whole firm.
_RECORDS = {
    ids.TRADE: ("trades_state", "trade_id"),
    ids.EXCEPTION: ("trades_exception", "id"),
    ids.CONFIRMATION: ("trades_confirmation", "id"),
    ids.INSTRUCTION: ("settlement_instruction", "id"),
    ids.BATCH: ("settlement_batch", "id"),
    ids.HOLD: ("settlement_hold", "id"),
    ids.PROPOSAL: ("core_proposal", "id"),
    ids.STOP: ("risk_stop", "id"),
    ids.VIEW: ("ops_saved_view", "id"),
    ids.BULK_RUN: ("trades_bulk_run", "id"),
}


def seen_by(user: AbstractBaseUser | AnonymousUser) -> AbstractContextManager[None]:
    """Let what is read in the block be what a user may see: for what is made for somebody without a request."""
    desks = desks_of(user)
    return nullcontext() if desks is None else seeing(desks.books)


def books_of(user: AbstractBaseUser | AnonymousUser) -> list[int] | None:
    """Return the books that a user sees; None: all of the firm."""
    desks = desks_of(user)
    return None if desks is None else list(desks.books)


def sees_still(user: AbstractBaseUser | AnonymousUser, books: Collection[int] | None) -> bool:
    """Tell whether a user sees all that somebody saw who saw these books; None: all of the firm."""
    now = books_of(user)
    return now is None or (books is not None and set(books) <= set(now))


def seen_of(prefix: str, numbers: Collection[int], user: AbstractBaseUser | AnonymousUser) -> Collection[int]:
    """Return which of these records a user sees; for what is done for somebody without a request."""
    if desks_of(user) is None or not numbers:
        return numbers
    table, key = _RECORDS[prefix]
    with seen_by(user):
        found = sql.rows(f"SELECT {key} FROM {table} WHERE {key} = ANY(%s::bigint[])", [sorted(numbers)])
    return {number for (number,) in found}


_IN_BOOKS = """
SELECT e.id FROM trades_exception e
JOIN trades_state s ON s.trade_id = e.trade_id
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE e.id = ANY(%s::bigint[]) AND v.book_id = ANY(%s::bigint[])
"""


def reads_exceptions(user: User, numbers: Collection[int]) -> Collection[int]:
    """Return which exceptions somebody reads who is not the one who asks, whose sight may hold just now."""
    if not (user.is_active and may(user, Right.READ_EXCEPTIONS)):
        return ()
    books = books_of(user)
    if books is None:
        return numbers
    return [number for (number,) in sql.rows(_IN_BOOKS, [sorted(numbers), books])]


class VisibilityMiddleware:
    """Let a person who is limited to desks read these only, name no record of others, and act on none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        desks = desks_of(request.user)
        if desks is None:
            return self.get_response(request)
        # The admin makes its pages in the transaction of the change, so that there nothing is read but what is seen.
        acts = request.method not in _READS and not request.path_info.startswith(_ADMIN)
        with seeing(desks.books, acts=acts):
            if not _sees(_references(request)):
                raise Http404
            response = self.get_response(request)
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = seen_throughout(response.streaming_content, desks.books)
        return response


def _references(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of every reference that a request names: in its path, its query or its form."""
    given = [values for data in (request.GET, request.POST) for _, values in data.lists()]
    for text in [request.path_info, *(each for values in given for each in values)]:
        for match in _REFERENCE.finditer(text):
            yield match[1].lower(), match[0]


def _sees(references: Iterable[tuple[str, str]]) -> bool:
    """Tell whether everything is seen that is named. What is no reference after all names nothing."""
    named: dict[str, set[int]] = {}
    for prefix, text in references:
        number = ids.database_id(prefix, text)
        if number is not None and prefix in ids.PREFIXES:
            named.setdefault(prefix, set()).add(number)
    return all(
        prefix in _RECORDS and _are_seen(*_RECORDS[prefix], numbers) for prefix, numbers in named.items()
    )


def _are_seen(table: str, key: str, numbers: set[int]) -> bool:
    found = sql.row(f"SELECT count(*) FROM {table} WHERE {key} = ANY(%s::bigint[])", [sorted(numbers)])
    return found == (len(numbers),)
