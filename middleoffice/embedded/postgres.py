"""The embedded PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from middleoffice import lifeline
from middleoffice.embedded.binaries import number, postgres_binaries, within_reach
from middleoffice.embedded.places import DATABASE, open_to_others, processes_in, socket_dir
from middleoffice.embedded.server import Server
from middleoffice.lifeline import LaunchError

# Sized for a small machine: a bulk load must neither wait for checkpoints nor evict what it reads.
POSTGRES_SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "max_connections": "120",
    "jit": "off",
    "effective_io_concurrency": "16",
    "wal_compression": "off",
}
# For tests only: a power cut may lose everything, and no transaction of the server's own is open beside theirs.
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class Postgres(Server):
    """PostgreSQL with its data in var/postgres, reached through the socket folder only."""

    name = "postgres"
    # "Fast" shutdown first: transactions roll back, a checkpoint is written. Then without one.
    stop_signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
    death_signal = signal.SIGINT
    start_seconds = 600.0  # after a crash it first replays up to max_wal_size of log

    def __init__(self, var: Path, *, durable: bool, report: Callable[[str], None]) -> None:
        super().__init__(var, durable=durable, report=report)
        self.data = var / "postgres"
        self.binaries = postgres_binaries()

    def _prepare(self) -> None:
        self.bin = within_reach(self.binaries, self.var, self.account)
        self._owned_dir(socket_dir(self.var))
        self._end_leftovers()
        made = self.data / "PG_VERSION"
        if not made.exists():
            self._create()
        elif int(made.read_text()) != self.binaries.version[0]:
            raise LaunchError(
                f"{self.data} was made by PostgreSQL {made.read_text().strip()}, and this is "
                f"PostgreSQL {self.binaries.version[0]}. Start that version, or begin anew with "
                "`make reset`."
            )

    def _create(self) -> None:
        """Make the cluster aside and move it into place: a crash leaves no half of one."""
        self.report("Creating the database ...")
        draft = self.data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        self._owned_dir(draft)
        self._run(self._initdb(draft), draft)
        statement = f"CREATE DATABASE {DATABASE};\n"
        (draft / "create.sql").write_text(statement)
        (draft / "create.sql").chmod(0o644)
        single = f"exec {self.bin}/postgres --single -D {self._place(draft)} postgres < create.sql"
        self._run(["/bin/sh", "-c", single], draft)
        (draft / "create.sql").unlink()
        shutil.rmtree(self.data, ignore_errors=True)
        draft.replace(self.data)

    def _initdb(self, folder: Path) -> list[str]:
        # The same order of text on every machine, whatever locales it has installed.
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return [
            f"{self.bin}/initdb",
            f"--pgdata={self._place(folder)}",
            f"--username={DATABASE}",
            "--encoding=UTF8",
            *(builtin if self.binaries.version[0] >= 17 else ["--locale=C.UTF-8"]),
            "--auth-local=trust",
            "--auth-host=reject",
            *([] if self.durable else ["--no-sync"]),
        ]

    def _place(self, folder: Path) -> str:
        """Name the data folder, in which the program is started, to PostgreSQL.

        Root's checkout may lie where the unprivileged account cannot walk (/root): it can still
        work in the folder it is started in, so it is told that one.
        """
        return str(folder) if open_to_others(self.var) else "/proc/self/cwd"

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_dir(self.var)),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **POSTGRES_SETTINGS,
            **({} if self.durable else FAST_SETTINGS),
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [f"{self.bin}/postgres", "-D", self._place(self.data), "-p", "5432", *arguments]

    def _folder(self) -> Path:
        return self.data

    def _answers(self) -> bool:
        """Read the postmaster's own status line, as pg_ctl does."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        mine = self.process is not None and lines[:1] == [str(self.process.pid)]
        return mine and len(lines) >= 8 and lines[7].strip() == "ready"

    def _noted_postmaster(self) -> int:
        try:
            return number((self.data / "postmaster.pid").read_text().split("\n")[0])
        except FileNotFoundError:
            return 0

    def _end_leftovers(self) -> None:
        """End what an earlier launcher left, then remove its traces.

        The lock on var is ours, so a server still here is an orphan on its way out, or the
        backends of one that was killed. A new server beside them would corrupt the data: they must
        be gone first.
        """
        for signal_number, seconds in ((signal.SIGINT, 20), (signal.SIGQUIT, 2), (signal.SIGKILL, 10)):
            found = processes_in(self.data)
            if signal_number == signal.SIGINT:  # a postmaster's orderly stop; means less to a backend
                found = [pid for pid in found if pid == self._noted_postmaster()]
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal_number)
            if found and lifeline.wait_until(lambda: not processes_in(self.data), seconds=seconds):
                break
        if not Path("/proc/self/cwd").exists():
            return  # PostgreSQL's own judgement of its pid file must do here
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for trace in socket_dir(self.var).glob(".s.PGSQL.*"):
            trace.unlink(missing_ok=True)
