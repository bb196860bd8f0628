"""Reconciliations: what is compared with whom, the last runs and what is open; one of them; statements uploaded."""

from __future__ import annotations

import base64
import binascii
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.moments import read_moment
from core.http.problem import Fault, Problem, not_found
from ledger.kinds import KINDS
from ledger.models import Basis
from ledger.selectors import reconciliations as selectors
from ledger.selectors.statements import list_statements
from ledger.services.arrivals import receive_statement
from ledger.services.definitions import KIND, SUBJECT, propose_reconciliation
from ledger.services.runs import ask_run
from ledger.services.statements import Sent, preview_statement
from ops.permissions import Right
from ops.reconciliation_form import form_of, level_line, typed_terms
from ops.shell import Shown, actor, needs, person, posted, show

UPLOAD_MAX = 16 * 1024 * 1024  # larger files come over the API or by the command
_MEDIA_TYPES = {".csv": "text/csv", ".json": "application/json", ".xml": "application/xml"}
_STATEMENTS_SHOWN, _RUNS_SHOWN = 20, 20


@needs(Right.READ_RECONCILIATIONS)
def reconciliations(request: HttpRequest) -> HttpResponse:
    """Show every reconciliation with its last run and what is open, and the statements that came last."""
    runs, figures = selectors.last_runs(), selectors.open_figures()
    pending = selectors.pending_proposals(KIND, SUBJECT)
    found = selectors.newest_versions()
    context = {
        "rows": [
            (each, runs.get(each["id"]), figures.get(each["id"]), pending.pop(each["id"], None))
            for each in found
        ],
        "new": sorted(pending.values()),
        "statements": list_statements(limit=_STATEMENTS_SHOWN),
    }
    return show(request, "ops/reconciliations.html", context, screen="reconciliations", now=utc_now())


