"""One HTTP request to an address that somebody else wrote down: checked, bounded, and never led elsewhere."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore

CONNECT_SECONDS, TOTAL_SECONDS = 5, 10
MAX_ADDRESSES = 3
MAX_RESPONSE_BYTES, EXCERPT_CHARACTERS = 64 * 1024, 500
# Addresses that carry an IPv4 address within them, which must be looked at too.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class RefusedAddress(Exception):  # noqa: N818
    """The name leads to an address that webhooks may not go to."""


@dataclass(frozen=True)
class Answer:
    """What came of a request: the status and the beginning of the body, or why there was no answer."""

    status: int | None
    latency_ms: int
    excerpt: str = ""
    error: str = ""


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet, whichever way it is written."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def addresses_of(host: str, port: int, *, private: bool) -> list[str]:
    """Return the addresses of a name; RefusedAddress when any of them is not public, unless `private` ones may be.

    One refused address refuses the name: nobody has a good reason to mix them.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    if not private and not all(map(is_public, addresses)):
        raise RefusedAddress(f"{host} leads to an address that is not public")
    return addresses


class _Deadline(httpcore.NetworkStream):
    """A connection on which no wait goes beyond one moment, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream, self._until = stream, until

    def _left(self, timeout: float | None) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer took too long")
        return left if timeout is None else min(left, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Deadline(
            self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._until
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Guarded(httpcore.NetworkBackend):
    """Resolves a name once, checks what it leads to, and connects to exactly that."""

    def __init__(self, *, private: bool, until: float) -> None:
        self._private, self._until = private, until
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses_of(host, port, private=self._private)[:MAX_ADDRESSES]:
            left = min(CONNECT_SECONDS, self._until - time.monotonic())
            if left <= 0:
                break
            try:
                stream = self._plain.connect_tcp(address, port, left, local_address, socket_options)
                return _Deadline(stream, self._until)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def send(*, url: str, headers: Mapping[str, str], body: bytes, private: bool) -> Answer:
    """Post a body and return what came of it within TOTAL_SECONDS. Redirects are not followed.

    private: whether the name may lead to private, loopback and link-local addresses.
    """
    began = time.monotonic()
    try:
        status, excerpt = _post(url, headers, body, private, began + TOTAL_SECONDS)
    except RefusedAddress as error:
        return Answer(None, _ms_since(began), error=str(error))
    except Exception as error:
        # Whatever it was, it was a failed attempt and is noted as one; else it would be tried for ever.
        said = f"{type(error).__name__}: {error}"[:EXCERPT_CHARACTERS]
        return Answer(None, _ms_since(began), error=said)
    return Answer(status, _ms_since(began), excerpt)


def _post(url: str, headers: Mapping[str, str], body: bytes, private: bool, until: float) -> tuple[int, str]:
    seconds = {
        "connect": CONNECT_SECONDS,
        "read": TOTAL_SECONDS,
        "write": TOTAL_SECONDS,
        "pool": CONNECT_SECONDS,
    }
    read = b""
    with (
        httpcore.ConnectionPool(network_backend=_Guarded(private=private, until=until)) as pool,
        pool.stream(
            "POST", url, headers=list(headers.items()), content=body, extensions={"timeout": seconds}
        ) as answer,
    ):
        for chunk in answer.iter_stream():
            read += chunk
            if len(read) >= MAX_RESPONSE_BYTES:
                break
        return answer.status, _excerpt(read)


def _excerpt(body: bytes) -> str:
    """Return the beginning of an answer as text that any database and page can show."""
    text = body[: EXCERPT_CHARACTERS * 4].decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:EXCERPT_CHARACTERS]


def _ms_since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
