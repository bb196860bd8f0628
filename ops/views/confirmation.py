"""What a person does about a trade's confirmation: dispute it, remind of it, or let the trade leave without."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.clock import utc_now
from core.http.problem import Problem
from ops.permissions import Right
from ops.shell import actor, needs, posted, show
from ops.views.trade import show_trade, trade_id_of
from trades.services.confirmation import dispute
from trades.services.confirmation_ageing import remind
from trades.services.confirmation_links import make_link
from trades.services.confirmation_mail import mail_link
from trades.services.confirmation_policy import waive_confirmation


@posted("trade")
@needs(Right.DISPUTE)
def trade_dispute(request: HttpRequest, ref: str) -> HttpResponse:
    """Say that the counterparty is wrong about a trade."""
    trade_id = trade_id_of(ref)
    try:
        dispute(
            confirmation_id=_number(request, "confirmation"),
            version=_number(request, "version"),
            **_by(request),
        )
    except Problem as problem:
        return show_trade(request, trade_id, problem=problem)
    messages.success(request, "Disputed, until either side says something else.")
    return HttpResponseRedirect(reverse("trade", args=[ref]), status=303)


@posted("trade")
@needs(Right.CONFIRM)
def trade_remind(request: HttpRequest, ref: str) -> HttpResponse:
    """Remind the counterparty of a trade's confirmation."""
    trade_id = trade_id_of(ref)
    try:
        remind(trade_id=trade_id, actor=actor(request), now=utc_now())
    except Problem as problem:
        if problem.status == 404:
            raise
        return show_trade(request, trade_id, problem=problem)
    messages.success(request, "The reminder is given, and leaves over the feed.")
    return HttpResponseRedirect(reverse("trade", args=[ref]), status=303)


@posted("trade")
@needs(Right.LINK_CONFIRMATION)
def trade_link(request: HttpRequest, ref: str) -> HttpResponse:
    """Make a link by which the counterparty answers about a trade, and show it, once."""
    trade_id, now = trade_id_of(ref), utc_now()
    if request.POST.get("how") == "mail":
        return _mail_link(request, ref, trade_id)
    try:
        link = make_link(
            trade_id=trade_id, version=_number(request, "version"), actor=actor(request), now=now
        )
    except Problem as problem:
        return show_trade(request, trade_id, problem=problem)
    context = {
        "reference": ref,
        "address": request.build_absolute_uri(reverse("confirmation_answer", args=[link.token])),
        "expires_at": link.expires_at,
    }
    answer = show(request, "ops/confirmation_link.html", context, screen="confirmation_link", now=now)
    answer["Cache-Control"] = "no-store"
    return answer


def _mail_link(request: HttpRequest, ref: str, trade_id: int) -> HttpResponse:
    """Have a link mailed to the address that a policy says, rather than shown."""
    try:
        mail_link(trade_id=trade_id, version=_number(request, "version"), actor=actor(request), now=utc_now())
    except Problem as problem:
        return show_trade(request, trade_id, problem=problem)
    messages.success(request, "The link is mailed in a minute or two.")
    return HttpResponseRedirect(reverse("trade", args=[ref]), status=303)


@posted("trade")
@needs(Right.WAIVE_CONFIRMATION)
def trade_waive(request: HttpRequest, ref: str) -> HttpResponse:
    """Let the version of a trade that was looked at leave without its confirmation."""
    trade_id = trade_id_of(ref)
    try:
        waive_confirmation(trade_id=trade_id, version=_number(request, "version"), **_by(request))
    except Problem as problem:
        return show_trade(request, trade_id, problem=problem)
    messages.success(request, "It can be sealed without its confirmation.")
    return HttpResponseRedirect(reverse("trade", args=[ref]), status=303)


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"reason": request.POST.get("reason", ""), "actor": actor(request), "now": utc_now()}


def _number(request: HttpRequest, name: str) -> int:
    """Return a number that the form had hidden; 0, which nothing has, where it was bent."""
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
