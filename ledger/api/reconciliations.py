"""Reconciliations over the API: what they say, their runs, their breaks, and proposals about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import utc_now
from core.http.body import JsonBody
from core.http.cursor import decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.problem import Fault, not_found, unreadable
from core.http.views import RawParser, client_of, json_response
from core.ids import BREAK, PROPOSAL, RECONCILIATION_RUN, STATEMENT, database_id, public_id
from core.money import format_number
from ledger.api import reconciliations_schema as schema
from ledger.selectors import reconciliations as selectors
from ledger.services.definitions import Terms, propose_reconciliation
from ledger.services.forced import Condition, propose_forced_match
from ledger.services.runs import ask_run

_TERMS = (
    "title",
    "kind",
    "source",
    "levels",
    "window_days",
    "basis",
    "schedule",
    "owner",
    "active",
    "reason",
)
_FORCE = ("breaks", "until", "difference_max", "theirs_unchanged", "reason", "amount")
_DAYS = 5  # of the window of a new reconciliation
READ = "reconciliations:read"


class Reconciliations(APIView):
    """Every reconciliation as its newest version says, with what is open of it."""

    scopes: ClassVar = {"GET": READ}

    @schema.list_all
    def get(self, request: Request) -> HttpResponse:
        figures = selectors.open_figures()
        items = [
            {**version_document(each), "open_breaks": open_document(figures.get(each["id"]))}
            for each in selectors.newest_versions()
        ]
        return json_response(page(items, next_key=None))


class Reconciliation(APIView):
    """The versions of one reconciliation, and proposals of the next."""

    scopes: ClassVar = {"GET": READ, "POST": "reconciliations:propose"}
    parser_classes = (RawParser,)

    @schema.read
    def get(self, request: Request, code: str) -> HttpResponse:
        versions = selectors.versions_of(_known(code)["code"])
        return json_response(page([version_document(each) for each in versions], next_key=None))

    @schema.propose
    def post(self, request: Request, code: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        terms, reason = _terms(body)

        def act() -> Answer:
            proposal_id = propose_reconciliation(
                code=code, terms=terms, reason=reason, client_id=client.id, actor=client.actor(), now=now
            )
            told = {"proposal": public_id(PROPOSAL, proposal_id), "reconciliation": code, "state": "PENDING"}
            return Answer(202, encode(told).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)


class Runs(APIView):
    """The runs of a reconciliation."""

    scopes: ClassVar = {"GET": READ, "POST": "reconciliations:run"}
    parser_classes = (RawParser,)

    @schema.list_runs
    def get(self, request: Request, code: str) -> HttpResponse:
        limit, after = limit_of(request), decode_cursor(request.query_params.get("cursor", ""), parts=1)
        found = selectors.runs_of(
            reconciliation_id=_known(code)["id"], before=after[0] if after else None, limit=limit + 1
        )
        return json_response(_page([run_document(each) for each in found], found, limit))

    @schema.ask
    def post(self, request: Request, code: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        read = JsonBody(body, known=("business_date", "as_at"))
        through, as_at = read.day("business_date"), read.moment("as_at")
        read.check()

        def act() -> Answer:
            run_id = ask_run(code=code, through=through, as_at=as_at, actor=client.actor(), now=now)
            reference = public_id(RECONCILIATION_RUN, run_id)
            headers = {"Location": f"/api/v1/reconciliation-runs/{reference}"}
            return Answer(202, encode({"id": reference}).encode(), headers)

        return answer_once(request, client=client, now=now, body=body, act=act)


class Run(APIView):
    """One run, with what it made of breaks."""

    scopes: ClassVar = {"GET": READ}

    @schema.read_run
    def get(self, request: Request, reference: str) -> HttpResponse:
        number = database_id(RECONCILIATION_RUN, reference)
        found = selectors.read_run(number) if number else None
        if found is None:
            raise not_found("run")
        steps = [
            {"break": public_id(BREAK, each["id"]), "step": each["step"], "reason": each["because"]}
            for each in selectors.steps_of_run(found["id"])
        ]
        return json_response({**run_document(found), "reconciliation": found["code"], "steps": steps})


class Breaks(APIView):
    """The breaks of a reconciliation."""

    scopes: ClassVar = {"GET": READ}

    @schema.list_breaks
    def get(self, request: Request, code: str) -> HttpResponse:
        limit, after = limit_of(request), decode_cursor(request.query_params.get("cursor", ""), parts=1)
        wanted = request.query_params.get("open", "true")
        if wanted not in ("true", "false"):
            raise unreadable([Fault("query:open", "Either true or false.")])
        found = selectors.list_breaks(
            reconciliation_id=_known(code)["id"],
            is_open=wanted == "true",
            before=after[0] if after else None,
            limit=limit + 1,
        )
        return json_response(_page([break_document({**each, "code": code}) for each in found], found, limit))


class Break(APIView):
    """One break, with what happened to it."""

    scopes: ClassVar = {"GET": READ}

    @schema.read_break
    def get(self, request: Request, reference: str) -> HttpResponse:
        number = database_id(BREAK, reference)
        found = selectors.read_break(number) if number else None
        if found is None:
            raise not_found("break")
        steps = [
            {**each, "run_id": each["run_id"] and public_id(RECONCILIATION_RUN, each["run_id"])}
            for each in selectors.steps_of(found["id"])
        ]
        return json_response({**break_document(found), "steps": steps})


class ForcedMatches(APIView):
    """Propose that what breaks are about belongs together."""

    scopes: ClassVar = {"POST": "reconciliations:propose"}
    parser_classes = (RawParser,)

    @schema.force
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        break_ids, condition, reason, typed = _force(body)

        def act() -> Answer:
            proposal_id = propose_forced_match(
                break_ids=break_ids,
                condition=condition,
                reason=reason,
                typed=typed,
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )
            told = {"proposal": public_id(PROPOSAL, proposal_id), "state": "PENDING"}
            return Answer(202, encode(told).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)


def _known(code: str) -> dict[str, Any]:
    found = selectors.newest_version(code)
    if found is None:
        raise not_found("reconciliation")
    return found


def _page(documents: Sequence[Any], rows: Sequence[Mapping[str, Any]], limit: int) -> dict[str, Any]:
    more = [int(rows[limit - 1]["id"])] if len(rows) > limit else None
    return page(documents[:limit], next_key=more)


def _terms(body: bytes) -> tuple[Terms, str]:
    """Return what a body says; Problem 400 with every fault of its form."""
    read = JsonBody(body, known=_TERMS)
    texts = {name: read.text(name, required=True) or "" for name in ("title", "kind", "source")}
    more = {name: read.given.get(name, "") for name in ("schedule", "owner", "basis")}
    read.faults += [
        Fault(f"/{name}", "A text.", "type") for name, value in more.items() if not isinstance(value, str)
    ]
    levels, days, active = read.given.get("levels"), read.whole("window_days"), read.flag("active")
    if not isinstance(levels, list):
        read.faults.append(Fault("/levels", "A list of levels.", "missing" if levels is None else "type"))
    reason = read.text("reason", required=True) or ""
    read.check()
    terms = Terms(
        **texts,
        levels=levels or [],
        window_days=_DAYS if days is None else days,
        **more,
        is_active=active is not False,
    )
    return terms, reason


def _force(body: bytes) -> tuple[list[int], Condition, str, str]:
    """Return the breaks, the condition, the reason and the amount of a body; Problem 400 with every fault."""
    read = JsonBody(body, known=_FORCE)
    references = read.texts("breaks")
    if references is None and not read.faults:
        read.faults.append(Fault("/breaks", "This field is required.", "missing"))
    numbers = [database_id(BREAK, each) for each in references or ()]
    read.faults += [
        Fault(f"/breaks/{at}", "Not the id of a break, `brk_…`.", "format")
        for at, number in enumerate(numbers)
        if number is None
    ]
    until, most, unchanged = (
        read.day("until", required=True),
        read.decimal("difference_max"),
        read.flag("theirs_unchanged"),
    )
    reason, typed = read.text("reason", required=True) or "", read.text("amount") or ""
    read.check()
    assert until is not None  # noqa: S101 - it is required
    return [each for each in numbers if each], Condition(until, most, unchanged is not False), reason, typed


# --- documents


def version_document(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a version of a reconciliation as JSON-ready data."""
    names = (
        "code",
        "version",
        "title",
        "kind",
        "source",
        "levels",
        "window_days",
        "basis",
        "schedule",
        "owner",
    )
    return {
        **{name: found[name] for name in names},
        "active": found["is_active"],
        "proposed_by": found["maker"],
        "approved_by": found["checker"],
        "approved_at": found["approved_at"],
        "reason": found["reason"],
    }


