"""The real product for flow, fault and browser tests, on the test database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import redis
from celery import current_app
from django.conf import settings
from django.db import connection

from middleoffice import lifeline, processes
from middleoffice.queues import QUEUES

START_SECONDS = 40.0
QUIET_SECONDS = 60.0


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def live_database_url() -> str:
    """Return the URL of the database the tests are connected to."""
    parts = connection.settings_dict
    user = quote(str(parts["USER"]), safe="")
    if parts["PASSWORD"]:
        user += ":" + quote(str(parts["PASSWORD"]), safe="")
    port = f":{parts['PORT']}" if parts["PORT"] else ""
    if str(parts["HOST"]).startswith("/"):
        return f"postgres://{user}@{port}/{parts['HOST']}/{parts['NAME']}"
    return f"postgres://{user}@{parts['HOST']}{port}/{parts['NAME']}"


class LiveProduct:
    """Web, workers and beat as real processes, each of which a test may kill and start again.

    Processes go by name: `web`, `beat`, `worker`, and any `worker-<suffix>` for one more worker.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.log_dir = settings.VAR_DIR / "log"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **os.environ,
            "DATABASE_URL": live_database_url(),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "BEAT_SCHEDULE": str(settings.VAR_DIR / "beat-schedule"),
            lifeline.SUPERVISED: "1",
        }

    def ensure(self, *names: str) -> None:
        """Have the named processes running and the product ready; stop every other process."""
        for extra in set(self._running) - set(names):
            self.kill(extra, signal.SIGTERM)
        for name in names:
            if not self.alive(name):
                self.start(name)
            lifeline.signal_group(self._running[name], signal.SIGCONT)
        if {"web", "worker"} <= set(names):
            self.wait_ready()

    def alive(self, name: str) -> bool:
        """Whether process `name` runs."""
        return name in self._running and self._running[name].poll() is None

    def pid(self, name: str) -> int:
        """Return the process id of `name`; its own children are in the same session."""
        return self._running[name].pid

    def start(self, name: str, **environment: str) -> None:
        """Start process `name`, with variables of its own if given; it may not answer yet."""
        kind = name.split("-", maxsplit=1)[0]
        argv = processes.argv(kind, self._environment)
        if kind == "worker":
            argv += ["--hostname", f"{name}@%h"]
        with lifeline.open_log(self.log(name)) as output:
            self._running[name] = lifeline.spawn(
                argv,
                environment={**self._environment, **environment},
                output=output,
                folder=settings.BASE_DIR,
            )

    def kill(self, name: str, signal_number: signal.Signals = signal.SIGKILL) -> None:
        """Signal `name` with all of its children and wait for its end."""
        process = self._running.pop(name)
        lifeline.signal_group(process, signal.SIGCONT)  # a paused process cannot obey
        if signal_number == signal.SIGKILL:
            lifeline.signal_group(process, signal_number)
        else:
            process.send_signal(signal_number)
        try:
            process.wait(15)
        finally:
            lifeline.signal_group(process, signal.SIGKILL)

    def restart(self, name: str, **environment: str) -> None:
        """Kill `name` without warning if it runs, start it again and wait until it works."""
        if name in self._running:
            self.kill(name)
        self.start(name, **environment)
        self.wait_ready()

    def pause(self, name: str) -> None:
        """Hold `name` with its children where they are, as a stalled machine would."""
        lifeline.signal_group(self._running[name], signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused `name` go on."""
        lifeline.signal_group(self._running[name], signal.SIGCONT)

    def wait_ready(self) -> None:
        """Return when /readyz says 200: database, migrations, broker and a worker's heartbeat."""
        if not self._ready():
            # An emptied database has forgotten the last heartbeat, and beat's next may be far.
            current_app.send_task("core.heartbeat")
        if not lifeline.wait_until(self._ready, seconds=START_SECONDS, pause=0.1):
            raise AssertionError(f"The product is not ready: {self._answer()}\n{self.logs()}")

    def quiesce(self) -> None:
        """Hold beat; return when the workers have emptied the queues and the database is idle."""
        if self.alive("beat"):
            self.pause("beat")
        workers = [n for n in self._running if n.startswith("worker") and self.alive(n)]
        for name in workers:
            self.resume(name)
        if workers:
            lifeline.wait_until(self._idle, seconds=QUIET_SECONDS, pause=0.1)

    def stop(self) -> None:
        """Stop everything."""
        for name in list(self._running):
            self.kill(name, signal.SIGTERM)

    def log(self, name: str) -> Path:
        """Return the log of process `name`."""
        return Path(self.log_dir / f"live-{name}.log")

    def logs(self) -> str:
        """Return the ends of all logs, for the message of a failed test."""
        parts = []
        for name in self._running:
            lines = self.log(name).read_text(errors="replace").splitlines()[-15:]
            parts.append("\n".join([f"--- {name}", *lines]))
        return "\n".join(parts)

    def _answer(self) -> str:
        try:
            response = httpx.get(f"{self.base_url}/readyz", timeout=5)
        except httpx.HTTPError as error:
            return repr(error)
        return "200" if response.status_code == 200 else f"{response.status_code} {response.text}"

    def _ready(self) -> bool:
        return self._answer() == "200"

    def _idle(self) -> bool:
        """Whether no message waits and nobody else is inside a transaction, for a moment on end."""
        for _ in range(3):
            if self._busy():
                return False
            time.sleep(0.05)
        return True

    def _busy(self) -> bool:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            waiting = sum(client.llen(queue) for queue in QUEUES)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                "pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"
            )
            return bool(waiting + cursor.fetchone()[0])
