"""Reads of settlement. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from core import sql
from core.as_of import HAPPENED, AsOf
from settlement.models import BatchManifest, settlement_type_sql
from trades.lifecycle import State

BATCH_STATUSES = ("RECALLED", "SEALED", "CLAIMED", "ACKNOWLEDGED", "SETTLED")
STATUS_SQL = """
CASE WHEN s.recalled_at IS NOT NULL THEN 'RECALLED'
     WHEN s.claimed_at IS NULL THEN 'SEALED'
     WHEN s.accepted + s.rejected < s.instruction_count THEN 'CLAIMED'
     WHEN s.accepted > 0 AND s.settled >= s.accepted THEN 'SETTLED'
     ELSE 'ACKNOWLEDGED' END
"""
# A batch's status follows from what the back office did: nobody sets it. How far it had come at a moment is the
# last step of its progress that was known and had happened then; none: nobody had claimed it.
_BATCHES = f"""
SELECT b.id, b.channel_id AS channel, b.sequence, b.value_date, b.sealed_at, b.sealed_by, b.instruction_count,
       b.trade_count, b.control_totals, b.byte_count, b.sha256, s.accepted, s.rejected, s.settled, s.claimed_at,
       s.recalled_at, rel.batch_id IS NOT NULL AS to_release, rel.amount AS release_amount, s.released_at,
       {STATUS_SQL} AS status, m.statement, m.hash AS manifest_hash, m.key_id, m.signature
