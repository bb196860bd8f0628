"""A lean HTTP client: raw keep-alive sockets, so that measuring does not eat the machine it measures."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TIMEOUT_SECONDS = 120
_READ = 262_144


@dataclass(frozen=True)
class Reply:
    """An answer as it came: status, raw head, body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> list[str]:
        """Return every value of a header."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [
            value.strip()
            for key, _, value in (line.partition(":") for line in lines)
            if key.lower() == name.lower()
        ]


def request(method: str, path: str, *, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of a request; `content_type` stands for Content-Type."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def ask(self, data: bytes) -> Reply:
        """Send a request and wait for its answer."""
        self.socket.sendall(data)
        while (reply := self.receive()) is None:
            pass
        return reply

    def receive(self) -> Reply | None:
        """Read what is there; return the answer once it is complete."""
        data = self.socket.recv(_READ)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        whole = _unchunked(rest) if _is_chunked(head) else _counted(head, rest)
        if whole is None:
            return None
        body, self._buffer = whole
        return Reply(int(head[9:12]), head, body)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_chunked(head: bytes) -> bool:
    return b"\r\ntransfer-encoding: chunked" in head.lower()


def _counted(head: bytes, rest: bytes) -> tuple[bytes, bytes] | None:
    """Split off a body of Content-Length bytes; None while some are missing."""
    at = head.lower().find(b"\r\ncontent-length:")
    length = 0 if at < 0 else int(head[at + 17 :].split(b"\r\n", 1)[0])
    return (rest[:length], rest[length:]) if len(rest) >= length else None


def _unchunked(rest: bytes) -> tuple[bytes, bytes] | None:
    """Split off a body in chunks; None while some are missing."""
    if b"0\r\n\r\n" not in rest[-5:]:
        return None
    parts, at = [], 0
    while True:
        line = rest.find(b"\r\n", at)
        if line < 0:
            return None
        size, at = int(rest[at:line], 16), line + 2
        if len(rest) < at + size + 2:
            return None
        if size == 0:
            return b"".join(parts), rest[at + 2 :]
        parts.append(rest[at : at + size])
        at += size + 2


def send_all(port: int, requests: Iterable[bytes], *, clients: int, expect: int) -> tuple[int, float]:
    """Send requests from many keep-alive clients, each with one under way; return how many and the seconds.

    The connections are new, as a server closes those that are idle for long; making them is not timed.
    Raises AssertionError at the first answer with another status than `expect`.
    """
    connections = [Connection(port) for _ in range(clients)]
    try:
        started = time.perf_counter()
        answered = _send(connections, iter(requests), expect)
        return answered, time.perf_counter() - started
    finally:
        for connection in connections:
            connection.close()


def _send(connections: list[Connection], waiting: Iterator[bytes], expect: int) -> int:
    answered = 0
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            if (data := next(waiting, None)) is not None:
                connection.socket.sendall(data)
                selector.register(connection.socket, selectors.EVENT_READ, connection)
        while selector.get_map():
            for connection in _ready(selector):
                reply = connection.receive()
                if reply is None:
                    continue
                assert reply.status == expect, f"{reply.status}: {reply.body[:500]!r}"
                answered += 1
                if (data := next(waiting, None)) is None:
                    selector.unregister(connection.socket)
                else:
                    connection.socket.sendall(data)
    return answered


def _ready(selector: selectors.BaseSelector) -> Iterator[Connection]:
    events = selector.select(TIMEOUT_SECONDS)
    assert events, f"no answer within {TIMEOUT_SECONDS} s"
    for key, _ in events:
        yield key.data
