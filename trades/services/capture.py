"""Capture: every deal once and only once, in one transaction, whether one comes or ten thousand."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
from django.db import DatabaseError, IntegrityError, connection, transaction
from psycopg2.errors import DeadlockDetected, UniqueViolation

from core import sql
from core.audit import Actor, encode
from core.clock import business_date
from core.http.idempotency import Answer, stored_headers
from core.http.problem import Problem
from core.ids import RESERVATION, TRADE, database_id, public_id
from core.wake import wake_on_commit
from core.work import enqueue
from refdata.known import STAMP, resolve_known
from refdata.selectors import References, resolve
from trades.lifecycle import CAPTURE_EVENT, WAKES, State, arrive
from trades.products import PRODUCTS
from trades.products.base import COLUMNS, HORIZON, Asked, Context, Message, Terms

ONE_STATEMENT_UP_TO = 50  # above, COPY beats parameters
_ATTEMPTS = 10


class Outcome(Enum):
    """What became of one message."""

    CREATED = "CREATED"
    EXISTING = "EXISTING"  # the same deal with the same terms was captured before
    CONFLICT = "CONFLICT"  # the reference was captured before, with other terms


@dataclass(slots=True)
class Captured:
    """The result for one message: its trade, and the pointers of what differs in a CONFLICT."""

    outcome: Outcome
    trade_id: int
    differing: list[str] = field(default_factory=list)


def capture_trades(*, messages: Sequence[Message], actor: Actor, at: datetime) -> list[Captured]:
    """Capture messages in the caller's transaction and return one result each, in their order.

    The first message of a (source, source_ref) makes the trade, its state, its event and its work for the
    checks; the same terms again find it, other terms are a CONFLICT and store nothing. Safe against the same
    deal arriving at once elsewhere: whoever commits first makes the trade, the other finds it.
    """
    context = context_of(messages, at=at)
    for _ in range(_ATTEMPTS):
        known, ids = _known_and_ids(messages)
        fresh = _first_of_each(messages, known)
        trade_ids = dict(zip(fresh, ids, strict=False))
        if _store(messages, trade_ids, context, actor, at):
            return _results(messages, known, trade_ids, context)
    raise IntegrityError(f"capture was overtaken {_ATTEMPTS} times in a row")


_CAPTURE_NEW = """
SELECT trades_capture_new(
    json_populate_record(NULL::trades_version, %s), %s::smallint, %s, %s, %s, %s, %s, %s, %s, %s::smallint, %s, %s)
