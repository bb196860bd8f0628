"""One's own account: setting a second factor up, recovery codes, the password, and where one is logged in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from core import sql
from core.second_factor import state_of
from tests.support.accounts import PASSWORD, SECRET, code_now, give_app, log_in, member, signed_in
from tests.support.records import NOW

pytestmark = pytest.mark.django_db
NEW = "a longer password than before"
LATER = timedelta(minutes=6)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def ann() -> User:
    return member("ann", "operations")


def events() -> list[str]:
    return [type for (type,) in sql.rows("SELECT type FROM core_event ORDER BY id")]


def set_up(client: Client) -> str:
    """Set an app up as a person does, and return its secret."""
    page = client.get("/account/second-factor")
    secret = "".join(re.findall(r'id="secret">([A-Z2-7 ]+)<', page.content.decode())[0].split())
    answer = client.post("/account/second-factor", {"code": code_now(secret)})
    assert (answer.status_code, answer["Location"]) == (302, "/account/recovery-codes")
    return secret


class TestSettingUp:
    def test_needs_a_code_of_the_app_and_gives_recovery_codes_once(self, ann: User) -> None:
        client = signed_in("ann")
        client.get("/account/second-factor")
        refused = client.post("/account/second-factor", {"code": "000000"})
        assert (refused.status_code, state_of(ann).since) == (422, None)
        set_up(client)
        codes = re.findall(r"<li>(\d{8})</li>", client.get("/account/recovery-codes").content.decode())
        assert len(codes) == 10
        again = client.get("/account/recovery-codes").content.decode()
        assert "10 codes are left." in again
        assert not any(code in again for code in codes)
        assert (state_of(ann).since, state_of(ann).codes_left) == (NOW, 10)
        assert events() == ["user.logged_in", "user.second_factor_added"]
        assert log_in(Client(), "ann")["Location"] == "/log-in/code"

    def test_ends_every_session_without_it_and_spends_the_code(self, ann: User) -> None:
        elsewhere, client = signed_in("ann"), signed_in("ann")
        secret = set_up(client)
        assert client.get("/account").status_code == 200
        assert elsewhere.get("/account")["Location"] == "/log-in?next=/account"
        log_in(elsewhere, "ann")
        assert elsewhere.post("/log-in/code", {"code": code_now(secret)}).status_code == 422

    def test_is_asked_for_the_password_some_time_after_logging_in(
        self, ann: User, clock: time_machine.Coordinates
    ) -> None:
        client = signed_in("ann")
        clock.shift(LATER)
        asked = client.get("/account/second-factor")
        assert asked["Location"] == "/account/confirm?next=%2Faccount%2Fsecond-factor"
        wrong = client.post("/account/confirm", {"password": "wrong", "next": "/account/second-factor"})
        assert wrong.status_code == 422
        right = client.post("/account/confirm", {"password": PASSWORD, "next": "/account/second-factor"})
        assert right["Location"] == "/account/second-factor"
        set_up(client)
        assert events()[1:] == ["user.log_in_failed", "user.confirmed", "user.second_factor_added"]

    def test_leads_nowhere_else_than_here_after_the_password(self, ann: User) -> None:
        answer = signed_in("ann").post(
            "/account/confirm", {"password": PASSWORD, "next": "https://example.com/"}
        )
        assert answer["Location"] == "/"


class TestWithAnApp:
    @pytest.fixture
    def client(self, ann: User) -> Client:
        give_app(ann)
        client = Client()
        log_in(client, "ann")
        assert client.post("/log-in/code", {"code": code_now()}).status_code == 302
        return client

    def test_a_code_confirms_and_not_the_password(
        self, client: Client, clock: time_machine.Coordinates
    ) -> None:
        clock.shift(LATER)
        assert client.get("/account/second-factor/remove").status_code == 302
        answer = client.get("/account/confirm?next=/account/second-factor/remove")
        assert answer["Location"] == "/account/confirm/code?next=%2Faccount%2Fsecond-factor%2Fremove"
        confirmed = {"code": code_now(), "next": "/account/second-factor/remove"}
        assert client.post("/account/confirm/code", {**confirmed, "code": "000000"}).status_code == 422
        assert client.post("/account/confirm/code", confirmed)["Location"] == confirmed["next"]
        assert client.get("/account/second-factor/remove").status_code == 200

    def test_it_is_removed_with_its_recovery_codes(self, client: Client, ann: User) -> None:
        client.post("/account/recovery-codes/new")
        assert client.post("/account/second-factor/remove")["Location"] == "/account"
        assert (state_of(ann).since, state_of(ann).codes_left) == (None, 0)
        assert events() == [
            "user.logged_in",
            "user.recovery_codes_made",
            "user.second_factor_removed",
        ]
        assert log_in(Client(), "ann")["Location"] == "/"

    def test_other_recovery_codes_take_the_place_of_those_before(self, client: Client) -> None:
        seen = []
        for _ in range(2):
            assert client.post("/account/recovery-codes/new")["Location"] == "/account/recovery-codes"
            page = client.get("/account/recovery-codes").content.decode()
            seen.append(set(re.findall(r"<li>(\d{8})</li>", page)))
        assert [len(codes) for codes in seen] == [10, 10]
        assert not seen[0] & seen[1]


def test_recovery_codes_without_an_app_are_refused(ann: User) -> None:
    answer = signed_in("ann").post("/account/recovery-codes/new")
    assert answer.status_code == 422
    assert "There is no second factor to recover." in answer.content.decode()


class TestThePassword:
    def send(self, client: Client, **typed: str) -> tuple[int, str]:
        given = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW, **typed}
        answer = client.post("/account/password", given)
        return answer.status_code, answer.content.decode()

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"oldpassword": "wrong"}, "Please type your current password."),
            ({"password2": "another one entirely"}, "You must type the same password each time."),
            ({"password1": "short", "password2": "short"}, "at least 12 characters"),
            ({"password1": "password1234", "password2": "password1234"}, "too common"),
        ],
    )
    def test_is_refused_with_what_is_wrong(self, ann: User, typed: dict[str, str], said: str) -> None:
        status, page = self.send(signed_in("ann"), **typed)
        assert (status, said in page) == (422, True)
        failed = ["user.log_in_failed"] if "oldpassword" in typed else []
        assert events() == ["user.logged_in", *failed]

    def test_is_guessed_no_oftener_than_at_the_log_in(self, ann: User, settings: object) -> None:
        settings.AXES_FAILURE_LIMIT = 3  # type: ignore[attr-defined]
        client = signed_in("ann")
        statuses = [self.send(client, oldpassword="wrong")[0] for _ in range(3)]
        assert statuses == [422, 422, 429]
        status, page = self.send(client)
        assert (status, "Your password is not taken here now." in page) == (429, True)
        assert log_in(Client(), "ann").status_code == 429
        assert log_in(Client(), "ann", REMOTE_ADDR="198.51.100.9").status_code == 302
        assert [each for each in events() if each != "user.logged_in"][:4] == [
            *["user.log_in_failed"] * 3,
            "user.locked",
        ]
        assert "user.password_changed" not in events()

    def test_is_changed_nowhere_else(self, ann: User) -> None:
        root = member("root", is_staff=True, is_superuser=True)
        client = signed_in(root.username)
        for answer in (
            client.get("/admin/password_change/"),
            client.post("/admin/password_change/", {"old_password": PASSWORD}),
        ):
            assert (answer.status_code, answer["Location"]) == (302, "/account/password")

    def test_is_changed_and_every_other_session_ends(self, ann: User) -> None:
        elsewhere, client = signed_in("ann"), signed_in("ann")
        assert self.send(client)[0] == 302
        assert "every other session was ended" in client.get("/account").content.decode()
        assert elsewhere.get("/account").status_code == 302
        assert sql.rows("SELECT count(*) FROM usersessions_usersession") == [(1,)]
        assert events()[2:] == ["user.sessions_ended", "user.password_changed"]
        assert log_in(Client(), "ann", NEW).status_code == 302


class TestSessions:
    def test_are_listed_with_where_they_are_and_this_one_is_named(self, ann: User) -> None:
        log_in(Client(), "ann", REMOTE_ADDR="198.51.100.7", headers={"User-Agent": "Lynx <b>2.9</b>"})
        member("bob")
        log_in(Client(), "bob", REMOTE_ADDR="198.51.100.8")
        page = signed_in("ann").get("/account").content.decode()
        assert "198.51.100.7" in page
        assert "Lynx &lt;b&gt;2.9&lt;/b&gt;" in page
        assert "198.51.100.8" not in page
        assert page.count("this one") == 1

    def test_are_ended_one_by_one_or_all_others_at_once(self, ann: User) -> None:
        others, here = [signed_in("ann") for _ in range(3)], signed_in("ann")
        ((first,),) = sql.rows("SELECT min(id) FROM usersessions_usersession")
        here.post("/account/sessions/end", {"session": str(first)})
        assert [each.get("/account").status_code for each in (*others, here)] == [302, 200, 200, 200]
        here.post("/account/sessions/end", {"session": "others"})
        assert [each.get("/account").status_code for each in (*others, here)] == [302, 302, 302, 200]
        told = sql.rows("SELECT data->>'sessions' FROM core_event WHERE type = 'user.sessions_ended'")
        assert told == [("1",), ("2",)]

    def test_of_somebody_else_are_not_ended(self, ann: User) -> None:
        member("bob")
        bob = signed_in("bob")
        ((his,),) = sql.rows("SELECT id FROM usersessions_usersession")
        client = signed_in("ann")
        for wanted in (str(his), "others", "", "9" * 30, "this"):
            assert client.post("/account/sessions/end", {"session": wanted})["Location"] == "/account"
        assert bob.get("/account").status_code == 200
        assert client.get("/account").status_code == 200

    def test_nobody_uses_end_and_the_log_says_why(
        self, ann: User, clock: time_machine.Coordinates, settings: object
    ) -> None:
        settings.SESSION_IDLE_MINUTES = 30  # type: ignore[attr-defined]
        client = signed_in("ann")
        clock.shift(timedelta(minutes=29))
        assert client.get("/account").status_code == 200
        clock.shift(timedelta(minutes=29))
        background = {"HX-Request": "true"}, {"Sec-Fetch-Mode": "cors"}
        assert [client.get("/account", headers=each).status_code for each in background] == [200, 200]
        clock.shift(timedelta(minutes=1))
        assert client.get("/account")["Location"] == "/log-in?next=/account"
        assert sql.rows("SELECT actor, data->>'because' FROM core_event WHERE type = 'user.logged_out'") == [
            ("user:ann", "idle")
        ]

    def test_that_are_used_end_at_their_time_all_the_same(
        self, ann: User, clock: time_machine.Coordinates, settings: object
    ) -> None:
        settings.SESSION_HOURS, settings.SESSION_IDLE_MINUTES = 2, 60  # type: ignore[attr-defined]
        client = signed_in("ann")
        for _ in range(3):
            clock.shift(timedelta(minutes=39))
            assert client.get("/account").status_code == 200
        clock.shift(timedelta(minutes=4))
        assert client.get("/account").status_code == 302

    def test_note_when_they_were_used_to_the_minute(self, ann: User, clock: time_machine.Coordinates) -> None:
        client = signed_in("ann")
        for seconds, seen in ((59, 0), (1, 60), (59, 60)):
            clock.shift(timedelta(seconds=seconds))
            client.get("/account")
            ((at,),) = sql.rows("SELECT last_seen_at FROM usersessions_usersession")
            assert at == NOW + timedelta(seconds=seen)


def test_an_address_that_tries_many_names_is_locked_for_all_of_them(ann: User, settings: object) -> None:
    settings.AXES_FAILURE_LIMIT, settings.LOG_IN_FAILURES_OF_AN_ADDRESS = 3, 6  # type: ignore[attr-defined]
    for n in range(6):
        answer = log_in(Client(), f"nobody-{n}", "wrong")
    assert answer.status_code == 429
    assert log_in(Client(), "ann").status_code == 429
    assert log_in(Client(), "ann", REMOTE_ADDR="198.51.100.9").status_code == 302


def test_the_secret_of_an_app_is_shown_to_nobody_afterwards(ann: User) -> None:
    give_app(ann)
    client = Client()
    log_in(client, "ann")
    client.post("/log-in/code", {"code": code_now()})
    for address in ("/account", "/account/second-factor", "/account/second-factor/remove"):
        assert SECRET not in client.get(address, follow=True).content.decode()


@pytest.mark.django_db(transaction=True)
def test_an_app_that_is_set_up_twice_at_once_is_there_once(ann: User) -> None:
    client = signed_in("ann")
    page = client.get("/account/second-factor").content.decode()
    secret = "".join(re.findall(r'id="secret">([A-Z2-7 ]+)<', page)[0].split())

    def send(_: int) -> str:
        other = Client()
        other.cookies = client.cookies
        try:
            answer = other.post("/account/second-factor", {"code": code_now(secret)})
            return str(answer.get("Location", ""))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        sent = list(threads.map(send, range(3)))
    assert sent.count("/account/recovery-codes") == 1
    assert sql.rows("SELECT count(*) FROM mfa_authenticator WHERE type = 'totp'") == [(1,)]
    assert events().count("user.second_factor_added") == 1


def test_whoever_has_no_password_cannot_lock_somebodys_codes(ann: User) -> None:
    give_app(ann)
    assert log_in(Client(), "codes of ann", "wrong").status_code == 422
    assert sql.rows("SELECT username FROM axes_accessattempt WHERE username LIKE 'codes%%'") == []
    client = Client()
    assert log_in(client, "ann")["Location"] == "/log-in/code"
    assert client.post("/log-in/code", {"code": code_now()}).status_code == 302
