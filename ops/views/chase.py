"""Chase: write down whom somebody asked to move what is stuck, one instruction or many, after a look at them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem
from ops.permissions import Right
from ops.shell import Shown, actor, needs, next_url, show
from settlement.chases import CHASED, chases_of
from settlement.models import Chase
from settlement.open_records import moves_of_instructions
from settlement.services.chase import MOST, Said, chase_instructions

_FIELDS = ("whom", "way", "next_on", "note", "key", "next")


@needs(Right.CHASE)
def chase(request: HttpRequest) -> HttpResponse:
    """Show what is to be chased and the form for it, or record that it was."""
    given = request.POST if request.method == "POST" else request.GET
    references = given.getlist("ids")[: MOST + 1]
    typed = {name: given.get(name, "").replace("\0", "") for name in _FIELDS}
    if request.method != "POST":
        return _form(request, references, {**typed, "key": secrets.token_urlsafe(12)})
    try:
        done = chase_instructions(
            instruction_ids=_numbers(references), said=_said(typed), actor=actor(request), now=utc_now()
        )
    except Problem as problem:
        return _form(request, references, typed, problem)
    if done.recorded:
        messages.success(request, f"The chase of {len(done.recorded)} is recorded.")
    if done.left:
        messages.warning(request, f"{len(done.left)} left out: nobody outside must move them any more.")
    return HttpResponseRedirect(next_url(request, reverse("settlement")), status=303)


def _numbers(references: Sequence[str]) -> list[int]:
    found = (ids.database_id(ids.INSTRUCTION, each) for each in references)
    return [each for each in found if each is not None]


def _said(typed: Mapping[str, str]) -> Said:
    """Return what a form says of a chase; Problem 422 where its date is none."""
    next_on = None
    if typed["next_on"]:
        try:
            next_on = date.fromisoformat(typed["next_on"])
        except ValueError:
            fault = Fault("/next_on", "Write a date as 2026-11-23.", "invalid")
            raise Problem(422, "invalid", "The chase was not recorded.", faults=[fault]) from None
    return Said(typed["way"], typed["whom"], typed["note"], typed["key"], next_on)


def _form(
    request: HttpRequest,
    references: Sequence[str],
    typed: Mapping[str, str],
    problem: Problem | None = None,
) -> HttpResponse:
    """Show what can be chased and what cannot any more; the names of those who must move are offered."""
    now = utc_now()
    numbers = list(dict.fromkeys(_numbers(references)))[:MOST]
    moves, known = moves_of_instructions(numbers, now=now), chases_of(numbers)
    rows = [{**moves[each], **known.get(each, {})} for each in numbers if each in moves]
    can = [row for row in rows if row["mover"] in CHASED]
    context: dict[str, Any] = {
        "rows": can,
        "left": len(references) - len(can),
        "whom": sorted({row["party_name"] for row in can if row["party_name"]}),
        "ways": Chase.Way.choices,
        "today": business_date(now),
        "typed": typed,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/chase.html", context, screen="chase", now=now, status=status)