"""


# SQL expressions that `capture_new` needs the values of: the number of the trade, the stamp of the references.
DRAWN = f"nextval('trades_trade_id'), {STAMP}"


def capture_new(
    *,
    message: Message,
    drawn: tuple[int, int],
    actor: Actor,
    at: datetime,
    client_id: int,
    key: str,
    request_hash: bytes,
    answer: Callable[[int, Terms], Answer],
) -> Answer | None:
    """Capture one deal with the answer that belongs to its idempotency key, in a single call.

    `drawn`: the values of DRAWN, read for this deal alone.

    None when it is not as simple as that: the key or the deal is known already, or both are in flight, or it
    draws a reservation; then nothing was stored, and `capture_trades` within `answer_once` says what is the matter.
    """
    if message.reservation is not None:
        return None
    trade_id, stamp = drawn
    asked = Asked.of([message])
    references = resolve_known(**_names(asked), on=business_date(at), days=_days(asked), stamp=stamp)
    terms = enrich(message, Context(references, asked))
    given = answer(trade_id, terms)
    created = sql.row(
        _CAPTURE_NEW,
        [
            _record(trade_id, terms, at),
            State.CAPTURED.value,
            WAKES[State.CAPTURED],
            CAPTURE_EVENT,
            actor.name,
            actor.request_id,
            client_id,
            key,
            request_hash,
            given.status,
            stored_headers(given),
            given.body,
        ],
    )
    if created != (True,):
        return None
    wake_on_commit(WAKES[State.CAPTURED])
    return given


def _record(trade_id: int, terms: Terms, at: datetime) -> str:
    """Return a first version as a JSON object, which is parsed faster than as many parameters."""
    *columns, fees, rest = version_row(trade_id, terms, at)
    documents = (None if each is None else msgspec.Raw(each.encode()) for each in (fees, rest))
    return encode(dict(zip(VERSION_COLUMNS, (*columns, *documents), strict=True)))


def first_versions(*, messages: Sequence[Message], at: datetime) -> tuple[list[Terms], str]:
    """Return what messages would be captured as, and the rows of trades_version as a JSON array: the trades are
    numbered from 1 in the order of the messages. Nothing is stored."""
    context = context_of(messages, at=at)
    terms = [enrich(message, context) for message in messages]
    return terms, f"[{','.join(_record(n, each, at) for n, each in enumerate(terms, start=1))}]"


_DRAWDOWNS = """
INSERT INTO trades_drawdown (trade_id, reservation_id)
SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS d(trade_id, reservation_id) ORDER BY 1
"""


def note_drawdowns(new: Iterable[tuple[int, Message]]) -> None:
    """Keep with new trades which reservations they draw; an id that cannot be one is kept as 0."""
    drawing = [
        (trade_id, database_id(RESERVATION, message.reservation) or 0)
        for trade_id, message in new
        if message.reservation is not None
    ]
    if drawing:
        sql.run(_DRAWDOWNS, [list(column) for column in zip(*drawing, strict=True)])


def enrich(message: Message, context: Context) -> Terms:
    """Return the enriched terms of a message."""
    return PRODUCTS[message.__struct_config__.tag].enrich(message, context)  # type: ignore[index]


def context_of(messages: Sequence[Message], *, at: datetime) -> Context:
    """Look up everything that messages refer to, in one statement.

    Amounts are measured in base currency at the rates of the day of capture: exposure is a thing of today.
    """
    asked = Asked.of(messages)
    return Context(look_up(asked, at=at), asked)


def look_up(asked: Asked, *, at: datetime) -> References:
    """Resolve what messages ask for."""
    return resolve(**_names(asked), on=business_date(at), days=_days(asked))


def _names(asked: Asked) -> dict[str, Any]:
    return {
        "parties": asked.parties,
        "instruments": asked.instruments,
        "books": asked.books,
        "currencies": asked.currencies,
    }


def _days(asked: Asked) -> tuple[date, date] | None:
    """Return the days whose holidays may decide a settlement date; None when every message brings its own."""
    return (asked.first, asked.last + HORIZON) if asked.first and asked.last else None


_KNOWN = """
SELECT w.n, v.trade_id, CASE WHEN v.trade_id IS NULL THEN nextval('trades_trade_id') END
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS w(source, source_ref, n)
LEFT JOIN LATERAL (
    SELECT trade_id FROM trades_version v
    WHERE v.source = w.source AND v.source_ref = w.source_ref AND v.version = 1 LIMIT 1
) v ON true
"""


def _known_and_ids(messages: Sequence[Message]) -> tuple[dict[int, int], list[int]]:
    """Return the trades that exist already, by position, and new ids in order for the others."""
    found = sql.rows(
        _KNOWN,
        [[message.source for message in messages], [message.source_ref for message in messages]],
    )
    known = {position - 1: trade_id for position, trade_id, _ in found if trade_id is not None}
    return known, sorted(new_id for _, _, new_id in found if new_id is not None)


def _first_of_each(messages: Sequence[Message], known: dict[int, int]) -> list[int]:
    """Return the positions that make a trade: the first of each new (source, source_ref)."""
    seen: set[tuple[str, str]] = set()
    fresh = []
    for position, message in enumerate(messages):
        identity = (message.source, message.source_ref)
        if position not in known and identity not in seen:
            seen.add(identity)
            fresh.append(position)
    return fresh


def _store(
    messages: Sequence[Message],
    trade_ids: dict[int, int],
    context: Context,
    actor: Actor,
    at: datetime,
) -> bool:
    """Store the new trades; False when somebody else captured one of them in the meantime."""
    if not trade_ids:
        return True
    new = [(trade_id, messages[position]) for position, trade_id in trade_ids.items()]
    # In one order, whatever the order of the messages: two captures of the same deals then never deadlock.
    new.sort(key=lambda each: (each[1].source, each[1].source_ref))
    store = _insert if len(new) <= ONE_STATEMENT_UP_TO else _copy
    stored = store(new, context, actor, at)
    if stored:
        note_drawdowns(new)
        wake_on_commit(WAKES[State.CAPTURED])
    return stored


VERSION_COLUMNS = ("trade_id", "version", "recorded_at", "effective_at", "cause", *COLUMNS)
_ROW = "(" + ", ".join(["%s"] * len(VERSION_COLUMNS)) + ")"
_FOLLOWERS = """
s AS (
    INSERT INTO trades_state (trade_id, version, state, changed_at, changed_xid)
    SELECT trade_id, 1, %s, %s, pg_current_xact_id()::text::bigint FROM v ORDER BY trade_id
), e AS (
    INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason)
    SELECT %s, pg_current_xact_id()::text::bigint, %s, 'trade', trade_id, 1, %s, %s, '' FROM v ORDER BY trade_id
)
"""
_WORK = "INSERT INTO core_work (task, subject_ids) SELECT %s, array_agg(trade_id ORDER BY trade_id) FROM v"
_SMALL = f"""
WITH v AS (
    INSERT INTO trades_version ({", ".join(VERSION_COLUMNS)}) VALUES {{rows}}
    ON CONFLICT (source, source_ref) WHERE version = 1 DO NOTHING
    RETURNING trade_id
), {_FOLLOWERS}, w AS ({_WORK} HAVING count(*) = %s)
SELECT count(*) FROM v
"""


def follower_parameters(actor: Actor, at: datetime) -> list[Any]:
    return [State.CAPTURED.value, at, at, CAPTURE_EVENT, actor.name, actor.request_id]


def version_row(
    trade_id: int,
    terms: Terms,
    at: datetime,
    *,
    version: int = 1,
    effective_at: datetime | None = None,
    cause: str = "NEW",
) -> tuple[Any, ...]:
    """Return the values of a version in the order of VERSION_COLUMNS; a first one is effective when executed."""
    *columns, fees, rest = msgspec.structs.astuple(terms)
    return (
        trade_id,
        version,
        at,
        effective_at or terms.executed_at or at,
        cause,
        *columns,
        None if fees is None else encode(fees),
        None if rest is None else encode(rest),
    )


def _insert(new: list[tuple[int, Message]], context: Context, actor: Actor, at: datetime) -> bool:
    """Store a few trades with one statement: terms, state, event and work together."""
    parameters: list[Any] = []
    for trade_id, message in new:
        parameters += version_row(trade_id, enrich(message, context), at)
    statement = _SMALL.format(rows=", ".join([_ROW] * len(new)))
    tail = [*follower_parameters(actor, at), WAKES[State.CAPTURED], len(new)]
    if len(new) == 1:
        return sql.row(statement, [*parameters, *tail]) == (1,)
    return _all_or_nothing(lambda: sql.row(statement, [*parameters, *tail]) == (len(new),))


_COPY = f"COPY trades_version ({', '.join(VERSION_COLUMNS)}) FROM STDIN {sql.COPY_OPTIONS}"
_AFTER_COPY = f"""
WITH v AS MATERIALIZED (SELECT unnest(%s::bigint[]) AS trade_id), {_FOLLOWERS} SELECT 1
"""


def copy_first_versions(rows: bytes, trade_ids: Sequence[int], followers: list[Any]) -> None:
    """Store first versions by COPY, with what follows from each: its state and its event.

    rows: as `sql.csv_rows` makes them of `version_row`s.
    """
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(_COPY, io.BytesIO(rows), len(rows))
        cursor.execute(_AFTER_COPY, [sql.array_literal(trade_ids), *followers])


def _copy(new: list[tuple[int, Message]], context: Context, actor: Actor, at: datetime) -> bool:
    """Store many trades by COPY."""
    ids = sorted(trade_id for trade_id, _ in new)

    def copy() -> bool:
        rows = [version_row(trade_id, enrich(message, context), at) for trade_id, message in new]
        copy_first_versions(sql.csv_rows(rows), ids, follower_parameters(actor, at))
        enqueue(WAKES[State.CAPTURED], ids)
        return True

    return _all_or_nothing(copy)


_PARTS = """
WITH part AS MATERIALIZED (
    SELECT unnest(%(ids)s::bigint[]) AS trade_id
), stood AS (
    INSERT INTO trades_state (trade_id, version, checked_version, state, changed_at, changed_xid, block_id)
    SELECT trade_id, 1, CASE WHEN %(counted)s THEN 1 END, %(state)s, %(at)s, pg_current_xact_id()::text::bigint,
           %(block_id)s
    FROM part ORDER BY trade_id
)
INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
SELECT %(at)s, pg_current_xact_id()::text::bigint, %(event)s, 'trade', trade_id, 1, %(actor)s, %(request_id)s, '',
       %(data)s::jsonb
