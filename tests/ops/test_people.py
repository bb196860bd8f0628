"""People: administrators give roles, switch off, unlock and reset, each with a reason, and never for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client

from core import sql
from core.second_factor import state_of
from ops.people import people
from ops.permissions import GRANTS, ROLES, Right
from ops.second_factor import check_roles
from tests.support.accounts import code_now, give_app, log_in, member, signed_in
from tests.support.records import NOW

pytestmark = pytest.mark.django_db
WHY = "asked at the desk"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def ann() -> User:
    return member("ann", "operations", first_name="Ann", last_name="Lee")


@pytest.fixture
def admin() -> Client:
    member("ada", "administrator")
    return signed_in("ada")


def told(type: str) -> list[tuple[str, str]]:
    """Return who did it and why, of each event of a type."""
    return sql.rows("SELECT actor, reason FROM core_event WHERE type = %s ORDER BY id", [type])


class TestTheList:
    def test_says_of_each_the_roles_the_protection_and_the_sessions(self, ann: User) -> None:
        ann.groups.add(Group.objects.create(name="not one of ours"))
        give_app(ann)
        member("bob", "risk", "auditor", is_active=False)
        member("cat", is_superuser=True)
        for _ in range(2):
            signed_in("cat")
        shown = [
            (p.name, p.full_name, p.state, p.roles, p.has_factor, p.sessions, p.is_superuser)
            for p in people(now=NOW)
        ]
        assert shown == [
            ("ann", "Ann Lee", "MAY_LOG_IN", ["operations"], True, 0, False),
            ("cat", "", "MAY_LOG_IN", [], False, 2, True),
            ("bob", "", "SWITCHED_OFF", ["auditor", "risk"], False, 0, False),
        ]

    def test_is_narrowed_by_a_part_of_the_name_and_by_role(self, ann: User) -> None:
        member("bob_%", "risk")
        found = [[p.name for p in people(now=NOW, text=text)] for text in ("LEE", "_%", "x", "\0")]
        assert found == [["ann"], ["bob_%"], [], ["ann", "bob_%"]]
        assert [p.name for p in people(now=NOW, role="risk")] == ["bob_%"]
        assert people(now=NOW, role="no such role") == []

    def test_shows_who_is_locked_until_the_lock_ends(self, ann: User, settings: object) -> None:
        settings.AXES_FAILURE_LIMIT = 3  # type: ignore[attr-defined]
        for n in range(3):
            log_in(Client(), "ann", "wrong", REMOTE_ADDR=f"198.51.100.{n}")
        assert [p.state for p in people(now=NOW)] == ["MAY_LOG_IN"]  # locked from none of these addresses
        for _ in range(2):
            log_in(Client(), "ann", "wrong", REMOTE_ADDR="198.51.100.0")
        assert [p.state for p in people(now=NOW)] == ["LOCKED"]
        assert [p.state for p in people(now=NOW + timedelta(minutes=16))] == ["MAY_LOG_IN"]

    def test_is_on_the_screen(self, admin: Client, ann: User) -> None:
        page = admin.get("/people?q=ann").content.decode()
        assert f'href="/people/{ann.pk}">ann</a>' in page
        assert "Nobody matches text “nobody”" in admin.get("/people?q=nobody").content.decode()
        assert admin.get("/people/0").status_code == 404


class TestAnAccount:
    def send(self, client: Client, who: User, action: str, **typed: object) -> int:
        return client.post(f"/people/{who.pk}/{action}", {"reason": WHY, **typed}).status_code

    def test_is_given_roles_and_keeps_groups_that_are_none(self, admin: Client, ann: User) -> None:
        ann.groups.add(Group.objects.create(name="not one of ours"))
        assert self.send(admin, ann, "change", roles=["risk", "auditor"], active="yes") == 303
        names = set(ann.groups.values_list("name", flat=True))
        assert names == {"risk", "auditor", "not one of ours"}
        assert told("user.changed") == [("user:ada", WHY)]
        self.send(admin, ann, "change", roles=["risk", "auditor"], active="yes")
        assert len(told("user.changed")) == 1

    def test_that_is_switched_off_is_logged_out_at_once(self, admin: Client, ann: User) -> None:
        desk = signed_in("ann")
        assert self.send(admin, ann, "change", roles=["operations"], active="no") == 303
        assert desk.get("/account").status_code == 302
        assert log_in(Client(), "ann").status_code == 422
        assert told("user.changed") == told("user.sessions_ended") == [("user:ada", WHY)]

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"reason": " "}, "Say why."),
            ({"reason": "x" * 1001}, "At most 1000 characters."),
            ({"roles": ["emperor"]}, "There is no role emperor."),
            ({"active": "perhaps"}, "Say whether this person may log in."),
        ],
    )
    def test_is_left_as_it_is_when_something_is_wrong(
        self, admin: Client, ann: User, typed: dict[str, object], said: str
    ) -> None:
        answer = admin.post(
            f"/people/{ann.pk}/change", {"reason": WHY, "roles": ["risk"], "active": "no", **typed}
        )
        ann.refresh_from_db()
        assert (answer.status_code, ann.is_active, told("user.changed")) == (422, True, [])
        assert said in answer.content.decode()
        assert [group.name for group in ann.groups.all()] == ["operations"]

    @pytest.mark.parametrize("action", ["change", "reset", "unlock", "log-out"])
    def test_of_oneself_is_left_to_another_administrator(self, admin: Client, action: str) -> None:
        ada = User.objects.get(username="ada")
        assert self.send(admin, ada, action, roles=["supervisor"], active="yes") == 403
        assert [group.name for group in ada.groups.all()] == ["administrator"]

    def test_is_changed_only_by_who_has_lately_proved_who_they_are(
        self, admin: Client, ann: User, clock: time_machine.Coordinates
    ) -> None:
        clock.shift(timedelta(minutes=6))
        answer = admin.post(f"/people/{ann.pk}/log-out", {"reason": WHY})
        assert answer["Location"] == f"/account/confirm?next=%2Fpeople%2F{ann.pk}"
        assert "Confirm that it is you" in admin.get(f"/people/{ann.pk}").content.decode()

    def test_loses_its_second_factor_and_sessions_in_a_reset(self, admin: Client, ann: User) -> None:
        give_app(ann)
        assert self.send(admin, ann, "reset") == 303
        assert state_of(ann).since is None
        assert told("user.second_factor_reset") == [("user:ada", WHY)]
        assert self.send(admin, ann, "reset") == 303
        assert len(told("user.second_factor_reset")) == 1

    def test_is_unlocked(self, admin: Client, ann: User, settings: object) -> None:
        settings.AXES_FAILURE_LIMIT = 3  # type: ignore[attr-defined]
        for _ in range(4):
            log_in(Client(), "ann", "wrong")
        assert log_in(Client(), "ann").status_code == 429
        assert self.send(admin, ann, "unlock") == 303
        assert log_in(Client(), "ann").status_code == 302
        assert told("user.unlocked") == [("user:ada", WHY)]
        assert len(told("user.locked")) == 1

    def test_is_logged_out_everywhere(self, admin: Client, ann: User) -> None:
        desks = [signed_in("ann") for _ in range(2)]
        assert self.send(admin, ann, "log-out") == 303
        assert [desk.get("/account").status_code for desk in desks] == [302, 302]
        assert admin.get("/account").status_code == 200


class TestARoleThatNeedsASecondFactor:
    @pytest.fixture(autouse=True)
    def _needed(self, settings: object) -> None:
        settings.MFA_ROLES = ["supervisor"]  # type: ignore[attr-defined]

    def test_gets_no_further_than_setting_one_up(self) -> None:
        member("sue", "supervisor")
        client = signed_in("sue")
        for address in ("/", "/trades?status=captured", "/account", "/admin/", "/people"):
            assert client.get(address)["Location"].startswith("/account/second-factor?next=%2F"), address
        page = client.get("/account/second-factor").content.decode()
        assert "Your role asks for a second factor." in page
        assert client.post("/batches/seal", {})["Location"] == "/account/second-factor?next=%2F"
        assert client.post("/log-out").status_code == 302

    def test_lets_in_with_it_and_keeps_it(self) -> None:
        give_app(member("sue", "supervisor"))
        client = Client()
        log_in(client, "sue")
        client.post("/log-in/code", {"code": code_now()})
        assert client.get("/trades").status_code == 200
        refused = client.post("/account/second-factor/remove")
        assert (refused.status_code, "it cannot be removed" in refused.content.decode()) == (422, True)
        assert state_of(User.objects.get(username="sue")).since is not None

    def test_asks_for_a_code_in_a_session_that_began_without(self, ann: User) -> None:
        client = signed_in("ann")
        assert client.get("/trades").status_code == 200
        give_app(ann)
        ann.groups.add(Group.objects.get(name="supervisor"))
        assert client.get("/trades")["Location"] == "/account/confirm/code?next=%2Ftrades"
        answer = client.post("/account/confirm/code", {"code": code_now(), "next": "/trades"})
        assert answer["Location"] == "/trades"
        assert client.get("/trades").status_code == 200

    def test_asks_nothing_of_the_others(self, ann: User) -> None:
        assert signed_in("ann").get("/trades").status_code == 200


def test_a_role_that_is_none_is_refused_at_start(settings: object) -> None:
    settings.MFA_ROLES = ["risk", "emperor"]  # type: ignore[attr-defined]
    (said,) = check_roles(None)
    assert (said.id, "emperor" in said.msg, "risk," in said.msg) == ("middleoffice.E002", True, False)
    settings.MFA_ROLES = list(ROLES)  # type: ignore[attr-defined]
    assert check_roles(None) == []


def test_production_protects_whoever_approves_or_gives_roles() -> None:
    deciding = [each for each in Right if each.name.startswith(("APPROVE_", "SIGN_"))]
    roles = frozenset.union(GRANTS[Right.MANAGE_PEOPLE], *(GRANTS[each] for each in deciding))
    assert roles == {"supervisor", "risk", "administrator"}
