"""The product under measurement: servers, databases and processes of the benchmark's own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import environ
import psycopg2

from bench.messages import Messages
from bench.reference import LIMITS, Reference
from middleoffice import lifeline, processes

if TYPE_CHECKING:
    from bench.patterns import Outcome

ROOT = Path(__file__).resolve().parent.parent
USER, PASSWORD = "bench", "a-bench-needs-a-password"
TEMPLATE = "middleoffice_bench"
START_SECONDS = 40.0
SCOPES = ["trades:read", "trades:write", "settlement:read", "settlement:ack"]


def with_name(url: str, name: str) -> str:
    """Return a database URL with another database's name."""
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}").geturl()


@dataclass
class Database:
    """One database of the benchmark's server."""

    url: str
    name: str

    def connect(self) -> Any:
        """Return a new connection that commits every statement."""
        found = environ.Env.db_url_config(self.url)
        connection = psycopg2.connect(
            dbname=found["NAME"],
            user=found["USER"] or None,
            password=found["PASSWORD"] or None,
            host=found["HOST"] or None,
            port=found["PORT"] or None,
            **found.get("OPTIONS", {}),
        )
        connection.autocommit = True
        return connection

    def run(self, statement: str, parameters: Any = None) -> None:
        """Run a statement."""
        connection = self.connect()
        try:
            connection.cursor().execute(statement, parameters)
        finally:
            connection.close()

    def row(self, statement: str, parameters: Any = None) -> Any:
        """Return the first row of a statement."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(statement, parameters)
            return cursor.fetchone()
        finally:
            connection.close()

    def settle(self) -> None:
        """Have statistics and a checkpoint, as a database has that has run for a while."""
        self.run("VACUUM ANALYZE")
        with suppress(psycopg2.errors.InsufficientPrivilege):  # a server that is not ours decides itself
            self.run("CHECKPOINT")

    def states(self) -> dict[int, int]:
        """Return how many trades there are in each state."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT state, count(*) FROM trades_state GROUP BY state")
            return dict(cursor.fetchall())
        finally:
            connection.close()


@dataclass
class Process:
    """A started process, its log and, where it serves, its port."""

    handle: subprocess.Popen[bytes]
    log: Path
    port: int = 0

    def check(self) -> None:
        """Raise when it has ended."""
        if self.handle.poll() is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise RuntimeError(f"{self.log.stem} ended with {self.handle.returncode}:\n{tail}")

    def stop(self) -> None:
        """End it with all of its children."""
        if self.handle.poll() is None:
            self.handle.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.handle.wait(10)
        lifeline.signal_group(self.handle, lifeline.signal.SIGKILL)
        self.handle.wait()


