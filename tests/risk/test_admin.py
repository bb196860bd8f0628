"""Limits are edited in the admin: only ones that the checks can decide, and every change is in the log."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client

from core import sql
from risk.models import Limit
from tests.support.factories import limit
from tests.support.records import person

GOOD = {
    "code": "DESK", "name": "A desk", "measure": "GROSS_EXPOSURE", "dimensions": "desk", "members": "",
    "warn": "80", "hard": "100", "valid_from": "2026-11-23", "valid_to": "",
}  # fmt: skip


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    root = person("root", is_superuser=True, is_staff=True)
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return client


def told() -> list[tuple[str, str, object, object]]:
    return sql.rows(
        "SELECT type, actor, data#>>'{before,hard}', data#>>'{after,hard}' FROM core_event"
        " WHERE subject = 'limit' ORDER BY id"
    )


def test_a_limit_is_made_and_changed_and_both_are_told(admin):
    assert admin.post("/admin/risk/limit/add/", GOOD).status_code == 302
    made = Limit.objects.get()
    assert (made.dimensions, made.members, made.hard) == (["desk"], [], Decimal(100))

    changed = {**GOOD, "hard": "250", "reason": "the board said so"}
    assert admin.post(f"/admin/risk/limit/{made.id}/change/", changed).status_code == 302

    assert Limit.objects.get().hard == Decimal(250)
    assert told() == [
        ("limit.made", "user:root", None, "100"),
        ("limit.changed", "user:root", "100.00", "250"),
    ]
    assert sql.rows("SELECT reason FROM core_event WHERE type = 'limit.changed'") == [("the board said so",)]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("measure", {"measure": "GROSS"}),
        ("dimensions", {"dimensions": "desk,moon"}),
        ("dimensions", {"dimensions": "desk,desk"}),
        ("members", {"members": "EQUITIES,UK"}),
        ("warn", {"warn": "101"}),
        ("valid_from", {"valid_to": "2026-11-22"}),
    ],
    ids=str,
)
def test_what_the_checks_could_not_decide_is_refused_beside_its_field(admin, field, given):
    answer = admin.post("/admin/risk/limit/add/", {**GOOD, **given})
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert not Limit.objects.exists()
    assert told() == []


def test_a_limit_is_never_deleted(admin):
    kept = limit(hard="1")
    assert admin.post(f"/admin/risk/limit/{kept.id}/delete/", {"post": "yes"}).status_code == 403
    assert Limit.objects.filter(id=kept.id).exists()
