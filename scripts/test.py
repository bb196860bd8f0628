"""Run every check and test in order, each under its heading and timed; fail at the end, naming what failed.

    python scripts/test.py             all
    python scripts/test.py --static    the checks that need no server
    python scripts/test.py -- ARGS     all, with ARGS for pytest

Run it inside the environment that scripts/bootstrap.py makes: `make test`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "docs" / "reference" / "openapi.json"
# Enough for the settings of production to load; nothing connects to any of it.
PRODUCTION = {
    "MIDDLEOFFICE_ENV": "production",
    "SECRET_KEY": "d8fH2kLm5pQr7sTv9wXy1zAb3cDe6gJn0uWi4oKe8rYt2xZq5v",
    "TOKEN_PEPPER": "q5vZ2xtY8eKr4iWo0nUu6gJe3cDb1zAy9wXv7sTr5pQm2kLf8H",
    "AUDIT_SIGNING_KEY": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
    "ALLOWED_HOSTS": "middleoffice.example",
    "TRUSTED_PROXIES": "10.0.0.1",
    "DATABASE_URL": "postgres://middleoffice@database.example/middleoffice",
    "REDIS_URL": "redis://redis.example:6379/0",
}


@dataclass
class Step:
    """One check: its heading, its command, and variables of its own."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def run(self) -> bool:
        """Run the command with its output as it comes; say how long it took."""
        print(f"\n=== {self.name}", flush=True)
        began = time.monotonic()
        environment = {**os.environ, **self.environment}
        code = subprocess.run(self.command, cwd=ROOT, env=environment, check=False).returncode
        verdict = "ok" if code == 0 else f"FAILED (exit status {code})"
        print(f"--- {self.name}: {verdict}, {time.monotonic() - began:.1f} s", flush=True)
        return code == 0


def static_steps(scratch: Path) -> list[Step]:
    """Return the checks that need neither database nor Redis."""
    python = sys.executable
    manage = [python, "manage.py"]
    private = {"MIDDLEOFFICE_VAR": str(scratch)}
    schema = str(scratch / "openapi.json")
    return [
        Step("style: ruff check", [python, "-m", "ruff", "check", "."]),
        Step("layout: ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        Step("types: mypy", [python, "-m", "mypy", "."], private),
        Step("who may import whom: import-linter", [str(Path(python).with_name("lint-imports"))], private),
        Step("requirements.txt in step with pyproject.toml", [python, "scripts/requirements.py", "--check"]),
        Step(
            "every model has its migration",  # the warning says only that no database was asked
            [python, "-W", "ignore::RuntimeWarning", *manage[1:], "makemigrations", "--check", "--dry-run"],
            private,
        ),
        Step(
            "production settings: check --deploy",
            [*manage, "check", "--deploy", "--fail-level", "WARNING"],
            {**private, **PRODUCTION},
        ),
        Step(
            "the API's schema: spectacular",
            [*manage, "spectacular", "--format", "openapi-json", "--fail-on-warn", "--file", schema],
            private,
        ),
        Step("the schema is the one in docs/", ["diff", "-u", str(SCHEMA), schema]),
    ]


def find_browser() -> None:
    """Install Debian's Chromium where there is no browser; say so where that cannot be done."""
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        return
    print("\n=== a browser for the browser tests", flush=True)
    apt = shutil.which("apt-get")
    if os.geteuid() == 0 and apt:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = [apt, "install", "--yes", "--quiet", "--no-install-recommends"]
        for command in ([apt, "update", "--quiet"], [*install, "chromium", "fonts-liberation"]):
            if subprocess.run(command, env=quiet, check=False).returncode != 0:
                break
        else:
            return
    print(
        "There is no Chromium on this machine and it cannot be installed from here: the browser tests will\n"
        "be skipped. Install it (Debian, as root: apt-get install chromium) and run the tests again.",
        flush=True,
    )


def tests(arguments: list[str]) -> Step:
    """Return the tests, in two processes with servers of their own, or in one on the servers that are given."""
    given = os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL")
    processes = [] if given else ["-n", "2"]
    return Step("tests: pytest", [sys.executable, "-m", "pytest", *processes, *arguments])


def main() -> None:
    """Run what the command line asks for."""
    arguments = sys.argv[1:]
    began = time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="middleoffice-check-"))
    try:
        steps = static_steps(scratch)
        if "--static" not in arguments:
            find_browser()
            steps.append(tests([argument for argument in arguments if argument != "--"]))
        failed = [step.name for step in steps if not step.run()]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"\n{len(steps) - len(failed)} of {len(steps)} steps passed in {time.monotonic() - began:.0f} s.")
    if failed:
        sys.exit("Failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
