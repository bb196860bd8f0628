"""The making of large exports: one at a time, of one moment, row by row into parts that its owner takes away later.

What is read is of one snapshot, by a transaction that writes nothing: nobody waits for it, however long it takes.
What is written, each part with how far it came, is committed at once by a second connection. So a person sees the
progress, and an export that was cancelled or begun anew is left by whoever still makes it: its next part is refused.
A worker that is killed leaves its work queued and its lock free; the next one begins anew, ATTEMPTS_MAX times.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from core import sql, work
from core.audit import Actor, record, system
from core.notifications import notify
from core.sight import seeing
from ops import exports
from ops.export_orders import (
    BYTES_MAX,
    GOING_ON,
    ROWS_MAX,
    SUBJECT,
    TASK,
    Order,
    drop_parts,
    order_of,
)
from ops.lists import LISTS
from ops.lists._cells import Row
from ops.lists.base import Asked
from ops.models import Export
from ops.permissions import may
from ops.visibility import books_of, sees_still
from trades.selectors.blotter import TooBroad

_log = logging.getLogger(__name__)
ATTEMPTS_MAX = 3
LONGEST = timedelta(minutes=5)
PART = 1_000_000  # bytes
_MOST_MS = LONGEST // timedelta(milliseconds=1)
_STEP = 5_000  # rows between two looks at whether it is still wanted
_AGAIN_AFTER = timedelta(seconds=5)
_LOCK = "making of exports"
Clock = Callable[[], datetime]

_TOO_MANY = "It has more than {most:,} rows. Narrow the filter, and export each part."
_TOO_LARGE = "The file would be larger than {most:,} MB. Narrow the filter, or choose fewer columns."
_TOO_LONG = "It took longer than {most} minutes. Narrow the filter, and export each part."
_TOO_BROAD = "This looks through too many records. Narrow the filter, and export each part."
_NO_RIGHT = "You may not see this list any more."
_GIVEN_UP = "It failed several times; the operator’s log says why."


class _Refused(Exception):  # noqa: N818
    """An export cannot be made, for a reason that its owner is told."""


class _Left(Exception):  # noqa: N818
    """An export is not wanted any more: it was cancelled, or somebody else makes it."""


def make_exports(*, clock: Clock) -> int:
    """Make the exports that wait, one after the other, unless somebody is at it; return how many were looked at.

    clock: tells the time, as one takes minutes.
    """
    with _alone() as alone:
        return work.until_none(lambda: _next(clock)) if alone else 0


@contextmanager
def _alone() -> Iterator[bool]:
    """Tell whether nobody else makes exports; nobody will in the block. The lock ends with its session."""
    (free,) = sql.row("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [_LOCK]) or (False,)
    try:
        yield free
    finally:
        if free:
            sql.run("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [_LOCK])


def _next(clock: Clock) -> int:
    """Make the next export; return 1, or 0 when none waits."""
    claimed, begun = _begin(clock())
    if begun is None:
        return int(claimed)
    try:
        rows = _make(begun, clock)
    except _Left:
        return 1
    except _Refused as refused:
        _end(begun, Export.State.FAILED, clock(), why=str(refused))
    except Exception:
        _log.exception("making the export %d failed", begun.id)
        if begun.attempts >= ATTEMPTS_MAX:
            _end(begun, Export.State.FAILED, clock(), why=_GIVEN_UP)
    else:
        _end(begun, Export.State.DONE, clock(), rows=rows)
    return 1


def _begin(now: datetime) -> tuple[bool, Export | None]:
    """Return whether any work was claimed, and the export to be made, begun; None when its turn came to nothing.

    Its work stays queued, for a while from now, for whoever comes after a worker that was killed.
    """
    with transaction.atomic():
        claimed = work.claim(TASK, limit=1, now=now)
        if not claimed:
            return bool(claimed.put_back), None
        work.finish(claimed)
        (export_id,) = claimed.subject_ids
        found = Export.objects.select_for_update().filter(id=export_id, state__in=GOING_ON).first()
        if found is None:
            return True, None
        if found.attempts >= ATTEMPTS_MAX or claimed.deadly:
            _close(found, Export.State.FAILED, now, why=_GIVEN_UP)
            return True, None
        drop_parts(found.id)
        found.state, found.at, found.rows, found.bytes = Export.State.RUNNING, now, 0, 0
        found.attempts += 1
        found.books = books_of(found.owner)
        found.save(update_fields=["state", "at", "rows", "bytes", "attempts", "books"])
        work.enqueue(TASK, [found.id], not_before=now + _AGAIN_AFTER)
    return True, found


# --- the making


@dataclass
class _Keeper:
    """Keeps the parts of one export's file as they are written, by a connection of its own.

    Each write is refused once the export is not this attempt's any more; _Left then.
    """

    export: Export
    write: Callable[[str, dict[str, Any]], int]
    clock: Clock
    rows: int = 0
    size: int = 0
    number: int = 0
    waiting: bytearray = field(default_factory=bytearray)

    def counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Yield rows, and count them; _Refused at one too many, or after too long."""
        for row in rows:
            self.rows += 1
            if self.rows > ROWS_MAX:
                raise _Refused(_TOO_MANY.format(most=ROWS_MAX))
            if self.rows % _STEP == 0:
                self._note()
            yield row

    def keep(self, data: bytes) -> None:
        """Add bytes to the file."""
        self.waiting += data
        while len(self.waiting) >= PART:
            self._store(PART)

    def finish(self) -> int:
        """Store what is left, and return how many rows there are."""
        if self.waiting:
            self._store(len(self.waiting))
        self._note()
        return self.rows

    def _store(self, size: int) -> None:
        data, self.waiting = bytes(self.waiting[:size]), self.waiting[size:]
        self.size += size
        self.number += 1
        if self.size > BYTES_MAX:
            raise _Refused(_TOO_LARGE.format(most=BYTES_MAX // 1_000_000))
        self._note(data)

    def _note(self, data: bytes | None = None) -> None:
        """Store how far it is, with a part of the file."""
        begun = self.export.at
        if begun is not None and self.clock() - begun > LONGEST:
            raise _Refused(_TOO_LONG.format(most=LONGEST // timedelta(minutes=1)))
        noted = self.write(
            _NOTE if data is None else _STORE,
            {
                "id": self.export.id,
                "attempts": self.export.attempts,
                "rows": self.rows,
                "bytes": self.size,
                "number": self.number,
                "data": data,
            },
        )
        if not noted:
            raise _Left


_NOTE = """
UPDATE ops_export SET rows = %(rows)s, bytes = %(bytes)s
WHERE id = %(id)s AND state = 'RUNNING' AND attempts = %(attempts)s
"""
_STORE = f"""
WITH noted AS ({_NOTE} RETURNING id)
INSERT INTO ops_export_part (export_id, number, data) SELECT id, %(number)s, %(data)s FROM noted
"""


def _make(begun: Export, clock: Clock) -> int:
    """Make the file of an export and return how many rows it has. _Refused, _Left."""
    try:
        order = order_of(begun)
    except KeyError:
        raise _Refused(_NO_RIGHT) from None
    if not _may_have(begun, order):
        raise _Refused(_NO_RIGHT)
    sight = nullcontext() if begun.books is None else seeing(begun.books)
    with _writing() as write, sql.snapshot(), sight:
        # Between two reads a workbook is written, which may take longer than a session may rest.
        sql.run("SET LOCAL idle_in_transaction_session_timeout = %s", [_MOST_MS])
        sql.run("SET LOCAL statement_timeout = %s", [_MOST_MS])
        keeper = _Keeper(begun, write, clock)
        try:
            for data in exports.parts(_export(order, begun, keeper), order.form):
                keeper.keep(data)
        except (TooBroad, sql.TookTooLong):
            raise _Refused(_TOO_BROAD) from None
        rows = keeper.finish()
    if not _may_have(begun, order):  # it took minutes
        raise _Refused(_NO_RIGHT)
    return rows


def _may_have(begun: Export, order: Order) -> bool:
    """Tell whether the owner of an export may see its list now, and all that it was begun for."""
    owner = User.objects.get(id=begun.owner_id)
    return owner.is_active and may(owner, order.listed.right) and sees_still(owner, begun.books)


def _export(order: Order, begun: Export, keeper: _Keeper) -> exports.Export:
    at = begun.at or begun.asked_at
    asked = Asked(order.content.parameters, order.content.sort, begun.owner_id, at, ROWS_MAX, steady=True)
    rows = (row for some in order.listed.pages(asked) for row in some)
    return exports.Export(order.listed, order.content, order.shown, keeper.counted(rows), at)


@contextmanager
def _writing() -> Iterator[Callable[[str, dict[str, Any]], int]]:
    """Give what runs a statement by a second connection, and returns how many rows it touched."""
    other = connection.copy()

    def write(statement: str, parameters: dict[str, Any]) -> int:
        with other.cursor() as cursor:
            cursor.execute(statement, parameters)
            return int(cursor.rowcount)

    try:
        yield write
    finally:
        other.close()


# --- the end


def _end(begun: Export, state: Export.State, now: datetime, *, why: str = "", rows: int = 0) -> None:
    """End an export as this attempt has left it, unless it was cancelled meanwhile."""
    with transaction.atomic():
        found = Export.objects.select_for_update().filter(id=begun.id, attempts=begun.attempts).first()
        if found is not None and found.state == Export.State.RUNNING:
            _close(found, state, now, why=why, rows=rows)


def _close(found: Export, state: Export.State, now: datetime, *, why: str, rows: int = 0) -> None:
    found.state, found.ended_at, found.why = state, now, why
    found.save(update_fields=["state", "ended_at", "why"])
    actor = Actor(f"user:{found.owner.get_username()}")
    if state == Export.State.DONE:
        order = order_of(found)
        made = exports.Export(order.listed, order.content, order.shown, (), found.at or now)
        exports.tell(made, found.form, rows=rows, user_id=found.owner_id, actor=actor)
        _notify("export_ready", found, now, rows=rows)
        return
    drop_parts(found.id)
    record(type="export.failed", subject=SUBJECT, ids=[found.id], actor=actor, at=now, reason=why)
    _notify("export_failed", found, now, why=why)


def _notify(kind: str, found: Export, now: datetime, **more: Any) -> None:
    listed = LISTS.get(found.listed)
    notify(
        kind=kind,
        people=[found.owner_id],
        subject=SUBJECT,
        subject_id=found.id,
        data={"title": listed.title if listed else found.listed, **more},
        actor=system("exports"),
        now=now,
    )
