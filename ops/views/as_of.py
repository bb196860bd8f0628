"""The switch of the top bar: from the present to a moment, and from one moment to another."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from core.clock import utc_now
from core.http.access import LOGGED_IN, open_to
from ops.as_of import with_prefix
from ops.preferences import preferences_of


@open_to(LOGGED_IN)
@login_required
@require_safe
def as_of(request: HttpRequest) -> HttpResponse:
    """Go to the page that `next` names as of the moment `at`, a local time in the zone of the person's choice.

    A time that the end of summer time brings twice is the first of the two.
    """
    target = request.GET.get("next", "")
    if not target.startswith("/") or not url_has_allowed_host_and_scheme(target, None):
        target = "/"
    try:
        at = datetime.fromisoformat(request.GET.get("at", "").replace("\0", " "))
        moment = at.replace(tzinfo=preferences_of(request).tzinfo)
        future = moment > utc_now()
    except (ValueError, OverflowError):
        messages.error(request, "Write the moment as 2026-11-23 14:05.")
        return HttpResponseRedirect(target)
    if future:
        messages.error(request, "That moment is still to come: what will be known then nobody knows.")
        return HttpResponseRedirect(target)
    return HttpResponseRedirect(with_prefix(moment, target))
