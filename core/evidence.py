"""The evidence pack: all that is known of some subjects in one zip, which a script inside verifies offline.

What the apps know of a trade or a batch they contribute as sections (`contribute`), each one query. The log itself
and the rows that are sealed with it come with the path that leads from each to its seal. Files are written one after
the other, in chunks of subjects: memory stays flat however many there are.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.db import connection
from django.template.loader import render_to_string

from core import seals, sql
from core.attestation import public_key
from core.audit import Actor, encode
from core.http.problem import Problem
from core.ids import BATCH, TRADE, public_id
from core.log import last_id_before

FORMAT = 1
SUBJECTS_MAX = 10_000
_AT_ONCE = 500
_SHOWN_MAX = 500  # rows of a section that the page for people shows
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of the zip's own times: a pack made again differs only in what it tells
_PREFIXES = {"trade": TRADE, "batch": BATCH}
_JSONB = 3802  # PostgreSQL's own number of the type
_VERIFY = Path(__file__).parent / "pack" / "verify.py"


@dataclass(frozen=True)
class Section:
    """What one table knows of a kind of subject.

    query: selects rows whose first column is the subject's id, for `%s`, an array of ids.
    """

    code: str
    title: str
    subject: str
    query: str


_SECTIONS: list[Section] = []
# Files of bytes as they were sent, by kind of subject: name in the pack and the bytes, given ids.
Contents = Callable[[Sequence[int]], Iterable[tuple[str, Iterable[bytes]]]]
_CONTENTS: dict[str, Contents] = {}


def contribute(*sections: Section) -> None:
    """Register what an app knows of a kind of subject."""
    known = {each.code for each in _SECTIONS}
    _SECTIONS.extend(each for each in sections if each.code not in known)


def contribute_contents(subject: str, contents: Contents) -> None:
    """Register the bytes that were sent of a kind of subject."""
    _CONTENTS[subject] = contents


@dataclass(frozen=True)
class Day:
    """The moments of one day: only the events between them are told."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Wanted:
    """What a pack is about: its title, and the ids of subjects by kind. `day`: only the events of a day."""

    title: str
    subjects: Mapping[str, Sequence[int]]
    day: Day | None = None


@dataclass
class _Pack:
    archive: zipfile.ZipFile
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    shown: list[dict[str, Any]] = field(default_factory=list)

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        digest = hashlib.sha256()
        with self.archive.open(_entry(name), "w", force_zip64=True) as stream:
            for chunk in chunks:
                digest.update(chunk)
                stream.write(chunk)
        self.files[name] = {"sha256": digest.hexdigest()}

    def write_rows(self, name: str, title: str, rows: Iterable[dict[str, Any]], show: _Show) -> int:
        """Write rows as lines of JSON, and keep the first for the page; return how many there are."""
        first: list[dict[str, Any]] = []
        count = 0

        def lines() -> Iterator[bytes]:
            nonlocal count
            for row in rows:
                count += 1
                if len(first) < _SHOWN_MAX:
                    first.append(show(row))
                yield encode(row).encode() + b"\n"

        self.write(name, lines())
        columns = list(first[0]) if first else []
        values = [[each.get(column) for column in columns] for each in first]
        self.shown.append({"title": title, "file": name, "count": count, "columns": columns, "rows": values})
        return count


_Show = Callable[[dict[str, Any]], dict[str, Any]]


