"""Every error leaves as application/problem+json with a stable code, all faults, and the request's id."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import connection
from django.http import Http404
from rest_framework import exceptions

from core.audit import request_id_var
from core.http.problem import Fault, Problem, not_found, render, render_exception, unreadable
from tests.support.api import Api, problem
from tests.support.factories import equity


def rendered(error: Exception):
    answer = render_exception(error, {})
    assert answer["Content-Type"] == "application/problem+json"
    document = json.loads(answer.content)
    assert document["status"] == answer.status_code
    return answer, document


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_503_with_when_to_ask_again_and_the_next_request_is_served(monkeypatch):
    api = Api()
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nowhere")
        answer = api.post("/trades", equity())
        problem(answer, 503, "database-unavailable")
        assert answer["Retry-After"] == "2"
    assert api.post("/trades", equity()).status_code == 201


def test_a_problem_is_a_complete_document():
    token = request_id_var.set("req-12345")
    try:
        problem = Problem(
            409, "taken", "It is taken.", detail="By A.", faults=[Fault("/a", "No.", "no")],
            headers={"Retry-After": "1"}, extra={"trade": "trd_1"},
        )  # fmt: skip
        answer = render(problem)
    finally:
        request_id_var.reset(token)
    assert (answer.status_code, answer["Content-Type"], answer["Retry-After"]) == (
        409,
        "application/problem+json",
        "1",
    )
    assert json.loads(answer.content) == {
        "type": "urn:middleoffice:problem:taken", "title": "It is taken.", "status": 409, "code": "taken",
        "detail": "By A.", "errors": [{"pointer": "/a", "code": "no", "detail": "No."}], "request_id": "req-12345",
        "trade": "trd_1",
    }  # fmt: skip
    assert str(problem) == "It is taken."


def test_what_a_problem_does_not_have_is_left_out():
    assert Problem(404, "not-found", "No.").document() == {
        "type": "urn:middleoffice:problem:not-found", "title": "No.", "status": 404, "code": "not-found",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Problem(422, "invalid", "No."), 422, "invalid"),
        (not_found("trade"), 404, "not-found"),
        (unreadable([Fault("", "x")]), 400, "unreadable"),
        (Http404(), 404, "not-found"),
        (PermissionDenied(), 403, "forbidden"),
        (RequestDataTooBig(), 413, "too-large"),
        (exceptions.ParseError(), 400, "unreadable"),
        (exceptions.NotAuthenticated(), 401, "unauthenticated"),
        (exceptions.PermissionDenied(), 403, "forbidden"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (exceptions.NotAcceptable(), 406, "not-acceptable"),
        (exceptions.UnsupportedMediaType("x/y"), 415, "unsupported-media-type"),
        (exceptions.Throttled(wait=2.5), 429, "too-many-requests"),
        (exceptions.APIException(), 500, "error"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_every_kind_of_error_has_its_status_and_code(error, status, code):
    answer, document = rendered(error)
    assert (answer.status_code, document["code"]) == (status, code)
    assert document["title"]
    assert "{" not in document["title"]


def test_a_throttled_request_is_told_how_long_to_wait():
    answer, _ = rendered(exceptions.Throttled(wait=2.5))
    assert answer["Retry-After"] == "3"


def test_the_faults_of_nested_data_have_pointers():
    error = exceptions.ValidationError({"a": ["Bad."], "b": [{}, {"c": ["Worse."]}], "d": {"e": ["Worst."]}})
    _, document = rendered(error)
    assert [(fault["pointer"], fault["detail"]) for fault in document["errors"]] == [
        ("/a", "Bad."), ("/b/1/c", "Worse."), ("/d/e", "Worst."),
    ]  # fmt: skip
    assert "detail" not in document


def test_an_error_nobody_foresaw_is_left_to_the_crash_handler():
    assert render_exception(RuntimeError("inside"), {}) is None
