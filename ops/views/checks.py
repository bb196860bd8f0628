"""Checks: what each is, how it is set, how often it finds something; and setting it otherwise, with four eyes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Fault, Problem
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show
from risk.checks._settings import SCOPE_DIMENSIONS, Setting, is_fixed
from risk.checks.base import Check
from risk.services.back_test import DEFAULT_DAYS, back_tests_of
from risk.services.check_views import FOUND_DAYS, view_check, view_checks
from risk.services.parameters import (
    BOUNDS,
    SEVERITIES,
    Draft,
    newest_setting,
    propose_parameters,
)

_BACK_TESTS_SHOWN = 10
_PARAMETER, _SCOPE = "parameter.", "scope."
_SEVERITY_WORDS = {"BLOCK": "blocks", "WARN": "warns", "INFO": "informs"}


@needs(Right.READ_CHECKS)
def checks(request: HttpRequest) -> HttpResponse:
    """Show every check as it is set now, with what it found lately."""
    now = utc_now()
    views = view_checks(now=now)
    context = {
        "checks": [(each, scope_words(each.setting.scope)) for each in views],
        "days": FOUND_DAYS,
        "pending": sum(each.pending_id is not None for each in views),
    }
    return show(request, "ops/checks.html", context, screen="checks", now=now)


@needs(Right.READ_CHECKS)
def check(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one check: what it is, its versions, and the form to set it otherwise."""
    return show_check(request, ref)


@posted("check")
@needs(Right.PROPOSE_CHECK)
def propose(request: HttpRequest, ref: str) -> HttpResponse:
    """Propose what the form says."""
    try:
        proposal_id = propose_parameters(
            code=ref,
            draft=typed_draft(request, ref),
            reason=request.POST.get("reason", ""),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return show_check(request, ref, problem=problem)
    messages.success(request, f"{ids.public_id(ids.PROPOSAL, proposal_id)} waits for a second person.")
    return HttpResponseRedirect(reverse("check", args=[ref]), status=303)


def typed_draft(request: HttpRequest, code: str) -> Draft:
    """Return what the form of a check says; Problem 404 for an unknown check, 422 for a bent date."""
    newest = newest_setting(code)
    typed = request.POST
    scope = {
        name: [each.strip() for each in typed[_SCOPE + name].replace("\n", ",").split(",") if each.strip()]
        for name in SCOPE_DIMENSIONS
        if typed.get(_SCOPE + name, "").strip()
    }
    return Draft(
        is_active=typed["active"] == "on" if "active" in typed else None,
        severity=typed.get("severity"),
        parameters={
            name: typed[_PARAMETER + name].strip() for name in newest.parameters if _PARAMETER + name in typed
        },
        scope=scope if any(key.startswith(_SCOPE) for key in typed) else None,
        valid_from=_typed_day(typed.get("valid_from", "")),
    )


def _typed_day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        faults = [Fault("/valid_from", "A date such as 2026-11-23.", "type")]
        raise Problem(422, "invalid", "The check cannot be set so.", faults=faults) from None


def compared(content: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what a proposal changes: what, as it is, as it would be."""
    before, after = (_words(content[each]) for each in ("before", "after"))
    names = dict.fromkeys([*before, *after])
    return [
        (name, before.get(name, "—"), after.get(name, "—"))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _words(setting: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Active": "yes" if setting["active"] else "no",
        "Severity": _SEVERITY_WORDS[setting["severity"]],
        **setting["parameters"],
        "Looks at": scope_words(setting["scope"]),
    }


def scope_words(scope: Mapping[str, Any]) -> str:
    """Return which trades a check looks at, in words."""
    return "; ".join(f"{name} {', '.join(members)}" for name, members in scope.items()) or "every trade"


def show_check(request: HttpRequest, code: str, *, problem: Problem | None = None) -> HttpResponse:
    """Show a check, with what is wrong with the form that was sent, if anything."""
    now = utc_now()
    view, versions = view_check(code, now=now)
    newest = newest_setting(code)
    context = {
        "view": view,
        "check": view.check,
        "message": re.sub(r"\{(\w+)\}", r"‹\1›", view.check.message),
        "setting": view.setting,
        "scope": scope_words(view.setting.scope),
        "newest": newest,
        "back_tests": back_tests_of(code, most=_BACK_TESTS_SHOWN),
        "default_days": DEFAULT_DAYS,
        "versions": [(each, scope_words(each.setting.scope)) for each in versions],
        "fixed": is_fixed(view.check),
        "days": FOUND_DAYS,
        "severities": [(each, _SEVERITY_WORDS[each]) for each in SEVERITIES],
        "parameters": _parameters(view.check, newest, request),
        "dimensions": [
            (_SCOPE + name, name, request.POST.get(_SCOPE + name, ", ".join(newest.scope.get(name, ()))))
            for name in SCOPE_DIMENSIONS
        ],
        "problem": Shown.of(problem) if problem else None,
        "typed": request.POST,
    }
    status = problem.status if problem else 200
    return show(request, "ops/check.html", context, screen="check", now=now, status=status)


def _parameters(check: Check, newest: Setting, request: HttpRequest) -> list[dict[str, str]]:
    """Return each parameter as the form shows it: what it means and may be, and what is typed or set."""
    return [
        {
            "name": name,
            "field": _PARAMETER + name,
            "value": request.POST.get(_PARAMETER + name, newest.parameters[name]),
            "default": default,
            "meaning": check.meanings.get(name, ""),
            "range": _range(*check.bounds.get(name, BOUNDS)),
        }
        for name, default in check.parameters.items()
    ]


def _range(least: str, greatest: str) -> str:
    """Return what a number may be, in words; the greatest of all bounds says nothing to people."""
    return f"{least} or more" if greatest == BOUNDS[1] else f"{least} to {greatest}"
