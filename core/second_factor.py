"""The second factor of people: codes of an authenticator app and recovery codes, each of which proves once."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.totp.internal import auth as totp
from cryptography.fernet import Fernet
from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from core import lockout
from core.audit import Actor, record
from core.clock import utc_now
from core.people import record_failure
from core.sessions import end_sessions

TOTP, RECOVERY_CODES = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES
_SPENT = "spent"  # the last step of time whose code proved something


class SecondFactorAdapter(DefaultMFAAdapter):
    """What the library keeps of us: secrets are encrypted at rest, and an app shows whose codes it makes."""

    def encrypt(self, text: str) -> str:
        """Encrypt a secret with a key of this installation, which the database does not hold."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return what was encrypted; InvalidToken when the key is another."""
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: Any) -> str:
        """Return the name an app shows: that of the account, which an e-mail address need not be."""
        return str(user.get_username())


def _cipher() -> Fernet:
    key = hashlib.sha256(f"second factors {settings.TOKEN_PEPPER}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


@dataclass(frozen=True)
class State:
    """What a person has set up. codes_left: recovery codes that were not used."""

    since: datetime | None
    used_at: datetime | None
    codes_left: int


def state_of(user: User) -> State:
    """Return what a person has set up as a second factor."""
    found = {each.type: each for each in Authenticator.objects.filter(user=user)}
    app, codes = found.get(TOTP), found.get(RECOVERY_CODES)
    return State(
        since=app.created_at if app else None,
        used_at=app.last_used_at if app else None,
        codes_left=len(codes.wrap().get_unused_codes()) if codes else 0,
    )


def step_of(secret: str, code: str, *, now: datetime) -> int | None:
    """Return the step of time (RFC 6238) whose code this is, within the tolerance; None when it is of none."""
    present = int(now.timestamp()) // app_settings.TOTP_PERIOD
    for step in range(present - app_settings.TOTP_TOLERANCE, present + app_settings.TOTP_TOLERANCE + 1):
        if compare_user_code(actual=code, expected=totp.format_hotp_value(totp.hotp_value(secret, step))):
            return step
    return None


@transaction.atomic
def spend(*, user_id: int, code: str, now: datetime) -> Authenticator | None:
    """Return what a code proves, which it then proves to nobody again; None when it proves nothing.

    Whoever sends the same code at the same time waits here for the first, and is refused.
    """
    found = {each.type: each for each in _held(user_id)}
    app = found.get(TOTP)
    if app is not None:
        step = step_of(SecondFactorAdapter().decrypt(app.data["secret"]), code, now=now)
        if step is not None:
            return _spent(app, step)
    codes = found.get(RECOVERY_CODES)
    if codes is not None and codes.wrap().validate_code(code):
        return codes
    return None


def _held(user_id: int) -> list[Authenticator]:
    return list(Authenticator.objects.select_for_update().filter(user_id=user_id).order_by("pk"))


def _spent(app: Authenticator, step: int) -> Authenticator | None:
    if step <= app.data.get(_SPENT, -1):
        return None
    app.data[_SPENT] = step
    app.save(update_fields=["data"])
    return app


def prove(request: HttpRequest, user: User, code: str) -> Authenticator:
    """Return what a code proves of a person; ValidationError when it is wrong, was used, or too many were tried."""
    name = lockout.codes_of(user.get_username())
    with transaction.atomic():
        _held(user.pk)  # who sends many at once waits here until the one before is counted
        allowed = lockout.may_try(request, name)
        found = spend(user_id=user.pk, code=code, now=utc_now()) if allowed else None
        if found is None and allowed:
            lockout.count_failure(request, name)
    if found is None:
        record_failure(request, "user.second_factor_failed", username=user.get_username())
        raise forms.ValidationError("This code does not hold, or was used before.", code="incorrect_code")
    lockout.forget_failures(name)
    found.user = user
    return found


class _CodeForm(forms.Form):
    """Asks for a code of the app or a recovery code."""

    code = forms.CharField(max_length=32)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.authenticator: Authenticator | None = None

    def clean_code(self) -> str:
        """Spend the code."""
        code: str = self.cleaned_data["code"]
        self.authenticator = prove(context.request, self.user, code)
        return code


class LogInCodeForm(_CodeForm):
    """The second step of a log-in."""

    def save(self) -> None:
        """Note what the person proved."""
        post_authentication(context.request, self.authenticator)


class ConfirmCodeForm(_CodeForm):
    """Somebody who is logged in confirms who they are."""

    def save(self) -> None:
        """Note what the person proved, and when."""
        post_authentication(context.request, self.authenticator, reauthenticated=True)


class SetUpForm(totp_forms.ActivateTOTPForm):
    """The first code of an app, which shows that it holds the secret."""

    def clean_code(self) -> str:
        """Return the code; ValidationError when the app would make another now."""
        code: str = self.cleaned_data["code"]
        self.step = step_of(self.secret, code, now=utc_now())
        if self.step is None:
            raise forms.ValidationError("This is not the code that the app shows now.", code="incorrect_code")
        return code


def note_set_up(*, app: Authenticator, step: int, kept: str, actor: Actor, now: datetime) -> None:
    """Tell the log of an app that was set up, whose first code is spent, and end the sessions without it."""
    app.data[_SPENT] = step
    app.save(update_fields=["data"])
    record_change(type="user.second_factor_added", user_id=app.user_id, actor=actor, now=now)
    end_sessions(user_id=app.user_id, actor=actor, now=now, kept=kept)


def record_change(*, type: str, user_id: int, actor: Actor, now: datetime, reason: str = "") -> None:
    """Write that the second factor of a person was added, removed, reset, or given other recovery codes."""
    record(type=type, subject="user", ids=[user_id], actor=actor, at=now, reason=reason)


@transaction.atomic
def reset(*, user_id: int, actor: Actor, now: datetime, reason: str) -> bool:
    """Take a person's second factor away, whose device is lost, and log them out; False when there is none.

    The next log-in asks for the password alone, and a role that must have a second factor sets one up at once.
    """
    taken, _ = Authenticator.objects.filter(user_id=user_id).delete()
    if taken:
        record_change(type="user.second_factor_reset", user_id=user_id, actor=actor, now=now, reason=reason)
        end_sessions(user_id=user_id, actor=actor, now=now, reason=reason)
    return bool(taken)
