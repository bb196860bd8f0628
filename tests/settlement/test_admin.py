"""Cut-offs are changed in the admin: what was before, what is after and why stand in the log."""

from __future__ import annotations

from datetime import time

import pytest
from django.test import Client

from core import sql
from settlement.models import Channel
from tests.support.records import person

GIVEN = {
    "name": "Payments",
    "cut_off_zone": "Europe/Paris",
    "cut_off_time": "17:00:00",
    "lead_days": "1",
    "reason": "the bank's new hour",
}


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    root = person("root", is_superuser=True, is_staff=True)
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_changed_cut_off_is_told_once(admin):
    for _ in range(2):
        assert admin.post("/admin/settlement/channel/CASH/change/", GIVEN).status_code == 302

    assert Channel.objects.get(code="CASH").cut_off_time == time(17)
    ((type, actor, reason, data),) = sql.rows("SELECT type, actor, reason, data FROM core_event")
    assert (type, actor, reason) == ("channel.changed", "user:root", "the bank's new hour")
    assert sql.json_value(data) == {
        "key": {"code": "CASH"},
        "before": {
            "name": "Payments",
            "cut_off_zone": "Europe/London",
            "cut_off_time": "18:00:00",
            "lead_days": 1,
            "release_from": None,
            "hold_release_from": None,
        },
        "after": {
            "name": "Payments",
            "cut_off_zone": "Europe/Paris",
            "cut_off_time": "17:00:00",
            "lead_days": 1,
            "release_from": None,
            "hold_release_from": None,
        },
    }


def test_a_zone_that_nobody_knows_changes_nothing(admin):
    answer = admin.post("/admin/settlement/channel/CASH/change/", {**GIVEN, "cut_off_zone": "Europe/Moon"})
    assert list(answer.context["adminform"].form.errors) == ["cut_off_zone"]
    assert Channel.objects.get(code="CASH").cut_off_zone == "Europe/London"
    assert sql.rows("SELECT 1 FROM core_event") == []
