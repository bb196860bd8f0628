"""Wrong passwords and codes, counted in the database: by whom they were tried for and from where, and what locks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db.models import Sum
from django.http import HttpRequest

_CODES_OF = "codes of "
_MINUTES_OF_AN_HOUR = 60


def codes_of(username: str) -> str:
    """Return the name under which the wrong codes of a person are counted."""
    return _CODES_OF + username


def is_of_codes(name: str) -> bool:
    """Tell whether it is a name under which wrong codes are counted, which nobody logs in by."""
    return name.startswith(_CODES_OF)


def what_locks(request: HttpRequest, credentials: Mapping[str, Any] | None) -> list[str | list[str]]:
    """Return what is counted together: passwords by name and address, codes by name from wherever they come.

    Who tries codes has the password already: nobody else can lock a person out by trying them.
    """
    name = str((credentials or {}).get("username") or "")
    return ["username"] if is_of_codes(name) else [["username", "ip_address"]]


class Attempts(AxesDatabaseHandler):
    """Counts what is tried, and locks an address that tries many names as it locks a name."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """Return how often what is asked failed lately; of an address as a share of what it may fail."""
        of_name: int = super().get_failures(request, credentials)
        tried = AccessAttempt.objects.filter(
            ip_address=request.axes_ip_address, attempt_time__gte=get_cool_off_threshold(request)
        )
        of_address = tried.aggregate(total=Sum("failures_since_start"))["total"] or 0
        share = of_address * settings.AXES_FAILURE_LIMIT // settings.LOG_IN_FAILURES_OF_AN_ADDRESS
        return max(of_name, share)


def may_try(request: Any, name: str) -> bool:
    """Tell whether a name may be tried from where a request comes; one that may not is answered by the lock."""
    allowed: bool = AxesProxyHandler.is_allowed(request, {"username": name})
    request.axes_locked_out = not allowed
    return allowed


def count_failure(request: HttpRequest, name: str) -> None:
    """Count a try that failed."""
    user_login_failed.send(sender=__name__, credentials={"username": name}, request=request)


def forget_failures(name: str) -> int:
    """Forget what failed for a name from wherever it was tried, and return how many places that were."""
    forgotten: int = AxesProxyHandler.reset_attempts(username=name)
    return forgotten


def locked_now(request: HttpRequest) -> bool:
    """Tell whether the try that a request just made was the one that locked."""
    failures = getattr(request, "axes_failures_since_start", None)
    return failures is not None and failures >= settings.AXES_FAILURE_LIMIT


def refused(request: Any) -> bool:
    """Tell whether a lock answered a request, which is then answered by the page that people know.

    The middleware would answer in plain text whatever is left marked.
    """
    locked = bool(getattr(request, "axes_locked_out", False))
    request.axes_locked_out = False
    return locked


def minutes_locked() -> int:
    """Return for how many minutes a lock holds."""
    return round(settings.AXES_COOLOFF_TIME * _MINUTES_OF_AN_HOUR)
