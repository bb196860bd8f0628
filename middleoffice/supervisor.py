"""Runs the product's processes as one: starts, watches, restarts and stops them together.

Nothing of it survives: Ctrl-C and SIGTERM stop all in order within ten seconds, and the kernel ends
the children of a supervisor that was killed. Single-threaded, because the kernel ties a child to the
thread that started it. Standard library only; `run_product` supplies what needs Django.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from middleoffice import embedded, lifeline, processes
from middleoffice.lifeline import LaunchError

PROCESSES = ("web", "worker", "beat")
READY_SECONDS = 30.0
ASK_SECONDS = 0.25
STEADY_SECONDS = 30.0  # a process that lived this long is not in a crash loop
BACKOFF_SECONDS_MAX = 30.0
# Together with the servers' share below, within the ten seconds that a stop may take.
POLITE_SECONDS, FIRM_SECONDS, SERVER_SECONDS = 3.0, 1.0, 4.0
_IMPORTANT = re.compile(rb"\b(WARNING|ERROR|CRITICAL|FATAL)\b|^Traceback ")
_EXPECTED = re.compile(rb"Configuration allows spawning up to")  # granian, of threads that wait


def check_port(host: str, port: int) -> None:
    """Raise LaunchError unless the web server will be able to listen on `port`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise LaunchError(
                f"Port {port} cannot be used ({error.strerror}). Choose another one: PORT={port + 1} make run"
            ) from error


