"""Demo data: what it brings, a button that loads it where that is allowed, and how far it has come."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.clock import utc_now
from core.http.problem import Problem
from ops.demo import ask_demo, has_trades, newest_load
from ops.models import DemoLoad
from ops.permissions import Right
from ops.shell import Shown, actor, needs, posted, show


@needs(Right.LOAD_DEMO)
def demo(request: HttpRequest) -> HttpResponse:
    """Show whether demo data can be loaded, and how far it has come."""
    return _show(request)


@posted("demo")
@needs(Right.LOAD_DEMO)
def load(request: HttpRequest) -> HttpResponse:
    """Have the demo loaded."""
    try:
        ask_demo(url=request.build_absolute_uri("/").rstrip("/"), actor=actor(request), now=utc_now())
    except Problem as problem:
        return _show(request, problem)
    return HttpResponseRedirect(reverse("demo"), status=303)


def _show(request: HttpRequest, problem: Problem | None = None) -> HttpResponse:
    found = newest_load()
    context = {
        "load": found,
        "going_on": found is not None and found.state == DemoLoad.State.RUNNING,
        "is_allowed": settings.DEMO_DATA,
        "has_trades": has_trades(),
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/demo.html", context, screen="demo", now=utc_now(), status=status)
