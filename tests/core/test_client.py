"""The API client: patient with what passes, clear about what does not, one key per change."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx
import pytest

from core.http.client import ApiClient, Refused, Stopped


class Server:
    """Answers with the given responses in turn and remembers the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(server: Callable[[httpx.Request], httpx.Response], **options) -> ApiClient:
    return ApiClient(url="http://x/", token="t", transport=httpx.MockTransport(server), **options)


def test_what_passes_is_tried_again_with_the_same_key():
    in_flight = {"code": "idempotency-in-flight"}
    server = Server(
        httpx.ConnectError("gone"),
        httpx.Response(503),
        httpx.Response(429, headers={"Retry-After": "0"}),
        httpx.Response(409, json=in_flight),
        httpx.Response(201, json={"id": "trd_1"}),
    )
    made = client(server)
    assert made.post("/trades", b"{}") == (201, {"id": "trd_1"})
    keys = {request.headers["Idempotency-Key"] for request in server.requests}
    assert (len(server.requests), len(keys), made.retries) == (5, 1, 4)


def test_two_changes_have_two_keys():
    server = Server(httpx.Response(201, json={}), httpx.Response(201, json={}))
    made = client(server)
    made.post("/trades", b"{}")
    made.post("/trades", b"{}")
    assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 2


def test_a_refusal_is_not_tried_again():
    server = Server(httpx.Response(409, json={"code": "reference-taken", "title": "Taken."}))
    with pytest.raises(Refused, match="409 reference-taken: Taken") as raised:
        client(server).post("/trades", b"{}")
    assert (raised.value.status, raised.value.code, len(server.requests)) == (409, "reference-taken", 1)


def test_patience_ends():
    with pytest.raises(Refused, match="503"):
        client(Server(httpx.Response(503, text="busy"), httpx.Response(503, text="busy")), patience=0).get(
            "/x"
        )


def test_a_stop_ends_the_wait():
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        client(Server(httpx.Response(503)), stop=stop).get("/x")


def test_a_list_is_followed_to_its_end():
    server = Server(
        httpx.Response(200, json={"items": [{"n": 1}, {"n": 2}], "next": "abc"}),
        httpx.Response(200, json={"items": [{"n": 3}], "next": None}),
    )
    assert [item["n"] for item in client(server).items("/x", channel="CASH")] == [1, 2, 3]
    assert dict(server.requests[1].url.params) == {"channel": "CASH", "cursor": "abc"}
