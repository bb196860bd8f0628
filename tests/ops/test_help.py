"""Each page explains its words, and a tour leads somebody new over the pages that they may see."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver, reverse

from ops.help import PAGES, WORDS, help_of
from ops.shell import DESTINATIONS
from ops.tour import STEPS
from tests.ops.conftest import SignIn

pytestmark = pytest.mark.django_db


def tour_on(client: Client, address: str) -> str:
    """Return what the tour says on a page, in one line; nothing without."""
    found = re.search(
        r'<section class="notice tour".*?</section>', client.get(address).content.decode(), re.S
    )
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


class TestHelp:
    def test_explains_every_page_of_the_navigation(self) -> None:
        assert [each.name for each in DESTINATIONS if each.name not in PAGES] == []

    def test_uses_each_word_of_the_table_and_no_other(self) -> None:
        used = {word for page in PAGES.values() for word in page.words}
        assert used == WORDS.keys()
        assert all(meaning.endswith(".") for meaning in WORDS.values())

    def test_names_documentation_that_is_there(self) -> None:
        named = {each for page in PAGES.values() for each in page.docs}
        assert [each for each in named if not (settings.BASE_DIR / "docs" / each).exists()] == []

    def test_of_a_page_below_another_is_that_of_the_other(self) -> None:
        assert help_of("causes", "exceptions") == help_of("exceptions", "exceptions")
        assert help_of("denied", "denied") is None

    def test_stands_in_the_dialog_of_the_page(self, sign_in: SignIn) -> None:
        page = sign_in("operations").get("/batches").content.decode()
        assert WORDS["Control totals"] in page
        assert "docs/how-to/hold-and-recall.md" in page
        assert WORDS["Pivot"] not in page


class TestTheTour:
    def test_asks_for_each_step_the_right_that_its_page_asks(self) -> None:
        views = {getattr(each, "name", ""): each.callback for each in get_resolver("ops.urls").url_patterns}
        assert [step.code for step in STEPS if views[step.page].right != step.right] == []

    def test_invites_whoever_is_new_on_today_alone(self, sign_in: SignIn) -> None:
        new = sign_in("operations")
        assert tour_on(new, "/").startswith("New here?")
        assert tour_on(new, "/trades") == ""
        assert tour_on(new, "/as-of/2026-11-20T12:00:00Z/") == ""
        new.post("/preferences", {"tour": "left"})
        assert tour_on(new, "/") == ""

    def test_leads_over_the_pages_that_one_may_see_and_ends(self, sign_in: SignIn) -> None:
        for role, codes in (
            ("supervisor", [step.code for step in STEPS]),
            ("front-office reader", ["today", "find", "help"]),
        ):
            visitor = sign_in(role)
            for number, code in enumerate(codes, start=1):
                step = next(each for each in STEPS if each.code == code)
                visitor.post("/preferences", {"tour": code, "next": reverse(step.page)})
                said = tour_on(visitor, reverse(step.page))
                assert said.startswith(f"{step.title} {step.text} Step {number} of {len(codes)}")
                assert ("Back" in said, "Next" in said) == (number > 1, number < len(codes))

    def test_does_not_stop_at_a_page_that_one_may_not_see(self, sign_in: SignIn) -> None:
        reader = sign_in("front-office reader")
        reader.post("/preferences", {"tour": "approve"})
        assert tour_on(reader, "/trades") == ""

    def test_rests_on_other_pages(self, sign_in: SignIn) -> None:
        somebody = sign_in("operations")
        somebody.post("/preferences", {"tour": "find"})
        assert tour_on(somebody, "/exceptions") == tour_on(somebody, "/") == ""
        assert tour_on(somebody, "/trades") != ""

    def test_can_be_taken_again_from_the_menu(self, sign_in: SignIn) -> None:
        somebody = sign_in("operations")
        somebody.post("/preferences", {"tour": "left"})
        menu = somebody.get("/trades").content.decode()
        assert '<button name="tour" value="today" class="wide">Take the tour</button>' in menu
        assert somebody.post("/preferences", {"tour": "elsewhere"}).status_code == 400
