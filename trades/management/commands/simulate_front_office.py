"""Send simulated deals to a running product, through its public API only."""

from __future__ import annotations

import secrets
import threading
import time
from argparse import ArgumentParser
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import msgspec
from django.core.management.base import BaseCommand, CommandError

from core.clock import business_date, utc_now
from core.http.client import ApiClient, Refused, Stopped
from core.live import show_until, stop_on_signals
from trades.simulation import PRODUCTS, FrontOffice, Universe, demo_universe, read_universe

BULK_MAX = 10_000
CLIENTS_MAX = 64
PAGE = "1000"


class Command(BaseCommand):
    help = (
        "Send simulated deals through the public API, one by one or in bulk, at a rate or flat out."
        " The same --seed on the same day sends the same deals, which adds nothing."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", required=True, help="of the product, e.g. http://127.0.0.1:8000")
        parser.add_argument("--token", required=True, help="of an API client with trades:read, trades:write")
        parser.add_argument("--count", type=int, default=1_000, help="deals to send (default: 1,000)")
        parser.add_argument("--rate", type=Decimal, help="deals per second (default: flat out)")
        parser.add_argument("--products", default=",".join(PRODUCTS), help="comma-separated")
        parser.add_argument("--bad", type=Decimal, default=Decimal(0), metavar="PERCENT", help="wrong deals")
        parser.add_argument("--bulk", type=int, default=1, metavar="SIZE", help="deals in one request")
        parser.add_argument("--clients", type=int, default=1, help="connections at once")
        parser.add_argument("--seed", type=int, help="of the deals (default: a new one each time)")

    def handle(self, *, url: str, token: str, **options: Any) -> None:
        self._verify(options)
        seed = secrets.randbelow(1_000_000) if options["seed"] is None else options["seed"]
        with stop_on_signals() as stop:
            universe = self._universe(url, token, business_date(utc_now()), stop)
            try:
                office = FrontOffice(
                    universe, seed=seed, products=options["products"].split(","), bad=options["bad"]
                )
            except ValueError as error:
                raise CommandError(str(error)) from None
            tally = Tally()
            work = Work(office, count=options["count"], size=options["bulk"], rate=options["rate"], stop=stop)
            threads = [
                threading.Thread(target=_send, args=(url, token, work, tally), daemon=True)
                for _ in range(options["clients"])
            ]
            self._run(threads, tally, title=f"Front office, seed {seed}")
        self._end(tally, seed)

    def _verify(self, options: Mapping[str, Any]) -> None:
        unknown = sorted(set(options["products"].split(",")) - set(PRODUCTS))
        faults = [
            (unknown, f"--products: {', '.join(unknown)} is not one of {', '.join(PRODUCTS)}."),
            (options["count"] < 1, "--count is at least 1."),
            (options["rate"] is not None and options["rate"] <= 0, "--rate is above 0."),
            (not 0 <= options["bad"] <= 100, "--bad is from 0 to 100."),
            (not 1 <= options["bulk"] <= BULK_MAX, f"--bulk is from 1 to {BULK_MAX:,}."),
            (not 1 <= options["clients"] <= CLIENTS_MAX, f"--clients is from 1 to {CLIENTS_MAX}."),
        ]
        if found := [message for wrong, message in faults if wrong]:
            raise CommandError(" ".join(found))

    def _universe(self, url: str, token: str, on: date, stop: threading.Event) -> Universe:
        """Read what can be dealt in; where the client may not, or nothing is there, take the demo's."""
        with ApiClient(url=url, token=token, stop=stop, patience=10) as client:

            def listed(kind: str, filters: Mapping[str, str]) -> Iterator[dict[str, Any]]:
                return client.items(f"/api/v1/refdata/{kind}", limit=PAGE, **filters)

            try:
                found = read_universe(listed, on=on)
            except Refused as error:
                if error.status == 401:
                    raise CommandError(str(error)) from None
                self.stderr.write(f"The reference data cannot be read ({error}); the demo's is used.")
                return demo_universe(on=on)
            except httpx.HTTPError as error:
                raise CommandError(f"{url} does not answer: {error}") from None
            except Stopped:
                raise CommandError("Stopped.") from None
        return found if found.counterparties and found.books else demo_universe(on=on)

    def _run(self, threads: list[threading.Thread], tally: Tally, *, title: str) -> None:
        done = threading.Event()

        def wait() -> None:
            for thread in threads:
                thread.join()
            done.set()

        for thread in (*threads, threading.Thread(target=wait, daemon=True)):
            thread.start()
        show_until(done, title=title, figures=tally.figures, out=self.stdout)

    def _end(self, tally: Tally, seed: int) -> None:
        if tally.mistakes:
            wrong = ", ".join(f"{code} {count}" for code, count in sorted(tally.mistakes.items()))
            self.stdout.write(f"Wrong on purpose: {wrong}.")
        if tally.refused:
            codes = ", ".join(f"{code} {count}" for code, count in sorted(tally.refused.items()))
            self.stdout.write(f"Refused: {codes}.")
        self.stdout.write(f"Again with --seed {seed} adds nothing today.")
        if tally.failure:
            raise CommandError(tally.failure)


class Work:
    """Hands out deals in packets, each once, no faster than the rate."""

    def __init__(
        self, office: FrontOffice, *, count: int, size: int, rate: Decimal | None, stop: threading.Event
    ) -> None:
        self.size, self.stop = size, stop
        self._office, self._count = office, count
        self._pause = 0.0 if rate is None else float(size / rate)
        self._next = 0
        self._due = time.monotonic()
        self._lock = threading.Lock()

    def packets(self) -> Iterator[list[tuple[dict[str, Any], str]]]:
        """Yield packets of (deal, what is wrong with it) until all are taken or the run is stopped."""
        while not self.stop.is_set():
            with self._lock:
                first, self._next = self._next, self._next + self.size
                due, self._due = self._due, max(self._due, time.monotonic() - self._pause) + self._pause
            if first >= self._count or self.stop.wait(max(0.0, due - time.monotonic())):
                return
            yield [self._office.deal(number) for number in range(first, min(first + self.size, self._count))]


@dataclass
class Tally:
    """What was sent and what was answered, by all connections together."""

    created: int = 0
    existing: int = 0
    retries: int = 0
    failure: str = ""
    refused: Counter[str] = field(default_factory=Counter)
    mistakes: Counter[str] = field(default_factory=Counter)
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=2_000))
    _began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answers: list[tuple[int, str]], mistakes: list[str], seconds: float) -> None:
        """Count one packet's answers: (status, problem code) each."""
        with self._lock:
            self._seconds.append(seconds)
            self.mistakes.update(code for code in mistakes if code)
            for status, code in answers:
                self.created += status == 201
                self.existing += status == 200
                if status >= 400:
                    self.refused[code] += 1

    def end(self, retries: int, failure: str = "") -> None:
        """Note the end of a connection."""
        with self._lock:
            self.retries += retries
            self.failure = self.failure or failure

    def figures(self) -> dict[str, str]:
        """Return the figures to show."""
        with self._lock:
            answered = self.created + self.existing + self.refused.total()
            elapsed = time.monotonic() - self._began
            ordered = sorted(self._seconds) or [0.0]
            return {
                "sent": f"{answered:,}",
                "created": f"{self.created:,}",
                "existing": f"{self.existing:,}",
                "refused": f"{self.refused.total():,}",
                "retries": f"{self.retries:,}",
                "per second": f"{answered / elapsed:,.0f}",
                "median": f"{ordered[len(ordered) // 2] * 1_000:,.1f} ms",
                "95 %": f"{ordered[len(ordered) * 95 // 100] * 1_000:,.1f} ms",
            }


