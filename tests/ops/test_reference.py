"""Reference data is read kind by kind, found by what each kind declares, page by page."""

from __future__ import annotations

import pytest
from django.test import Client

from ops.views.reference import PAGE, TABS
from refdata.models import Book, Party
from refdata.services import KINDS
from tests.ops.conftest import SignIn
from tests.support.factories import APPLE, World

OWN_SCREENS = {"ssis", "holidays", "settlement-cycles", "cut-offs"}


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations")


def test_every_kind_is_read_here_or_on_a_screen_of_its_own() -> None:
    assert {code for code, _ in TABS} == set(KINDS) - OWN_SCREENS


@pytest.mark.parametrize("code", [code for code, _ in TABS])
def test_each_kind_shows_its_fields(code: str, world: World, desk: Client) -> None:
    answer = desk.get(f"/reference?kind={code}")
    assert answer.status_code == 200
    assert [name for name, _ in answer.context["fields"]] == list(KINDS[code].fields)
    assert all(len(row) == len(answer.context["fields"]) for _, row in answer.context["rows"])


def test_a_filter_narrows_and_one_that_cannot_be_read_says_so(world: World, desk: Client) -> None:
    found = desk.get("/reference?code=BROKER-01").context["rows"]
    assert [row[0][0] for _, row in found] == ["BROKER-01"]
    prices = desk.get(f"/reference?kind=close-prices&instrument={APPLE}&date=soon")
    assert prices.context["faults"] == {"date": "Write the date as 2026-11-23."}
    assert {row[0][0] for _, row in prices.context["rows"]} == {APPLE}


def test_a_list_goes_on_page_by_page(world: World, desk: Client) -> None:
    entity = Party.objects.filter(role=Party.Role.ENTITY).first()
    Book.objects.bulk_create(Book(code=f"B-{n:03}", desk="D", entity=entity) for n in range(PAGE + 1))
    first = desk.get("/reference?kind=books&desk=D")
    assert len(first.context["rows"]) == PAGE
    rest = desk.get(f"/reference?kind=books&desk=D&after={first.context['next']}")
    assert [row[0][0] for _, row in rest.context["rows"]] == [f"B-{PAGE:03}"]
    assert rest.context["next"] == ""


def test_a_kind_that_there_is_not_shows_the_first(desk: Client) -> None:
    assert desk.get("/reference?kind=%00nothing").context["kind"].code == "parties"