FROM part ORDER BY trade_id
"""


def capture_parts(
    *, block_id: int, parts: Sequence[Terms], counted: bool, actor: Actor, at: datetime
) -> list[int]:
    """Capture the parts of a block that the caller has locked, and return their ids, in their order.

    counted: the running figures of limits carry them from now on, not from their first check. Problem 409 when
    another capture has taken one of their references at this moment.
    """
    ids = [
        trade_id
        for (trade_id,) in sql.rows(
            "SELECT nextval('trades_trade_id') FROM generate_series(1, %s)", [len(parts)]
        )
    ]
    rows = [
        version_row(trade_id, terms, at, effective_at=at) for trade_id, terms in zip(ids, parts, strict=True)
    ]
    try:
        sql.copy_rows("trades_version", VERSION_COLUMNS, rows)
    except DatabaseError as error:
        if was_overtaken(error):
            raise Problem(409, "reference-taken", "Another deal takes one of these references.") from error
        raise
    sql.run(
        _PARTS,
        {
            "ids": ids,
            "counted": counted,
            "state": State.CAPTURED.value,
            "at": at,
            "block_id": block_id,
            "event": CAPTURE_EVENT,
            "actor": actor.name,
            "request_id": actor.request_id,
            "data": encode({"block": public_id(TRADE, block_id)}),
        },
    )
    arrive(ids, State.CAPTURED)
    return ids


def _all_or_nothing(store: Callable[[], bool]) -> bool:
    """Run in a savepoint that stays only when all is stored; False when another capture was faster."""
    try:
        with transaction.atomic():
            stored = store()
            transaction.set_rollback(not stored)
    except DatabaseError as error:
        if was_overtaken(error):
            return False
        raise
    return stored


def was_overtaken(error: DatabaseError) -> bool:
    """Tell whether a capture failed because another one is making, or has made, one of its deals.

    Two loads of the same deals in opposite orders block each other: PostgreSQL ends one of them, and what
    the other has made by then is found by the next attempt.
    """
    return isinstance(error.__cause__, (UniqueViolation, DeadlockDetected))


def _results(
    messages: Sequence[Message], known: dict[int, int], trade_ids: dict[int, int], context: Context
) -> list[Captured]:
    results = {at: Captured(Outcome.CREATED, trade_id) for at, trade_id in trade_ids.items()}
    if len(results) < len(messages):
        by_reference = {(messages[at].source, messages[at].source_ref): id for at, id in trade_ids.items()}
        for position, message in enumerate(messages):
            if position not in results:
                trade_id = known.get(position) or by_reference[(message.source, message.source_ref)]
                known[position] = trade_id
        results.update(_compare(messages, known, context))
    return [results[position] for position in range(len(messages))]


def _compare(messages: Sequence[Message], known: dict[int, int], context: Context) -> dict[int, Captured]:
    """Compare messages with the first version of the trades they name."""
    columns = ", ".join(_COMPARED)
    stored = {
        each["trade_id"]: each
        for each in sql.records(
            f"SELECT trade_id, {columns} FROM trades_version WHERE trade_id = ANY(%s) AND version = 1",
            [sorted(set(known.values()))],
        )
    }
    results = {}
    for position, trade_id in known.items():
        differing = _differing(messages[position], enrich(messages[position], context), stored[trade_id])
        outcome = Outcome.CONFLICT if differing else Outcome.EXISTING
        results[position] = Captured(outcome, trade_id, differing)
    return results


# What a message says itself. What is derived counts only where the message states it, because reference
# data may have moved on since; ids, keys and base amounts follow from the rest.
_STATED = (
    "product", "side", "instrument_ref", "counterparty_ref", "book_ref", "trader", "quantity", "price",
    "currency", "contra_currency", "contra_amount", "trade_date", "executed_at", "source_version",
)  # fmt: skip
_DERIVED = ("settlement_date", "gross_amount", "net_amount")
_COMPARED = (*_STATED, *_DERIVED, "fees", "terms")


def _differing(message: Message, terms: Terms, stored: dict[str, Any]) -> list[str]:
    names = [name for name in _STATED if getattr(terms, name) != stored[name]]
    names += [
        name
        for name in _DERIVED
        if getattr(message, name, None) is not None and getattr(terms, name) != stored[name]
    ]
    for name in ("fees", "terms"):
        given = getattr(terms, name)
        if _plain(None if given is None else encode(given)) != _plain(stored[name]):
            names.append(name)
    return sorted({PRODUCTS[terms.product].pointer(name) for name in names})


# Numbers of fees and terms: 1.5 is 1.50.
_NUMBERS = {"amount", "quantity", "unit_price", "rate", "bought_amount", "sold_amount", "stated_accrued"}
# What we made of it: ids and what instruments tell, dates and sums that follow from the rest.
_MADE = {"instrument_id", "contract", "due_date", "charges"}


def _plain(document: str | None) -> Any:
    """Return JSON for comparison: numbers by their value, without what we made of it."""
    return _comparable(sql.json_value(document))


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    if isinstance(value, dict):
        return {
            key: Decimal(each) if key in _NUMBERS else _comparable(each)
            for key, each in value.items()
            if key not in _MADE
        }
    return value
