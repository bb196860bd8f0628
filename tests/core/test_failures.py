"""A client's refused requests are counted alike; strangers write nothing, and the answer never waits for the count."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client as Browser

from core.http import failures
from core.http.failures import KEPT, forget_failures
from core.models import ApiFailure
from tests.support.api import Api
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


def counted() -> list[tuple[str, str, int, str, int]]:
    return list(
        ApiFailure.objects.order_by("code", "hour").values_list("method", "route", "status", "code", "count")
    )


def test_requests_that_fail_alike_in_an_hour_are_one_row() -> None:
    api = Api()
    with time_machine.travel(NOW, tick=False):
        for ref in ("trd_1", "trd_2", "trd_3"):
            assert api.get(f"/trades/{ref}").status_code == 404
    (row,) = counted()
    assert (row[0], row[2:]) == ("GET", (404, "not-found", 3))
    assert row[1].startswith("/api/v1/trades/<")
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        assert api.get("/trades/trd_1").status_code == 404
    assert [count for *_, count in counted()] == [3, 1]


def test_the_last_fault_stands_with_where_it_was() -> None:
    assert Api().post("/trades", {"product": "EQUITY"}).status_code == 400
    (found,) = ApiFailure.objects.all()
    assert found.detail.startswith("/")
    assert len(found.detail) <= 300
    assert found.request_id


def test_what_succeeds_and_what_strangers_send_is_not_counted() -> None:
    assert Api().get("/trades").status_code == 200
    assert Browser().get("/api/v1/trades").status_code == 401
    wrong = Browser().get("/api/v1/trades", headers={"Authorization": "Bearer mo_nobody_wrong"})
    assert wrong.status_code == 401
    assert counted() == []


def test_a_count_that_cannot_be_stored_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()
    monkeypatch.setattr(failures, "_COUNT", "SELECT 1 / 0")
    answer = api.get("/trades/trd_1")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_counts_are_forgotten_after_a_week() -> None:
    with time_machine.travel(NOW, tick=False):
        Api().get("/trades/trd_1")
    assert forget_failures(now=NOW + KEPT) == 0
    assert forget_failures(now=NOW + KEPT + timedelta(hours=1)) == 1
    assert counted() == []
