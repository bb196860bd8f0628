"""The scripts behind the make commands: what they install once, refuse, and delete."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.launch import EMBEDDED, belonging_to, launched, var_folder

ROOT = Path(__file__).resolve().parent.parent


def run(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script as make does, without a terminal."""
    return subprocess.run(
        [sys.executable, script, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout with a blank in its path and no packages to install."""
    root = tmp_path / "a checkout"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "bootstrap.py", root / "scripts")
    (root / "requirements.txt").write_text("# none\n")
    return root


def test_the_bootstrap_installs_once_and_again_only_when_the_pins_change(checkout):
    script = checkout / "scripts" / "bootstrap.py"
    where = ["python", "-c", "import os, sys; print(sys.prefix); print(os.getcwd())"]
    first = run(script, *where)
    assert first.returncode == 0, first.stderr
    assert "Creating" in first.stdout
    assert "Installing" in first.stdout
    assert first.stdout.splitlines()[-2:] == [str(checkout / ".venv"), str(checkout)]
    assert run(script, *where).stdout.splitlines() == [str(checkout / ".venv"), str(checkout)]
    (checkout / "requirements.txt").write_text("# still none\n")
    third = run(script)
    assert "Creating" not in third.stdout
    assert "Installing" in third.stdout


def test_the_bootstrap_says_who_is_missing_when_packages_cannot_be_installed(checkout):
    (checkout / "requirements.txt").write_text("./no-such-folder\n")
    script = checkout / "scripts" / "bootstrap.py"
    for _ in range(2):  # a failed installation is not remembered as done
        failed = run(script, "python", "--version")
        assert failed.returncode != 0
        assert "could not be installed" in failed.stderr


def test_make_without_a_target_explains_every_target():
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    said = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    for target in ("run", "stop", "test", "check", "bench", "reset"):
        assert f"make {target} " in said


def test_reset_asks_and_deletes_what_even_a_running_product_wrote():
    script = ROOT / "scripts" / "reset.py"
    with var_folder() as var, launched(var, *EMBEDDED):
        refused = run(script, MIDDLEOFFICE_VAR=str(var), FORCE="")
        assert refused.returncode != 0
        assert "FORCE=1" in refused.stderr
        assert (var / "postgres").exists()
        assert run(script, MIDDLEOFFICE_VAR=str(var), FORCE="1").returncode == 0
        assert not var.exists()
        assert belonging_to(var) == {}


@pytest.fixture
def requirements(monkeypatch, tmp_path):
    """Return the pinning script, looking at a copy of the two files."""
    spec = importlib.util.spec_from_file_location("requirements", ROOT / "scripts" / "requirements.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "TARGET", tmp_path / "requirements.txt")
    return module


def test_the_pins_are_in_step_and_name_no_place(requirements):
    assert requirements.faults() == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"httpx>=', '"no-such-package>=', "no-such-package is not pinned"),
        ('"Django>=5.2,<5.3"', '"Django>=6"', "outside >=6"),
    ],
)
def test_a_range_that_the_pins_do_not_meet_is_named(requirements, old, new, fault):
    project = requirements.ROOT / "pyproject.toml"
    assert old in project.read_text()
    project.write_text(project.read_text().replace(old, new))
    assert any(fault in found for found in requirements.faults())


def test_an_address_among_the_pins_is_named(requirements):
    with requirements.TARGET.open("a") as file:
        file.write("--extra-index-url https://packages.example/simple\n")
    assert len(requirements.faults()) == 1