FROM settlement_batch b
LEFT JOIN settlement_batch_manifest m ON m.batch_id = b.id
LEFT JOIN settlement_release rel ON rel.batch_id = b.id
"""
# How people and systems sort batches by who has them: none has claimed it, somebody has it now, some of it is rejected.
# The second of the two conditions of a lease is true of the past as well; the first has an index.
HELD_NOW = "c.ended_at IS NULL AND c.expires_at > %(now)s"
HELD_THEN = "c.claimed_at <= %(now)s AND least(c.ended_at, c.expires_at) > %(now)s"
BATCH_STANDINGS = {
    "unclaimed": "s.claimed_at IS NULL AND s.recalled_at IS NULL",
    "claimed": "EXISTS (SELECT 1 FROM settlement_batch_claim c WHERE c.batch_id = b.id AND {held})",
    "rejected": "s.rejected > 0",
}
SEALED_THEN = f"core_known(b.xid, b.sealed_at, {HAPPENED})"
_NOW = f"{_BATCHES} JOIN settlement_batch_state s ON s.batch_id = b.id WHERE true"
THEN = f"""
LEFT JOIN LATERAL (
    SELECT * FROM settlement_batch_progress
    WHERE batch_id = b.id AND core_known(xid, recorded_at, {HAPPENED})
    ORDER BY id DESC LIMIT 1
) p ON true
CROSS JOIN LATERAL (
    SELECT b.instruction_count, coalesce(p.accepted, 0) AS accepted, coalesce(p.rejected, 0) AS rejected,
           coalesce(p.settled, 0) AS settled, p.claimed_at, p.recalled_at, p.released_at
) s
WHERE b.id <= %(highest)s AND {SEALED_THEN}
"""
_SEQUENCE = "settlement_batch_id_seq"


def _select(as_of: AsOf | None) -> tuple[str, dict[str, Any]]:
    """Return the statement, to which conditions are added, and the parameters of batches as of a moment."""
    if as_of is None:
        return _NOW, {}
    return f"{_BATCHES} {THEN}", then_parameters(as_of)


def then_parameters(as_of: AsOf) -> dict[str, Any]:
    """Return the parameters of THEN."""
    return {**as_of.parameters(), "highest": as_of.highest(_SEQUENCE)}


def list_batches(
    *,
    channel: str | None = None,
    status: str | None = None,
    standing: str | None = None,
    value_date: date | None = None,
    hidden: Sequence[str] = (),
    after: int | None = None,
    newest_first: bool = False,
    limit: int,
    now: datetime | None = None,
    as_of: AsOf | None = None,
) -> list[dict[str, Any]]:
    """Return batches in the order of sealing, after a batch id (before it, when the newest come first).

    standing: one of BATCH_STANDINGS, told at `now`.

    Ids are taken while a seal holds the lock that lets one seal run at a time, to its commit: a batch that
    becomes visible later has a higher id, so a reader that keeps its place misses none. hidden: channels that are left
    out. `as_of`: as they were.
    """
    statement, parameters = _select(as_of)
    if standing is not None:
        held = HELD_NOW if as_of is None else HELD_THEN
        statement += f" AND {BATCH_STANDINGS[standing].format(held=held)}"
        parameters["now"] = now
    for name, condition, value in (
        ("channel", "b.channel_id = %(channel)s", channel),
        ("value_date", "b.value_date = %(value_date)s", value_date),
        ("status", f"{STATUS_SQL} = %(status)s", status),
        ("hidden", "b.channel_id <> ALL(%(hidden)s::text[])", list(hidden) or None),
        ("after", "b.id < %(after)s" if newest_first else "b.id > %(after)s", after),
    ):
        if value is not None:
            statement += f" AND {condition}"
            parameters[name] = value
    order = "DESC" if newest_first else "ASC"
    return sql.records(f"{statement} ORDER BY b.id {order} LIMIT %(limit)s", {**parameters, "limit": limit})


def read_batch(batch_id: int, *, as_of: AsOf | None = None) -> dict[str, Any] | None:
    """Return a batch with its status and counts, now or as it was, or None."""
    statement, parameters = _select(as_of)
    found = sql.records(f"{statement} AND b.id = %(batch_id)s", {**parameters, "batch_id": batch_id})
    return found[0] if found else None


def manifest_of(batch_id: int) -> BatchManifest | None:
    """Return the manifest of a batch, or None."""
    return BatchManifest.objects.filter(batch_id=batch_id).first()


def claims_of(batch_id: int, *, limit: int = 100) -> list[dict[str, Any]]:
    """Return the claims on a batch, the latest first. One without an end may still have run out."""
    return sql.records(
        "SELECT id, batch_id, client_id, client_name, claimed_at, expires_at, ended_at"
        " FROM settlement_batch_claim WHERE batch_id = %s ORDER BY id DESC LIMIT %s",
        [batch_id, limit],
    )


def open_claims_of(client_id: int, *, now: datetime, limit: int = 1_000) -> list[dict[str, Any]]:
    """Return what a client holds now, by batch."""
    return sql.records(
        "SELECT id, batch_id, client_id, client_name, claimed_at, expires_at, ended_at FROM settlement_batch_claim"
        " WHERE client_id = %s AND ended_at IS NULL AND expires_at > %s ORDER BY batch_id LIMIT %s",
        [client_id, now, limit],
    )


def read_attestation(day: date) -> dict[str, Any] | None:
    """Return the attestation of a day that was made, or None."""
    found = sql.records(
        "SELECT statement, key_id, signature FROM settlement_attestation WHERE day = %s", [day]
    )
    return found[0] if found else None


def open_breaks(*, limit: int = 100) -> list[dict[str, Any]]:
    """Return where a back office's counts of a day differ from ours, the oldest first."""
    return sql.records(
        "SELECT id, day, client_name, channel, measure, ours, theirs, theirs - ours AS difference, opened_at"
        " FROM settlement_attestation_break"
        " WHERE closed_at IS NULL ORDER BY day, id LIMIT %s",
        [limit],
    )


def recalls_of_batch(batch_id: int) -> list[dict[str, Any]]:
    """Return what operations asked of a batch and its instructions, the latest first, with the consumer's answer."""
    return sql.records(
        "SELECT * FROM settlement_batch_recall WHERE batch_id = %s ORDER BY id DESC", [batch_id]
    )


def recalls_asked_of(client_id: int, *, limit: int = 1_000) -> list[dict[str, Any]]:
    """Return the requests to recall a batch, or an instruction, that wait for a client's answer, the oldest first."""
    return sql.records(
        "SELECT * FROM settlement_batch_recall WHERE client_id = %s AND state = 'REQUESTED' ORDER BY id LIMIT %s",
        [client_id, limit],
    )


# A batch's instructions have ids in one run, so that only its own recalls are looked at.
_RECALLED_IN = """
SELECT r.instruction_id, count(*) OVER ()
FROM settlement_recall r JOIN settlement_instruction i ON i.id = r.instruction_id
WHERE i.batch_id = %(batch)s AND r.instruction_id BETWEEN
    (SELECT id FROM settlement_instruction WHERE batch_id = %(batch)s ORDER BY line LIMIT 1)
    AND (SELECT id FROM settlement_instruction WHERE batch_id = %(batch)s ORDER BY line DESC LIMIT 1)
ORDER BY r.instruction_id LIMIT %(limit)s
"""