@dataclass
class Bench:
    """What a measurement works with: sizes, databases, processes and messages."""

    home: Path
    url: str
    quick: bool
    reference: Reference
    settles: date = field(init=False)
    token: str = field(init=False)
    planted: Outcome | None = None  # what came of bench/patterns.py, which two measurements tell
    _seed: int = 0
    _made: set[str] = field(default_factory=set)

    # --- sizes

    def size(self, full: int, quick: int) -> int:
        """Return a size by the mode."""
        return quick if self.quick else full

    @property
    def rounds(self) -> int:
        """How often each side of a measurement is taken."""
        return self.size(7, 3)

    # --- databases

    def prepare(self) -> None:
        """Make the template that every measurement's database is a copy of: migrated, with reference data."""
        database = self._create(TEMPLATE, template="template0")
        subprocess.run(
            processes.argv("migrate", {}),
            env={**os.environ, "DATABASE_URL": database.url},
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with self.using(database):
            self._load()
        database.settle()

    def database(self, name: str) -> Database:
        """Return a fresh copy of the template."""
        return self._create(f"{TEMPLATE}_{name}", template=TEMPLATE)

    def empty_database(self, name: str) -> Database:
        """Return a fresh database with nothing in it."""
        return self._create(f"{TEMPLATE}_{name}", template="template0")

    def drop_databases(self, *, keep: str = "") -> None:
        """Drop every database that was made, with whoever is still connected to it, but the one to keep."""
        for name in self._made - {keep}:
            self._drop(name)
            self._made.remove(name)

    def _create(self, name: str, *, template: str) -> Database:
        self._drop(name)  # an earlier run may have been killed
        Database(self.url, "").run(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._made.add(name)
        return Database(with_name(self.url, name), name)

    def _drop(self, name: str) -> None:
        Database(self.url, "").run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @contextmanager
    def using(self, database: Database) -> Iterator[None]:
        """Point this process's Django connection at a database."""
        from django.db import connection

        connection.close()
        connection.settings_dict["NAME"] = database.name
        try:
            yield
        finally:
            connection.close()

    def _load(self) -> None:
        from django.contrib.auth.models import User

        from core.audit import system
        from core.http.authentication import issue_client
        from refdata.services import load_rows
        from risk.models import Limit
        from trades.products.base import HORIZON

        now, actor = datetime.now(UTC), system("bench")
        for kind, rows in self.reference.kinds().items():
            report = load_rows(kind=kind, rows=rows, mode="atomic", actor=actor, now=now)
            faults = [result for result in report.results if result.faults]
            assert not faults, f"{kind}: {faults[:3]}"
        Limit.objects.bulk_create(
            Limit(
                code=code,
                name=code,
                measure=measure,
                dimensions=[dimension],
                hard=hard,
                valid_from="2020-01-01",
            )
            for code, measure, dimension, hard in LIMITS
        )
        _, self.token = issue_client(
            name="bench", scopes=SCOPES, sources=[], expires_at=None, actor=actor, at=now
        )
        User.objects.create_superuser(USER, password=PASSWORD)
        self.settles = self._settlement_date(HORIZON)

    def _settlement_date(self, horizon: Any) -> date:
        """Return a date two business days ahead on which every market of the benchmark is open."""
        from refdata.calendars import calendars_for, union
        from refdata.models import Holiday

        codes = set(Holiday.objects.values_list("calendar", flat=True))
        calendars = calendars_for(
            codes=codes, first=self.reference.today, last=self.reference.today + horizon
        )
        return union(calendars.values()).add_business_days(self.reference.today, 2)

    # --- messages

    def messages(self) -> Messages:
        """Return a supply of trades that no other supply of this run repeats."""
        self._seed += 1
        return Messages(self.reference, settles=self.settles, seed=self._seed)

    def headers(self) -> dict[str, str]:
        """Return the headers of an API request without a body of its own type."""
        return {"Authorization": f"Bearer {self.token}"}

    # --- processes

    def environment(self, database: Database, **more: str) -> dict[str, str]:
        """Return the environment of the product's processes on a database."""
        return {
            **os.environ,
            "DATABASE_URL": database.url,
            "BEAT_SCHEDULE": str(self.home / "beat-schedule"),
            lifeline.SUPERVISED: "1",
            **more,
        }

    def spawn(self, name: str, argv: list[str], environment: dict[str, str], port: int = 0) -> Process:
        """Start a process with its output in a log of its name."""
        log = self.home / "log" / f"{name}.log"
        with lifeline.open_log(log) as output:
            handle = lifeline.spawn(argv, environment=environment, output=output, folder=ROOT)
        return Process(handle, log, port)

    @contextmanager
    def web(self, database: Database) -> Iterator[Process]:
        """Run the product's web server on a database."""
        port = free_port()
        environment = self.environment(database, HOST="127.0.0.1", PORT=str(port))
        process = self.spawn(f"web-{database.name}", processes.argv("web", environment), environment, port)
        try:
            wait_for_http(process, f"http://127.0.0.1:{port}/healthz")
            yield process
        finally:
            process.stop()

    @contextmanager
    def worker(self, database: Database) -> Iterator[Process]:
        """Run one of the product's workers, with one process, on a database; it has its first task behind it."""
        from celery import current_app

        import middleoffice.celery  # noqa: F401 - so that tasks are sent to its broker

        environment = self.environment(database, WORKER_CONCURRENCY="1")
        argv = [*processes.argv("worker", environment), "--hostname", f"{database.name}@%h"]
        process = self.spawn(f"worker-{database.name}", argv, environment)
        try:
            current_app.send_task("core.heartbeat")
            await_true(lambda: database.row("SELECT 1 FROM core_heartbeat") is not None, process)
            yield process
        finally:
            process.stop()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_true(
    condition: Callable[[], bool], process: Process, *, seconds: float = START_SECONDS, pause: float = 0.05
) -> None:
    """Wait for a condition that a process is to bring about."""
    deadline = time.monotonic() + seconds
    while not condition():
        process.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{process.log.stem} was waited for {seconds:.0f} s; see {process.log}")
        time.sleep(pause)


def wait_for_http(process: Process, url: str) -> None:
    """Wait until a URL answers at all."""

    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  (ours)
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    await_true(answers, process)
