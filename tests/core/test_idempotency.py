"""An unsafe request is answered once: the answer is committed with its effect and given again."""

from __future__ import annotations

import threading

import pytest
from django.db import connections
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from core import sql
from core.http.authentication import Client
from core.http.idempotency import Answer, answer_once, request_hash
from core.http.problem import Problem
from tests.support.records import NOW

CLIENT = Client(1, "fo", frozenset(), frozenset())


def request(*, key: str | None = "k", path: str = "/x", method: str = "post") -> Request:
    headers = {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key}
    return Request(getattr(APIRequestFactory(), method)(path, **headers))


class Effect:
    """Something that must happen once; counts how often it was asked to."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.times = 0
        self.answer = answer or Answer(201, b'{"made": 1}', {"Location": "/x/1"})

    def __call__(self) -> Answer:
        self.times += 1
        sql.run("INSERT INTO core_heartbeat (name, seen_at) VALUES (%s, %s)", [f"effect {self.times}", NOW])
        return self.answer


def once(effect, body: bytes = b"{}", client: Client = CLIENT, **of_request):
    return answer_once(request(**of_request), client=client, now=NOW, body=body, act=effect)


def effects() -> int:
    return len(sql.rows("SELECT 1 FROM core_heartbeat"))


@pytest.mark.django_db
class TestARequest:
    def test_is_answered_by_its_effect_and_again_from_the_store(self):
        effect = Effect(
            Answer(201, b"\xffbytes", {"Location": "/x/1", "ETag": '"1"'}, "application/x-ndjson")
        )
        for replayed in (False, True, True):
            answer = once(effect)
            assert (answer.status_code, answer.content) == (201, b"\xffbytes")
            assert (answer["Location"], answer["ETag"], answer["Content-Type"]) == (
                "/x/1",
                '"1"',
                "application/x-ndjson",
            )
            assert ("Idempotency-Replayed" in answer) is replayed
        assert (effect.times, effects()) == (1, 1)

    @pytest.mark.parametrize(
        "other", [{"body": b"{ }"}, {"path": "/x?a=1"}, {"path": "/y"}, {"method": "put"}]
    )
    def test_that_differs_under_the_same_key_is_422(self, other):
        effect = Effect()
        once(effect)
        with pytest.raises(Problem) as caught:
            once(effect, **other)
        assert (caught.value.status, caught.value.code, effect.times) == (422, "idempotency-key-reused", 1)

    def test_of_another_client_under_the_same_key_is_its_own(self):
        effect = Effect()
        once(effect)
        once(effect, client=Client(2, "other", frozenset(), frozenset()))
        assert effect.times == 2

    @pytest.mark.parametrize(
        ("key", "code"), [(None, "idempotency-key-missing"), ("a b", "idempotency-key-malformed")]
    )
    def test_without_a_good_key_is_400_and_nothing_happens(self, key, code):
        effect = Effect()
        with pytest.raises(Problem) as caught:
            once(effect, key=key)
        assert (caught.value.status, caught.value.code, effect.times) == (400, code, 0)

    def test_that_is_refused_leaves_nothing_and_may_try_again(self):
        def refuse() -> Answer:
            Effect()()
            raise Problem(409, "taken", "No.")

        with pytest.raises(Problem):
            once(refuse)
        assert (effects(), sql.rows("SELECT 1 FROM core_idempotency_key")) == (0, [])
        assert once(Effect()).status_code == 201


def test_the_hash_is_of_method_address_and_body():
    hashes = {
        request_hash(request(), b""), request_hash(request(), b"a"), request_hash(request(path="/y"), b""),
        request_hash(request(method="put"), b""), request_hash(request(path="/x?q"), b""),
    }  # fmt: skip
    assert len(hashes) == 5
    assert request_hash(request(key="other"), b"") in hashes


@pytest.mark.django_db(transaction=True)
def test_a_second_request_while_the_first_is_at_work_is_409_and_later_gets_its_answer():
    at_work, go_on, answers = threading.Event(), threading.Event(), []

    def slow() -> Answer:
        at_work.set()
        assert go_on.wait(10)
        return Answer(201, b"first")

    def first() -> None:
        answers.append(once(slow))
        connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    assert at_work.wait(10)
    with pytest.raises(Problem) as caught:
        once(Effect())
    go_on.set()
    thread.join(10)
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (409, "1")
    again = once(Effect())
    assert (answers[0].content, again.content, again["Idempotency-Replayed"]) == (b"first", b"first", "true")
    assert effects() == 0
