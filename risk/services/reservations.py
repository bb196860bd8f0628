"""Reservations: room under the limits, held for a deal not yet done, until it comes or time runs out.

They stand in the same figures as the trades and are granted under the same locks, so that none ever takes a limit
above its hard mark. The checks of the trade that names one draw it: what was held is given back in the very turn
in which the trade counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from core import sql
from core.audit import Actor, encode, record
from core.http.authentication import Client
from core.http.problem import Fault, Problem, not_found
from core.money import ZERO, format_number
from risk.models import Reservation
from risk.services.decision import (
    NOTHING,
    Held,
    LimitTerms,
    Member,
    Scopes,
    Standing,
    members_at,
    members_of,
)
from risk.services.limits import exposures_of_terms, limits_kept, lock_figures, move_figures, read_figures
from trades.products.base import Message, Terms
from trades.services.capture import first_versions

SUBJECT = "reservation"
GONE = "RESERVATION_GONE"  # the finding of a trade whose reservation is not held for it
MIN_SECONDS, MAX_SECONDS, DEFAULT_SECONDS = 1, 86_400, 600
# A deal captured in time may wait for its check: until then its room is not given away.
GRACE = timedelta(minutes=1)
EXPIRED_AT_ONCE = 1_000
MAX_CHECKED = 1_000


@dataclass(frozen=True, slots=True)
class Line:
    """What one deal would use of one member of a limit: `used` and `reserved` before it, `after` with it; money in
    base currency. status: WITHIN, WARNING or BREACH."""

    limit: str
    key: str
    measure: str
    size: Decimal
    used: Decimal
    reserved: Decimal
    after: Decimal
    warn: Decimal | None
    hard: Decimal

    @property
    def status(self) -> str:
        if self.after > self.hard:
            return "BREACH"
        return "WARNING" if self.warn is not None and self.after > self.warn else "WITHIN"

    def document(self) -> dict[str, Any]:
        """Return the line as data for JSON."""
        numbers = {
            name: format_number(getattr(self, name))
            for name in ("size", "used", "reserved", "after", "warn", "hard")
        }
        headroom = format_number(max(ZERO, self.hard - self.after))
        return {
            "limit": self.limit, "key": self.key, "measure": self.measure, "status": self.status, **numbers,
            "headroom": headroom,
        }  # fmt: skip


def check_limits(*, messages: Sequence[Message], now: datetime) -> list[list[Line]]:
    """Return what deals would use of every limit they are in the scope of, each counted with those before it.

    Nothing is stored and nothing locked. A deal whose party, book or amount is unknown has fewer lines.
    """
    limits = [limit for limit in limits_kept(at=now) if limit.hard.is_finite()]
    _, versions = first_versions(messages=messages, at=now)
    exposures = exposures_of_terms(versions, limits)
    if not exposures:
        return [[] for _ in messages]
    figures = read_figures(members_of(limits, exposures))
    standing, scopes = Standing(figures.used, figures.held), Scopes(limits)
    told = []
    for exposure in exposures:
        told.append([_line(standing, *each) for each in scopes.of(exposure)])
        for limit, key, size in scopes.of(exposure):
            if limit.accumulates:
                standing.add(limit, key, size)
    return told


def _line(standing: Standing, limit: LimitTerms, key: str, size: Decimal) -> Line:
    hard, member = limit.hard_of(key), (limit.id, key)
    if not limit.accumulates:
        return Line(limit.code, key, limit.measure, size, ZERO, ZERO, size, limit.warn, hard)
    used = standing.used.get(member, ZERO) + standing.moves.deltas.get(member, ZERO)
    held = standing.held.get(member, NOTHING)
    reserved = held.up if size >= 0 else held.down
    after = standing.reach(limit, key, size)
    return Line(limit.code, key, limit.measure, size, used, reserved, after, limit.warn, hard)


@dataclass(frozen=True, slots=True)
class Granted:
    """A reservation that holds, and what it holds."""

    id: int
    expires_at: datetime
    lines: list[Line]


_INSERT = """
INSERT INTO risk_reservation (client_id, source, terms, state, made_at, expires_at)
VALUES (%s, %s, %s::jsonb, 'HELD', %s, %s) RETURNING id
"""
_INSERT_USES = """
INSERT INTO risk_reserved_use (reservation_id, limit_id, key, up, down)
SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::numeric[], %s::numeric[]) AS u
"""


def reserve(*, message: Message, seconds: int, client: Client, actor: Actor, now: datetime) -> Granted:
    """Hold the room that a deal would use under every limit, for so many seconds.

    Problem 403 for a source that is not the client's, 422 for a deal of which that cannot be told or a time that
    is no reservation's, 409 naming every limit whose hard mark it would pass: then nothing is held.
    """
    if not client.may_use(message.source):
        raise Problem(403, "foreign-source", f"This client may not use the source {message.source}.")
    with transaction.atomic():
        limits = limits_kept(at=now)
        terms, versions = first_versions(messages=[message], at=now)
        if faults := _untold(terms[0], seconds):
            raise Problem(422, "not-reservable", "No room can be held for this.", faults=faults)
        exposures = exposures_of_terms(versions, limits)
        figures = lock_figures(members_of(limits, exposures))
        standing = Standing(figures.used, figures.held)
        used = [each for exposure in exposures for each in Scopes(limits).of(exposure)]
        lines = [_line(standing, *each) for each in used]
        if faults := [_refusal(line) for line in lines if line.status == "BREACH"]:
            raise Problem(409, "limit-exceeded", "There is no room for this deal.", faults=faults)
        held = _held(used)
        move_figures(figures.rows, {}, reserved=held)
        expires_at = now + timedelta(seconds=seconds)
        found = sql.row(_INSERT, [client.id, message.source, encode(message), now, expires_at])
        assert found is not None  # noqa: S101 - the statement returns its row
        _keep_uses(found[0], held)
        data = {
            "expires_at": expires_at,
            "limits": [line.document() for line in lines if line.hard.is_finite()],
        }
        record(type="reservation.made", subject=SUBJECT, ids=[found[0]], actor=actor, at=now, data=data)
    return Granted(found[0], expires_at, [line for line in lines if line.hard.is_finite()])


def _untold(terms: Terms, seconds: int) -> list[Fault]:
    faults = []
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        faults.append(Fault("/seconds", f"A whole number from {MIN_SECONDS} to {MAX_SECONDS}.", "range"))
    if terms.counterparty_id is None:
        faults.append(Fault("/trade/counterparty", "No such party is known.", "unknown"))
    if terms.book_id is None:
        faults.append(Fault("/trade/book", "No such book is known.", "unknown"))
    if terms.base_amount is None:
        faults.append(Fault("/trade/currency", "There is no rate to measure the amount by.", "no-rate"))
    return faults


def _refusal(line: Line) -> Fault:
    detail = (
        f"{line.key} would come to {line.after:,.2f} of the limit {line.limit}, at most {line.hard:,.2f}."
    )
    return Fault("/trade", detail, "limit-exceeded")


def _held(used: Iterable[tuple[LimitTerms, str, Decimal]]) -> dict[Member, Held]:
    held: dict[Member, Held] = {}
    for limit, key, size in used:
        for member in members_at(limit, key) if limit.accumulates else ():
            held[member] = held.get(member, NOTHING) + Held.of(size)
    return held


def _keep_uses(reservation_id: int, held: Mapping[Member, Held]) -> None:
    rows = [
        (limit_id, key, each.up, each.down) for (limit_id, key), each in sorted(held.items(), key=_by_member)
    ]
    if rows:
        sql.run(_INSERT_USES, [reservation_id, *(list(column) for column in zip(*rows, strict=True))])


def _by_member(item: tuple[Member, Held]) -> Member:
    return item[0]


_LOCK_ONE = """
SELECT r.client_id, r.state FROM risk_reservation r WHERE r.id = %s FOR UPDATE
"""
_END = """
UPDATE risk_reservation SET state = %s, ended_at = %s WHERE id = ANY(%s) AND state = 'HELD'
"""


def release_reservation(*, reservation_id: int, client: Client, actor: Actor, now: datetime) -> bool:
    """Give back what a reservation of the client holds; tell whether it still held anything.

    Problem 404 for a reservation that is not the client's.
    """
    with transaction.atomic():
        found = sql.row(_LOCK_ONE, [reservation_id])
        if found is None or found[0] != client.id:
            raise not_found("reservation")
        if found[1] != Reservation.State.HELD:
            return False
        _end([reservation_id], Reservation.State.RELEASED, actor, now)
    return True


_LOCK_EXPIRED = """
SELECT id FROM risk_reservation WHERE state = 'HELD' AND expires_at <= %s
ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""


