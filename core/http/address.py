"""Whose request it is: the address of the client, also behind proxies that the operator names."""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


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