def recalled_in(batch_id: int, *, limit: int = 1_000) -> tuple[list[int], int]:
    """Return the instructions of a batch that must not be done, because they are recalled: the first by line, and how
    many there are."""
    found = sql.rows(_RECALLED_IN, {"batch": batch_id, "limit": limit})
    return [each for each, _ in found], found[0][1] if found else 0


# As text in UTF-8, because the driver would read bytes as hexadecimal digits, twice as many.
_PAGES = """
SELECT convert_from(content, 'UTF8') FROM settlement_batch_page
WHERE batch_id = %s AND number BETWEEN %s AND %s ORDER BY number
"""
_PAGES_AT_ONCE = 4
_PAGE_AT = """
SELECT number, first_byte FROM (
    SELECT number, sum(byte_count) OVER (ORDER BY number) - byte_count AS first_byte
    FROM settlement_batch_page WHERE batch_id = %s
) AS pages
WHERE first_byte <= %s ORDER BY number DESC LIMIT 1
"""


def content(batch_id: int, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Yield a batch's canonical bytes, or those from `start` to before `stop`, a few pages at a time.

    Memory stays flat at any size, and no transaction is held open while the reader takes its time: pages
    never change.
    """
    number, at = (sql.row(_PAGE_AT, [batch_id, start]) if start else None) or (1, 0)
    at = int(at)
    while pages := sql.rows(_PAGES, [batch_id, number, number + _PAGES_AT_ONCE - 1]):
        for (text,) in pages:
            if stop is not None and at >= stop:
                return
            page: bytes = text.encode()
            cut = page[max(start - at, 0) : None if stop is None else stop - at]
            at += len(page)
            yield cut
        number += len(pages)


_LINES = """
SELECT first_line, convert_from(content, 'UTF8') FROM settlement_batch_page
WHERE batch_id = %s AND first_line + line_count > %s AND first_line <= %s ORDER BY number
"""


def lines(batch_id: int, *, after: int, limit: int) -> list[bytes]:
    """Return up to `limit` lines of a batch after a line number, each without its line end."""
    first, last = after + 1, after + limit
    found: list[bytes] = []
    for first_line, text in sql.rows(_LINES, [batch_id, first, last]):
        page = text.encode().split(b"\n")[:-1]
        found += page[max(first - first_line, 0) : last - first_line + 1]
    return found


_TERMS = """
SELECT i.id, min(v.trade_date), max(v.trade_date), bool_and(v.product = 'BOND')
FROM settlement_instruction i
CROSS JOIN LATERAL (SELECT DISTINCT trade_id FROM unnest(i.trade_ids) AS u(trade_id)) AS behind
JOIN settlement_obligation o ON o.trade_id = behind.trade_id AND o.instruction_id = i.id
JOIN trades_version v ON v.trade_id = o.trade_id AND v.version = o.version
WHERE i.id = ANY(%s)
GROUP BY i.id
"""


def terms_behind(instruction_ids: Sequence[int]) -> dict[int, tuple[date, date, bool]]:
    """Return of instructions the first and last trade date of the legs netted in them, and whether all of these are
    of bonds. A cancellation has no legs of its own, and is not in it."""
    found = sql.rows(_TERMS, [list(instruction_ids)])
    return {instruction_id: (first, last, bonds) for instruction_id, first, last, bonds in found}


def _reasons(condition: str) -> str:
    """Return SQL for all reasons of the reports that meet a condition, sorted."""
    return f"""coalesce(string_agg(DISTINCT reason COLLATE "C", ', ' ORDER BY reason COLLATE "C") FILTER (
               WHERE reason <> '' AND {condition}), '')"""


# What the back office had said of an instruction: by its state, or by the reports that were known and had come then.
# Once it is cancelled nothing of it settles any more, and nothing is cancelled that has settled.
SAID_NOW = "SELECT * FROM settlement_instruction_state WHERE instruction_id = i.id"
SAID_THEN = f"""
SELECT coalesce(r.processing, 'SEALED') AS processing, r.processing_reason,
       CASE WHEN r.cancelled THEN 'CANCELLED'
            WHEN r.settled OR (r.processing = 'ACCEPTED' AND (i.direction = 'NIL' OR i.cancels IS NOT NULL))
            THEN 'SETTLED'
            WHEN r.partial THEN 'PARTIAL' WHEN r.failed THEN 'FAILED' ELSE 'PENDING' END AS settlement,
       r.settlement_reason, CASE WHEN r.settled THEN i.quantity ELSE r.quantity END AS settled_quantity,
       CASE WHEN r.matched THEN 'MATCHED' WHEN r.unmatched THEN 'UNMATCHED' ELSE '' END AS matching, r.matching_reason,
       coalesce((ARRAY['REQUESTED', 'PENDING', 'DENIED', 'COMPLETED'])[r.cancellation], '') AS cancellation,
       r.cancellation_reason
FROM (
    SELECT max(kind) FILTER (WHERE kind IN ('ACCEPTED', 'REJECTED')) AS processing,
           coalesce(max(reason) FILTER (WHERE kind = 'REJECTED'), '') AS processing_reason,
           bool_or(kind = 'SETTLED') AS settled, bool_or(kind = 'PARTIAL') AS partial,
           bool_or(kind = 'FAILED') AS failed, bool_or(kind = 'CANCELLED') AS cancelled,
           coalesce(max(quantity), 0) AS quantity,
           bool_or(kind = 'MATCHED') AS matched, bool_or(kind = 'UNMATCHED') AS unmatched,
           max(CASE kind WHEN 'CANCELLATION_REQUESTED' THEN 1 WHEN 'CANCELLATION_PENDING' THEN 2
                         WHEN 'CANCELLATION_DENIED' THEN 3 WHEN 'CANCELLATION_COMPLETED' THEN 4 END) AS cancellation,
           {_reasons("kind IN ('FAILED', 'PARTIAL')")} AS settlement_reason,
           {_reasons("kind IN ('MATCHED', 'UNMATCHED')")} AS matching_reason,
           {_reasons("kind LIKE 'CANCELLATION_%%'")} AS cancellation_reason
    FROM settlement_status_report
    WHERE instruction_id = i.id AND core_known(xid, reported_at, {HAPPENED})
) r
"""
# Whether a change of a trade had made an instruction wrong, and the instruction of a later batch that cancels it.
RECALLED_NOW = "SELECT * FROM settlement_recall WHERE instruction_id = i.id"
RECALLED_THEN = f"""
SELECT w.instruction_id, w.cause_ids, w.with_batch, w.remainder, (
    SELECT max(n.id) FROM settlement_instruction n JOIN settlement_batch b ON b.id = n.batch_id
    WHERE n.cancels = w.instruction_id AND {SEALED_THEN}
) AS cancellation_id
FROM settlement_recall w WHERE w.instruction_id = i.id AND core_known(w.xid, w.recalled_at, {HAPPENED})
"""
_REFUSED_NOW = "SELECT processing FROM settlement_instruction_state WHERE instruction_id = r.cancellation_id"
_REFUSED_THEN = f"""
SELECT coalesce(max(kind), 'SEALED') AS processing FROM settlement_status_report
WHERE instruction_id = r.cancellation_id AND kind IN ('ACCEPTED', 'REJECTED')
  AND core_known(xid, reported_at, {HAPPENED})
HAVING r.cancellation_id IS NOT NULL
"""
# What is still to settle by an instruction; nothing of one that was rejected or cancelled.
_REMAINING = """CASE WHEN s.processing = 'REJECTED' OR s.settlement IN ('SETTLED', 'CANCELLED') THEN 0
            ELSE i.quantity - s.settled_quantity END AS remaining_quantity"""
_INSTRUCTIONS = f"""
SELECT {{settlement_type}} AS settlement_type, i.linked_id, {_REMAINING},
       i.id, i.batch_id, i.line, i.channel, b.sequence, i.asset_kind, i.asset, i.direction, i.quantity, i.value_date,
       i.gross_count, i.counterparty_id, i.entity_id, i.our_ssi_id, i.their_ssi_id, p.code AS counterparty_code,
       p.name AS counterparty_name, s.processing, s.processing_reason, s.settlement, s.settlement_reason,
       s.settled_quantity, s.matching, s.matching_reason, s.cancellation, s.cancellation_reason,
       i.cancels, i.replaces, r.instruction_id IS NOT NULL AS recalled, r.cancellation_id, i.shape, i.shapes,
       i.shaped_with
FROM settlement_instruction i
CROSS JOIN LATERAL ({{said}}) s
LEFT JOIN LATERAL ({{recalled}}) r ON true
JOIN refdata_party p ON p.id = i.counterparty_id
JOIN settlement_batch b ON b.id = i.batch_id
WHERE i.batch_id = %(batch_id)s AND i.line > %(after)s ORDER BY i.line LIMIT %(limit)s
"""


def instructions_of(
    batch_id: int, *, after_line: int = 0, limit: int, as_of: AsOf | None = None
) -> list[dict[str, Any]]:
    """Return instructions of a batch after a line, with what the back office has said of them, or had."""
    return sql.records(
        _INSTRUCTIONS.format(
            settlement_type=settlement_type_sql("i.asset_kind", "i.linked_id"),
            said=SAID_NOW if as_of is None else SAID_THEN,
            recalled=RECALLED_NOW if as_of is None else RECALLED_THEN,
        ),
        {
            **(as_of.parameters() if as_of else {}),
            "batch_id": batch_id,
            "after": after_line,
            "limit": limit,
        },
    )


def read_instruction(instruction_id: int, *, as_of: AsOf | None = None) -> dict[str, Any] | None:
    """Return an instruction as `instructions_of` has it, or None; as it was, of a batch that was sealed by then."""
    place = sql.row("SELECT batch_id, line FROM settlement_instruction WHERE id = %s", [instruction_id])
    if place is None or (as_of and read_batch(place[0], as_of=as_of) is None):
        return None
    (row,) = instructions_of(place[0], after_line=place[1] - 1, limit=1, as_of=as_of)
    return row


_LEGS_AFTER = """
SELECT o.trade_id, o.version, o.leg, max(o.attempt) AS attempt, o.asset_kind, o.asset, o.direction,
       sum(o.quantity) AS quantity, o.value_date, v.source, v.source_ref
FROM settlement_instruction i
CROSS JOIN LATERAL (
    SELECT DISTINCT trade_id FROM unnest(i.trade_ids) AS u(trade_id) WHERE trade_id >= %(trade_id)s
    ORDER BY trade_id LIMIT %(limit)s + 1
) AS behind
JOIN settlement_obligation o ON o.trade_id = behind.trade_id AND o.instruction_id = coalesce(i.cancels, i.id)
JOIN trades_version v ON v.trade_id = o.trade_id AND v.version = o.version
WHERE i.id = %(id)s AND (o.trade_id, o.leg) > (%(trade_id)s, %(leg)s)
GROUP BY o.trade_id, o.version, o.leg, o.asset_kind, o.asset, o.direction, o.value_date, v.source, v.source_ref
ORDER BY o.trade_id, o.leg LIMIT %(limit)s
"""


def legs_behind(
    instruction_id: int, *, after: tuple[int, int] = (0, 0), limit: int = 100
) -> list[dict[str, Any]]:
    """Return the gross legs of an instruction in the order of trade and leg, after such a pair.

    Of one that cancels another, the legs of the other.
    """
    trade_id, leg = after
    return sql.records(_LEGS_AFTER, {"id": instruction_id, "trade_id": trade_id, "leg": leg, "limit": limit})


# The legs are found through the instruction's trades, of which only as many are looked at as are shown.
_GROSS_LEGS = """
SELECT i.id AS instruction_id, o.trade_id, o.version, o.leg, o.attempt, o.asset_kind, o.asset, o.direction, o.quantity,
       o.value_date, v.source, v.source_ref
FROM settlement_instruction i
CROSS JOIN LATERAL (
    SELECT DISTINCT trade_id FROM unnest(i.trade_ids[%(skip)s + 1 : %(skip)s + %(limit)s]) AS u(trade_id)
) AS behind
JOIN settlement_obligation o ON o.trade_id = behind.trade_id AND o.instruction_id = i.id
JOIN trades_version v ON v.trade_id = o.trade_id AND v.version = o.version
WHERE i.id = ANY(%(ids)s)
ORDER BY i.id, o.trade_id, o.leg, o.attempt, o.part
"""


def gross_legs(instruction_ids: Sequence[int], *, skip: int = 0, limit: int = 100) -> list[dict[str, Any]]:
    """Return the legs netted in instructions, by instruction, trade and leg: those of up to `limit` trades of
    each instruction after the first `skip`."""
    return sql.records(_GROSS_LEGS, {"ids": list(instruction_ids), "skip": skip, "limit": limit})


_OBLIGATIONS = f"""
SELECT {_REMAINING},
       o.trade_id, o.version, o.leg, o.attempt, o.asset_kind, o.asset, o.direction, o.quantity, o.value_date,
       o.instruction_id, i.line, i.channel, i.direction AS instruction_direction, i.quantity AS instruction_quantity,
       i.gross_count, i.batch_id, b.sequence, s.processing, s.processing_reason, s.settlement, s.settlement_reason,
       s.settled_quantity, s.matching, s.matching_reason, s.cancellation, s.cancellation_reason,
       r.instruction_id IS NOT NULL AS recalled, r.cancellation_id, i.replaces,
       c.processing AS cancellation_processing, %(trade_id)s = ANY(r.cause_ids) AS recalled_for_it,
       r.with_batch, r.remainder
FROM settlement_obligation o
LEFT JOIN settlement_instruction i ON i.id = o.instruction_id
LEFT JOIN LATERAL ({{said}}) s ON true
LEFT JOIN LATERAL ({{recalled}}) r ON true
LEFT JOIN LATERAL ({{refused}}) c ON true
LEFT JOIN settlement_batch b ON b.id = i.batch_id
WHERE o.trade_id = %(trade_id)s AND {{there}} ORDER BY o.leg, o.attempt, o.part LIMIT %(limit)s
"""


def obligations_of(trade_id: int, *, limit: int = 500, as_of: AsOf | None = None) -> list[dict[str, Any]]:
    """Return the legs of a trade with their instruction and batch, and what the back office said of it.

    A leg that waits for its day has no instruction; one that was rejected stands beside its next attempt. As they
    were, only the legs whose batch was sealed.
    """
    now = as_of is None
    statement = _OBLIGATIONS.format(
        said=SAID_NOW if now else SAID_THEN,
        recalled=RECALLED_NOW if now else RECALLED_THEN,
        refused=_REFUSED_NOW if now else _REFUSED_THEN,
        there="true" if now else SEALED_THEN,
    )
    rows = sql.records(
        statement, {**(as_of.parameters() if as_of else {}), "trade_id": trade_id, "limit": limit}
    )
    return _with_replaced(rows)


def _with_replaced(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each row, as `replaced`, the instructions that its own replaces."""
    for row in rows:
        row["replaced"] = row["replaces"] or []
    return rows


_DUE = f"""
SELECT 1 FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.state = {State.VALIDATED.value} AND v.settlement_date <= %(value_date)s
UNION ALL
SELECT 1 FROM settlement_obligation o JOIN trades_state s ON s.trade_id = o.trade_id AND s.version = o.version
WHERE o.instruction_id IS NULL AND o.value_date <= %(value_date)s
  AND s.state NOT IN ({State.CANCELLED.value}, {State.ALLOCATED.value})
UNION ALL
SELECT 1 FROM settlement_recall r JOIN settlement_instruction_state s ON s.instruction_id = r.instruction_id
WHERE r.cancellation_id IS NULL AND NOT r.with_batch AND s.processing <> 'REJECTED'
LIMIT 1
"""


def anything_due(*, value_date: date) -> bool:
    """Tell whether a validated trade, or a leg that waited for its day, settles on or before a date, or whether
    anything is to be cancelled."""
    return sql.row(_DUE, {"value_date": value_date}) is not None


_WITHHELD_SINCE = """
SELECT withheld_at FROM settlement_withholding
WHERE batch_id = %(batch)s AND withheld_at <= %(at)s AND (ended_at IS NULL OR ended_at > %(at)s)
"""


def withheld_since(batch_id: int, *, at: datetime) -> datetime | None:
    """Return since when a batch was withheld at a moment, or None."""
    found = sql.row(_WITHHELD_SINCE, {"batch": batch_id, "at": at})
    return found[0] if found else None
