"""The API keeps to its own description, whatever it is sent: no crash, and every refusal a problem."""

from __future__ import annotations

import os
from collections import Counter

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.support.factories import Front, live_today, world

EXAMPLES = 100 if os.environ.get("NIGHTLY") else 10  # of each operation, what it allows and what it forbids


@pytest.fixture
def front(live_product) -> Front:
    world(today=live_today())
    return Front(live_product.base_url)


def test_the_description_is_openapi_3_1_and_names_what_it_answers(front):
    document = front.http.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/trades", "/api/v1/trade-batches", "/api/v1/trades/{reference}"} <= set(document["paths"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert set(operation["responses"]) & {"200", "201", "202", "204", "207"}, (method, path)


def test_whatever_its_description_allows_and_forbids_is_answered_and_never_crashes(front):
    schema = schemathesis.openapi.from_dict(front.http.get("/api/v1/openapi.json").json())
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 5
    answered: Counter[int] = Counter()
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.NEGATIVE and operation.label == "GET /api/v1/keys":
                continue  # it takes nothing, so nothing can be wrong
            _fuzz(front, operation, mode, answered)
    assert {200, 207, 400, 404} <= set(answered), answered
    assert sum(answered.values()) > 300, answered


def _fuzz(front: Front, operation, mode: GenerationMode, answered: Counter[int]) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case) -> None:
        answer = case.call(
            base_url=str(front.http.base_url),
            headers={"Authorization": front.http.headers["Authorization"]},
        )
        answered[answer.status_code] += 1
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        if answer.status_code >= 400:
            document = answer.json()
            assert answer.headers["content-type"][0] == "application/problem+json", case.as_curl_command()
            assert document["status"] == answer.status_code
            assert document["request_id"] == answer.headers["x-request-id"][0]
        else:
            case.validate_response(answer, checks=(content_type_conformance, status_code_conformance))

    send()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/nothing"), ("DELETE", "/api/v1/trades"), ("PUT", "/api/v1/trade-batches"),
     ("GET", "/api/v1/trades/%00"), ("TRACE", "/api/v1/trades"), ("PATCH", "/api/v1/trades/trd_11")],
)  # fmt: skip
def test_a_request_nobody_foresaw_is_a_problem_as_well(front, method, path):
    answer = front.http.request(method, path)
    assert answer.status_code in {404, 405}
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_the_examples_of_the_description_run_against_the_product(front):
    document = front.http.get("/api/v1/openapi.json").json()
    body = document["paths"]["/api/v1/trades"]["post"]["requestBody"]["content"]["application/json"]
    examples = [each["value"] for each in body["examples"].values()]
    assert len(examples) >= 4
    for example in examples:
        assert front.post_trade(example).status_code == 201, example
        assert httpx.codes.is_success(front.post_trade(example).status_code)
