"""Attestations: what each channel has sealed and heard on a day, signed; and the back office's own counts against it.

All counts are of instructions, from the steps of each batch that are kept for ever. A day is one of UTC. What a day
was is written down once, so that it is the same to the byte whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction

from core import sql
from core.audit import Actor, encode, record
from core.http.authentication import Client
from core.http.problem import Problem, not_found
from core.seals import GENESIS, json_text
from core.signing import keep_public_key, sign
from core.text import text_faults
from settlement.selectors import read_attestation
from settlement.work_kinds import ATTESTATION
from trades.services.exceptions import NewException, close_exceptions_about, open_exceptions
from trades.work_items import About

FORMAT = 1
MEASURES = ("sealed", "claimed", "accepted", "rejected", "settled", "open")
SUBJECT = "attestation_break"
DIFFERS = "COUNTS_DIFFER"  # the code and the cause of the work that a break is
AGREED = "both sides agree"
EXPLAINED_WITHIN = timedelta(days=1)
# No request lasts so long: what happened on a day has been committed by stood_then.
GRACE = timedelta(minutes=5)

# How each batch stood before the day and at its end. What nets to nothing, and a cancellation, counts as settled once
# it is accepted; what was recalled is not open, and neither is what was never claimed.
_COUNTS = """
WITH stood AS (
    SELECT b.channel_id, b.instruction_count AS count, b.sealed_at >= %(start)s AS is_new,
           coalesce(stood_then.claimed_at < %(end)s, false) AS claimed,
           stood_then.claimed_at >= %(start)s AS newly_claimed,
           stood_then.recalled_at IS NOT NULL AS recalled,
           coalesce(stood_then.accepted, 0) AS accepted, coalesce(stood_then.rejected, 0) AS rejected,
           coalesce(stood_then.settled, 0) AS settled,
           coalesce(stood_before.accepted, 0) AS accepted_before, coalesce(stood_before.rejected, 0) AS rejected_before,
           coalesce(stood_before.settled, 0) AS settled_before
    FROM settlement_batch b
    LEFT JOIN LATERAL (
        SELECT * FROM settlement_batch_progress p WHERE p.batch_id = b.id AND p.recorded_at < %(end)s
        ORDER BY p.id DESC LIMIT 1
    ) AS stood_then ON true
    LEFT JOIN LATERAL (
        SELECT * FROM settlement_batch_progress p WHERE p.batch_id = b.id AND p.recorded_at < %(start)s
        ORDER BY p.id DESC LIMIT 1
    ) AS stood_before ON true
    WHERE b.sealed_at < %(end)s
)
SELECT c.code,
       coalesce(sum(s.count) FILTER (WHERE s.is_new), 0)::bigint AS sealed,
       coalesce(sum(s.count) FILTER (WHERE s.newly_claimed), 0)::bigint AS claimed,
       coalesce(sum(s.accepted - s.accepted_before), 0)::bigint AS accepted,
       coalesce(sum(s.rejected - s.rejected_before), 0)::bigint AS rejected,
       coalesce(sum(s.settled - s.settled_before), 0)::bigint AS settled,
       coalesce(sum(s.count - s.rejected - s.settled) FILTER (WHERE s.claimed AND NOT s.recalled), 0)::bigint AS open
