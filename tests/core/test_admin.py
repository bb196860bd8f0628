"""API clients and the log in the admin, and the commands that issue and revoke."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client as HttpClient
from django.urls import reverse

from core import sql
from core.audit import system
from core.clock import utc_now
from core.http.authentication import issue_client, token_hash
from core.models import ApiClient, ApprovalPolicy, Event
from refdata.models import Book, Party
from tests.support.accounts import just_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: HttpClient) -> HttpClient:
    """Return an HTTP client logged in as an administrator."""
    client.force_login(
        get_user_model().objects.create_superuser("boss", "boss@example.org", "a long password")
    )
    just_now(client)
    return client


def issue(name: str = "fo-eq") -> tuple[ApiClient, str]:
    return issue_client(
        name=name,
        scopes=["trades:read"],
        sources=[],
        expires_at=None,
        actor=system("tests"),
        at=utc_now(),
    )


def status_with(token: str) -> int:
    """Return what a request with a token is answered."""
    return HttpClient(headers={"Authorization": f"Bearer {token}"}).get("/api/v1/refdata/parties").status_code


class TestIssuing:
    def test_stands_in_an_admin_that_bears_the_products_name(self, staff: HttpClient) -> None:
        page = staff.get(reverse("admin:index")).content.decode()
        assert "Middleoffice administration" in page
        assert "Django administration" not in page

    def test_limits_a_client_to_desks_that_books_are_of(self, staff: HttpClient) -> None:
        entity = Party.objects.create(code="US", name="Us")
        Book.objects.create(code="EQ-UK", desk="EQ", entity=entity)
        given = {"name": "eq", "scopes": ["trades:read"], "desks": "EQ,NOWHERE"}
        refused = staff.post(reverse("admin:core_apiclient_add"), given)
        assert b"No book is of the desk NOWHERE." in refused.content
        staff.post(reverse("admin:core_apiclient_add"), {**given, "desks": "EQ"})
        assert ApiClient.objects.get().desks == ["EQ"]
        ((desks,),) = sql.rows("SELECT data->>'desks' FROM core_event")
        assert desks == '["EQ"]'

    def test_shows_a_working_token_once_and_stores_none(self, staff: HttpClient) -> None:
        answer = staff.post(
            reverse("admin:core_apiclient_add"),
            {"name": "fo-eq", "scopes": ["trades:read", "trades:write"], "sources": "FO-EQ,FO-FX"},
        )

        token = answer.context["token"]
        stored = ApiClient.objects.get()
        assert token in answer.content.decode()
        assert "no-store" in answer["Cache-Control"]
        assert (stored.scopes, stored.sources) == (["trades:read", "trades:write"], ["FO-EQ", "FO-FX"])
        assert bytes(stored.token_hash) == token_hash(token)
        assert status_with(token) == 200
        event = Event.objects.get()
        assert (event.type, event.actor, event.subject_id) == ("client.issued", "user:boss", stored.id)
        pages = [
            reverse("admin:core_apiclient_changelist"),
            reverse("admin:core_apiclient_change", args=[stored.id]),
            reverse("admin:core_event_changelist"),
            reverse("admin:core_event_change", args=[event.id]),
        ]
        for page in pages:
            shown = staff.get(page)
            assert shown.status_code == 200
            assert token not in shown.content.decode()
            assert token.split("_", 2)[2] not in str(event.data)

    def test_is_left_to_who_has_lately_proved_who_they_are(self, staff: HttpClient) -> None:
        with time_machine.travel(utc_now() + timedelta(minutes=6)):
            for answer in (staff.get("/admin/core/apiclient/add/"), staff.post("/admin/core/apiclient/add/")):
                assert answer["Location"] == "/account/confirm?next=%2Fadmin%2Fcore%2Fapiclient%2Fadd%2F"
        assert ApiClient.objects.count() == 0

    def test_refuses_an_unknown_scope_or_a_taken_name(self, staff: HttpClient) -> None:
        issue("taken")

        for name, scope in (("new", "trades:fly"), ("taken", "trades:read")):
            answer = staff.post(reverse("admin:core_apiclient_add"), {"name": name, "scopes": [scope]})

            assert answer.status_code == 200
        assert [client.name for client in ApiClient.objects.all()] == ["taken"]


class TestRevoking:
    def test_ends_the_token_at_once(self, staff: HttpClient) -> None:
        client, token = issue()
        assert status_with(token) == 200

        staff.post(
            reverse("admin:core_apiclient_changelist"),
            {"action": "revoke", "_selected_action": [client.id]},
        )

        assert status_with(token) == 401
        assert Event.objects.order_by("id").last().type == "client.revoked"

    def test_is_not_for_those_who_may_only_look(self, client: HttpClient) -> None:
        from django.contrib.auth.models import Permission

        user = get_user_model().objects.create_user("clerk", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_apiclient"))
        client.force_login(user)
        made, token = issue()

        client.post(
            reverse("admin:core_apiclient_changelist"),
            {"action": "revoke", "_selected_action": [made.id]},
        )

        assert status_with(token) == 200

    def test_leaves_no_way_to_edit_or_delete_a_client(self, staff: HttpClient) -> None:
        made, _ = issue()

        for page, data in (("change", {"name": "bent"}), ("delete", {"post": "yes"})):
            answer = staff.post(reverse(f"admin:core_apiclient_{page}", args=[made.id]), data)

            assert answer.status_code == 403
        assert ApiClient.objects.get().name == "fo-eq"


class TestTheLog:
    @pytest.mark.parametrize("query", ["", "?q=client.issued", "?q=7"])
    def test_can_be_searched(self, staff: HttpClient, query: str) -> None:
        issue()

        assert staff.get(reverse("admin:core_event_changelist") + query).status_code == 200

    def test_cannot_be_added_to_changed_or_deleted(self, staff: HttpClient) -> None:
        issue()
        event = Event.objects.get()

        for page, args in (("add", []), ("change", [event.id]), ("delete", [event.id])):
            answer = staff.post(
                reverse(f"admin:core_event_{page}", args=args), {"type": "bent", "post": "yes"}
            )

            assert answer.status_code == 403
        assert [each.type for each in Event.objects.all()] == ["client.issued"]

    def test_counts_no_further_than_it_says(self, staff: HttpClient, monkeypatch) -> None:
        from core import admin

        monkeypatch.setattr(admin, "COUNT_MAX", 2)
        for name in "abc":
            issue(name)

        assert staff.get(reverse("admin:core_event_changelist")).context["cl"].result_count == 2


class TestTheCommands:
    def test_print_a_working_token_and_nothing_else(self) -> None:
        out = StringIO()

        call_command(
            "issue_client",
            "bo",
            "--scopes",
            "trades:read",
            "--sources",
            "FO-EQ",
            "--expires",
            "30",
            stdout=out,
        )

        stored = ApiClient.objects.get()
        assert status_with(out.getvalue().strip()) == 200
        assert stored.sources == ["FO-EQ"]
        assert timedelta(days=29) < stored.expires_at - utc_now() <= timedelta(days=30)

    def test_revoke_at_once(self) -> None:
        _, token = issue()

        call_command("revoke_client", "fo-eq", "--reason", "left", stdout=StringIO())

        assert status_with(token) == 401
        assert Event.objects.order_by("id").last().reason == "left"

    @pytest.mark.parametrize(
        "arguments",
        [
            ("issue_client", "fo-eq", "--scopes", "trades:read"),
            ("issue_client", "new", "--scopes", "trades:fly"),
            ("issue_client", "new", "--scopes", "trades:read", "--expires", "0"),
            ("revoke_client", "nobody"),
        ],
    )
    def test_refuse_what_cannot_be_and_change_nothing(self, arguments: tuple[str, ...]) -> None:
        issue()

        with pytest.raises(CommandError):
            call_command(*arguments, stdout=StringIO())

        assert [client.revoked_at for client in ApiClient.objects.all()] == [None]

    def test_refuse_to_revoke_twice(self) -> None:
        issue()
        call_command("revoke_client", "fo-eq", stdout=StringIO())

        with pytest.raises(CommandError, match="was revoked at"):
            call_command("revoke_client", "fo-eq", stdout=StringIO())


@pytest.mark.django_db
def test_an_approval_policy_is_changed_with_a_reason_and_told(staff: HttpClient) -> None:
    given = {"kind": "excess", "typed_from": "1000000"}
    assert staff.post(reverse("admin:core_approvalpolicy_add"), given).status_code == 200
    assert not ApprovalPolicy.objects.exists()
    staff.post(reverse("admin:core_approvalpolicy_add"), {**given, "reason": "the board asks"})
    policy = ApprovalPolicy.objects.get()
    changed = {**given, "typed_from": "500000", "reason": "after an error"}
    assert (
        staff.post(reverse("admin:core_approvalpolicy_change", args=[policy.pk]), changed).status_code == 302
    )
    told = Event.objects.filter(subject="approval_policy").order_by("id")
    assert list(told.values_list("type", "subject_id", "actor", "reason")) == [
        ("approval_policy.made", policy.pk, "user:boss", "the board asks"),
        ("approval_policy.changed", policy.pk, "user:boss", "after an error"),
    ]
    assert [each.data["after"]["typed_from"] for each in told] == ["1000000", "500000"]
    assert told[1].data["before"] == {"kind": "excess", "typed_from": "1000000.0000"}
    assert staff.post(reverse("admin:core_approvalpolicy_delete", args=[policy.pk])).status_code == 403


@pytest.mark.django_db
def test_a_policy_of_no_kind_of_approval_is_refused(staff: HttpClient) -> None:
    given = {"kind": "nonsense", "typed_from": "1", "reason": "why not"}
    assert staff.post(reverse("admin:core_approvalpolicy_add"), given).status_code == 200
    assert not ApprovalPolicy.objects.exists()
