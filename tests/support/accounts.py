"""People who log in: with a password, and with the codes of an app that the test holds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client

from core.clock import utc_now
from core.second_factor import SecondFactorAdapter
from ops.permissions import ensure_roles

PASSWORD = "a right long password"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def member(name: str, *roles: str, **fields: Any) -> User:
    """Store somebody with a password and roles."""
    ensure_roles()
    made = User.objects.create_user(name, password=PASSWORD, **fields)
    made.groups.set(Group.objects.filter(name__in=roles))
    return made


def give_app(user: User, secret: str = SECRET) -> Authenticator:
    """Store that somebody has set an authenticator app up."""
    data = {"secret": SecondFactorAdapter().encrypt(secret)}
    return Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)


def code_at(moment: datetime, secret: str = SECRET) -> str:
    """Return what an app shows at a moment (RFC 6238)."""
    return format_hotp_value(hotp_value(secret, int(moment.timestamp()) // 30))


def code_now(secret: str = SECRET) -> str:
    """Return what an app shows now."""
    return code_at(utc_now(), secret)


def log_in(client: Client, name: str, password: str = PASSWORD, **how: Any) -> HttpResponse:
    """Send the log-in page."""
    return client.post("/log-in", {"username": name, "password": password}, **how)


def signed_in(name: str) -> Client:
    """Return a browser in which somebody logged in with the password a moment ago."""
    client = Client()
    assert log_in(client, name).status_code == 302
    return client


def just_now(client: Client) -> None:
    """Let a session that no log-in page began count as begun now, so that it need not confirm who it is."""
    session = client.session
    session["began"] = int(utc_now().timestamp())
    session.save()
