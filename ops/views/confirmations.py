"""Confirmations: what counterparties say by status, one beside our terms, and files of them uploaded."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.cursor import encode_cursor, numbers_of
from core.http.problem import Fault, Problem, not_found
from core.money import format_number
from ops.arrangement import arrange, seen_first
from ops.lists.confirmations import CONFIRMATIONS, understood, wanted_of
from ops.permissions import Right
from ops.shell import Shown, actor, needs, posted, show
from trades.lifecycle import State
from trades.models import Confirmation
from trades.products import PRODUCTS
from trades.selectors import confirmations as selectors
from trades.selectors import timeline
from trades.services import confirmation_mail
from trades.services.amendment import FIELD_PREFIX
from trades.services.confirmation import dispute, withdraw_dispute
from trades.services.confirmation_files import (
    FIELDS,
    LINES_MAX,
    outcomes,
    preview_lines,
    read_file,
    take_lines,
)
from trades.services.confirmation_policy import unconfirmed_among
from trades.services.confirmation_theirs import amendment_to_theirs
from trades.services.versions import trade_etag

PAGE = 50
UPLOAD_MAX = 4 * 1024 * 1024
FIRST_LINES, FAULTS_SHOWN = 20, 200


@needs(Right.READ_CONFIRMATIONS)
def confirmations(request: HttpRequest) -> HttpResponse:
    """Show a page of the confirmations that match, the last that came first."""
    now = utc_now()
    arranged = arrange(request, CONFIRMATIONS)
    if (first := seen_first(request, arranged)) is not None:
        return first
    typed = understood(request.GET)
    before = numbers_of(request.GET.get("before", ""))
    start = before[0] if before and len(before) == 1 else None
    rows = selectors.page_of_confirmations(wanted=wanted_of(typed), now=now, before=start, limit=PAGE + 1)
    more = len(rows) > PAGE
    del rows[PAGE:]
    context = {
        "arranged": arranged,
        "rows": rows,
        "typed": typed,
        "parameters": typed | arranged.kept,
        "statuses": Confirmation.Status.choices,
        "products": [(each.code, each.title) for each in PRODUCTS.values()],
        "next": encode_cursor((rows[-1]["id"],)) if more else "",
        "later": start is not None,
        "mails": confirmation_mail.is_set_up(),
    }
    return show(request, "ops/confirmations.html", context, screen="confirmations", now=now)


@needs(Right.READ_CONFIRMATIONS)
def confirmation(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one confirmation beside our terms, or, where no trade of ours is it, beside those that come near."""
    return _show(request, ref)


@posted("confirmation")
@needs(Right.DISPUTE)
def refuse(request: HttpRequest, ref: str) -> HttpResponse:
    """Say that the counterparty is wrong."""
    return _turn(request, ref, dispute, "Disputed, until either side says something else.")


@posted("confirmation")
@needs(Right.DISPUTE)
def withdraw(request: HttpRequest, ref: str) -> HttpResponse:
    """Take a dispute back."""
    return _turn(request, ref, withdraw_dispute, "The dispute is withdrawn.")


def _turn(request: HttpRequest, ref: str, act: Callable[..., None], told: str) -> HttpResponse:
    version = request.POST.get("version", "")
    try:
        act(
            confirmation_id=_id_of(ref),
            version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0,
            reason=request.POST.get("reason", ""),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, ref, problem=problem)
    messages.success(request, told)
    return HttpResponseRedirect(reverse("confirmation", args=[ref]), status=303)


def _id_of(ref: str) -> int:
    number = ids.database_id(ids.CONFIRMATION, ref)
    if number is None:
        raise not_found("confirmation")
    return number


def _show(request: HttpRequest, ref: str, *, problem: Problem | None = None) -> HttpResponse:
    found = selectors.read_confirmation(_id_of(ref))
    if found is None:
        raise not_found("confirmation")
    context: dict[str, Any] = {
        "found": found,
        "reference": ref,
        "terms": _side_by_side(found),
        "typed": request.POST,
        "problem": Shown.of(problem) if problem else None,
    }
    if found["ours"] is None:
        near = selectors.near_misses(found, confirmed=PRODUCTS[found["product"]].confirmed)
        context["near"] = [
            (each, [one.field for one in differences if not one.within]) for each, differences in near
        ]
    else:
        context |= _about_trade(found)
    status = problem.status if problem else 200
    return show(
        request, "ops/confirmation.html", context, screen="confirmation", now=utc_now(), status=status
    )


