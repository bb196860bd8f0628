"""Whose request it is, and over what it came: as the socket says, or a proxy that the operator names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_SCHEME = "HTTP_X_FORWARDED_PROTO"


def client_address(request: HttpRequest) -> str:
    """Return the address a request came from.

    X-Forwarded-For is read from its end, and only as far as it was written by a proxy in TRUSTED_PROXIES:
    whatever anybody else writes there counts for nothing.
    """
    address: str = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while forwarded and _is_trusted(address):
        told = forwarded.pop().strip()
        if not _is_address(told):
            break
        address = told
    return address


class ForwardedSchemeMiddleware:
    """Forget an X-Forwarded-Proto that no proxy in TRUSTED_PROXIES sent: Django believes whoever writes it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _SCHEME in request.META and not _is_trusted(request.META.get("REMOTE_ADDR", "")):
            del request.META[_SCHEME]
        return self.get_response(request)


def check_proxies(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """Warn of an installation for https that believes no proxy: every page would lead to itself."""
    if not settings.SECURE_SSL_REDIRECT or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "HTTPS is on and TRUSTED_PROXIES names no proxy: whatever comes over TLS is taken for plain HTTP.",
            hint="Name the proxy that ends TLS, by its address or network as the web process sees it.",
            id="middleoffice.W001",
        )
    ]


def _is_trusted(address: str) -> bool:
    if not settings.TRUSTED_PROXIES or not _is_address(address):
        return False
    found = ip_address(address)
    return any(found in network for network in settings.TRUSTED_PROXIES)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
