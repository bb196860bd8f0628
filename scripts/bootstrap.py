"""Make the virtual environment and run a command in it: `python3 scripts/bootstrap.py COMMAND...`.

    python3 scripts/bootstrap.py python manage.py run_product

Works with nothing but Python 3.11 or later. A hash of requirements.txt is kept in .venv, so that
only a change of it installs again. Without a command it only installs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements.txt"
STAMP = VENV / "requirements.sha256"
MINIMUM = (3, 11)


def leave(message: str) -> NoReturn:
    """End with a message that says what to do."""
    sys.exit("\n" + message)


def make_environment() -> None:
    """Create .venv, replacing one that is broken or was made elsewhere."""
    python = VENV / "bin" / "python"
    if python.exists() and STAMP.exists() and runs(python):
        return
    print(f"Creating {VENV} ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    said = made.stdout + made.stderr
    if "ensurepip" in said:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        leave(f"This Python cannot make virtual environments. On Debian: apt-get install {package}")
    if "No space left" in said:
        leave(f"The disk of {ROOT} is full: about 1 GB is needed.")
    leave(f"{VENV} could not be made:\n{said}")


def runs(python: Path) -> bool:
    """Whether an existing environment's Python still works and is new enough."""
    check = f"import sys, pip; sys.exit(sys.version_info < {MINIMUM!r})"
    try:
        return subprocess.run([str(python), "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install() -> None:
    """Install requirements.txt unless the same was installed before."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print(
        "Installing the packages of requirements.txt (the first time takes a minute or two) ...", flush=True
    )
    began = time.monotonic()
    STAMP.write_text("incomplete")
    code = subprocess.call(
        [
            *(str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"),
            *("--prefer-binary", "--requirement", str(REQUIREMENTS)),
            *(["--progress-bar", "on"] if sys.stdout.isatty() else ["--progress-bar", "off"]),
        ]
    )
    if code != 0:
        leave(
            "The packages could not be installed; pip says why above. If a package has no wheel for this\n"
            "platform, use Linux on x86-64 or ARM64, or macOS. If the network is at fault, run this again."
        )
    STAMP.write_text(wanted)
    print(f"Installed in {time.monotonic() - began:.0f} s.", flush=True)


def main() -> None:
    """Install what is missing, then become the command."""
    if sys.version_info < MINIMUM:
        leave(
            f"Middleoffice needs Python {MINIMUM[0]}.{MINIMUM[1]} or later, and this is "
            f"{sys.version.split()[0]} ({sys.executable}).\n"
            "Install a newer one, or name it: make PYTHON=/path/to/python3 run"
        )
    if os.name != "posix":
        leave("Middleoffice runs on Linux and macOS; on Windows use WSL.")
    make_environment()
    install()
    command = sys.argv[1:]
    if command:
        environment = {
            **os.environ,
            "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }
        environment["VIRTUAL_ENV"] = str(VENV)
        os.chdir(ROOT)
        os.execvpe(command[0], command, environment)  # noqa: S606  (no shell is wanted)


main()
