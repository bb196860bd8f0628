"""Pages of the console's blotter among a million trades against the same pages among ten thousand."""

from __future__ import annotations

import re
import time
from statistics import median
from urllib.parse import urlencode

from bench.client import Connection, request
from bench.history import add_history
from bench.measurement import Samples, interleave
from bench.product import PASSWORD, USER, Bench

PARTY = "PARTY-07"
PAGES = {
    "first page": "/trades",
    "filter by status and counterparty": f"/trades?status=settled&counterparty={PARTY}",
    "filter by a rare status and counterparty": f"/trades?status=validated&counterparty={PARTY}",
    "jump to page 100": "/trades?page=100",
}
SMALL = 10_000
_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')


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
        self._ask("POST", "/log-in", expect=302, body=urlencode(fields).encode())

    def get(self, path: str) -> bytes:
        """Return a page."""
        return self._ask("GET", path, expect=200)

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
        """Return how many trades a page shows."""
        return len(set(re.findall(rb'href="(/trades/trd_[^"?#/]+)', self.get(path))))

    def _ask(self, method: str, path: str, *, expect: int, body: bytes = b"") -> bytes:
        reply = self._connection.ask(
            request(
                method,
                path,
                body=body,
                Content_Type="application/x-www-form-urlencoded",
                Cookie="; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            )
        )
        assert reply.status == expect, f"{method} {path}: {reply.status} {reply.body[:500]!r}"
        for cookie in reply.header("Set-Cookie"):
            name, _, value = cookie.split(";", 1)[0].partition("=")
            self._cookies[name] = value
        return reply.body


def measure(bench: Bench) -> Samples:
    """Take each page in turns on both; the ratio is that of the page that suffers most."""
    large, times = bench.size(1_000_000, 200_000), bench.size(30, 10)
    many, few = bench.database("many"), bench.database("few")
    add_history(bench, many, large)
    add_history(bench, few, SMALL)
    found: dict[str, Samples] = {}
    with bench.web(many) as web_many, bench.web(few) as web_few:
        in_many, in_few = Browser(web_many.port), Browser(web_few.port)
        for name, path in PAGES.items():
            shown = in_many.rows(path), in_few.rows(path)
            assert min(shown) > 0, f"{name} shows {shown} trades"
            found[name] = interleave(
                this=lambda path=path: in_many.milliseconds(path, times),
                against=lambda path=path: in_few.milliseconds(path, times),
                rounds=bench.rounds,
            )
            found[name].notes = [
                f"{name}: {found[name].ratio:.2f}, {median(found[name].this):.1f} against"
                f" {median(found[name].against):.1f} ms, {shown[0]} and {shown[1]} trades shown"
            ]
    worst = max(found.values(), key=lambda each: each.ratio)
    notes = [note for each in found.values() for note in each.notes]
    if bench.quick:
        notes.append(f"--quick: {large:,} trades, not 1,000,000.")
    return Samples(worst.this, worst.against, notes)