def open_document(figures: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the figures of open breaks as JSON-ready data: money in base currency, of those that can be valued."""
    if figures is None:
        return {"count": 0, "base_amount": "0", "unvalued": 0, "oldest": None}
    return {
        "count": figures["open"],
        "base_amount": format_number(Decimal(figures["money"])),
        "unvalued": figures["unvalued"],
        "oldest": figures["oldest"],
    }


_FIGURES = (
    "ours", "theirs", "matched_ours", "matched_theirs", "forced_ours", "forced_theirs", "differing_ours",
    "differing_theirs", "unmatched_ours", "unmatched_theirs", "new", "unchanged", "changed", "cleared",
)  # fmt: skip


def run_document(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run as JSON-ready data."""
    names = (
        "version", "business_date", "start_date", "as_at", "looks_back", "state", "asked_by", "asked_at", "ended_at",
        "failure",
    )  # fmt: skip
    return {
        "id": public_id(RECONCILIATION_RUN, found["id"]),
        **{name: found[name] for name in (*names, *_FIGURES)},
        "statements": [public_id(STATEMENT, each) for each in found["statement_ids"]],
    }


def break_document(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a break as JSON-ready data: numbers as texts."""
    names = (
        "outcome",
        "business_date",
        "ours",
        "theirs",
        "differences",
        "near",
        "unit",
        "opened_at",
        "closed_at",
    )
    return {
        "id": public_id(BREAK, found["id"]),
        "reconciliation": found["code"],
        **{name: found[name] for name in (*names, "closing", "reopened_at", "reopened_because")},
        "amount": format_number(found["amount"]),
        "base_amount": format_number(found["base_amount"]),
    }
