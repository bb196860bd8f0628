"""Launchers as a person starts them, in var folders of their own, and the search for what they leave."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import psycopg2
import redis

from middleoffice import embedded, lifeline

ROOT = Path(__file__).resolve().parent.parent.parent
EMBEDDED = ("-m", "middleoffice.embedded", "up")
PRODUCT = ("manage.py", "run_product", "--no-demo")
# The test session's own servers must not be taken for the launcher's.
INHERITED = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}}


@contextmanager
def var_folder() -> Iterator[Path]:
    """Make a var folder as open as a checkout's, and remove it."""
    parent = Path(tempfile.mkdtemp(prefix="middleoffice-launch-"))
    parent.chmod(0o755)
    try:
        yield parent / "var"
    finally:
        shutil.rmtree(parent, ignore_errors=True)


class Launcher:
    """A launcher in a process of its own, with its output in a file."""

    def __init__(self, var: Path, *arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> None:
        self.var = var
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the object)
        self.process = subprocess.Popen(
            [*(prefix or (sys.executable,)), *arguments],
            cwd=ROOT,
            env={**INHERITED, **environment, "MIDDLEOFFICE_VAR": str(var)},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # A test session that is killed takes its launchers, and they all of theirs, along.
            preexec_fn=partial(lifeline.die_with_parent, signal.SIGKILL, os.getpid()),  # noqa: PLW1509
        )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        self._output.seek(0)
        return self._output.read()

    def ready(self, *, seconds: float = 60) -> Launcher:
        """Return when it says that all is ready."""

        def settled() -> bool:
            return self.process.poll() is not None or (
                lifeline.lock_holder(self.var) == self.process.pid
                and lifeline.lock_state(self.var) == "ready"
            )

        assert lifeline.wait_until(settled, seconds=seconds), self.output
        assert self.process.poll() is None, self.output
        return self

    def stop(self, signal_number: signal.Signals = signal.SIGINT) -> float:
        """Signal it, wait for its end, and return the seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal_number)
        self.process.wait(30)
        return time.monotonic() - began

    def fails(self) -> str:
        """Return what it says when it gives up, as it must."""
        assert self.process.wait(30) != 0, self.output
        assert "Traceback" not in self.output
        return self.output


@contextmanager
def launched(
    var: Path, *arguments: str, prefix: tuple[str, ...] = (), **environment: str
) -> Iterator[Launcher]:
    """Run a launcher, ready, and end it whatever happens."""
    launcher = Launcher(var, *arguments, prefix=prefix, **environment)
    try:
        yield launcher.ready()
    finally:
        if launcher.process.poll() is None:
            launcher.process.send_signal(signal.SIGCONT)  # a failed test may have left it paused
            launcher.stop(signal.SIGTERM)


def belonging_to(var: Path) -> dict[int, str]:
    """Return the live processes of the launcher on `var`, by their environment or command line."""
    marks = [os.fsencode(var), os.fsencode(embedded.socket_dir(var))]
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
            text = words + (entry / "environ").read_bytes() + os.fsencode((entry / "cwd").readlink())
        except OSError:
            continue
        if int(entry.name) != os.getpid() and any(mark in text for mark in marks):
            found[int(entry.name)] = words.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def kill(pids: Iterable[int]) -> None:
    """Kill processes at once; some may have ended by themselves, or fallen with another, since they were found."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# What tells the processes of each part of the product by their command lines.
PARTS = {
    "web": ("granian",),
    "worker": ("ForkPoolWorker", "--app middleoffice.celery worker"),
    "beat": ("beat",),
    "postgres": ("bin/postgres",),
    "redis": ("redis-server",),
}


def processes_of(part: str, var: Path) -> set[int]:
    """Return the processes of one part of the product, its children included."""
    return {pid for pid, words in belonging_to(var).items() if any(mark in words for mark in PARTS[part])}


def ready(port: int) -> bool:
    """Whether the product on `port` says that it can work."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def nothing_left(var: Path, *, seconds: float = 5) -> bool:
    """Whether every process of the launcher on `var` is gone, soon."""
    return lifeline.wait_until(lambda: not belonging_to(var), seconds=seconds)


def query(var: Path, statement: str) -> list[tuple[object, ...]]:
    """Run a statement on the embedded database of `var` and return its rows."""
    folder = str(embedded.socket_dir(var))
    connection = psycopg2.connect(host=folder, port=5432, user="middleoffice", dbname="middleoffice")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def answers(var: Path) -> bool:
    """Whether both embedded servers of `var` answer."""
    try:
        query(var, "SELECT 1")
        with redis.Redis.from_url(embedded.redis_url(var)) as client:
            return bool(client.ping())
    except (psycopg2.OperationalError, redis.RedisError):
        return False
