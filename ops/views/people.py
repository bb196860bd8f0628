"""People: who may log in, with which roles and how protected; administrators change it, and say why."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.clock import utc_now
from core.http.problem import Problem
from core.sessions import confirm_first, must_confirm
from ops import people as services
from ops.people import PEOPLE_SHOWN, find_person
from ops.permissions import ROLES, Right
from ops.shell import Shown, actor, needs, posted, show
from ops.shell import person as who


@needs(Right.READ_PEOPLE)
def people(request: HttpRequest) -> HttpResponse:
    """Show the people by name, those who may log in first."""
    now = utc_now()
    text, role = request.GET.get("q", "").strip()[:150], request.GET.get("role", "")
    found = services.people(now=now, text=text, role=role)
    context = {
        "people": found[:PEOPLE_SHOWN],
        "more": len(found) > PEOPLE_SHOWN,
        "shown": PEOPLE_SHOWN,
        "text": text,
        "role": role,
        "every_role": ROLES,
    }
    return show(request, "ops/people.html", context, screen="people", now=now)


@needs(Right.READ_PEOPLE)
def person(request: HttpRequest, ref: int) -> HttpResponse:
    """Show one person, and to administrators what they can change."""
    return _show(request, ref)


@posted("person")
@needs(Right.MANAGE_PEOPLE)
def change(request: HttpRequest, ref: int) -> HttpResponse:
    """Give and take roles, let in or switch off."""

    def done(reason: str) -> str:
        services.change_person(
            id=ref,
            roles=request.POST.getlist("roles"),
            is_active={"yes": True, "no": False}.get(request.POST.get("active", "")),
            reason=reason,
            user=who(request),
            actor=actor(request),
            now=utc_now(),
        )
        return "The account is as you set it."

    return _did(request, ref, done)


@posted("person")
@needs(Right.MANAGE_PEOPLE)
def reset(request: HttpRequest, ref: int) -> HttpResponse:
    """Take a second factor away."""
    return _ended(
        request,
        ref,
        services.reset_second_factor,
        "The second factor was taken away, and every session ended.",
        "There was no second factor.",
    )


@posted("person")
@needs(Right.MANAGE_PEOPLE)
def unlock(request: HttpRequest, ref: int) -> HttpResponse:
    """Forget wrong passwords and codes."""
    return _ended(request, ref, services.unlock_person, "The name is unlocked.", "Nothing was locked.")


@posted("person")
@needs(Right.MANAGE_PEOPLE)
def log_out(request: HttpRequest, ref: int) -> HttpResponse:
    """End every session of somebody."""
    return _ended(
        request, ref, services.log_person_out, "Every session was ended.", "There was no session to end."
    )


def _ended(request: HttpRequest, ref: int, end: Callable[..., object], some: str, none: str) -> HttpResponse:
    """End what a person has, and say whether there was some of it or none."""

    def done(reason: str) -> str:
        had = end(id=ref, reason=reason, user=who(request), actor=actor(request), now=utc_now())
        return some if had else none

    return _did(request, ref, done)


def _did(request: HttpRequest, ref: int, done: Callable[[str], str]) -> HttpResponse:
    """Do what a form asks, of whoever has lately proved who they are, and return to the person."""
    page = reverse("person", args=[ref])
    if must_confirm(request):
        return confirm_first(request, page)
    try:
        said = done(request.POST.get("reason", "").replace("\0", "").strip())
    except Problem as problem:
        if problem.status == 404:
            raise
        return _show(request, ref, problem=problem)
    messages.success(request, said)
    return HttpResponseRedirect(page, status=303)


def _show(request: HttpRequest, ref: int, *, problem: Problem | None = None) -> HttpResponse:
    now = utc_now()
    found = find_person(id=ref, now=now)
    context = {
        "person": found,
        "own": found.id == request.user.pk,
        "must_confirm": must_confirm(request),
        "every_role": ROLES,
        "chosen": request.POST.getlist("roles") if problem and "roles" in request.POST else found.roles,
        "problem": Shown.of(problem) if problem else None,
        "typed": request.POST if problem else {},
    }
    status = problem.status if problem else 200
    return show(request, "ops/person.html", context, screen="person", now=now, status=status)
