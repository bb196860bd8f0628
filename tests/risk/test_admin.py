"""The admin shows limits and changes none: that takes two people, who do it elsewhere."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.support.factories import limit
from tests.support.records import person


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    root = person("root", is_superuser=True, is_staff=True)
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_limit_is_shown_and_neither_made_nor_changed_nor_deleted(admin):
    kept = limit(hard="1")
    assert admin.get("/admin/risk/limit/").status_code == 200
    assert admin.get(f"/admin/risk/limit/{kept.id}/change/").status_code == 200
    changed = {"code": "CPTY", "name": "x", "measure": "GROSS_EXPOSURE", "dimensions": "desk", "hard": "2"}
    assert admin.post("/admin/risk/limit/add/", changed).status_code == 403
    assert admin.post(f"/admin/risk/limit/{kept.id}/change/", changed).status_code == 403
    assert admin.post(f"/admin/risk/limit/{kept.id}/delete/", {"post": "yes"}).status_code == 403
    kept.refresh_from_db()
    assert (kept.hard, kept.dimensions) == (1, ["counterparty"])