def expire_reservations(*, now: datetime, actor: Actor) -> int:
    """Give back what reservations hold whose time, and a minute of grace, is over; return how many.

    At most EXPIRED_AT_ONCE at a time. One that somebody draws or releases just now is left alone.
    """
    with transaction.atomic():
        found = [row[0] for row in sql.rows(_LOCK_EXPIRED, [now - GRACE, EXPIRED_AT_ONCE])]
        if found:
            _end(found, Reservation.State.EXPIRED, actor, now)
    return len(found)


def _end(reservation_ids: Sequence[int], state: Reservation.State, actor: Actor, now: datetime) -> None:
    freed = total_of(_uses_of(reservation_ids).values())
    figures = lock_figures(freed)
    move_figures(figures.rows, {}, freed=freed)
    sql.run(_END, [state.value, now, list(reservation_ids)])
    record(
        type=f"reservation.{state.value.lower()}", subject=SUBJECT, ids=reservation_ids, actor=actor, at=now
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """What reservations give back to the trades that name them, and the trades whose reservation is not held."""

    frees: dict[int, Mapping[Member, Held]]
    gone: list[int]


_ANY = "SELECT 1 FROM trades_drawdown WHERE trade_id BETWEEN %s AND %s LIMIT 1"
_DRAWING = """
SELECT d.trade_id, r.id, coalesce(r.state = 'HELD' AND r.source = v.source, false), r.trade_id = d.trade_id
FROM trades_drawdown d
JOIN trades_version v ON v.trade_id = d.trade_id AND v.version = 1
LEFT JOIN risk_reservation r ON r.id = d.reservation_id
WHERE d.trade_id = ANY(%(ids)s) ORDER BY d.trade_id
"""
_LOCK_DRAWN = """
SELECT r.id FROM risk_reservation r
WHERE r.id IN (SELECT reservation_id FROM trades_drawdown WHERE trade_id = ANY(%s)) ORDER BY r.id FOR UPDATE
"""
_DRAW = """
UPDATE risk_reservation r SET state = 'DRAWN', ended_at = %s, trade_id = d.trade_id
FROM unnest(%s::bigint[], %s::bigint[]) AS d(id, trade_id) WHERE r.id = d.id
"""


def draw_reservations(*, trade_ids: Sequence[int], at: datetime) -> Drawn:
    """Draw the reservations that trades name, in the caller's transaction. The caller moves the figures.

    The first trade, in the order of capture, draws a reservation; another that names it finds it gone, as does
    one of another source, or one that comes too late. A trade that has drawn its own finds nothing.
    """
    drawn = Drawn({}, [])
    if not trade_ids or not sql.rows(_ANY, [min(trade_ids), max(trade_ids)]):
        return drawn
    sql.run(_LOCK_DRAWN, [list(trade_ids)])
    by_reservation: dict[int, int] = {}
    for trade_id, reservation_id, is_held, is_own in sql.rows(_DRAWING, {"ids": list(trade_ids)}):
        if is_held and reservation_id not in by_reservation:
            by_reservation[reservation_id] = trade_id
        elif not is_own:
            drawn.gone.append(trade_id)
    if by_reservation:
        uses = _uses_of(list(by_reservation))
        drawn.frees.update((trade_id, uses.get(each, {})) for each, trade_id in by_reservation.items())
        sql.run(_DRAW, [at, list(by_reservation), list(by_reservation.values())])
    return drawn


def is_room_held(trade_ids: Sequence[int]) -> bool:
    """Tell whether a reservation that any of the trades names still holds room; it does so, locked, to the end of the
    caller's transaction."""
    if not sql.rows(_ANY, [min(trade_ids), max(trade_ids)]):
        return False
    sql.run(_LOCK_DRAWN, [list(trade_ids)])
    return any(is_held for _, _, is_held, _ in sql.rows(_DRAWING, {"ids": list(trade_ids)}))


_USES = """
SELECT reservation_id, limit_id, key, up, down FROM risk_reserved_use WHERE reservation_id = ANY(%s) ORDER BY id
"""


def _uses_of(reservation_ids: Sequence[int]) -> dict[int, dict[Member, Held]]:
    uses: dict[int, dict[Member, Held]] = {}
    for reservation_id, limit_id, key, up, down in sql.rows(_USES, [list(reservation_ids)]):
        uses.setdefault(reservation_id, {})[limit_id, key] = Held(up, down)
    return uses


def total_of(uses: Iterable[Mapping[Member, Held]]) -> dict[Member, Held]:
    """Return what several reservations hold together."""
    total: dict[Member, Held] = {}
    for each in uses:
        for member, held in each.items():
            total[member] = total.get(member, NOTHING) + held
    return total
