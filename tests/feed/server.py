"""A real listener for tests: an HTTP server that takes messages, and can be made to keep their senders waiting."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAIT_SECONDS = 30


@dataclass
class Place:
    """One address of the listener: what it was sent, and whether it answers at once.

    slow_from: the number of the message from which on it answers only once `release` is set.
    """

    url: str = ""
    slow_from: int | None = None
    got: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Keep a message; wait if the address is slow by now."""
        with self._lock:
            self.got.append((headers, json.loads(body)))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            slow = self.slow_from is not None and len(self.got) >= self.slow_from
        if slow:
            self.asked.set()
            self.release.wait(WAIT_SECONDS)
        with self._lock:
            self._at_once -= 1

    def ids(self) -> list[str]:
        """Return the ids of the messages that came, in their order."""
        return [headers["webhook-id"] for headers, _ in self.got]


@contextmanager
def listening(*places: Place) -> Iterator[None]:
    """Serve places, each at an address of its own, until the end; then nobody is kept waiting."""
    by_path = {f"/{number}": place for number, place in enumerate(places)}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            by_path[self.path].take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    for path, place in by_path.items():
        place.url = f"http://127.0.0.1:{server.server_port}{path}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        for place in places:
            place.release.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
