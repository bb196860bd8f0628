"""Statements come in: read whole, refused whole with every fault named, or stored once and for ever."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from core import sql
from core.audit import Actor, encode, record
from core.clock import business_date
from core.http.problem import Fault, Problem, unreadable
from ledger.formats import FORMATS
from ledger.formats.base import Line, Parsed, StatementFormat, parse
from ledger.kinds import KINDS
from ledger.kinds.base import Kind

SUBJECT = "statement"
BYTES_MAX = 512 * 1024 * 1024
REVISION_MAX = 9_999
OLDEST = timedelta(days=3_660)
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_CHUNK = 20_000  # lines of one COPY


@dataclass(frozen=True)
class Sent:
    """A file as somebody sends it.

    business_date: None where the file says it itself. revision: None for the next one. media_type: of the body; the
    format is chosen by it.
    """

    kind: str
    source: str
    content: bytes
    media_type: str
    business_date: date | None = None
    revision: int | None = None
    file_name: str = ""


@dataclass(frozen=True)
class Preview:
    """What a file holds, before it is stored: the day, its format, and what was read of it, with its faults."""

    business_date: date | None
    format: StatementFormat
    kind: Kind
    parsed: Parsed


@dataclass(frozen=True)
class Stored:
    """A statement as it is stored. is_new: it was not before. in_force: no later revision of its day is known."""

    statement_id: int
    kind: str
    source: str
    business_date: date
    revision: int
    line_count: int
    is_new: bool
    in_force: bool


def preview_statement(*, sent: Sent, now: datetime) -> Preview:
    """Return what a file holds; nothing is stored. Its faults stand in `parsed`.

    Problem 422 for a kind, source, day or revision that cannot be, 415 for no known format, 400 for a file that is
    none of its format, 413 for one that is too large.
    """
    if faults := list(_about(sent)):
        raise Problem(422, "invalid", "This statement cannot be taken.", faults=faults)
    kind = KINDS[sent.kind]
    chosen = format_of(sent.media_type, kind)
    if len(sent.content) > BYTES_MAX:
        raise Problem(413, "too-large", f"A file is at most {BYTES_MAX:,} bytes.")
    parsed = parse(chosen.read(sent.content, kind), kind)
    day, today = sent.business_date or parsed.business_date, business_date(now)
    if day is None:
        parsed.fault(Fault("/business_date", "The file does not say of which day it is: say it.", "missing"))
    elif parsed.business_date not in (None, day):
        parsed.fault(Fault("/business_date", f"The file is of {parsed.business_date}.", "mismatch"))
    elif not today - OLDEST <= day <= today + timedelta(days=1):
        parsed.fault(
            Fault("/business_date", f"No later than tomorrow, {today + timedelta(days=1)}.", "range")
        )
    return Preview(day, chosen, kind, parsed)


def store_statement(*, sent: Sent, actor: Actor, now: datetime) -> Stored:
    """Store a file, and return it; the same file of a day twice adds nothing.

    Problem 400 with the faults of its lines, each with its place and field, 409 for another file under a revision that
    is taken, and as `preview_statement` refuses. Nothing of a file with a fault is stored.
    """
    preview = preview_statement(sent=sent, now=now)
    if preview.parsed.fault_count:
        raise refusal(preview.parsed)
    digest = hashlib.sha256(sent.content).hexdigest()
    with transaction.atomic():
        _one_at_a_time(sent)
        return _store(sent, preview, digest, actor, now)


def refusal(parsed: Parsed) -> Problem:
    """Return the problem that names the faults of a file, and how many more there are."""
    more = parsed.fault_count - len(parsed.faults)
    problem = unreadable(parsed.faults, title="The file has faults; nothing of it was stored.")
    problem.detail = f"There are {more:,} more." if more > 0 else ""
    return problem


def format_of(media_type: str, kind: Kind) -> StatementFormat:
    """Return the format of a media type that can carry a kind; Problem 415 for none."""
    said = media_type.partition(";")[0].strip().lower()
    for each in FORMATS.values():
        if said in each.media_types and (not each.kinds or kind.code in each.kinds):
            return each
    known = sorted(
        {
            name
            for each in FORMATS.values()
            if kind.code in (each.kinds or (kind.code,))
            for name in each.media_types
        }
    )
    raise Problem(415, "unsupported-media-type", f"Send it as {', '.join(known)}.")


def _about(sent: Sent) -> Iterator[Fault]:
    if sent.kind not in KINDS:
        yield Fault("/kind", f"One of {', '.join(KINDS)}.", "unknown")
    if not _SOURCE.fullmatch(sent.source):
        yield Fault("/source", "1 to 40 letters, digits, dots, dashes and underscores.", "format")
    if sent.revision is not None and not 1 <= sent.revision <= REVISION_MAX:
        yield Fault("/revision", f"A number from 1 to {REVISION_MAX}.", "range")


def _one_at_a_time(sent: Sent) -> None:
    """Files of one kind and source are numbered one after the other."""
    lock = f"statement {sent.kind} {sent.source}"
    sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])


_THERE = """
SELECT id, revision, sha256, line_count, max(revision) OVER () FROM ledger_statement
WHERE kind = %s AND source = %s AND business_date = %s
"""
_INSERT = """
INSERT INTO ledger_statement (kind, source, business_date, revision, format, file_name, sha256, line_count, balances,
                              received_at, received_by)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s) RETURNING id
