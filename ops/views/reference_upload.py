"""Reference data from a file: what it would change is looked at first, then proposed as one change."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Fault, Problem
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, show
from ops.views.reference import TABS, kind_in
from ops.views.reference_proposal import shown_rows
from refdata.changes import FIRST, MAX_ROWS, WIDE, Change, foresee_change, propose_reference_change
from refdata.files import BrokenFile, numbered_rows
from refdata.kinds.base import Kind
from refdata.services import Outcome

UPLOAD_MAX = 1024 * 1024
FAULTS_SHOWN = 200
_OUTCOMES: tuple[tuple[Outcome, str], ...] = (
    ("created", "new"),
    ("changed", "changed"),
    ("unchanged", "unchanged"),
    ("refused", "faulty"),
)


@needs(Right.PROPOSE_REFERENCE)
def reference_upload(request: HttpRequest) -> HttpResponse:
    """Show the form, what a file would change or every fault of its rows, or propose all of it."""
    kind = kind_in(request.POST if request.method == "POST" else request.GET)
    if request.method != "POST":
        return _show(request, kind)
    try:
        data, name = _sent(request)
        numbered = _rows(name, data)
        rows, now = [row for _, row in numbered], utc_now()
        foreseen = foresee_change(kind=kind.code, rows=rows, now=now)
    except Problem as problem:
        return _show(request, kind, problem=problem)
    seen = _seen(kind, foreseen, [line for line, _ in numbered], data, name)
    if request.POST.get("step") != "propose" or foreseen.count("refused"):
        return _show(request, kind, **seen)
    try:
        proposal_id = propose_reference_change(
            kind=kind.code,
            rows=rows,
            file=name,
            reason=request.POST.get("reason", ""),
            user=person(request),
            actor=actor(request),
            now=now,
        )
    except Problem as problem:
        return _show(request, kind, problem=problem, **seen)
    reference = ids.public_id(ids.PROPOSAL, proposal_id)
    messages.success(request, f"{reference} waits for a second person.")
    return HttpResponseRedirect(reverse("reference_proposal", args=[reference]), status=303)


def _sent(request: HttpRequest) -> tuple[bytes, str]:
    """Return the file of a form, sent or carried on from the preview, and its name; Problem 422 without one."""
    file = request.FILES.get("file")
    name = (file.name or "" if file else request.POST.get("file_name", "")).replace("\0", "")[:200]
    if file is not None and (file.size or 0) > UPLOAD_MAX:
        raise _untaken(f"At most {UPLOAD_MAX // 1024 // 1024} MB here; more by the API.", "length")
    try:
        data = file.read() if file else base64.b64decode(request.POST.get("content", ""), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise _untaken("Choose a file that is not empty.", "missing")
    return data, name


def _rows(name: str, data: bytes) -> list[tuple[int, Any]]:
    try:
        numbered = numbered_rows(name, data)
    except BrokenFile as error:
        raise _untaken(str(error), "malformed") from None
    if not 1 <= len(numbered) <= MAX_ROWS:
        raise _untaken(f"1 to {MAX_ROWS:,} rows, not {len(numbered):,}; more by the API.", "length")
    return numbered


def _untaken(detail: str, code: str) -> Problem:
    return Problem(422, "invalid", "This file cannot be taken.", faults=[Fault("/file", detail, code)])


def _seen(kind: Kind, foreseen: Change, lines: list[int], data: bytes, name: str) -> dict[str, Any]:
    """Return what is shown of a file: counts, the faults with their lines, and the first rows before and after."""
    faults = [
        (line, row.result.key, fault)
        for line, row in zip(lines, foreseen.rows, strict=True)
        for fault in row.result.faults
    ]
    changes = foreseen.changes
    return {
        "file_name": name,
        "content": base64.b64encode(data).decode(),
        "counts": [(words, foreseen.count(outcome)) for outcome, words in _OUTCOMES],
        "changes": len(changes),
        "first": shown_rows(kind.code, changes[:FIRST]),
        "wide": sum(abs(each.share) >= WIDE for each in foreseen.moves.values()),
        "faulty": foreseen.count("refused"),
        "faults": faults[:FAULTS_SHOWN],
        "fault_count": len(faults),
    }


def _show(request: HttpRequest, kind: Kind, *, problem: Problem | None = None, **seen: Any) -> HttpResponse:
    context = {
        "kind": kind,
        "kinds": TABS,
        "title": dict(TABS)[kind.code],
        "most": MAX_ROWS,
        "megabytes": UPLOAD_MAX // 1024 // 1024,
        "columns": ",".join(kind.fields),
        "reason": request.POST.get("reason", ""),
        "problem": Shown.of(problem) if problem else None,
        **seen,
    }
    status = problem.status if problem else 422 if seen.get("faulty") else 200
    return show(
        request, "ops/reference_upload.html", context, screen="reference_upload", now=utc_now(), status=status
    )
