"""What the embedded servers have in common: a process that is started, awaited and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from middleoffice import lifeline
from middleoffice.embedded.places import account_of, private_dir
from middleoffice.lifeline import LaunchError


class Server:
    """One embedded server: its process, and how to start, await and stop it."""

    name = ""
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)
    death_signal = signal.SIGTERM
    start_seconds = 20.0

    def __init__(self, var: Path, *, durable: bool, report: Callable[[str], None]) -> None:
        self.var = var
        self.durable = durable
        self.report = report
        self.account = account_of(var)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """The server's own log."""
        return self.var / "log" / f"{self.name}.log"

    def alive(self) -> bool:
        """Whether the process that `start` made still runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the server and return when it answers; LaunchError says why it does not."""
        self._prepare()
        self.process = self._spawn(self._command(), self._folder())
        started = time.monotonic()
        while not self._answers():
            if not self.alive():
                raise LaunchError(f"{self.name} did not start: {self._last_words()}")
            if time.monotonic() - started > self.start_seconds:
                self.stop(seconds=5)
                raise LaunchError(f"{self.name} is not ready in time: {self._last_words()}")
            time.sleep(0.02)

    def stop(self, *, seconds: float) -> None:
        """Stop the server, ever less politely; gone when this returns."""
        process, self.process = self.process, None
        if process is None:
            return
        shares = (0.8, 0.1, 0.1)  # the polite way gets nearly all of the time
        for signal_number, share in zip(self.stop_signals, shares, strict=False):
            if process.poll() is None:
                process.send_signal(signal_number)
            try:
                process.wait(seconds * share)
                break
            except subprocess.TimeoutExpired:
                continue
        lifeline.signal_group(process, signal.SIGKILL)
        process.wait()

    def _spawn(self, argv: list[str], folder: Path) -> subprocess.Popen[bytes]:
        with lifeline.open_log(self.log) as output:
            return lifeline.spawn(
                argv,
                # Nothing of the caller's: PGPORT, PGDATA or a locale would change what is started.
                environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                output=output,
                folder=folder,
                account=self.account,
                death_signal=self.death_signal,
            )

    def _run(self, argv: list[str], folder: Path) -> None:
        """Run one of the server's tools to its end."""
        if self._spawn(argv, folder).wait() != 0:
            raise LaunchError(f"{Path(argv[0]).name} failed: {self._last_words()}")

    def _owned_dir(self, folder: Path) -> None:
        owner = self.account.uid if self.account else os.geteuid()
        private_dir(folder, owner=owner, group=self.account.gid if self.account else -1)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-8:]
        advice = ""
        if any("No space left on device" in line for line in lines):
            advice = f"\nThe disk of {self.var} is full: make room and start again."
        return f"the end of {self.log} says\n  " + "\n  ".join(lines) + advice

    def _prepare(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _folder(self) -> Path:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError
