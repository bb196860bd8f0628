"""The obvious Django way, running: its database, its web server, its worker, and what they have done."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from bench.backlog import BAD_ONE_IN
from bench.client import Connection, request, send_all
from bench.product import ROOT, Bench, Database, Process, await_true, free_port, wait_for_http
from middleoffice import lifeline, processes

PROJECT = "bench.peers.naive"
_keys = count(1)


@dataclass
class Naive:
    """The running peer."""

    database: Database
    web: Process
    worker: Process
    token: str

    def requests(self, bodies: list[bytes]) -> list[bytes]:
        """Return POSTs of JSON bodies, each with a key of its own."""
        return [
            request(
                "POST",
                "/trades",
                body=body,
                Content_Type="application/json",
                Idempotency_Key=f"naive-{next(_keys)}",
                Authorization=f"Token {self.token}",
            )
            for body in bodies
        ]

    def checked(self) -> int:
        """Return how many trades have left CAPTURED."""
        return int(self.database.row("SELECT count(*) FROM naive_trade WHERE status <> 'CAPTURED'")[0])

    def bulk_to_checked(self, trades: list[bytes]) -> float:
        """Post trades as one list and wait until the worker has checked all; return trades/s."""
        client, data = Connection(self.web.port), self.requests([b"[" + b",".join(trades) + b"]"])[0]

        def post() -> None:
            reply = client.ask(data)
            assert reply.status == 201, reply.body[:500]

        rate = self._timed(post, len(trades))
        client.close()
        return rate

    def singles_to_checked(self, trades: list[bytes], clients: int) -> float:
        """Post trades one by one from many clients and wait until all are checked; return trades/s."""
        data = self.requests(trades)

        def post() -> None:
            send_all(self.web.port, data, clients=clients, expect=201)

        return self._timed(post, len(trades))

    def verify(self, trades: int) -> None:
        """Raise unless the peer has checked all trades and held those that the product holds."""
        found = self.database.row(
            "SELECT count(*), count(*) FILTER (WHERE status = 'EXCEPTION'),"
            " (SELECT count(*) FROM naive_tradeevent WHERE actor = 'system:checks') FROM naive_trade"
        )
        expected = (trades, trades // BAD_ONE_IN, trades)
        assert found == expected, f"(trades, held, checks): {found}, not {expected}"

    def _timed(self, act: Callable[[], object], trades: int) -> float:
        before, started = self.checked(), time.perf_counter()
        act()
        await_true(lambda: self.checked() >= before + trades, self.worker, seconds=300)
        return trades / (time.perf_counter() - started)


@contextmanager
def naive(bench: Bench) -> Iterator[Naive]:
    """Run the peer on a database of its own, its web server with the product's own command."""
    database, port = bench.empty_database("naive"), free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": database.url,
        "DJANGO_SETTINGS_MODULE": f"{PROJECT}.settings",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        lifeline.SUPERVISED: "1",
    }

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr[-1500:]}"
        return done.stdout.strip()

    run("django", "migrate")
    token = run(f"{PROJECT}.load", bench.reference.today.isoformat())
    database.settle()
    serve = [*processes.argv("web", environment)[:-1], f"{PROJECT}.wsgi:application"]
    work = ["celery", "--app", f"{PROJECT}.celery", "worker", "--pool", "prefork", "--concurrency", "1"]
    web = bench.spawn("web-naive", serve, environment, port)
    worker = bench.spawn("worker-naive", [sys.executable, "-m", *work, "--loglevel", "WARNING"], environment)
    try:
        wait_for_http(web, f"http://127.0.0.1:{port}/trades")
        yield Naive(database, web, worker, token)
    finally:
        worker.stop()
        web.stop()
