"""Pages of the console with much behind them against the same pages with little."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from statistics import median
from urllib.parse import urlencode

from bench.client import Connection, request
from bench.history import add_history
from bench.measurement import Samples, interleave
from bench.product import PASSWORD, USER, Bench

SMALL = 10_000
_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')
_RECORD = re.compile(rb'href="(/(?:trades|exceptions)/(?:trd|exc)_[^"?#/]+)')


class Browser:
    """A logged-in session on one web server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = Connection(port)
        self._cookies: dict[str, str] = {}
        form = self.get("/log-in")
        token = _TOKEN.search(form)
        assert token, "the log-in page has no form"
        fields = {"csrfmiddlewaretoken": token[1].decode(), "username": USER, "password": PASSWORD}
        self._ask("POST", "/log-in", expect=(302,), body=urlencode(fields).encode())

    def get(self, path: str) -> bytes:
        """Return a page, or nothing where it leads on to another."""
        return self._ask("GET", path, expect=(200, 302))

    def milliseconds(self, path: str, times: int) -> float:
        """Return the median time of a page, on a connection of its own."""
        self._connection.close()
        self._connection = Connection(self._port)
        figures = []
        for _ in range(times):
            started = time.perf_counter()
            self.get(path)
            figures.append((time.perf_counter() - started) * 1_000)
        return median(figures)

    def rows(self, path: str) -> int:
        """Return how many records a page shows; one where it leads straight to a record."""
        page = self.get(path)
        return len(set(_RECORD.findall(page))) if page else 1

    def _ask(self, method: str, path: str, *, expect: tuple[int, ...], body: bytes = b"") -> bytes:
        reply = self._connection.ask(
            request(
                method,
                path,
                body=body,
                Content_Type="application/x-www-form-urlencoded",
                Cookie="; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            )
        )
        assert reply.status in expect, f"{method} {path}: {reply.status} {reply.body[:500]!r}"
        for cookie in reply.header("Set-Cookie"):
            name, _, value = cookie.split(";", 1)[0].partition("=")
            self._cookies[name] = value
        return reply.body


def compare(bench: Bench, pages: Mapping[str, str], *, large: int, exceptions: bool = False) -> Samples:
    """Take each page in turns among `large` trades and among SMALL; the ratio is that of the page that suffers most."""
    times = bench.size(30, 10)
    many, few = bench.database("many"), bench.database("few")
    add_history(bench, many, large, exceptions=exceptions)
    add_history(bench, few, SMALL, exceptions=exceptions)
    found: dict[str, Samples] = {}
    with bench.web(many) as web_many, bench.web(few) as web_few:
        in_many, in_few = Browser(web_many.port), Browser(web_few.port)
        for name, path in pages.items():
            shown = in_many.rows(path), in_few.rows(path)
            assert min(shown) > 0, f"{name} shows {shown} records"
            found[name] = interleave(
                this=lambda path=path: in_many.milliseconds(path, times),
                against=lambda path=path: in_few.milliseconds(path, times),
                rounds=bench.rounds,
            )
            found[name].notes = [
                f"{name}: {found[name].ratio:.2f}, {median(found[name].this):.1f} against"
                f" {median(found[name].against):.1f} ms, {shown[0]} and {shown[1]} records shown"
            ]
    worst = max(found.values(), key=lambda each: each.ratio)
    notes = [note for each in found.values() for note in each.notes]
    if bench.quick:
        notes.append(f"--quick: {large:,} trades.")
    return Samples(worst.this, worst.against, notes)
