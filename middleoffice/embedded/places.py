"""Where everything of a var folder is, whom it belongs to, and the addresses of its servers."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from middleoffice.lifeline import Account, LaunchError

FREE_BYTES_MIN = 300 * 1024 * 1024
DATABASE = "middleoffice"
_SOCKET_PATH_BYTES_MAX = 100  # the kernel's limit is 107, and less on some systems
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")  # needs no quoting in any URL


def var_dir() -> Path:
    """Return the folder of all that is written: MIDDLEOFFICE_VAR, or `var` beside the code."""
    chosen = os.environ.get("MIDDLEOFFICE_VAR")
    return Path(chosen).resolve() if chosen else Path(__file__).resolve().parents[2] / "var"


def socket_dir(var: Path) -> Path:
    """Return the folder of the sockets: in `var`, or in /tmp where that path is too long or closed.

    Not the TMPDIR of the caller: the server and all its clients must agree on it.
    """
    preferred = var / "run"
    fits = len(os.fsencode(preferred / ".s.PGSQL.5432")) <= _SOCKET_PATH_BYTES_MAX
    if fits and _PLAIN_PATH.fullmatch(str(preferred)) and open_to_others(var.parent):
        return preferred
    return temporary_dir(var)


def database_url(var: Path) -> str:
    """Return the embedded database as django-environ reads it: the socket folder is its path."""
    return f"postgres://{DATABASE}@:5432/{socket_dir(var)}/{DATABASE}"


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


def temporary_dir(var: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    return Path("/tmp") / f"middleoffice-{os.geteuid()}-{digest}"  # noqa: S108  (checked before use)


def open_to_others(folder: Path) -> bool:
    """Whether the unprivileged account that root's servers run as can pass through `folder`."""
    if os.geteuid() != 0:
        return True
    try:
        return all(f.stat().st_mode & stat.S_IXOTH for f in (folder, *folder.parents) if f.exists())
    except OSError:
        return False


def account_of(var: Path) -> Account | None:
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


def private_dir(folder: Path, *, owner: int, group: int = -1, mode: int = 0o700) -> None:
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


def processes_in(folder: Path) -> list[int]:
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