@needs(Right.READ_RECONCILIATIONS)
def reconciliation(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one reconciliation: its breaks by money, its runs, what it says, and the form to have it say otherwise."""
    return _show(request, ref)


@needs(Right.PROPOSE_RECONCILIATION)
def new(request: HttpRequest) -> HttpResponse:
    """Show the form for a reconciliation that there is not yet."""
    return _show(request, "")


@posted("reconciliations")
@needs(Right.PROPOSE_RECONCILIATION)
def propose(request: HttpRequest) -> HttpResponse:
    """Propose what the form says, of a new reconciliation or of one that there is."""
    code = request.POST.get("code", "").strip()
    try:
        proposal_id = propose_reconciliation(
            code=code,
            terms=typed_terms(request.POST),
            reason=request.POST.get("reason", ""),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, code if selectors.newest_version(code) else "", problem=problem)
    messages.success(request, f"{ids.public_id(ids.PROPOSAL, proposal_id)} waits for a second person.")
    return HttpResponseRedirect(reverse("reconciliations"), status=303)


@posted("reconciliation")
@needs(Right.RECONCILE)
def run_now(request: HttpRequest, ref: str) -> HttpResponse:
    """Ask for a run through the last statement's day, or one that looks back: through a day, as of a moment."""
    try:
        through, as_at = _past(request)
        run_id = ask_run(code=ref, through=through, as_at=as_at, actor=actor(request), now=utc_now())
    except Problem as problem:
        if problem.status == 404:
            raise
        return _show(request, ref, problem=problem)
    messages.success(request, "The run is asked for; this page shows it once it is done.")
    return HttpResponseRedirect(
        reverse("reconciliation_run", args=[ids.public_id(ids.RECONCILIATION_RUN, run_id)]), status=303
    )


def _past(request: HttpRequest) -> tuple[date | None, datetime | None]:
    """Return the day and the moment that a form says, None where it says none; Problem 422 naming what is neither."""
    typed = {name: request.POST.get(name, "").strip() for name in ("through", "as_at")}
    faults, through, as_at = [], None, None
    try:
        through = date.fromisoformat(typed["through"]) if typed["through"] else None
    except ValueError:
        faults.append(Fault("/through", "A date such as 2026-11-23.", "type"))
    try:
        as_at = read_moment(typed["as_at"]) if typed["as_at"] else None
    except ValueError:
        faults.append(Fault("/as_at", "A moment such as 2026-11-23T18:00:00Z.", "type"))
    if faults:
        raise Problem(422, "invalid", "This cannot be looked back at.", faults=faults)
    return through, as_at


@needs(Right.READ_RECONCILIATIONS)
def run(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one run: where each line of both sides went, and what became of the breaks."""
    number = ids.database_id(ids.RECONCILIATION_RUN, ref)
    found = selectors.read_run(number) if number else None
    if found is None:
        raise not_found("run")
    sides = [
        (
            side,
            [found[f"{fate}_{side}"] for fate in ("matched", "forced", "differing", "unmatched")],
            found[side],
        )
        for side in ("ours", "theirs")
    ]
    context = {"run": found, "sides": sides, "steps": selectors.steps_of_run(found["id"])}
    return show(request, "ops/reconciliation_run.html", context, screen="reconciliation_run", now=utc_now())


@needs(Right.RECONCILE)
def upload(request: HttpRequest) -> HttpResponse:
    """Show the form to upload a statement, what a file holds with every fault, or store it."""
    if request.method != "POST":
        return _form(request)
    try:
        sent, content = _sent(request)
        now = utc_now()
        if request.POST.get("step") != "store":
            preview = preview_statement(sent=sent, now=now)
            return _form(request, preview=preview, content=content, name=sent.file_name)
        stored = receive_statement(sent=sent, actor=actor(request), now=now)
    except Problem as problem:
        return _form(request, problem=problem)
    reference = ids.public_id(ids.STATEMENT, stored.statement_id)
    if stored.is_new:
        messages.success(
            request, f"{reference} is stored: {stored.line_count:,} lines, revision {stored.revision}."
        )
    else:
        messages.success(request, f"This file was stored before, as {reference}. Nothing is added.")
    return HttpResponseRedirect(reverse("reconciliations"), status=303)


def _sent(request: HttpRequest) -> tuple[Sent, str]:
    """Return the file of a form, and its bytes as the form carries them on; Problem 422 naming what is missing."""
    typed, faults = request.POST, list[Fault]()
    file = request.FILES.get("file")
    name = file.name or "" if file else typed.get("file_name", "")
    if file is not None and (file.size or 0) > UPLOAD_MAX:
        faults.append(
            Fault("/file", f"At most {UPLOAD_MAX // 1024 // 1024} MB here; more over the API.", "length")
        )
    try:
        content = (
            file.read() if file and not faults else base64.b64decode(typed.get("content", ""), validate=True)
        )
    except (binascii.Error, ValueError):
        content = b""
    if not content and not faults:
        faults.append(Fault("/file", "Choose a file that is not empty.", "missing"))
    media_type = _MEDIA_TYPES.get(PurePath(name).suffix.lower())
    if media_type is None and content:
        faults.append(Fault("/file", f"Its name ends in one of {', '.join(_MEDIA_TYPES)}.", "format"))
    day, text = None, typed.get("business_date", "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        faults.append(Fault("/business_date", "A date such as 2026-11-23.", "type"))
    if faults:
        raise Problem(422, "invalid", "This statement cannot be taken.", faults=faults)
    sent = Sent(
        typed.get("kind", ""),
        typed.get("source", "").strip(),
        content,
        media_type or "",
        day,
        None,
        name[:200],
    )
    return sent, base64.b64encode(content).decode()


def _form(request: HttpRequest, *, problem: Problem | None = None, **seen: Any) -> HttpResponse:
    preview = seen.get("preview")
    context = {
        "kinds": KINDS.values(),
        "sources": sorted({each["source"] for each in selectors.newest_versions()}),
        "form": request.POST,
        "problem": Shown.of(problem) if problem else None,
        "preview": preview,
        "first": [
            (line.number, [line.fields.get(name, "") for name in preview.kind.names])
            for line in preview.parsed.lines[:10]
        ]
        if preview
        else [],
        "content": seen.get("content", ""),
        "file_name": seen.get("name", ""),
    }
    status = problem.status if problem else 200
    if preview and preview.parsed.fault_count:
        status = 422
    return show(
        request,
        "ops/statement_upload.html",
        context,
        screen="reconciliation_upload",
        now=utc_now(),
        status=status,
    )


def _show(request: HttpRequest, code: str, *, problem: Problem | None = None) -> HttpResponse:
    """Show a reconciliation, or the form for a new one, with what is wrong with the form that was sent, if anything."""
    versions = selectors.versions_of(code) if code else []
    if code and not versions:
        raise not_found("reconciliation")
    newest = versions[0] if versions else None
    context: dict[str, Any] = {
        "code": code,
        "newest": newest,
        "versions": [(each, [level_line(level) for level in each["levels"]]) for each in versions],
        "breaks": selectors.breaks_by_money(reconciliation_id=newest["id"]) if newest else [],
        "figures": selectors.open_figures().get(newest["id"]) if newest else None,
        "runs": selectors.runs_of(reconciliation_id=newest["id"], limit=_RUNS_SHOWN) if newest else [],
        "pending_id": selectors.pending_proposals(KIND, SUBJECT).get(newest["id"]) if newest else None,
        "form": request.POST if problem and "reason" in request.POST else form_of(newest),
        "kinds": KINDS.values(),
        "bases": Basis.choices,
        "tells_past": newest is not None and KINDS[newest["kind"]].tells_past,
        "looked": request.POST,
        "teams": Group.objects.order_by("name").values_list("name", flat=True),
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(
        request, "ops/reconciliation.html", context, screen="reconciliation", now=utc_now(), status=status
    )
