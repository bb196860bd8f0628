"""What logging in asks of the library that does it: no accounts by oneself, our addresses, our sessions, our log."""

from __future__ import annotations

from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.forms import ChangePasswordForm, LoginForm
from allauth.core import context
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import lockout, sessions
from core.clock import utc_now
from core.http.address import client_address


class AccountAdapter(DefaultAccountAdapter):
    """The one place where a session begins, whichever way somebody logs in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody makes an account by oneself: administrators do."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the lock and the log go by too."""
        return client_address(request)

    def login(self, request: HttpRequest, user: Any) -> None:
        """Begin a session, whose time runs from now."""
        super().login(request, user)
        sessions.begin(request, now=utc_now())

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: the pages say themselves what was done."""

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Answer a log-in elsewhere of somebody whose account is switched off here."""
        return HttpResponseRedirect(reverse("account_login"))

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whoever has just logged in need not do it twice."""
        return not sessions.began_within(self.request, app_settings.REAUTHENTICATION_TIMEOUT, now=utc_now())

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Return the ways to confirm who one is: by a code where there is a second factor, else by the password."""
        ways: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        codes = [way for way in ways if way["id"] == "mfa_reauthenticate"]
        return codes or ways


class LogInForm(LoginForm):
    """Name and password, as the page and everybody's password store call them."""

    def add_prefix(self, field_name: str) -> str:
        """Return the name of a field in the page."""
        return "username" if field_name == "login" else str(super().add_prefix(field_name))

    def clean_login(self) -> str:
        """Return the name without what no name holds, and the database could not look for."""
        name = str(super().clean_login()).replace("\0", "")
        # Whoever has no password must not count as one who tries codes: that would lock the person out from everywhere.
        return "" if lockout.is_of_codes(name) else name

    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        """Log in, or lead to the second step."""
        response: HttpResponse = super().login(request, redirect_url)
        if request.user.is_authenticated:  # the library has set a time of its own
            sessions.begin(request, now=utc_now())
        return response


class PasswordForm(ChangePasswordForm):
    """Another password for oneself. Who guesses the one before is counted as at the log-in, and locked out there."""

    guessed = False

    def clean_oldpassword(self) -> str:
        """Return the password before; ValidationError when it is another, or too many were tried."""
        given: str = self.cleaned_data["oldpassword"]
        if not get_adapter(context.request).reauthenticate(self.user, given):
            self.guessed = True
            raise get_adapter().validation_error("enter_current_password")
        return given
