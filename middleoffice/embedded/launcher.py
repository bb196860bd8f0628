"""Both servers together: started, kept alive, and stopped by whoever holds the var folder."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from middleoffice import lifeline
from middleoffice.embedded.places import (
    DATABASE,
    database_url,
    make_var,
    redis_url,
    socket_dir,
    temporary_dir,
)
from middleoffice.embedded.postgres import Postgres
from middleoffice.embedded.redis import Redis
from middleoffice.embedded.server import Server
from middleoffice.lifeline import LaunchError


class EmbeddedServers:
    """The embedded servers of one var folder, which the caller holds by its VarLock."""

    def __init__(
        self,
        var: Path,
        *,
        durable: bool = True,
        postgres: bool = True,
        redis: bool = True,
        report: Callable[[str], None] = print,
    ) -> None:
        make_var(var)
        self.var = var
        kinds: list[type[Server]] = [Postgres] if postgres else []
        kinds += [Redis] if redis else []
        self.servers = [kind(var, durable=durable, report=report) for kind in kinds]

    def start(self) -> None:
        """Start all; if one fails, stop the others and raise its LaunchError."""
        try:
            for server in self.servers:
                server.start()
        except BaseException:
            self.stop()
            raise

    def revive(self) -> list[str]:
        """Start again what has died, and return its names."""
        dead = [server for server in self.servers if not server.alive()]
        for server in dead:
            server.start()
        return [server.name for server in dead]

    def stop(self, *, seconds: float = 9.0) -> None:
        """Stop all; nothing is left when this returns."""
        for server in reversed(self.servers):
            server.stop(seconds=seconds if server.name == "postgres" else 2)
        with contextlib.suppress(OSError):  # in use, or never made
            temporary_dir(self.var).rmdir()


def stop_on_signals() -> None:
    """Turn the signals that ask a program to end into an orderly exit."""

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)  # once is enough; the exit must not be torn
        raise SystemExit(0)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def _announce(var: Path) -> None:
    print(f"DATABASE_URL={database_url(var)}")
    print(f"REDIS_URL={redis_url(var)}")
    print(f"psql -h {socket_dir(var)} -U {DATABASE} {DATABASE}", flush=True)


def up(var: Path, *, durable: bool) -> None:
    """Run both servers until told to end, reviving one that dies."""
    make_var(var)
    lock = lifeline.VarLock(var)
    lock.acquire()
    servers = EmbeddedServers(var, durable=durable)
    stop_on_signals()
    try:
        servers.start()
        lock.mark("ready")
        _announce(var)
        while True:
            time.sleep(0.5)
            for name in servers.revive():
                print(f"{name} had died and was started again", flush=True)
    finally:
        servers.stop()


def up_in_background(var: Path, *, durable: bool) -> None:
    """Start `up` in a session of its own and return when it is ready."""
    make_var(var)
    log = var / "log" / "embedded.log"
    with lifeline.open_log(log) as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "middleoffice.embedded", "up", *([] if durable else ["--fast"])],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "MIDDLEOFFICE_VAR": str(var)},
            start_new_session=True,
        )
    while lifeline.lock_holder(var) != child.pid or lifeline.lock_state(var) != "ready":
        if child.poll() is not None:
            raise LaunchError(log.read_text(errors="replace").rstrip().rsplit("\n\n", 1)[-1])
        time.sleep(0.05)
    _announce(var)


def stop_launcher(var: Path) -> bool:
    """Stop whatever launcher holds `var` and wait for its end; False if none does."""
    holder = lifeline.lock_holder(var)
    if holder is None:
        return False
    os.kill(holder, signal.SIGTERM)
    if not lifeline.wait_until(lambda: lifeline.lock_holder(var) != holder, seconds=30):
        raise LaunchError(f"Process {holder} does not end; see {var / 'log'}.")
    return True