def _side_by_side(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each term that is confirmed with what both say of it, and how far they may lie apart."""
    differing = {each["field"]: each for each in found["differences"]}
    ours = found["ours"] or {}
    rows = [
        {
            "name": name,
            "ours": _text(ours.get(name)),
            "theirs": _text(found.get(name)),
            "differs": differing.get(name),
        }
        for name in PRODUCTS[found["product"]].confirmed
    ]
    known = {each["name"] for each in rows}
    besides = [each for each in found["differences"] if each["field"] not in known]
    return [each for each in rows if each["ours"] or each["theirs"]] + [
        {"name": each["field"], "ours": each["ours"], "theirs": each["theirs"], "differs": each}
        for each in besides
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format_number(value) or ""
    return value.isoformat() if isinstance(value, date) else str(value)


def _about_trade(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be done about a confirmation that has a trade; `theirs`: a form that amends it to their terms."""
    trade_id = found["trade_id"]
    trade = timeline.trade(trade_id)
    if trade is None:
        raise not_found("trade")
    state = State(trade["state"])
    waits = state in {State.CAPTURED, State.EXCEPTION, State.VALIDATED}
    open_ = state not in {State.CANCELLED, State.SETTLED, State.ALLOCATED}
    current = trade["version"] == found["trade_version"]
    differing = {each["field"] for each in found["differences"] if not each["within"]}
    theirs = (
        amendment_to_theirs(trade_id=trade_id, theirs=found, differing=differing)
        if open_ and current and differing
        else None
    )
    return {
        "trade": trade,
        "trade_ref": ids.public_id(ids.TRADE, trade_id),
        "etag": trade_etag(trade["version"], trade["changed_at"]),
        "theirs": [(f"{FIELD_PREFIX}{name}", _text(value)) for name, value in (theirs or {}).items()],
        "can_remind": open_ and found["status"] in {"MISMATCHED", "DISPUTED"},
        "cancels": open_ and current and found["action"] == "CANCEL" and bool(differing),
        "because": f"{found['party']} confirms so under {found['reference']}, version {found['version']}.",
        "unconfirmed": waits and bool(unconfirmed_among(f"(SELECT {trade_id} AS trade_id)")),
    }


@needs(Right.CONFIRM)
def upload(request: HttpRequest) -> HttpResponse:
    """Show the form to upload a file, what would become of its lines or every fault of them, or store it."""
    if request.method != "POST":
        return _form(request)
    try:
        data, name = _sent(request)
        lines = read_file(data, at_most=LINES_MAX)
        take = take_lines if request.POST.get("step") == "store" else preview_lines
        told = take(lines=lines, actor=actor(request), now=utc_now())
    except Problem as problem:
        return _form(request, problem=problem)
    if take is preview_lines:
        first = list(zip(lines, told, strict=True))[:FIRST_LINES]
        content = base64.b64encode(data).decode()
        return _form(
            request, first=first, outcomes=outcomes(told), count=len(lines), content=content, file_name=name
        )
    new = sum(each.outcome != "REPEATED" for each in told)
    if new:
        messages.success(request, f"{name}: {new:,} of {len(lines):,} lines are new, and matched.")
    else:
        messages.success(request, f"{name}: all of it was known before. Nothing is added.")
    return HttpResponseRedirect(reverse("confirmations"), status=303)


def _sent(request: HttpRequest) -> tuple[bytes, str]:
    """Return the file of a form, sent or carried on from the preview, and its name; Problem 422 without one."""
    file = request.FILES.get("file")
    name = (file.name or "" if file else request.POST.get("file_name", "")).replace("\0", "")[:200]
    if file is not None and (file.size or 0) > UPLOAD_MAX:
        fault = Fault(
            "/file", f"At most {UPLOAD_MAX // 1024 // 1024} MB here; more by the command.", "length"
        )
        raise Problem(422, "invalid", "This file cannot be taken.", faults=[fault])
    try:
        data = file.read() if file else base64.b64decode(request.POST.get("content", ""), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        fault = Fault("/file", "Choose a file that is not empty.", "missing")
        raise Problem(422, "invalid", "This file cannot be taken.", faults=[fault])
    return data, name


def _form(request: HttpRequest, *, problem: Problem | None = None, **seen: Any) -> HttpResponse:
    shown = Shown.of(problem) if problem else None
    context = {
        "fields": ",".join(FIELDS),
        "most": LINES_MAX,
        "problem": shown,
        "fault_count": len(shown.faults) if shown else 0,
        "faults": shown.faults[:FAULTS_SHOWN] if shown else [],
        **seen,
    }
    status = problem.status if problem else 200
    return show(
        request,
        "ops/confirmation_upload.html",
        context,
        screen="confirmation_upload",
        now=utc_now(),
        status=status,
    )