class Child:
    """One supervised process: its log, and when it may be started again after it has died."""

    def __init__(self, name: str, var: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = var / "log" / f"{name}.log"
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.due = 0.0
        self.failures = 0
        self._file = lifeline.open_log(self.log)
        self._partial = b""

    def start(self, folder: Path) -> None:
        """Start the process; it is killed with the supervisor, as work in the queue survives it."""
        self.process = lifeline.spawn(
            processes.argv(self.name, self.environment),
            environment=self.environment,
            output=subprocess.PIPE,
            folder=folder,
            death_signal=signal.SIGKILL,
        )
        self.started = time.monotonic()
        assert self.process.stdout is not None  # noqa: S101  (a pipe, as asked for)
        os.set_blocking(self.process.stdout.fileno(), False)

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def bury(self) -> int:
        """Kill what the dead process left in its session, plan the next start, return the status."""
        assert self.process is not None  # noqa: S101  (it was seen dead)
        lifeline.signal_group(self.process, signal.SIGKILL)
        steady = time.monotonic() - self.started > STEADY_SECONDS
        self.failures = 1 if steady else self.failures + 1
        self.due = time.monotonic() + min(2.0 ** (self.failures - 1), BACKOFF_SECONDS_MAX)
        status, self.process = self.process.returncode, None
        return status

    def lines(self) -> list[bytes] | None:
        """Copy new output to the log and return its complete lines; None at its end."""
        if self.process is None or self.process.stdout is None:
            return None
        data = self.process.stdout.read()
        if not data:
            return None if data == b"" else []
        self._file.write(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        return lines


class Supervisor:
    """Holds one var folder and runs the product on it until told to stop."""

    def __init__(
        self,
        *,
        var: Path,
        folder: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        values = {key: environment.get(key) or value for key, value in processes.DEFAULTS.items()}
        self.var, self.folder, self.say = var, folder, say
        self.host, self.port = values["HOST"], int(values["PORT"])
        shown = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}"
        embedded.make_var(var)
        self.lock = lifeline.VarLock(var)
        self.servers = embedded.EmbeddedServers(
            var,
            postgres=not environment.get("DATABASE_URL"),
            redis=not environment.get("REDIS_URL"),
            report=say,
        )
        self._environment = {
            "BEAT_SCHEDULE": str(var / "beat-schedule"),
            **environment,
            "MIDDLEOFFICE_VAR": str(var),
            "PYTHONUNBUFFERED": "1",
            lifeline.SUPERVISED: "1",
        }
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()

    def run(self, *, prepare: Callable[[], None], announce: Callable[[], None]) -> None:
        """Start the servers, `prepare`, start the processes, `announce`, and watch until stopped."""
        self.lock.acquire()
        check_port(self.host, self.port)
        embedded.stop_on_signals()
        try:
            if self.servers.servers:
                self.say(f"Starting {' and '.join(s.name for s in self.servers.servers)} ...")
            self.servers.start()
            prepare()
            self.say(f"Starting {', '.join(PROCESSES)} ...")
            self._start_children()
            self.lock.mark("ready" if self._await_ready() else "unready")
            announce()
            while True:
                self._watch()
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop everything, ever less politely; nothing is left when this returns."""
        self.say("Stopping ...")
        for signal_number, seconds in (
            (signal.SIGTERM, POLITE_SECONDS),
            (signal.SIGQUIT, FIRM_SECONDS),  # Celery: drop the running tasks, they are redelivered
        ):
            for child in self._alive():
                assert child.process is not None  # noqa: S101  (alive)
                child.process.send_signal(signal_number)
            deadline = time.monotonic() + seconds
            while self._alive() and time.monotonic() < deadline:
                self._relay(0.05)
        for child in self._children:
            if child.process is not None:
                lifeline.signal_group(child.process, signal.SIGKILL)
                child.process.wait()
        self.servers.stop(seconds=SERVER_SECONDS)
        self.lock.release()
        self.say("Stopped.")

    def _start_children(self) -> None:
        for name in PROCESSES:
            child = Child(name, self.var, self._environment)
            self._children.append(child)
            self._start(child)

    def _start(self, child: Child) -> None:
        child.start(self.folder)
        assert child.process is not None  # noqa: S101  (just started)
        assert child.process.stdout is not None  # noqa: S101
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _alive(self) -> list[Child]:
        return [child for child in self._children if child.alive()]

    def _relay(self, seconds: float) -> None:
        """Copy the children's output to their logs for a while; show what matters."""
        for key, _ in self._selector.select(seconds):
            if not self._show(key.data):
                self._selector.unregister(key.fileobj)

    def _show(self, child: Child) -> bool:
        """Pass on what `child` has written; False at the end of its output."""
        lines = child.lines()
        for line in lines or []:
            if _IMPORTANT.search(line) and not _EXPECTED.search(line):
                self.say(f"{child.name:<7}| {line.decode(errors='replace').rstrip()}")
        return lines is not None

    def _watch(self) -> None:
        """Look after everything once: output, dead processes, dead servers."""
        self._relay(0.2)
        for child in self._children:
            if child.process is not None and not child.alive():
                self._forget_output(child)
                status = child.bury()
                wait = max(0.0, child.due - time.monotonic())
                self.say(
                    f"{child.name} ended ({_meaning(status)}); it starts again in {wait:.0f} s. "
                    f"See {child.log}"
                )
            elif child.process is None and time.monotonic() >= child.due:
                self._start(child)
        try:
            for name in self.servers.revive():
                self.say(f"{name} had died and was started again")
        except LaunchError as error:
            self.say(str(error))
            time.sleep(1)

    def _forget_output(self, child: Child) -> None:
        if child.process is not None and child.process.stdout is not None:
            self._show(child)
            with suppress(KeyError):
                self._selector.unregister(child.process.stdout)
            child.process.stdout.close()
            child.process.stdout = None

    def _await_ready(self) -> bool:
        """Return when /readyz says yes; say what is missing, and return False, if it takes long."""
        deadline, asked, reason = time.monotonic() + READY_SECONDS, 0.0, ""
        while time.monotonic() < deadline:
            self._watch()
            if time.monotonic() - asked < ASK_SECONDS:
                continue
            asked, reason = time.monotonic(), self._unready()
            if not reason:
                return True
        self.say(f"Not everything is ready yet: {reason}")
        return False

    def _unready(self) -> str:
        """Return why the product is not ready, or nothing when it is."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):  # noqa: S310  (ours)
                return ""
        except urllib.error.HTTPError as error:
            return error.read(2000).decode(errors="replace") or str(error)
        except OSError as error:
            return f"{self.url} does not answer ({error}); see {self.var / 'log' / 'web.log'}"


def _meaning(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
