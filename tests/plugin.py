"""The early part of the test session: its own servers, and the order and summary of its tests.

Loaded with `-p tests.plugin` (see pyproject.toml), because the environment must be right before
pytest-django reads the settings; run it as `python -m pytest`. Unless DATABASE_URL and REDIS_URL
are set, the session gets embedded servers on sockets of its own, in a var folder that it removes.

With `-n 2` (pytest-xdist) each of the processes is such a session, with servers of its own: two databases of
one server would not do, as a transaction that is open in one holds up what the other may say is settled.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from middleoffice import embedded

_servers = pytest.StashKey[embedded.EmbeddedServers]()
_var = pytest.StashKey[Path]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Point the settings at a private var folder; the servers start when tests are about to run."""
    var = Path(tempfile.mkdtemp(prefix="middleoffice-test-"))
    var.chmod(0o755)  # root's servers run unprivileged and must pass; their own folders are closed
    early_config.stash[_var] = var
    os.environ["MIDDLEOFFICE_VAR"] = str(var)
    try:
        return (yield)
    except BaseException:  # the settings did not load: no session will come to tidy up
        _remove_var(early_config)
        raise


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to share given servers between processes."""
    given = [name for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)]
    if given and config.getoption("numprocesses", default=None):
        raise pytest.UsageError(f"Tests in several processes start their own servers; unset {given}.")


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Start the session's servers, unless it was given some or only lists its tests."""
    config = session.config
    if _var in config.stash and session.items and not config.option.collectonly:
        servers = embedded.EmbeddedServers(
            config.stash[_var],
            durable=False,
            postgres=not os.environ.get("DATABASE_URL"),
            redis=not os.environ.get("REDIS_URL"),
            report=lambda line: None,
        )
        servers.start()
        config.stash[_servers] = servers
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers after the last fixture has let go of them."""
    if _servers in config.stash:
        config.stash[_servers].stop()
    _remove_var(config)


def _remove_var(config: pytest.Config) -> None:
    if _var in config.stash:
        shutil.rmtree(config.stash[_var], ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests of full size to the night; run those of the live product last: its workers would claim the
    rows of the others."""
    for item in items if not os.environ.get("NIGHTLY") else ():
        if item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.skip(reason="the full size: set NIGHTLY=1"))
    for item in items:
        if _races_the_machine(item):
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=_place)


def _races_the_machine(item: pytest.Item) -> bool:
    """Whether a test waits for processes of its own or a browser, and so may fail on a busy machine.

    Such a test is tried a second time, and the summary names it: one that needed it is looked into, like one
    that failed. A race between clients and workers that our own code must win is never tried again.
    """
    return "page" in getattr(item, "fixturenames", ()) or item.path.name in {
        "test_embedded.py",
        "test_supervisor.py",
    }


def _place(item: pytest.Item) -> int:
    fixtures = getattr(item, "fixturenames", ())
    return 2 if "page" in fixtures else 1 if "live_product" in fixtures else 0


LIVE = "the live product"


class _LongestFirst(LoadScopeScheduling):
    """Hands out whole files: first, as one, those of the live product, so that only one process starts it.

    Then those that wait for processes of their own, then the others, of more tests before of fewer.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return LIVE if _wants_the_product(self.config.rootpath / path) else path

    def _assign_work_unit(self, node: object) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=self._turn), last=False)
        super()._assign_work_unit(node)

    def _turn(self, unit: str) -> int:
        return 0 if unit == LIVE else 1 if _starts_processes(self.config.rootpath / unit) else 2


@cache
def _wants_the_product(path: Path) -> bool:
    """Whether the tests in the file at `path` need the product running, as all of the browser's do."""
    return path.parent.name == "browser" or "live_product" in path.read_text()


@cache
def _starts_processes(path: Path) -> bool:
    return "import subprocess" in path.read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Share the tests out by file, whatever `--dist` says."""
    return _LongestFirst(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every test that passed only when it was tried again, and every one not run, with its reason."""
    again = terminalreporter.stats.get("rerun", [])
    if again:
        terminalreporter.section(f"{len(again)} tried again: look into them")
    for report in again:
        terminalreporter.line(f"{report.nodeid}: {str(report.longrepr).splitlines()[-1]}")
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"{len(skipped)} not run")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.line(f"{report.nodeid}: {str(reason).removeprefix('Skipped: ')}")
