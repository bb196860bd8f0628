"""Log-ins, passwords, rights and roles: each is one event, in the transaction of what it tells."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client as HttpClient
from django.urls import reverse
from django.utils.http import urlencode

from core import sql
from core.models import Event
from core.people import user_facts
from middleoffice.management.commands import createsuperuser
from ops.models import DeskScope
from tests.support.accounts import just_now
from tests.support.records import person

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"
OLD, NEW = "an old long password", "a new longer password"


@pytest.fixture
def staff(client: HttpClient) -> HttpClient:
    client.force_login(person("root", is_superuser=True, is_staff=True), backend=BACKEND)
    just_now(client)
    return client


def told() -> list[tuple[Any, ...]]:
    return [
        (*each[:3], sql.json_value(each[3]))
        for each in sql.rows("SELECT type, subject_id, actor, data FROM core_event ORDER BY id")
    ]


def with_password(name: str = "olivia") -> User:
    return User.objects.create_user(name, password=OLD)


class TestLoggingIn:
    def test_is_told_with_the_address_it_came_from_and_what_was_proved(self, client: HttpClient) -> None:
        user = User.objects.create_superuser("olivia", password=OLD)
        answer = client.post(
            "/log-in", {"username": "olivia", "password": OLD}, headers={"X-Request-ID": "request-77"}
        )
        assert answer.status_code == 302
        assert told() == [
            ("user.logged_in", user.pk, "user:olivia", {"address": "127.0.0.1", "with": ["password"]})
        ]
        assert Event.objects.get().request_id == "request-77"

    def test_that_fails_is_told_of_whom_it_was_tried(self, client: HttpClient) -> None:
        user = with_password()
        for name in ("olivia", "nobody\0" + "x" * 200):
            client.post("/log-in", {"username": name, "password": "wrong"})
        unknown = ("nobody" + "x" * 200)[:150]
        assert told() == [
            ("user.log_in_failed", user.pk, "anonymous", {"address": "127.0.0.1", "username": "olivia"}),
            ("user.log_in_failed", 0, "anonymous", {"address": "127.0.0.1", "username": unknown}),
        ]


def test_looking_at_the_log_in_page_is_not_told(client: HttpClient) -> None:
    client.get("/log-in")
    assert told() == []


class TestTheAdmin:
    """Has no log-in page of its own: it leads to the one there is."""

    def test_leads_strangers_to_it_and_back(self, client: HttpClient) -> None:
        answer = client.get("/admin/core/event/", follow=True)
        assert answer.redirect_chain == [
            ("/admin/login/?next=/admin/core/event/", 302),
            ("/log-in?next=%2Fadmin%2Fcore%2Fevent%2F", 302),
        ]
        assert client.get("/admin/login/")["Location"] == "/log-in?next=%2Fadmin%2F"

    def test_leads_the_staff_on_and_refuses_others(self, client: HttpClient) -> None:
        for name, is_staff in (("root", True), ("olivia", False)):
            client.force_login(person(name, is_staff=is_staff), backend=BACKEND)
            answer = client.get("/admin/login/?next=/admin/core/event/")
            assert answer.status_code == (302 if is_staff else 403), name


@pytest.mark.parametrize("address", ["/log-out", "/admin/logout/"])
def test_logging_out_is_told(staff: HttpClient, address: str) -> None:
    staff.post(address)
    root = User.objects.get(username="root")
    assert told() == [("user.logged_out", root.pk, "user:root", {"address": "127.0.0.1"})]


def test_ones_own_new_password_is_told_without_it(client: HttpClient) -> None:
    user = User.objects.create_superuser("olivia", password=OLD)
    client.force_login(user, backend=BACKEND)
    address = client.get(reverse("admin:password_change"))["Location"]
    given = {"oldpassword": OLD, "password1": NEW, "password2": "another one entirely"}
    client.post(address, given)
    assert told() == []
    client.post(address, {**given, "password2": NEW})
    assert told() == [("user.password_changed", user.pk, "user:olivia", None)]


def test_anothers_new_password_is_told_without_it(staff: HttpClient) -> None:
    user = with_password()
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    staff.post(address, {"password1": NEW, "password2": "another one entirely", "usable_password": "true"})
    assert told() == []
    staff.post(address, {"password1": NEW, "password2": NEW, "usable_password": "true"})
    assert told() == [("user.password_changed", user.pk, "user:root", None)]


class TestRightsAndRoles:
    def test_are_changed_by_whoever_proved_lately_who_they_are(self, client: HttpClient) -> None:
        client.force_login(person("root", is_superuser=True, is_staff=True), backend=BACKEND)
        user, role = with_password(), Group.objects.get(name="risk")
        scope = DeskScope.objects.create(user=user, desks=[])
        before = user_facts(user.pk)
        addresses = [
            *(reverse(f"admin:auth_user_{what}", args=[user.pk]) for what in ("change", "delete")),
            reverse("admin:auth_user_password_change", args=[user.pk]),
            reverse("admin:auth_user_add"),
            *(reverse(f"admin:auth_group_{what}", args=[role.pk]) for what in ("change", "delete")),
            reverse("admin:auth_group_add"),
            *(reverse(f"admin:ops_deskscope_{what}", args=[scope.pk]) for what in ("change", "delete")),
            reverse("admin:ops_deskscope_add"),
        ]
        for address in addresses:
            asked = "/account/confirm?" + urlencode({"next": address})
            for answer in (client.get(address), client.post(address, {"post": "yes", "password1": NEW})):
                assert (answer.status_code, answer.headers.get("Location")) == (302, asked)
        for name in ("auth_user", "auth_group", "ops_deskscope"):
            address = reverse(f"admin:{name}_changelist")
            assert client.get(address).status_code == 200
            sent = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
            assert client.post(address, sent)["Location"].startswith("/account/confirm?")
        assert (user_facts(user.pk), told()) == (before, [])
        just_now(client)
        assert [client.get(address).status_code for address in addresses] == [200] * len(addresses)

    def test_a_new_user_is_told(self, staff: HttpClient) -> None:
        given = {"username": "sam", "password1": NEW, "password2": NEW, "usable_password": "true"}
        assert staff.post(reverse("admin:auth_user_add"), given).status_code == 302
        ((type, user_id, actor, data),) = told()
        assert (type, user_id, actor) == ("user.made", User.objects.get(username="sam").pk, "user:root")
        assert (data["before"], data["after"]["username"]) == (None, "sam")
        assert not {"password", "last_login"} & set(data["after"])

    def test_a_changed_role_is_told_before_and_after_and_why(self, staff: HttpClient) -> None:
        user, role = with_password(), Group.objects.get(name="risk")
        given = {
            "username": "olivia",
            "is_active": "on",
            "is_staff": "on",
            "groups": [role.pk],
            "date_joined_0": "2026-11-23",
            "date_joined_1": "08:00:00",
            "reason": "joins the desk",
        }
        answer = staff.post(reverse("admin:auth_user_change", args=[user.pk]), given)
        assert answer.status_code == 302, answer.context["errors"]
        assert told() == [
            (
                "user.changed",
                user.pk,
                "user:root",
                {
                    "before": {"is_staff": False, "groups": []},
                    "after": {"is_staff": True, "groups": ["risk"]},
                },
            )
        ]
        assert Event.objects.get().reason == "joins the desk"
        staff.post(reverse("admin:auth_user_change", args=[user.pk]), given)
        assert len(told()) == 1

    def test_a_deleted_user_is_told(self, staff: HttpClient) -> None:
        user = with_password()
        staff.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"})
        ((type, user_id, _, data),) = told()
        assert (type, user_id, data["after"]) == ("user.deleted", user.pk, None)
        assert data["before"]["username"] == "olivia"

    def test_a_groups_permissions_are_told(self, staff: HttpClient) -> None:
        role = Group.objects.get(name="risk")
        (permission,) = sql.rows("SELECT id FROM auth_permission WHERE codename = 'view_limit'")
        given = {"name": "risk", "permissions": [permission[0]], "reason": "reads limits"}
        staff.post(reverse("admin:auth_group_change", args=[role.pk]), given)
        assert told() == [
            (
                "group.changed",
                role.pk,
                "user:root",
                {"before": {"permissions": []}, "after": {"permissions": ["view_limit"]}},
            )
        ]


@pytest.mark.django_db(transaction=True)
class TestCommands:
    """Django's own commands that make a superuser or set a password are in the log as the admin is."""

    def test_a_superuser_made_by_command_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NEW)
        call_command(
            "createsuperuser", username="root", email="r@example.com", interactive=False, stdout=StringIO()
        )
        user = User.objects.get(username="root")
        assert user.check_password(NEW)
        ((type, subject_id, actor, data),) = told()
        assert (type, subject_id, actor, data["before"]) == (
            "user.made", user.pk, "system:createsuperuser", None,
        )  # fmt: skip
        assert data["after"] == user_facts(user.pk)
        assert data["after"]["is_superuser"] is True

    def test_nobody_is_made_whom_the_log_does_not_tell_of(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NEW)
        monkeypatch.setattr(createsuperuser, "record_facts", _fail)
        with pytest.raises(RuntimeError):
            call_command("createsuperuser", username="root", email="", interactive=False, stdout=StringIO())
        assert (User.objects.count(), told()) == (0, [])

    def test_a_name_that_is_taken_is_refused_and_nothing_told(self) -> None:
        person("root")
        with pytest.raises(CommandError):
            call_command("createsuperuser", username="root", email="", interactive=False, stdout=StringIO())
        assert told() == []

    def test_a_password_set_by_command_is_told_without_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        user = with_password()
        person("somebody else")
        monkeypatch.setattr("getpass.getpass", lambda prompt: NEW)
        call_command("changepassword", "olivia", stdout=StringIO())
        user.refresh_from_db()
        assert user.check_password(NEW)
        assert told() == [("user.password_changed", user.pk, "system:changepassword", None)]


def _fail(**facts: Any) -> None:
    raise RuntimeError("the log cannot be written")
