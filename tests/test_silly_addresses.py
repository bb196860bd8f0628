"""Whatever stands in the query of a list, the API answers it or says as a problem what is wrong: nothing fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

import pytest

from core.http.cursor import encode_cursor
from middleoffice.documentation import SCHEMA
from tests.support.api import Api
from tests.support.factories import captured_ids, equity, goods, world

HUGE = 2**63
CURSORS = [encode_cursor([HUGE] * parts) for parts in range(1, 5)] + [encode_cursor([-(10**400)])]
KEYS = [encode_cursor([number] * parts) for parts in range(1, 5) for number in (-1, HUGE - 1)]
VALUES = [
    "\0",
    "x" * 5_000,
    "-1",
    "9" * 5_000,
    "-" + "9" * 30,
    "0001-01-01",
    "9999-12-31",
    "1e999",
    "NaN",
    "'",
    "%",
]


def lists() -> Iterator[tuple[str, list[str]]]:
    """Yield the addresses that can be read without knowing a reference, each with the parameters of its query."""
    for path, operations in sorted(json.loads(SCHEMA.read_text())["paths"].items()):
        if "get" in operations and "{" not in path and not path.endswith("/events/stream"):
            named = [
                each["name"] for each in operations["get"].get("parameters", []) if each["in"] == "query"
            ]
            yield path.removeprefix("/api/v1"), named


LISTS = list(lists())


@pytest.fixture
def api(db) -> Api:
    world()
    captured_ids(equity(), goods())
    asking = Api(sources=[])
    asking._http.raise_request_exception = False  # so that each failure is told, and not the first alone
    return asking


def fault_of(answer, *, may_answer: bool = True) -> str:
    """Return what is wrong with an answer: neither the list (where it may be one) nor a problem that says why not."""
    if answer.status_code == 200 and may_answer:
        return ""
    is_told = answer.status_code in {400, 404, 422} and answer["Content-Type"] == "application/problem+json"
    return "" if is_told else f"{answer.status_code}"


def asked(api: Api, values: Mapping[str, Sequence[str]], *, may_answer: bool = True) -> list[str]:
    """Ask every list with each of the values of each parameter; return what went wrong, and where.

    values: by the name of the parameter, `*` for every other.
    """
    return [
        f"{path}?{name}={value[:40]!r}: {fault}"
        for path, named in LISTS
        for name in named
        for value in values.get(name, values.get("*", ()))
        if (fault := fault_of(api.get(f"{path}?{name}={quote(value)}"), may_answer=may_answer))
    ]


def test_there_are_lists_to_ask():
    assert len(LISTS) > 30


def test_a_cursor_with_numbers_that_cannot_be_keys_is_refused(api: Api):
    assert asked(api, {"cursor": CURSORS}, may_answer=False) == []


def test_any_other_value_of_any_parameter_is_answered_or_refused(api: Api):
    assert asked(api, {"cursor": [*KEYS, "\0"], "*": VALUES}) == []
