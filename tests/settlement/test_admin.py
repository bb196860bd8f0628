"""Channels are only looked at in the admin: two people change them on the screen of calendars."""

from __future__ import annotations

from datetime import time

import pytest
from django.test import Client

from core import sql
from settlement.models import Channel
from tests.support.records import person


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    root = person("root", is_superuser=True, is_staff=True)
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_nobody_changes_a_channel_alone(admin):
    assert b"Europe/London" in admin.get("/admin/settlement/channel/CASH/change/").content
    form = {"name": "Payments", "cut_off_zone": "Europe/Paris", "cut_off_time": "17:00:00", "lead_days": "1"}
    assert admin.post("/admin/settlement/channel/CASH/change/", form).status_code == 403
    assert Channel.objects.get(code="CASH").cut_off_time == time(18)
    assert sql.rows("SELECT 1 FROM core_event") == []
