"""Reading the environment: every missing or malformed variable is named at once, before anything starts."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")


class Environment:
    """Collects what is wrong with the environment while it is read; `verify()` raises them together."""

    def __init__(self, *, production: bool) -> None:
        self.production = production
        self.faults: list[str] = []

    def read(
        self,
        name: str,
        cast: Callable[[str], T],
        *,
        default: T,
        required_in_production: bool = False,
        purpose: str,
    ) -> T:
        """Return variable `name` through `cast`, or `default` when it is absent or empty."""
        raw = os.environ.get(name, "")
        if not raw:
            if required_in_production and self.production:
                self.faults.append(f"{name} is missing: {purpose}")
            return default
        try:
            return cast(raw)
        except ValueError as error:
            shown = name if cast in _SECRET or "@" in raw else f"{name}={raw!r}"  # this ends in logs
            self.faults.append(f"{shown} is malformed ({error}): {purpose}")
            return default

    def verify(self) -> None:
        """Raise ImproperlyConfigured with all collected faults, one a line."""
        if self.faults:
            lines = "\n".join(f"  - {fault}" for fault in self.faults)
            raise ImproperlyConfigured(
                f"The environment has {len(self.faults)} fault(s); see .env.example:\n{lines}"
            )


def boolean(raw: str) -> bool:
    """Read true/false words; ValueError on anything else."""
    word = raw.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError("expected true or false")


def words(raw: str) -> list[str]:
    """Read a comma-separated list, blanks dropped."""
    return [word.strip() for word in raw.split(",") if word.strip()]


def words_or_none(raw: str) -> list[str]:
    """Read a comma-separated list, or the word none for an empty one."""
    return [] if raw.strip().lower() == "none" else words(raw)


def networks(raw: str) -> list[IPv4Network | IPv6Network]:
    """Read comma-separated addresses or networks in CIDR form; ValueError on one that is everybody."""
    found = [ip_network(word) for word in words(raw)]
    if any(network.prefixlen == 0 for network in found):
        raise ValueError("a network of all addresses trusts everybody")
    return found


def positive(raw: str) -> int:
    """Read a whole number above zero."""
    number = int(raw)
    if number <= 0:
        raise ValueError("expected a whole number above zero")
    return number


def secret(raw: str) -> str:
    """Read a secret of at least 32 characters."""
    if len(raw) < 32:
        raise ValueError("expected at least 32 characters")
    return raw


def signing_key(raw: str) -> bytes:
    """Read a private key of Ed25519: 32 bytes in base64, either alphabet."""
    try:
        key = base64.b64decode(raw.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise ValueError("expected base64") from error
    if len(key) != 32:
        raise ValueError("expected 32 bytes in base64")
    return key


_SECRET = (secret, signing_key)


def url(*schemes: str) -> Callable[[str], str]:
    """Return a reader that demands one of `schemes`."""

    def read(raw: str) -> str:
        if raw.split(":", 1)[0] not in schemes:
            raise ValueError(f"expected a URL that starts with {' or '.join(schemes)}")
        return raw

    return read