def _send(url: str, token: str, work: Work, tally: Tally) -> None:
    """Send packets over one connection until there are no more."""
    with ApiClient(url=url, token=token, stop=work.stop) as client:
        failure = ""
        try:
            for packet in work.packets():
                began = time.monotonic()
                answers = _post(client, [message for message, _ in packet], bulk=work.size > 1)
                tally.add(answers, [mistake for _, mistake in packet], time.monotonic() - began)
        except Stopped:
            pass
        except (httpx.HTTPError, Refused) as error:
            failure = f"The product cannot be reached: {error}"
            work.stop.set()
        tally.end(client.retries, failure)


def _post(client: ApiClient, messages: list[dict[str, Any]], *, bulk: bool) -> list[tuple[int, str]]:
    """Post deals; return (status, problem code) for each. A refused deal is an answer, not a failure."""
    if bulk:
        body = b"\n".join(map(msgspec.json.encode, messages))
        _, document = client.post("/api/v1/trade-batches", body, content_type="application/x-ndjson")
        return [(item["status"], item.get("problem", {}).get("code", "")) for item in document["items"]]
    try:
        status, _ = client.post("/api/v1/trades", msgspec.json.encode(messages[0]))
    except Refused as error:
        if error.status in {401, 403} or error.status >= 500:
            raise
        return [(error.status, error.code)]
    return [(status, "")]
