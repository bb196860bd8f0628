"""Child processes that never outlive their parent, and the lock of a var folder.

Standard library only: it is used before anything else of the product runs.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# Set for every process of a supervised product: its grandchildren tie themselves to their parent.
SUPERVISED = "MIDDLEOFFICE_SUPERVISED"
LOG_BYTES_MAX = 20 * 1024 * 1024
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class LaunchError(Exception):
    """The product cannot start or stop; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Account:
    """The unprivileged user that servers run as when the launcher is root."""

    uid: int
    gid: int


def die_with_parent(signal_number: signal.Signals = signal.SIGTERM, parent: int | None = None) -> None:
    """Have the kernel send `signal_number` to this process when its parent ends (Linux only).

    Give the expected `parent` where the parent may have ended before this call.
    """
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal_number))
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def die_with_supervised_parent() -> None:
    """Tie a web or pool worker to its parent; does nothing in an unsupervised process.

    The parent of every such worker is the process that `spawn` gave a session of its own, so a worker
    that finds another parent was orphaned before it could ask, and ends.
    """
    leader = os.getsid(0)
    if os.environ.get(SUPERVISED) and leader != os.getpid():
        die_with_parent(signal.SIGKILL, leader)


def spawn(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    output: IO[bytes] | int,
    folder: Path,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `argv` in its own session, ended by the kernel if the calling thread's process ends.

    Call it from the main thread: the kernel watches the thread, not the process. The new session
    keeps a Ctrl-C at the terminal from reaching the child before its parent has decided the order.
    """
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=dict(environment),
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        # Runs after the change of user, which would have cleared the request.
        preexec_fn=functools.partial(die_with_parent, death_signal, os.getpid()),  # noqa: PLW1509
    )


def signal_group(process: subprocess.Popen[bytes], signal_number: signal.Signals) -> None:
    """Signal everything left in the session that `spawn` made for `process`."""
    try:
        os.killpg(process.pid, signal_number)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
        return


def wait_until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.05) -> bool:
    """Return whether `condition` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending; one that has grown too large is first set aside as `.1`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_suffix(path.suffix + ".1"))
    return path.open("ab", buffering=0)


class VarLock:
    """Gives `var` to one launcher. The kernel frees it when the holder ends, however it ends."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock; LaunchError names the holder if another launcher has it."""
        try:
            file = (self.var / "lock").open("a+")
        except PermissionError as error:
            raise LaunchError(
                f"{self.var} belongs to another user ({error.strerror}). Run as that user, or "
                "choose another folder with MIDDLEOFFICE_VAR."
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            holder = lock_holder(self.var)
            raise LaunchError(
                f"{self.var} is in use by a running launcher (process {holder}). Stop it first "
                "with `make stop`, or choose another folder with MIDDLEOFFICE_VAR."
            ) from error
        self._file = file
        self.mark("starting")

    def mark(self, state: str) -> None:
        """Record this process and how far it is, for whoever looks at the lock."""
        assert self._file is not None  # noqa: S101  (only the holder marks)
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n{state}\n")
        self._file.flush()

    def release(self) -> None:
        """Give the folder back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def lock_holder(var: Path) -> int | None:
    """Return the process that holds `var`, or None when it is free."""
    return _read_lock(var)[0]


def lock_state(var: Path) -> str:
    """Return how far the holder of `var` is: starting, ready, unready, or empty when it is free."""
    return _read_lock(var)[1]


def _read_lock(var: Path) -> tuple[int | None, str]:
    try:
        file = (var / "lock").open()
    except OSError:
        return None, ""
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            words = file.read().split()
            return (int(words[0]), words[1]) if len(words) == 2 else (None, "")
    return None, ""
