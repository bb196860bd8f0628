"""One's own account: the second factor, the password, and where one is logged in."""

from __future__ import annotations

from typing import Any

from allauth.account.views import PasswordChangeView, ReauthenticateView
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.base.views import ReauthenticateView as ReauthenticateByCodeView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from core import second_factor
from core.clock import utc_now
from core.http.access import LOGGED_IN, open_to
from core.people import audited, record_confirmed, record_failure
from core.sessions import end_sessions, sessions_of
from core.sign_in import PasswordForm
from ops.second_factor import must_have
from ops.shell import actor, person, show
from ops.views.session import Plain

ACCOUNT = reverse_lazy("account")


@open_to(LOGGED_IN)
@login_required
@never_cache
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """Show whose account it is, what it is protected by, and where it is logged in."""
    now = utc_now()
    context = {
        "factor": second_factor.state_of(person(request)),
        "sessions": sessions_of(user_id=person(request).pk, now=now),
        "session_key": request.session.session_key,
        "idle_minutes": settings.SESSION_IDLE_MINUTES,
        "session_hours": settings.SESSION_HOURS,
        "has_password": person(request).has_usable_password(),
    }
    return show(request, "ops/account.html", context, screen="account", now=now)


@open_to(LOGGED_IN)
@login_required
@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """Log out of one other session, or of all the others."""
    wanted = request.POST.get("session", "")
    if not (wanted == "others" or (wanted.isascii() and wanted.isdecimal() and len(wanted) <= 18)):
        return HttpResponseRedirect(ACCOUNT, status=303)
    ended = end_sessions(
        user_id=person(request).pk,
        actor=actor(request),
        now=utc_now(),
        id=None if wanted == "others" else int(wanted),
        kept=request.session.session_key,
    )
    if ended == 1:
        messages.success(request, "One other session was ended.")
    elif ended:
        messages.success(request, f"{ended} other sessions were ended.")
    else:
        messages.success(request, "There was no other session to end.")
    return HttpResponseRedirect(ACCOUNT, status=303)


class Confirm(Plain, ReauthenticateView):
    """Asks for the password again before something that must not be done by whoever finds the desk empty."""

    template_name = "ops/confirm.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Note it, tell the log, and lead back."""
        record_confirmed(self.request, self.request.user.pk)
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Tell the log, and ask again."""
        record_failure(self.request, "user.log_in_failed", username=self.request.user.get_username())
        return self.refuse(form)


class ConfirmByCode(Plain, ReauthenticateByCodeView):
    """Asks for a code instead, of whoever has set a second factor up."""

    template_name = "ops/confirm_code.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Note it, tell the log, and lead back."""
        record_confirmed(self.request, self.request.user.pk)
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Ask again; what failed is in the log already."""
        return self.refuse(form)


class SetUp(Plain, ActivateTOTPView):
    """Sets an authenticator app up: its secret as a picture and as letters, and the first code it shows."""

    template_name = "ops/second_factor.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Lead whoever has set one up to the account, which says so."""
        if is_mfa_enabled(request.user, [second_factor.TOTP]):
            return HttpResponseRedirect(ACCOUNT)
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the secret too, in groups of four letters to be typed."""
        context = super().get_context_data(**kwargs)
        secret = context["form"].secret
        groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return {**context, "secret": groups, "asked": must_have(self.request.user)}

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep the app, with recovery codes, and log out everywhere else. A form that is sent twice finds the first."""
        User.objects.select_for_update().get(pk=self.request.user.pk)
        if Authenticator.objects.filter(user=self.request.user, type=second_factor.TOTP).exists():
            return HttpResponseRedirect(ACCOUNT)
        response = super().form_valid(form)
        app = Authenticator.objects.get(user=self.request.user, type=second_factor.TOTP)
        post_authentication(self.request, app)
        second_factor.note_set_up(
            app=app,
            step=form.step,
            kept=self.request.session.session_key,
            actor=actor(self.request),
            now=utc_now(),
        )
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the same secret again."""
        return self.refuse(form)


class Remove(Plain, DeactivateTOTPView):
    """Removes the app, and the recovery codes with it."""

    template_name = "ops/second_factor_remove.html"
    success_url = ACCOUNT

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, at fault where a role asks for what it would remove."""
        form = super().get_form(form_class)
        if must_have(self.request.user):
            form.add_error(None, "Your role asks for a second factor.")
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove it, and tell the log."""
        response = super().form_valid(form)
        second_factor.record_change(
            type="user.second_factor_removed",
            user_id=self.request.user.pk,
            actor=actor(self.request),
            now=utc_now(),
        )
        messages.success(self.request, "Your second factor was removed.")
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show why it must stay."""
        return self.refuse(form)


class RecoveryCodes(Plain, ViewRecoveryCodesView):
    """Shows the recovery codes, once."""

    template_name = "ops/recovery_codes.html"


class NewRecoveryCodes(Plain, GenerateRecoveryCodesView):
    """Makes other recovery codes; those before hold no longer."""

    template_name = "ops/recovery_codes_new.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Make them, and tell the log."""
        response = super().form_valid(form)
        second_factor.record_change(
            type="user.recovery_codes_made",
            user_id=self.request.user.pk,
            actor=actor(self.request),
            now=utc_now(),
        )
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """Say what must be set up before."""
        return self.refuse(form)


class Password(Plain, PasswordChangeView):
    """Sets another password for oneself, and logs out everywhere else."""

    template_name = "ops/password.html"
    form_class = PasswordForm

    def get_default_success_url(self) -> str:
        """Return to the account."""
        return str(ACCOUNT)

    def form_valid(self, form: Any) -> HttpResponse:
        """Store it, and end the sessions that knew the one before."""
        response = super().form_valid(form)
        end_sessions(
            user_id=self.request.user.pk,
            actor=actor(self.request),
            now=utc_now(),
            kept=self.request.session.session_key,
        )
        messages.success(self.request, "Your password was changed, and every other session was ended.")
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show every rule that the new one breaks, and tell the log of a wrong one before."""
        if form.guessed:
            record_failure(self.request, "user.log_in_failed", username=self.request.user.get_username())
        return self.refuse(form)


def _own(view: Any) -> Any:
    """Let whoever is logged in into a view of their own account, in one transaction with what the log tells of it."""
    return open_to(LOGGED_IN)(login_required(never_cache(transaction.atomic(view))))


confirm = _own(Confirm.as_view())
confirm_by_code = _own(ConfirmByCode.as_view())
set_up = _own(SetUp.as_view())
remove = _own(Remove.as_view())
recovery_codes = _own(RecoveryCodes.as_view())
new_recovery_codes = _own(NewRecoveryCodes.as_view())
password = _own(audited(Password.as_view()))
