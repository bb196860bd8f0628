"""The demo: complete, quick, the same shape every time, and never loaded twice."""

from __future__ import annotations

import io
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from core import sql
from core.clock import utc_now
from core.models import ApiClient
from middleoffice.demo import CLIENTS, USERS, load_demo
from trades.lifecycle import State

EXPECTED_STATES = State.names
pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "demo-credentials.json"


@pytest.fixture
def no_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the trades out where a test is about people and clients: they take most of the time."""
    monkeypatch.setattr("middleoffice.demo.tell_story", lambda **options: None)
    monkeypatch.setattr("middleoffice.demo.tell_reconciliations", lambda **options: None)
    monkeypatch.setattr("middleoffice.demo.load_demo_refdata", lambda **options: None)


def load(path: Path, url: str = "http://127.0.0.1:8000") -> dict[str, Any]:
    load_demo(url=url, path=path, now=utc_now(), say=lambda line: None)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def counts() -> dict[str, int]:
    tables = ("trades_version", "core_event", "refdata_party", "settlement_batch", "risk_limit", "auth_user")
    return {each: sql.rows(f"SELECT count(*) FROM {each}")[0][0] for each in tables}


def test_everybody_can_log_in_with_what_the_file_says(path, no_story):
    found = load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [(each["username"], each["role"]) for each in found["users"]] == [
        (u, role) for u, _, role in USERS
    ]
    for each in found["users"]:
        user = User.objects.get(username=each["username"])
        assert user.check_password(each["password"])
        assert [group.name for group in user.groups.all()] == [each["role"]]
        assert user.is_superuser == (each["username"] == "admin")


READS = {
    "front-office": "trades",
    "back-office": "settlement-batches",
    "auditor": "events",
    "listener": "webhooks",
}


def test_every_client_can_call_with_what_the_file_says(path, client, no_story):
    found = load(path)
    assert [each["name"] for each in found["clients"]] == [name for name, *_ in CLIENTS]
    for each in found["clients"]:
        where = f"/api/v1/{READS[each['name']]}?limit=1"
        answer = client.get(where, headers={"Authorization": f"Bearer {each['token']}"})
        assert answer.status_code == 200


def test_everything_of_people_and_clients_is_in_the_log(path, no_story):
    load(path)
    made = sql.rows(
        "SELECT type, count(*) FROM core_event WHERE subject IN ('user', 'client', 'desk_scope') GROUP BY 1"
    )
    assert dict(made) == {
        "desk_scope.made": 1,
        "user.made": len(USERS),
        "user.password_changed": len(USERS),
        "client.issued": len(CLIENTS),
    }
    path.unlink()
    load(path)
    renamed = sql.rows("SELECT data FROM core_event WHERE type = 'client.renamed' ORDER BY id")
    assert [sql.json_value(data)["before"]["name"] for (data,) in renamed] == [name for name, *_ in CLIENTS]


def test_again_adds_nothing_keeps_the_credentials_and_moves_the_url(path):
    first = load(path)
    before = counts()
    second = load(path, url="http://127.0.0.1:9000")
    assert counts() == before
    assert second == {**first, "url": "http://127.0.0.1:9000"}


def test_lost_credentials_are_replaced_and_the_old_ones_end(path, client, no_story):
    first = load(path)
    path.unlink()
    second = load(path)
    assert ApiClient.objects.filter(revoked_at=None).count() == len(CLIENTS)
    for old, new in zip(first["clients"], second["clients"], strict=True):
        old_answer = client.get("/api/v1/trades", headers={"Authorization": f"Bearer {old['token']}"})
        new_answer = client.get(
            f"/api/v1/{READS[new['name']]}", headers={"Authorization": f"Bearer {new['token']}"}
        )
        assert (old_answer.status_code, new_answer.status_code) == (401, 200)


def test_a_damaged_file_is_as_none(path, no_story):
    path.write_text('{"url": "x", "users": 1')
    load(path)
    assert json.loads(path.read_text())["clients"]


def states() -> dict[str, int]:
    return {
        State(state).name: count
        for state, count in sql.rows("SELECT state, count(*) FROM trades_state GROUP BY 1")
    }


def test_there_are_trades_in_every_state_and_exceptions_of_many_kinds(path):
    load(path)
    found = states()
    assert set(found) == set(EXPECTED_STATES)
    assert 1_400 < sum(found.values()) < 1_600
    codes = {code for (code,) in sql.rows("SELECT DISTINCT code FROM trades_finding WHERE closed_at IS NULL")}
    assert len(codes) >= 12
    assert {"LIMIT_BREACH", "LIMIT_WARNING", "POSSIBLE_DUPLICATE", "BAD_IDENTIFIER"} <= codes
    pending = sql.rows("SELECT count(*) FROM core_proposal WHERE state = 'PENDING'")
    assert pending[0][0] >= 1
    breaks = sql.rows(
        "SELECT outcome, count(*) > 0 FROM ledger_break WHERE closed_at IS NULL GROUP BY 1 ORDER BY 1"
    )
    assert [outcome for outcome, _ in breaks] == ["DIFFERENT", "OURS", "THEIRS"]
    runs = sql.rows("SELECT DISTINCT state FROM ledger_reconciliation_run")
    assert runs == [("DONE",)]


def the_confirmations_to_work_on() -> dict[str, int]:
    found = dict(sql.rows("SELECT status, count(*) FROM trades_confirmation GROUP BY 1"))
    assert found.pop("MATCHED") >= 1
    overdue = "SELECT count(*) FROM trades_exception WHERE kind = 'UNCONFIRMED' AND closed_at IS NULL"
    return {**found, "OVERDUE": sql.rows(overdue)[0][0]}


def test_the_story_has_the_same_shape_every_day(path):
    load_demo(url="http://x", path=path, now=datetime(2026, 11, 21, 11, tzinfo=UTC), say=lambda line: None)
    assert set(states()) == set(EXPECTED_STATES)
    assert the_confirmations_to_work_on() == {"MISMATCHED": 2, "UNMATCHED": 1, "OVERDUE": 1}


def test_a_database_that_is_not_embedded_is_refused(settings):
    settings.EMBEDDED = False
    with pytest.raises(CommandError, match="--force"):
        call_command("load_demo", stdout=io.StringIO())


def test_the_command_writes_the_file_into_the_var_folder(settings, tmp_path, no_story):
    settings.EMBEDDED, settings.VAR_DIR = True, tmp_path
    out = io.StringIO()
    call_command("load_demo", "--url=http://127.0.0.1:8123/", stdout=out)
    assert json.loads((tmp_path / "demo-credentials.json").read_text())["url"] == "http://127.0.0.1:8123"
    assert "The demo is loaded" in out.getvalue()