def write_pack(
    file: IO[bytes], *, wanted: Wanted, actor: Actor, now: datetime, most: int | None = None
) -> None:
    """Write the evidence of subjects as a zip. Problem 413 when there are more than `most` of one kind.

    most: SUBJECTS_MAX unless given.
    """
    bound = SUBJECTS_MAX if most is None else most
    for subject, ids in wanted.subjects.items():
        if len(ids) > bound:
            detail = f"This pack may hold {bound:,} of a kind."
            raise Problem(413, "too-much-evidence", f"{len(ids):,} of {subject} are too many.", detail=detail)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        pack = _Pack(archive)
        proofs = _Proofs()
        pack.write_rows("events.jsonl", "Events", proofs.events(wanted), _row_of)
        pack.write_rows("records.jsonl", "Sealed records", proofs.records(wanted), _row_of)
        for section in sorted(_SECTIONS, key=lambda each: each.code):
            if of := wanted.subjects.get(section.subject):
                rows = _section_rows(section, of)
                pack.write_rows(f"{section.code}.jsonl", section.title, rows, lambda row: row)
        for subject, contents in _CONTENTS.items():
            for name, chunks in contents(wanted.subjects.get(subject, ())):
                pack.write(f"content/{name}", chunks)
        pack.write("seals.jsonl", proofs.chain())
        pack.write("verify.py", [_VERIFY.read_bytes()])
        about = {
            "title": wanted.title,
            "made_at": now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "made_by": actor.name,
            "public_key": public_key(),
            "sealed": proofs.sealed,
            "unsealed": proofs.unsealed,
        }
        page = render_to_string("core/evidence.html", {**about, "sections": pack.shown})
        pack.write("index.html", [page.encode()])
        manifest = {"format": FORMAT, **about, "files": pack.files}
        archive.writestr(_entry("manifest.json"), json.dumps(manifest, indent=1, sort_keys=True))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield ids in the portions that one statement takes."""
    for start in range(0, len(ids), _AT_ONCE):
        yield list(ids[start : start + _AT_ONCE])


def _row_of(proof: dict[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a sealed row: what it says, and in which seal."""
    row = proof["row"]
    if proof["name"].startswith("core_event "):
        names = ("id", "recorded_at", "actor", "type", "subject", "subject_id", "version", "reason")
        return {**{name: row.get(name) for name in (*names, "request_id", "data")}, "seal": proof["seal"]}
    told = ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
    return {"record": proof["name"], "what": told, "seal": proof["seal"]}


