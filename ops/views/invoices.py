"""Invoices: what was billed and credited, one document to read or print, and credits of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem
from ops import selectors
from ops.arrangement import arrange, seen_first
from ops.lists.invoices import INVOICES
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show
from settlement.invoices import (
    Wanted,
    billed_since,
    credit_notes_of,
    latest_invoices,
    lines_of,
    read_invoice,
)
from settlement.models import Invoice
from settlement.services.credit import Wish, credit_invoice
from settlement.tie_out_breaks import INVOICE, items_of

SHOWN = 100
LINES_SHOWN = 200  # of one document, and so of one form
SUMMED_DAYS = 30
_MAX_DIGITS = 40


@needs(Right.READ_INVOICES)
def invoices(request: HttpRequest) -> HttpResponse:
    """Show invoices and credit notes, the newest first, and what was billed lately."""
    now = utc_now()
    arranged = arrange(request, INVOICES)
    if (first := seen_first(request, arranged)) is not None:
        return first
    given = {name: request.GET.get(name, "").replace("\0", "").strip() for name in ("customer", "kind")}
    if given["kind"] not in Invoice.Kind.values:
        given["kind"] = ""
    before = request.GET.get("before", "")
    rows = latest_invoices(
        wanted=Wanted(customer=given["customer"], kind=given["kind"]),
        before=int(before) if before.isdecimal() and len(before) <= 18 else None,
        limit=SHOWN + 1,
    )
    context = {
        "arranged": arranged,
        "rows": rows[:SHOWN],
        "last": rows[SHOWN - 1]["id"] if len(rows) > SHOWN else None,
        "first_page": not before,
        "filtered": any(given.values()),
        "parameters": {name: value for name, value in given.items() if value} | arranged.kept,
        "kinds": Invoice.Kind.choices,
        "sums": billed_since(business_date(now) - timedelta(days=SUMMED_DAYS)),
        "days": SUMMED_DAYS,
        "breaks": items_of(INVOICE),
    }
    return show(request, "ops/invoices.html", context, screen="invoices", now=now)


@needs(Right.READ_INVOICES)
def invoice(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one invoice or credit note."""
    return _show(request, ref)


@posted("invoice")
@needs(Right.CREDIT)
def credit(request: HttpRequest, ref: str) -> HttpResponse:
    """Credit what the form says, at once or when a second person has approved it."""
    invoice_id = _id_of(ref)
    try:
        outcome = credit_invoice(
            invoice_id=invoice_id,
            wishes=typed_wishes(request.POST, invoice_id),
            reason=request.POST.get("reason", ""),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _show(request, ref, problem=problem)
    if outcome.document_id is None:
        waiting = ids.public_id(ids.PROPOSAL, outcome.proposal_id or 0)
        messages.success(request, f"{waiting} waits for a second person.")
        return HttpResponseRedirect(reverse("invoice", args=[ref]), status=303)
    note = ids.public_id(ids.INVOICE, outcome.document_id)
    messages.success(request, "Credited.")
    return HttpResponseRedirect(reverse("invoice", args=[note]), status=303)


def typed_wishes(typed: Mapping[str, str], invoice_id: int) -> list[Wish]:
    """Return what a form asks to be credited; Problem 422 for numbers that are none, and for nothing at all."""
    if typed.get("what") == "all":
        return []
    faults: list[Fault] = []
    wishes = []
    for line in lines_of([invoice_id])[:LINES_SHOWN]:
        place = line["line"]
        quantity, net = (_number(typed, f"{name}-{place}", faults) for name in ("quantity", "net"))
        if quantity is not None or net is not None:
            wishes.append(Wish(place, quantity, net))
    if not wishes and not faults:
        faults.append(Fault("/what", "Say how much of which line, or all that is open.", "missing"))
    if faults:
        raise Problem(422, "invalid", "This cannot be credited like this.", faults=faults)
    return wishes


def _number(typed: Mapping[str, str], name: str, faults: list[Fault]) -> Decimal | None:
    text = typed.get(name, "").replace(",", "").strip()
    if not text:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or len(text) > _MAX_DIGITS:
        faults.append(Fault(f"/{name}", "A decimal number, such as 12.50.", "type"))
        return None
    return found


def _id_of(ref: str) -> int:
    found = ids.database_id(ids.INVOICE, ref)
    if found is None:
        raise Http404
    return found


def _with_fields(line: dict[str, Any], typed: Mapping[str, str]) -> dict[str, Any]:
    """Return a line with the fields of the form that credit it: their names, and what was typed in them."""
    names = [f"{each}-{line['line']}" for each in ("quantity", "net")]
    return {**line, "fields": [(name, typed.get(name, "")) for name in names]}


def _show(request: HttpRequest, ref: str, *, problem: Problem | None = None) -> HttpResponse:
    invoice_id = _id_of(ref)
    found = read_invoice(invoice_id)
    if found is None:
        raise Http404
    lines = lines_of([invoice_id])
    typed: Mapping[str, str] = request.POST if problem else {}
    open_amount = found["gross"] - found["credited"]
    context: dict[str, Any] = {
        "invoice": found,
        "reference": ref,
        "lines": [_with_fields(line, typed) for line in lines[:LINES_SHOWN]],
        "more_lines": max(0, len(lines) - LINES_SHOWN),
        "notes": credit_notes_of(invoice_id),
        "open": open_amount,
        "may_credit": found["kind"] == Invoice.Kind.INVOICE and open_amount != 0,
        "asked": selectors.pending_credit_of(invoice_id),
        "typed": typed,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/invoice.html", context, screen="invoice", now=utc_now(), status=status)
