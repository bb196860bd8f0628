"""Who must have a second factor: people of the roles that MFA_ROLES names get no further than setting it up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from core.people import means
from core.second_factor import RECOVERY_CODES, TOTP
from ops.permissions import ROLES, roles_of

_PROVE_MORE = {str(TOTP), str(RECOVERY_CODES)}
# What whoever must set a second factor up can still do.
_BEFORE = {
    "account_login",
    "account_logout",
    "account_reauthenticate",
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "prefer",
    "healthz",
    "readyz",
    "confirmation_answer",
}


def must_have(user: Any) -> bool:
    """Tell whether a role of somebody asks for a second factor."""
    return bool(settings.MFA_ROLES) and not roles_of(user).isdisjoint(settings.MFA_ROLES)


class SecondFactorMiddleware:
    """Lead whoever must prove more than a password to where it is proved or set up, before every other page.

    A role that is given bites at the next page, in sessions that are open too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Answer for the view where the role asks for more than was proved."""
        if not settings.MFA_ROLES or (request.resolver_match and request.resolver_match.url_name in _BEFORE):
            return None
        if not request.user.is_authenticated or not must_have(request.user):
            return None
        if not _PROVE_MORE.isdisjoint(means(request)):
            return None
        name = "mfa_reauthenticate" if is_mfa_enabled(request.user, [TOTP]) else "mfa_activate_totp"
        wanted = request.get_full_path() if request.method == "GET" else "/"
        return HttpResponseRedirect(f"{reverse(name)}?{urlencode({'next': wanted})}")


def check_roles(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """Refuse to start with a role in MFA_ROLES that nobody can have: it would protect nothing."""
    unknown = sorted(set(settings.MFA_ROLES) - set(ROLES))
    if not unknown:
        return []
    return [
        Error(
            f"MFA_ROLES names no role of the product: {', '.join(unknown)}.",
            hint=f"There are: {', '.join(ROLES)}.",
            id="middleoffice.E002",
        )
    ]