def _section_rows(section: Section, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    prefix = _PREFIXES.get(section.subject)
    for some in chunks(ids):
        with connection.cursor() as cursor:
            cursor.execute(section.query, [sql.array_literal(some)])
            columns = [(column.name, column.type_code == _JSONB) for column in cursor.description]
            for values in cursor.fetchall():
                row = {
                    name: sql.json_value(value) if is_json else value
                    for (name, is_json), value in zip(columns, values, strict=True)
                }
                subject = values[0]
                row[columns[0][0]] = public_id(prefix, subject) if prefix else subject
                yield row


class _Proofs:
    """Finds the seal of each row and the path that leads there; one seal is in memory at a time."""

    def __init__(self) -> None:
        self.sealed = self.unsealed = 0
        self._first = self._last = 0
        self._seal: dict[str, Any] | None = None
        self._tree: seals.MerkleTree | None = None
        self._places: dict[str, int] = {}

    def events(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        """Yield the events of the subjects with their proofs, in the order of the log for each chunk."""
        between = "" if wanted.day is None else " AND recorded_at >= %s AND recorded_at < %s"
        bounds = [] if wanted.day is None else [wanted.day.start, wanted.day.end]
        for subject, ids in wanted.subjects.items():
            for some in chunks(ids):
                found = sql.rows(
                    "SELECT id, subject_id FROM core_event WHERE subject = %s AND subject_id = ANY(%s)"
                    f"{between} ORDER BY id",
                    [subject, some, *bounds],
                )
                # Read by the index of subjects: ids alone have none that finds single rows.
                wanted_rows = [(id, (of, id)) for id, of in found]
                yield from self._proved("core_event", ("subject_id", "id"), wanted_rows, named_by=1)

    def records(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        """Yield the rows that are sealed beside the log, with their proofs."""
        for along in seals.sealed_along():
            for some in chunks(wanted.subjects.get(along.subject, ())):
                found = sql.rows(
                    "SELECT min(id), subject_id, version FROM core_event WHERE subject = %s"
                    " AND subject_id = ANY(%s) AND version IS NOT NULL GROUP BY 2, 3 ORDER BY 1",
                    [along.subject, some],
                )
                keys = [(id, (one, two)) for id, one, two in found]
                yield from self._proved(along.table, along.key, keys)

    def _proved(
        self,
        table: str,
        key: Sequence[str],
        wanted: Sequence[tuple[int, tuple[int, ...]]],
        named_by: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """Yield rows by key, each with the seal of the event that it stands beside.

        named_by: the first part of the key that belongs to the row's name.
        """
        at = 0
        while at < len(wanted):
            seal = self._seal_of(wanted[at][0])
            until = at
            while until < len(wanted) and (seal is None or wanted[until][0] <= seal["last_id"]):
                until += 1
            covered = seal if seal is not None and table in json.loads(seal["layout"]) else None
            rows = seals.canonical_rows(covered, table, key, [keys for _, keys in wanted[at:until]])
            for keys, text in rows:
                yield self._proof(" ".join(map(str, (table, *keys[named_by:]))), text, covered)
            at = until

    def _proof(self, name: str, text: str, seal: dict[str, Any] | None) -> dict[str, Any]:
        row = json.loads(text)
        if seal is None or self._tree is None:
            self.unsealed += 1
            return {"name": name, "row": row, "seal": None, "path": []}
        self.sealed += 1
        place = self._places.get(name)
        # A row of a sealed range that the seal does not know was put there later: without a path it proves nothing.
        path = [] if place is None else self._tree.path(place)
        return {"name": name, "row": row, "seal": seal["sequence"], "path": path}

    def _seal_of(self, event_id: int) -> dict[str, Any] | None:
        """Return the seal of an event with its tree at hand, or None when it is not sealed yet."""
        seal = self._seal
        if seal is not None and seal["first_id"] <= event_id <= seal["last_id"]:
            return seal
        found = sql.records(
            "SELECT * FROM core_audit_seal WHERE last_id >= %s ORDER BY last_id LIMIT 1", [event_id]
        )
        if not found:
            return None
        self._seal = seal = found[0]
        self._tree = seals.MerkleTree(seals.leaf_hashes(bytes(seal["leaves"])))
        self._places = {name: place for place, name in enumerate(seal["names"].split("\n"))}
        self._first = min(self._first or seal["sequence"], seal["sequence"])
        self._last = max(self._last, seal["sequence"])
        return seal

    def chain(self) -> Iterator[bytes]:
        """Yield the seals from the first that has a row of the pack to the last, a line each."""
        for sequence in range(self._first, self._last + 1 if self._last else 0):
            (seal,) = sql.records("SELECT * FROM core_audit_seal WHERE sequence = %s", [sequence])
            line = {**seals.seal_header(seal), "hash": seal["hash"]}
            yield seals.json_text(line).encode() + b"\n"


def pack_bytes(*, wanted: Wanted, actor: Actor, now: datetime) -> IO[bytes]:
    """Return a pack as a file, open at its start; a large one lies on disk."""
    file = tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024)  # noqa: SIM115 - whoever sends it closes it
    write_pack(file, wanted=wanted, actor=actor, now=now)
    file.seek(0)
    return file


def wanted_of_day(day: Day, *, title: str) -> Wanted:
    """Return every subject of which something was told between two moments."""
    subjects: dict[str, list[int]] = {}
    for subject, id in sql.rows(
        "SELECT DISTINCT subject, subject_id FROM core_event"
        " WHERE id > %s AND recorded_at >= %s AND recorded_at < %s ORDER BY 1, 2",
        [last_id_before(day.start), day.start, day.end],
    ):
        subjects.setdefault(subject, []).append(id)
    return Wanted(title, subjects, day)
