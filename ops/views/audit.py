"""The log: who did what, when and why; how far it is sealed; and evidence to take away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from core import ids, log
from core.attestation import public_key
from core.clock import utc_now
from core.evidence import Day, pack_bytes, wanted_of_day
from core.http.archive import zip_response
from core.http.problem import Fault, Problem, not_found
from core.ids import BATCH, TRADE, database_id
from ops import selectors
from ops.permissions import Right
from ops.preferences import preferences_of
from ops.shell import actor, needs, show
from settlement.evidence import evidence_of_batch
from trades.evidence import evidence_of_trade
from trades.selectors import timeline

_FIELDS = ("actor", "type", "subject", "request", "from", "to")
_SUBJECTS = {ids.TRADE: "trade", ids.BATCH: "batch", ids.BULK_RUN: "bulk_run"}
# How long after an event it may wait for its seal before people should look why.
_SEAL_EXPECTED = timedelta(minutes=5)


@dataclass
class Query:
    """The address of a page of the log, read: what was typed, what it means, and what cannot be read of it."""

    typed: dict[str, str]
    wanted: log.Filter
    faults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One event as the screen shows it: each field that it changed, and what else it tells."""

    event: dict[str, Any]
    page: str
    reference: str
    changes: list[tuple[str, Any, Any]]
    more: dict[str, Any]


@needs(Right.READ_AUDIT)
def audit(request: HttpRequest) -> HttpResponse:
    """Show a page of the log, newest first, under the state of its chain."""
    now = utc_now()
    query = read(request)
    before = request.GET.get("before", "")
    bounded = int(before) if before.isdecimal() and len(before) < 19 else None
    page = log.search(query.wanted, before=bounded)
    chain = log.chain()
    late = bool(chain.waiting) and (chain.sealed_at is None or now - chain.sealed_at > _SEAL_EXPECTED)
    context = {
        "query": query,
        "lines": [_line(row) for row in page.rows],
        "page": page,
        "paged": bounded is not None,
        "chain": chain,
        "late": late,
        "public_key": public_key(),
        "today": now.astimezone(UTC).date(),
    }
    return show(request, "ops/audit.html", context, screen="audit", now=now)


@needs(Right.EXPORT_EVIDENCE)
def day_evidence(request: HttpRequest) -> HttpResponse:
    """Send the evidence of a day in UTC."""
    try:
        day = date.fromisoformat(request.GET.get("date", ""))
    except ValueError:
        fault = Fault("/date", "Write a date as 2026-11-23.")
        raise Problem(422, "invalid", "There is no such day.", faults=[fault]) from None
    start = datetime.combine(day, time(), UTC)
    wanted = wanted_of_day(Day(start, start + timedelta(days=1)), title=f"Evidence of {day}")
    pack = pack_bytes(wanted=wanted, actor=actor(request), now=utc_now())
    return _sent(zip_response(pack, name=f"evidence-{day}.zip"))


@needs(Right.EXPORT_EVIDENCE)
def trade_evidence(request: HttpRequest, ref: str) -> HttpResponse:
    """Send the evidence of a trade."""
    trade_id = database_id(TRADE, ref)
    if trade_id is None or timeline.trade(trade_id) is None:
        raise not_found("trade")
    pack = evidence_of_trade(trade_id, actor=actor(request), now=utc_now())
    return _sent(zip_response(pack, name=f"evidence-{ref}.zip"))


@needs(Right.EXPORT_EVIDENCE)
def batch_evidence(request: HttpRequest, ref: str) -> HttpResponse:
    """Send the evidence of a batch and its trades."""
    batch_id = database_id(BATCH, ref)
    if batch_id is None or selectors.batch(batch_id) is None:
        raise not_found("batch")
    pack = evidence_of_batch(batch_id, actor=actor(request), now=utc_now())
    return _sent(zip_response(pack, name=f"evidence-{ref}.zip"))


def _sent(response: HttpResponseBase) -> HttpResponse:
    """Return a streamed answer where the console's views say HttpResponse; Django takes either."""
    return response  # type: ignore[return-value]


def read(request: HttpRequest) -> Query:
    """Read the address; what cannot be understood is a fault beside its field and filters nothing."""
    given = {name: request.GET.get(name, "").replace("\0", "").strip()[:128] for name in _FIELDS}
    query = Query({name: value for name, value in given.items() if value}, log.Filter())
    subject, subject_id = _subject(query, given["subject"])
    start, end = _day(request, query, "from"), _day(request, query, "to")
    query.wanted = log.Filter(
        actor=_actor(given["actor"]),
        type=given["type"],
        subject=subject,
        subject_id=subject_id,
        request_id=given["request"],
        start=start,
        end=None if end is None else end + timedelta(days=1),
    )
    return query


def _actor(text: str) -> str:
    """Return an actor as the log has it: a bare name is a person's."""
    return f"user:{text}" if text and ":" not in text and text != "anonymous" else text


def _subject(query: Query, text: str) -> tuple[str, int | None]:
    """Read `trd_…`, `bat_…`, or a kind of subject with or without its number: `party`, `party 12`."""
    if not text:
        return "", None
    for prefix, subject in _SUBJECTS.items():
        number = database_id(prefix, text)
        if number is not None:
            return subject, number
    kind, _, key = text.partition(" ")
    if not key and "_" not in kind:
        return kind, None
    if key.isdecimal() and len(key) < 19:
        return kind, int(key)
    query.faults["subject"] = "Write a reference, a kind (party), or a kind and its number (party 12)."
    return "", None


def _day(request: HttpRequest, query: Query, name: str) -> datetime | None:
    """Return the beginning of a typed day in the zone in which moments are shown."""
    if name not in query.typed:
        return None
    try:
        day = date.fromisoformat(query.typed[name])
    except ValueError:
        query.faults[name] = "Write a date as 2026-11-23."
        return None
    return datetime.combine(day, time(), preferences_of(request).tzinfo)


def _words(value: Any) -> Any:
    """Return a list of texts as a person reads it, anything else as it is."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value


def _line(event: dict[str, Any]) -> Line:
    data = event["data"] if isinstance(event["data"], dict) else {}
    before, after = data.get("before"), data.get("after")
    sides = (before or {}, after or {})
    names = dict.fromkeys([*sides[0], *sides[1]]) if isinstance(sides[0], dict) else {}
    changes = [(name, _words(sides[0].get(name)), _words(sides[1].get(name))) for name in names]
    more = {name: _words(value) for name, value in data.items() if name not in {"before", "after"}}
    prefix = next((prefix for prefix, kind in _SUBJECTS.items() if kind == event["subject"]), "")
    if prefix and event["subject_id"] > 0:
        return Line(event, event["subject"], ids.public_id(prefix, event["subject_id"]), changes, more)
    return Line(event, "", f"{event['subject']} {event['subject_id']}", changes, more)
