"""The admin shows the record and lets nobody change it."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client

from core import sql
from tests.support.records import CLERK, EQUITY, NOW, held, person, reference_data
from trades.models import AssignmentRule, ChangePolicy, Comment, ExceptionItem, Finding, Override, TradeState
from trades.services.comments import comment

RECORDS = (TradeState, Finding, Override, ExceptionItem, Comment)


@pytest.fixture
def trade_id(db: None) -> int:
    reference_data()
    trade_id = held(EQUITY)
    comment(exception_id=ExceptionItem.objects.get().id, text="Called.", actor=CLERK, now=NOW)
    Override.objects.create(trade_id=trade_id, version=1, code="A", proposal_id=1, made_at=NOW)
    return trade_id


@pytest.fixture
def superuser(client: Client, trade_id: int) -> Client:
    client.force_login(
        person("root", is_superuser=True, is_staff=True),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


@pytest.mark.parametrize("model", RECORDS)
def test_rows_are_listed_found_and_shown_without_a_way_to_change_them(
    superuser: Client, trade_id: int, model
) -> None:
    row = model.objects.get()
    base = f"/admin/trades/{model._meta.model_name}"
    assert superuser.get(f"{base}/").status_code == 200
    assert superuser.get(f"{base}/?q={trade_id}").status_code == 200
    shown = superuser.get(f"{base}/{row.pk}/change/")
    assert shown.status_code == 200
    assert b'name="_save"' not in shown.content
    for address in (f"{base}/add/", f"{base}/{row.pk}/change/", f"{base}/{row.pk}/delete/"):
        assert superuser.post(address, {"version": "9", "post": "yes"}).status_code == 403
    assert model.objects.get() == row


def test_a_trade_is_shown_with_its_terms(superuser: Client, trade_id: int) -> None:
    page = superuser.get(f"/admin/trades/tradestate/{trade_id}/change/").content.decode()
    assert "source_ref: E-1" in page
    assert "exception" in page


def test_a_long_table_is_not_counted_to_its_end(superuser: Client, django_assert_max_num_queries) -> None:
    site = admin.site.get_model_admin(TradeState)
    paginator = site.get_paginator(None, TradeState.objects.order_by("-pk"), 50)
    with django_assert_max_num_queries(1) as queries:
        assert paginator.count == 1
    assert "LIMIT 10000" in queries[0]["sql"]


def test_a_policy_is_made_changed_and_ended_and_all_is_told(superuser: Client) -> None:
    base = "/admin/trades/changepolicy"
    assert superuser.post(f"{base}/add/", {"kind": "CANCEL", "states": ["5", "6"]}).status_code == 302
    policy = ChangePolicy.objects.get()
    assert (policy.kind, policy.states, policy.base_amount) == ("CANCEL", [5, 6], None)
    assert superuser.get(f"{base}/").status_code == 200
    superuser.post(f"{base}/{policy.id}/change/", {"kind": "ANY", "base_amount": "5"})
    superuser.post(f"{base}/{policy.id}/delete/", {"post": "yes"})
    assert not ChangePolicy.objects.exists()
    told = sql.rows("SELECT type FROM core_event WHERE subject = 'change_policy' ORDER BY id")
    assert told == [("change_policy.made",), ("change_policy.changed",), ("change_policy.ended",)]


def test_an_assignment_rule_names_somebody_and_every_change_of_it_is_told(superuser: Client) -> None:
    base = "/admin/trades/assignmentrule"
    ann = person("ann")
    refused = superuser.post(f"{base}/add/", {"position": "1", "kind": "FINDING"})
    assert b"Name an owner, a team, or both." in refused.content
    form = {"position": "1", "kind": "FINDING", "code": "SSI_MISSING", "owner": str(ann.pk)}
    assert superuser.post(f"{base}/add/", form).status_code == 302
    rule = AssignmentRule.objects.get()
    assert (rule.position, rule.kind, rule.code, rule.source, rule.book, rule.owner, rule.team) == (
        1, "FINDING", "SSI_MISSING", "", "", ann, None,
    )  # fmt: skip
    assert superuser.get(f"{base}/").status_code == 200
    superuser.post(f"{base}/{rule.id}/change/", {**form, "kind": "", "position": "2"})
    superuser.post(f"{base}/{rule.id}/delete/", {"post": "yes"})
    assert not AssignmentRule.objects.exists()
    told = sql.rows("SELECT type FROM core_event WHERE subject = 'assignment_rule' ORDER BY id")
    assert told == [("assignment_rule.made",), ("assignment_rule.changed",), ("assignment_rule.ended",)]
