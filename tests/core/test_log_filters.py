"""The secret of a one-time link stands in no line of the log."""

from __future__ import annotations

import io
import logging

import pytest
from django.conf import settings
from django.test import Client

from core.http.log_filters import WithoutSecrets


def logged(message: str, *args: object) -> str:
    """Return the line that a record becomes behind the filter."""
    record = logging.LogRecord("a", logging.ERROR, "", 0, message, args, None)
    assert WithoutSecrets().filter(record)
    return record.getMessage()


@pytest.mark.parametrize(
    ("message", "args", "told"),
    [
        ("%s: %s", ("Internal Server Error", "/confirm/s3cret?x=1"), "Internal Server Error: /confirm/…?x=1"),
        ("GET /confirm/s3cret HTTP/1.1", (), "GET /confirm/… HTTP/1.1"),
        ("%(path)s took %(seconds)d", ({"path": "/confirm/s3cret", "seconds": 2},), "/confirm/… took 2"),
        ("%s %d", ("/confirmations/cfm_1", 3), "/confirmations/cfm_1 3"),
        ("100%", (), "100%"),
    ],
)
def test_a_secret_is_left_out_wherever_it_stands(message: str, args: tuple, told: str):
    assert logged(message, *args) == told


def test_the_console_has_the_filter():
    assert "without_secrets" in settings.LOGGING["handlers"]["console"]["filters"]


@pytest.mark.django_db
def test_an_error_on_the_page_of_a_link_is_logged_without_its_secret(monkeypatch: pytest.MonkeyPatch):
    def broken(**_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("ops.views.confirmation_answer.linked_terms", broken)
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.addFilter(WithoutSecrets())
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        answer = Client(raise_request_exception=False).get("/confirm/s3cret-of-the-link")
    finally:
        logger.removeHandler(handler)
    assert answer.status_code == 500
    assert "/confirm/…" in lines.getvalue()
    assert "s3cret" not in lines.getvalue()
