"""The second factor: each code proves once, wrong ones lock, and nobody but its holder knows the secret."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import sleep

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client

from core import second_factor, sql
from core.second_factor import SecondFactorAdapter, spend, state_of, step_of
from tests.support.accounts import PASSWORD, SECRET, code_at, give_app, log_in, member
from tests.support.records import CLERK, NOW

STEP = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def events() -> list[tuple[str, str]]:
    return [tuple(each) for each in sql.rows("SELECT type, actor FROM core_event ORDER BY id")]


class TestACode:
    def test_is_the_one_of_its_moment(self) -> None:
        # RFC 6238, appendix B: the secret is the ASCII text 12345678901234567890
        secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        for second, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
            moment = NOW.fromtimestamp(second, NOW.tzinfo)
            assert step_of(secret, code, now=moment) == second // 30
            assert step_of(secret, code, now=moment + 2 * STEP) is None

    def test_holds_one_step_before_and_after(self) -> None:
        code = code_at(NOW)
        held = [step_of(SECRET, code, now=NOW + n * STEP) is not None for n in (-2, -1, 0, 1, 2)]
        assert held == [False, True, True, True, False]

    def test_proves_once_and_none_before_it_proves_anything_afterwards(self, db: None) -> None:
        user = member("ann")
        app = give_app(user)
        assert spend(user_id=user.pk, code=code_at(NOW), now=NOW) == app
        for earlier in (NOW, NOW - STEP):
            assert spend(user_id=user.pk, code=code_at(earlier), now=NOW) is None
        assert spend(user_id=user.pk, code=code_at(NOW + STEP), now=NOW + STEP) == app

    def test_of_somebody_else_proves_nothing(self, db: None) -> None:
        give_app(member("ann"))
        assert spend(user_id=member("bob").pk, code=code_at(NOW), now=NOW) is None

    @pytest.mark.django_db(transaction=True)
    def test_sent_by_several_at_once_proves_to_one_of_them(self) -> None:
        user = member("ann")
        give_app(user)
        for code in (code_at(NOW), recovery_codes(user)[0]):

            def send(_: int, code: str = code) -> bool:
                try:
                    return spend(user_id=user.pk, code=code, now=NOW) is not None
                finally:
                    connection.close()

            with ThreadPoolExecutor(4) as threads:
                assert sorted(threads.map(send, range(4))) == [False, False, False, True]
        assert state_of(user).codes_left == 9


def recovery_codes(user: object) -> list[str]:
    data = {"seed": SecondFactorAdapter().encrypt("5eed"), "used_mask": 0}
    made = Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data=data)
    return list(made.wrap().get_unused_codes())


@pytest.mark.django_db
class TestTheSecondStep:
    def test_lets_in_and_the_log_tells_both(self, client: Client) -> None:
        user = member("ann", "operations")
        give_app(user)
        answer = client.post("/log-in", {"username": "ann", "password": PASSWORD, "next": "/limits"})
        assert answer["Location"] == "/log-in/code"
        assert client.get("/trades")["Location"] == "/log-in?next=/trades"
        assert client.get("/log-in")["Location"] == "/log-in/code"
        assert client.post("/log-in/code", {"code": code_at(NOW)})["Location"] == "/limits"
        assert client.get("/trades").status_code == 200
        assert events() == [("user.logged_in", "user:ann")]
        ((data,),) = sql.rows("SELECT data FROM core_event")
        assert sql.json_value(data) == {"address": "127.0.0.1", "with": ["password", "totp"]}

    def test_takes_a_recovery_code_once(self, client: Client) -> None:
        user = member("ann")
        give_app(user)
        code = recovery_codes(user)[3]
        for status in (302, 422):
            log_in(client, "ann")
            assert client.post("/log-in/code", {"code": code}).status_code == status
            client.post("/log-out")

    def test_refuses_a_code_that_was_used(self, client: Client) -> None:
        give_app(member("ann"))
        for status in (302, 422):
            other = Client()
            log_in(other, "ann")
            assert other.post("/log-in/code", {"code": code_at(NOW)}).status_code == status
        assert events() == [("user.logged_in", "user:ann"), ("user.second_factor_failed", "anonymous")]

    def test_can_be_left_to_log_in_as_somebody_else(self, client: Client) -> None:
        give_app(member("ann"))
        log_in(client, "ann")
        client.post("/log-out")
        assert client.get("/log-in").status_code == 200
        assert client.get("/log-in/code")["Location"] == "/log-in"

    def test_is_locked_by_wrong_codes_wherever_they_come_from(self, client: Client, settings: object) -> None:
        settings.AXES_FAILURE_LIMIT = 3  # type: ignore[attr-defined]
        give_app(member("ann"))
        for n in range(3):
            other = Client()
            log_in(other, "ann", REMOTE_ADDR=f"198.51.100.{n}")
            answer = other.post("/log-in/code", {"code": "000000"}, REMOTE_ADDR=f"198.51.100.{n}")
        assert answer.status_code == 429
        assert "No code is taken now." in answer.content.decode()
        log_in(client, "ann")
        assert client.post("/log-in/code", {"code": code_at(NOW)}).status_code == 429
        assert [type for type, _ in events()].count("user.locked") == 1
        with time_machine.travel(NOW + timedelta(minutes=16), tick=False):
            log_in(client, "ann")
            code = code_at(NOW + timedelta(minutes=16))
            assert client.post("/log-in/code", {"code": code}).status_code == 302

    @pytest.mark.django_db(transaction=True)
    def test_tries_no_more_codes_than_may_be_wrong_however_many_are_sent_at_once(
        self, settings: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.AXES_FAILURE_LIMIT = 3  # type: ignore[attr-defined]
        give_app(member("ann"))
        tried: list[str] = []

        def slow(*, user_id: int, code: str, now: datetime) -> None:
            tried.append(code)
            sleep(0.05)

        monkeypatch.setattr(second_factor, "spend", slow)
        callers = [Client() for _ in range(6)]
        for each in callers:
            log_in(each, "ann")

        def send(caller: Client) -> int:
            try:
                return caller.post("/log-in/code", {"code": "000000"}).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as threads:
            statuses = sorted(threads.map(send, callers))
        assert (len(tried), statuses) == (3, [422, 422, 429, 429, 429, 429])


@pytest.mark.django_db
class TestASecret:
    def test_is_not_readable_in_the_database(self) -> None:
        give_app(member("ann"))
        ((stored,),) = sql.rows("SELECT data::text FROM mfa_authenticator")
        assert SECRET not in stored

    def test_is_read_by_the_key_of_this_installation_alone(self, settings: object) -> None:
        sealed = SecondFactorAdapter().encrypt(SECRET)
        assert SecondFactorAdapter().decrypt(sealed) == SECRET
        settings.TOKEN_PEPPER = "another pepper"  # type: ignore[attr-defined]
        with pytest.raises(Exception, match=r"^$"):
            SecondFactorAdapter().decrypt(sealed)


def test_a_reset_takes_everything_logs_out_and_says_why(db: None, client: Client) -> None:
    user = member("ann")
    log_in(client, "ann")
    give_app(user)
    recovery_codes(user)
    how = {"user_id": user.pk, "actor": CLERK, "now": NOW, "reason": "the phone is lost"}
    assert [second_factor.reset(**how) for _ in range(2)] == [True, False]
    assert state_of(user) == second_factor.State(None, None, 0)
    assert client.get("/account")["Location"] == "/log-in?next=/account"
    assert sql.rows("SELECT type, reason FROM core_event WHERE reason <> '' ORDER BY id") == [
        ("user.second_factor_reset", "the phone is lost"),
        ("user.sessions_ended", "the phone is lost"),
    ]