FROM settlement_channel c LEFT JOIN stood s ON s.channel_id = c.code
GROUP BY c.code ORDER BY c.code
"""
_LAST = """
SELECT DISTINCT ON (m.channel) m.channel, m.sequence, m.hash
FROM settlement_batch_manifest m JOIN settlement_batch b ON b.id = m.batch_id
WHERE b.sealed_at < %s ORDER BY m.channel, m.sequence DESC
"""
_KEEP = """
INSERT INTO settlement_attestation (day, statement, key_id, signature, made_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (day) DO NOTHING
"""


def attest_day(*, day: date, now: datetime) -> dict[str, Any]:
    """Return the attestation of a day: `statement` (text), `key_id` and `signature`. Made at the first question.

    The statement has for each channel the MEASURES, and the sequence number and manifest hash of its last batch by
    stood_then. Problem 409 before the day is over.
    """
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    if now < end + GRACE:
        raise Problem(
            409, "day-not-over", f"{day} is attested after it is over, from {end + GRACE:%H:%M} UTC on."
        )
    with transaction.atomic():
        if found := read_attestation(day):
            return found
        last = {channel: rest for channel, *rest in sql.rows(_LAST, [end])}
        channels = {}
        for code, *counts in sql.rows(_COUNTS, {"start": start, "end": end}):
            sequence, manifest = last.get(code, (0, GENESIS))
            channels[code] = {
                **dict(zip(MEASURES, counts, strict=True)),
                "last_sequence": sequence,
                "last_manifest": manifest,
            }
        text = json_text({"format": FORMAT, "date": day.isoformat(), "channels": channels})
        signature = sign(text)
        keep_public_key(now=now)
        sql.run(_KEEP, [day, text, signature.key_id, signature.value, now])
        found = read_attestation(day)
    assert found is not None  # noqa: S101 - it was just kept, here or by somebody else at the same moment
    return found


@dataclass(frozen=True)
class Compared:
    """One measure of one channel on which the two sides differ, and by how much they say each."""

    channel: str
    measure: str
    ours: int
    theirs: int


_POSTED = """
INSERT INTO settlement_attested_count (day, client_id, client_name, counts, posted_at)
VALUES (%s, %s, %s, %s::jsonb, %s)
"""
_OPEN = """
INSERT INTO settlement_attestation_break (day, client_id, client_name, channel, measure, ours, theirs, opened_at,
                                          closed_by, resolution)
SELECT %(day)s, %(client)s, %(name)s, channel, measure, ours, theirs, %(now)s, '', ''
FROM unnest(%(channels)s::text[], %(measures)s::text[], %(ours)s::bigint[], %(theirs)s::bigint[])
    AS d(channel, measure, ours, theirs)
ON CONFLICT (day, client_id, channel, measure) WHERE closed_at IS NULL DO UPDATE SET theirs = EXCLUDED.theirs
    WHERE settlement_attestation_break.theirs <> EXCLUDED.theirs
RETURNING id, xmax = 0
"""
_AGREE = f"""
UPDATE settlement_attestation_break SET closed_at = %(now)s, closed_by = %(actor)s, resolution = '{AGREED}'
WHERE day = %(day)s AND client_id = %(client)s AND closed_at IS NULL AND channel = ANY(%(told)s::text[])
  AND NOT EXISTS (
      SELECT FROM unnest(%(channels)s::text[], %(measures)s::text[]) AS d(channel, measure)
      WHERE d.channel = settlement_attestation_break.channel AND d.measure = settlement_attestation_break.measure)
RETURNING id
"""


def compare_day(
    *, day: date, counts: Mapping[str, Mapping[str, int]], client: Client, actor: Actor, now: datetime
) -> list[Compared]:
    """Take a back office's own counts of a day, channel → measure → count, and return where they differ from ours.

    Each difference is a break that operations see until both sides agree, by later counts, or a person closes it. The
    same counts again change nothing. Problem 409 before the day is over.
    """
    with transaction.atomic():
        ours = sql.json_value(attest_day(day=day, now=now)["statement"])["channels"]
        found = [
            Compared(channel, measure, ours[channel][measure], given[measure])
            for channel, given in sorted(counts.items())
            for measure in MEASURES
            if ours[channel][measure] != given[measure]
        ]
        parameters = {
            "day": day,
            "client": client.id,
            "name": client.name,
            "actor": actor.name,
            "now": now,
            "told": sorted(counts),
            "channels": [each.channel for each in found],
            "measures": [each.measure for each in found],
            "ours": [each.ours for each in found],
            "theirs": [each.theirs for each in found],
        }
        # One client's counts of one day are compared one after the other.
        sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"attested {day} {client.id}"])
        sql.run(_POSTED, [day, client.id, client.name, encode(counts), now])
        told = dict(sql.rows(_OPEN, parameters))  # what is new, or counted otherwise than before
        opened = sorted(break_id for break_id, is_new in told.items() if is_new)
        closed = sorted(break_id for (break_id,) in sql.rows(_AGREE, parameters))
        data = {"date": day, "client": client.name}
        record(type="attestation.broken", subject=SUBJECT, ids=opened, actor=actor, at=now, data=data)
        record(type="attestation.agreed", subject=SUBJECT, ids=closed, actor=actor, at=now, data=data)
        _open_work(sorted(told), actor, now)
        _close_work(closed, AGREED, actor, now)
    return found


_STILL_OPEN = """
SELECT id, day, client_name, channel, measure, ours, theirs FROM settlement_attestation_break
WHERE id = ANY(%s) AND closed_at IS NULL ORDER BY id
"""


def _open_work(break_ids: Sequence[int], actor: Actor, now: datetime) -> None:
    """Have open breaks in the queue of work, told as they are now."""
    items = [
        NewException(
            trade_id=None,
            about=About(SUBJECT, break_id),
            kind=ATTESTATION,
            codes=[DIFFERS],
            summary=f"{name} counts {theirs:,} instructions of {channel} {measure} on {day}, we {ours:,}",
            deadline=now + EXPLAINED_WITHIN,
            causes=[f"{DIFFERS} {channel} {measure}"],
        )
        for break_id, day, name, channel, measure, ours, theirs in sql.rows(_STILL_OPEN, [list(break_ids)])
    ]
    open_exceptions(items=items, at=now, actor=actor)


def _close_work(break_ids: Sequence[int], resolution: str, actor: Actor, now: datetime) -> None:
    close_exceptions_about(
        subject=SUBJECT,
        subject_ids=break_ids,
        kind=ATTESTATION,
        resolution=resolution,
        closed_by=actor,
        at=now,
    )


_CLOSE = """
UPDATE settlement_attestation_break SET closed_at = %s, closed_by = %s, resolution = %s
WHERE id = %s AND closed_at IS NULL
"""


def close_break(*, break_id: int, reason: str, actor: Actor, now: datetime) -> None:
    """Close a break that a person has seen to. Problem 422 without a reason, 404 for one that is not open."""
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "The break was not closed.", faults=faults)
    with transaction.atomic():
        if not sql.run(_CLOSE, [now, actor.name, reason.strip(), break_id]):
            raise not_found("open break")
        record(
            type="attestation.explained",
            subject=SUBJECT,
            ids=[break_id],
            actor=actor,
            at=now,
            reason=reason.strip(),
        )
        _close_work([break_id], reason.strip(), actor, now)
