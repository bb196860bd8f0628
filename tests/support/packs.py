"""Evidence packs as their readers have them: unpacked, and verified by the script inside."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import IO, Any


def unpack(file: IO[bytes] | Path, folder: Path) -> Path:
    """Unpack a zip into a folder and return it."""
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def lines_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of one file of a pack."""
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def verify(folder: Path, *known: str) -> tuple[int, str]:
    """Run the pack's own script with nothing but Python; return its status and what it said."""
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "verify.py"), *known],
        capture_output=True,
        text=True,
        cwd="/",
        env={},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
