"""The supervisor starts the whole product, keeps it alive, and takes all of it away again."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from django.conf import settings

from middleoffice import lifeline, processes, supervisor
from middleoffice.embedded.places import open_to_others
from tests.support.launch import (
    PARTS,
    PRODUCT,
    ROOT,
    Launcher,
    answers,
    belonging_to,
    kill,
    launched,
    nothing_left,
    processes_of,
    query,
    ready,
    var_folder,
)
from tests.support.product import free_port, live_database_url

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def var():
    """Return a folder that the first test has migrated; the others are quicker on it."""
    with var_folder() as folder:
        yield folder


def test_one_command_starts_everything_and_ctrl_c_leaves_nothing(var):
    port = free_port()
    with launched(var, *PRODUCT, PORT=str(port)) as product:
        assert f"http://127.0.0.1:{port}" in product.output
        assert ready(port)
        running = "\n".join(belonging_to(var).values())
        for part in ("granian", "celery", "beat", "bin/postgres", "redis-server"):
            assert part in running
        for name in ("web", "worker", "beat", "postgres", "redis"):
            assert (var / "log" / f"{name}.log").stat().st_size > 0
        assert product.stop(signal.SIGINT) < 10
        assert product.process.returncode == 0
        assert product.output.endswith("Stopped.\n")
    assert belonging_to(var) == {}


def test_the_second_start_migrates_nothing_and_keeps_the_data(var):
    with launched(var, *PRODUCT, PORT=str(free_port())) as product:
        assert "Migrating" not in product.output
        assert query(var, "SELECT count(*) > 0 FROM django_migrations") == [(True,)]
        assert product.stop(signal.SIGTERM) < 10


def test_whatever_is_killed_comes_back(var):
    port = free_port()
    with launched(var, *PRODUCT, PORT=str(port)):
        for part in PARTS:
            before = processes_of(part, var)
            assert before, part
            kill(before)

            def back(part: str = part, before: frozenset[int] = frozenset(before)) -> bool:
                again = processes_of(part, var)
                return len(again) >= len(before) and not again & before and answers(var) and ready(port)

            assert lifeline.wait_until(back, seconds=40, pause=0.2), (part, belonging_to(var))


def test_a_killed_supervisor_takes_everything_with_it(var):
    with launched(var, *PRODUCT, PORT=str(free_port())) as product:
        product.process.kill()
        product.process.wait(5)
        assert nothing_left(var), belonging_to(var)
    with launched(var, *PRODUCT, PORT=str(free_port())) as product:
        assert product.stop() < 10


def test_a_killed_server_of_web_or_work_leaves_no_orphans_even_unwatched(var):
    with launched(var, *PRODUCT, PORT=str(free_port())) as product:
        os.kill(product.process.pid, signal.SIGSTOP)  # nobody is there to clean up
        parents = [
            pid
            for pid, words in belonging_to(var).items()
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1] == str(product.process.pid)
            and ("granian" in words or "celery" in words)
        ]
        assert len(parents) == 3
        kill(parents)
        assert lifeline.wait_until(
            lambda: not any("granian" in w or "celery" in w for w in belonging_to(var).values()), seconds=5
        ), belonging_to(var)
        os.kill(product.process.pid, signal.SIGCONT)


def test_a_port_in_use_is_said_with_the_way_out_and_nothing_is_started(var):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = Launcher(var, *PRODUCT, PORT=str(port)).fails()
    assert f"Port {port} cannot be used" in said
    assert f"PORT={port + 1} make run" in said
    assert belonging_to(var) == {}


def test_two_products_run_side_by_side(var):
    one, two = free_port(), free_port()
    with var_folder() as other, launched(var, *PRODUCT, PORT=str(one)):
        with launched(other, *PRODUCT, PORT=str(two)) as second:
            assert ready(one)
            assert ready(two)
            said = Launcher(var, *PRODUCT, PORT=str(free_port())).fails()
            assert "in use by a running launcher" in said
            assert second.stop() < 10
        assert ready(one)


def test_make_stop_stops_it(var):
    with launched(var, *PRODUCT, PORT=str(free_port())) as product:
        subprocess.run(
            [sys.executable, "-m", "middleoffice.embedded", "down"],
            cwd=ROOT,
            env={**os.environ, "MIDDLEOFFICE_VAR": str(var)},
            check=True,
        )
        product.process.wait(5)
        assert nothing_left(var)


def test_given_servers_are_used_and_none_is_embedded(transactional_db):
    port = free_port()
    servers = {"DATABASE_URL": live_database_url(), "REDIS_URL": settings.REDIS_URL}
    with var_folder() as var:
        with launched(var, *PRODUCT, PORT=str(port), **servers):
            assert ready(port)
            running = "\n".join(belonging_to(var).values())
            assert "bin/postgres" not in running
            assert "redis-server" not in running
            assert not (var / "postgres").exists()
        assert nothing_left(var)


def test_log_ins_of_the_demo_are_shown_with_the_address_of_today(var):
    credentials = var / "demo-credentials.json"
    demo = {
        "url": "http://127.0.0.1:1",
        "users": [{"username": "olivia", "password": "pass-word-1", "role": "Operations"}],
        "clients": [{"name": "front-office", "token": "mo_token", "scopes": ["trades:write"]}],
    }
    credentials.write_text(json.dumps(demo))
    port = free_port()
    with launched(var, *PRODUCT, PORT=str(port)) as product:
        for word in ("olivia", "pass-word-1", "mo_token", "trades:write"):
            assert word in product.output
    assert json.loads(credentials.read_text()) == {**demo, "url": f"http://127.0.0.1:{port}"}
    credentials.unlink()


def python_for_anybody() -> tuple[str, dict[str, str]]:
    """Return a Python that an ordinary user can execute, with the packages of this environment."""
    packages = sysconfig.get_path("purelib")
    wanted = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    nobody = pwd.getpwnam("nobody")
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            code = subprocess.call([python, "-c", wanted], user=nobody.pw_uid, group=nobody.pw_gid)
        except OSError:
            continue
        readable = open_to_others(Path(packages)) and open_to_others(ROOT)
        if code == 0 and readable:
            return python, {"PYTHONPATH": packages}
    pytest.skip("no Python that another user can execute, or a checkout that is closed to others")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv here")
def test_an_ordinary_user_can_run_it():
    python, environment = python_for_anybody()
    prefix = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", python)
    port = free_port()
    with var_folder() as var:
        shutil.chown(var.parent, "nobody", "nogroup")
        with launched(
            var, *PRODUCT, prefix=prefix, PORT=str(port), HOME=str(var.parent), **environment
        ) as product:
            assert ready(port)
            assert (var / "postgres").stat().st_uid == pwd.getpwnam("nobody").pw_uid
            assert product.stop() < 10
        assert nothing_left(var)


# --- parts ---


def test_a_crash_loop_is_slowed_down_and_a_steady_life_forgives(monkeypatch, tmp_path):
    monkeypatch.setitem(processes.COMMANDS, "web", ("/bin/false",))
    child = supervisor.Child("web", tmp_path, dict(os.environ))
    waits = []
    for _ in range(7):
        child.start(tmp_path)
        child.process.wait()
        assert child.bury() == 1
        waits.append(round(child.due - time.monotonic()))
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    child.start(tmp_path)
    child.process.wait()
    child.started -= supervisor.STEADY_SECONDS + 1
    child.bury()
    assert round(child.due - time.monotonic()) == 1


def test_only_lines_that_matter_reach_the_terminal(monkeypatch, tmp_path):
    script = "printf 'INFO quiet\\nx ERROR loud\\n[WARNING] Configuration allows spawning up to 8\\n'"
    monkeypatch.setitem(processes.COMMANDS, "web", ("/bin/sh", "-c", script))
    shown: list[str] = []
    watcher = supervisor.Supervisor(
        var=tmp_path, folder=tmp_path, environment={"DATABASE_URL": "x", "REDIS_URL": "x"}, say=shown.append
    )
    child = supervisor.Child("web", tmp_path, dict(os.environ))
    child.start(tmp_path)
    child.process.wait()
    watcher._show(child)
    assert shown == ["web    | x ERROR loud"]
    assert "INFO quiet" in (tmp_path / "log" / "web.log").read_text()


LATE_WORKER = """
import os, sys, time
from middleoffice import lifeline
if os.fork():
    time.sleep(60)  # until it is killed
while os.getppid() == os.getsid(0):
    time.sleep(0.01)  # the kernel sends no word of a new parent
lifeline.die_with_supervised_parent()
print("left behind", flush=True)
"""


def test_a_worker_whose_server_was_killed_before_it_could_ask_ends_by_itself():
    server = subprocess.Popen(
        [sys.executable, "-c", LATE_WORKER],
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd=ROOT,
        env=dict(os.environ) | {lifeline.SUPERVISED: "1"},
        text=True,
    )
    assert lifeline.wait_until(
        lambda: bool(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()), seconds=10
    )
    server.kill()
    said, _ = server.communicate(timeout=10)  # until the worker, too, has ended
    assert said == ""
