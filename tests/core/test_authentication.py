"""API clients: a token is shown once, kept as a keyed hash, and what it may do is said when it is issued."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import override_settings

from core import sql
from core.audit import Actor
from core.http.authentication import SCOPES, Client, issue_client, revoke_client, token_hash
from core.http.problem import Problem
from core.models import ApiClient
from tests.support.records import LATER, NOW

WHO = Actor("user:admin", "req-1")


def issue(**changes):
    given = {
        "name": "fo",
        "scopes": ["trades:read"],
        "sources": ["FO"],
        "expires_at": None,
        "actor": WHO,
        "at": NOW,
    }
    return issue_client(**{**given, **changes})


@pytest.mark.django_db
class TestAToken:
    def test_is_never_stored(self):
        client, token = issue()
        assert token.startswith(f"mo_{client.key}_")
        stored = sql.row("SELECT c::text FROM core_api_client c")[0]
        secret = token.split("_", 2)[2]
        assert len(secret) >= 43
        assert secret not in stored
        assert bytes(ApiClient.objects.get().token_hash) == token_hash(token)

    def test_is_another_each_time(self):
        assert issue()[1] != issue(name="fo-2")[1]

    def test_is_worth_nothing_under_another_pepper(self):
        _, token = issue()
        here = token_hash(token)
        with override_settings(TOKEN_PEPPER="another" * 10):
            assert token_hash(token) != here

    def test_is_told_in_the_log_without_its_secret(self):
        client, token = issue(expires_at=LATER)
        event = sql.row("SELECT type, subject, subject_id, actor, data::text FROM core_event")
        assert event[:4] == ("client.issued", "client", client.id, "user:admin")
        assert token.split("_", 2)[2] not in event[4]

    def test_of_an_unknown_scope_is_refused(self):
        with pytest.raises(Problem, match=r"trades:delete") as caught:
            issue(scopes=["trades:read", "trades:delete"])
        assert caught.value.status == 400
        assert not ApiClient.objects.exists()

    def test_is_revoked_once(self):
        client, _ = issue()
        revoke_client(client=client, actor=WHO, at=NOW, reason="left")
        revoke_client(client=client, actor=WHO, at=NOW + timedelta(days=1))
        assert ApiClient.objects.get().revoked_at == NOW
        assert sql.rows("SELECT reason FROM core_event WHERE type = 'client.revoked'") == [("left",)]


class TestAClient:
    def test_without_sources_may_use_any_and_with_some_only_those(self):
        anybody = Client(1, "a", frozenset(SCOPES), frozenset())
        bound = Client(2, "b", frozenset(SCOPES), frozenset({"FO"}))
        assert anybody.may_use("X")
        assert bound.may_use("FO")
        assert not bound.may_use("fo")

    def test_is_an_actor_by_its_name(self):
        assert Client(1, "fo-eq", frozenset(), frozenset()).actor().name == "client:fo-eq"