"""


def _store(sent: Sent, preview: Preview, digest: str, actor: Actor, now: datetime) -> Stored:
    day, parsed = preview.business_date, preview.parsed
    assert day is not None  # noqa: S101 - a file without a day has a fault
    there = sql.rows(_THERE, [sent.kind, sent.source, day])
    last = there[0][-1] if there else 0
    for statement_id, revision, sha256, count, _ in there:
        if sha256 == digest:
            if sent.revision not in (None, revision):
                raise Problem(409, "same-file", f"This file is revision {revision} of that day already.")
            return Stored(
                statement_id,
                sent.kind,
                sent.source,
                day,
                revision,
                count,
                is_new=False,
                in_force=revision == last,
            )
        if revision == sent.revision:
            raise Problem(409, "revision-taken", f"Revision {revision} of that day is another file.")
    revision = sent.revision or last + 1
    if revision > REVISION_MAX:
        raise Problem(409, "too-many-revisions", f"A day has at most {REVISION_MAX:,} revisions.")
    balances = encode([each.content() for each in parsed.balances])
    count = len(parsed.lines)
    about = [
        sent.kind,
        sent.source,
        day,
        revision,
        preview.format.code,
        sent.file_name[:200].replace("\0", ""),
    ]
    found = sql.row(_INSERT, [*about, digest, count, balances, now, actor.name])
    assert found is not None  # noqa: S101 - an insert returns its row
    (statement_id,) = found
    _store_lines(statement_id, keys_of(preview.kind, day, parsed.lines), parsed.lines)
    record(
        type="statement.received",
        subject=SUBJECT,
        ids=[statement_id],
        actor=actor,
        at=now,
        data={
            "kind": sent.kind, "source": sent.source, "business_date": day, "revision": revision,
            "sha256": digest, "lines": count,
        },
    )  # fmt: skip
    return Stored(
        statement_id, sent.kind, sent.source, day, revision, count, is_new=True, in_force=revision > last
    )


def keys_of(kind: Kind, day: date, lines: Sequence[Line]) -> list[str]:
    """Return what names each line across corrected files: its identity, numbered where several have the same.

    Lines of what happened on a day belong to that day. What is told of a moment, of a position say, is the same from
    day to day.
    """
    before = "" if kind.snapshot else f"{day.isoformat()}|"
    seen: Counter[str] = Counter()
    keys = []
    for line in lines:
        key = before + "|".join(_escaped(line.fields.get(name, "")) for name in kind.identity)
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}|{seen[key]}")
    return keys


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _store_lines(statement_id: int, keys: Sequence[str], lines: Sequence[Line]) -> None:
    for start in range(0, len(lines), _CHUNK):
        rows = [
            (statement_id, line.number, key, encode(line.fields))
            for key, line in zip(keys[start : start + _CHUNK], lines[start : start + _CHUNK], strict=True)
        ]
        sql.copy_rows("ledger_statement_line", ("statement_id", "number", "key", "fields"), rows)
