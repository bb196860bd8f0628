"""The palette, the glance at a row, and the keys that can be switched off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import get_resolver, reverse

from core.ids import BATCH, EXCEPTION, TRADE, public_id
from ops import palette
from ops.permissions import ROLES
from ops.shell import DESTINATIONS
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, checked, equity
from tests.support.records import NOW
from trades.models import ExceptionItem

FIRST_PAGE_SCRIPT = 100_000
pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations")


def offered(page: str) -> list[tuple[str, str]]:
    """Return the options of a fragment: what each says, and where it leads."""
    found = re.findall(r'<a role="option"[^>]* href="([^"]*)">(.*?)</a>', page, flags=re.S)
    return [(" ".join(re.sub(r"<span class=\"spare\".*", "", text).split()), url) for url, text in found]


def records(client: Client, text: str) -> list[tuple[str, str]]:
    page = client.get("/palette/records", {"q": text}).content.decode()
    return [(re.sub(r"<[^>]+>", "", title), url) for title, url in offered(page)]


def views() -> dict[str, object]:
    return {
        str(each.name): each.callback
        for each in get_resolver("ops.urls").url_patterns
        if getattr(each, "name", None)
    }


class TestThePalette:
    def test_asks_for_each_place_the_right_that_its_view_asks(self) -> None:
        asked = {name: getattr(view, "right", None) for name, view in views().items()}
        for place in (*palette.PAGES, *palette.ACTIONS, *DESTINATIONS):
            assert asked[place.name] == place.right, place.name
        for kind in palette.KINDS.values():
            assert asked[kind.page] == kind.right, kind.page

    def test_leads_only_to_pages_that_answer_a_get(self, sign_in: SignIn) -> None:
        everybody = sign_in(*ROLES)
        for _, url in offered(everybody.get("/palette").content.decode()):
            answer = everybody.get(url)
            assert answer.status_code == 200 or answer["Location"].startswith("/explore/"), url

    def test_offers_what_the_person_may_see_and_propose(self, sign_in: SignIn) -> None:
        reader = dict(offered(sign_in("front-office reader").get("/palette").content.decode()))
        assert list(reader) == [
            "Today", "Blotter", "Positions", "Corporate actions", "Explore", "Limits"
        ]  # fmt: skip
        auditor = sign_in("auditor").get("/palette").content.decode()
        assert "Holds" in dict(offered(auditor))
        assert "Actions" not in auditor
        desk = dict(offered(sign_in("operations").get("/palette").content.decode()))
        assert desk["Propose settlement instructions"] == "/ssis/change"
        assert "Propose a limit" not in desk

    def test_offers_no_action_in_the_past(self, desk: Client) -> None:
        page = desk.get("/as-of/2026-11-20T12:00:00Z/palette").content.decode()
        assert "Actions" not in page
        assert dict(offered(page))["Blotter"] == "/as-of/2026-11-20T12:00:00Z/trades"

    def test_finds_a_record_by_its_reference_in_any_case(self, world: World, desk: Client) -> None:
        trade = public_id(TRADE, checked(equity(book="NO-BOOK")))
        exception = public_id(EXCEPTION, ExceptionItem.objects.get().id)
        assert records(desk, trade.lower()) == [(f"Trade {trade}", f"/trades/{trade}")]
        assert records(desk, f" {exception} ") == [(f"Exception {exception}", f"/exceptions/{exception}")]

    def test_finds_trades_by_the_front_office_s_reference(self, world: World, desk: Client) -> None:
        (trade,) = captured_ids(equity("E-77"))
        reference = public_id(TRADE, trade)
        assert records(desk, "E-77") == [
            (f"Trade {reference} · E-77", f"/trades/{reference}"),
            ("Look in the blotter for E-77", "/trades?q=E-77"),
        ]

    def test_finds_nothing_that_is_not_there_or_not_to_be_seen(self, world: World, sign_in: SignIn) -> None:
        checked(equity(book="NO-BOOK"))
        exception = public_id(EXCEPTION, ExceptionItem.objects.get().id)
        reader = sign_in("front-office reader")
        assert records(reader, exception) == []
        assert records(sign_in("operations"), exception) != []
        assert records(reader, "") == []
        assert records(reader, "\0 ") == []
        for prefix in palette.KINDS:
            assert records(sign_in(*ROLES, name="all"), public_id(prefix, 987654321)) == [], prefix

    def test_writes_what_was_typed_as_text(self, desk: Client) -> None:
        page = desk.get("/palette/records", {"q": '"><script>&'}).content.decode()
        assert "<script" not in page
        assert 'data-of="&quot;&gt;&lt;script&gt;&amp;"' in page

    def test_of_search_goes_to_records_of_every_kind(self, desk: Client) -> None:
        for prefix, kind in palette.KINDS.items():
            reference = public_id(prefix, 7)
            there = desk.get("/search", {"q": reference})["Location"]
            assert there == reverse(kind.page, args=[reference]), prefix
        assert palette.named(public_id(BATCH, 7)[:-1] + "!") is None


class TestAGlance:
    def test_at_a_trade_tells_its_headline_and_does_nothing(self, world: World, desk: Client) -> None:
        trade = public_id(TRADE, checked(equity("E-1", book="NO-BOOK")))
        page = desk.get(f"/trades/{trade}/peek").content.decode()
        assert "Held until its exception is worked." in page
        assert "E-1" in page
        assert "<form" not in page
        assert "<h1" not in page
        assert f'data-peek="/trades/{trade}/peek"' in desk.get("/trades").content.decode()

    def test_at_an_exception_tells_why_and_what_is_next(self, world: World, desk: Client) -> None:
        trade = public_id(TRADE, checked(equity(book="NO-BOOK")))
        item = ExceptionItem.objects.get()
        reference = public_id(EXCEPTION, item.id)
        page = desk.get(f"/exceptions/{reference}/peek").content.decode()
        assert item.summary in page
        assert "<form" not in page
        assert f'data-peek="/exceptions/{reference}/peek"' in desk.get("/exceptions").content.decode()
        past = f"/as-of/{NOW:%Y-%m-%dT%H:%M:%SZ}"
        answer = desk.get(f"{past}/exceptions/{reference}/peek")
        assert (answer.status_code, answer["Location"]) == (302, f"{past}/trades/{trade}/peek")

    @pytest.mark.parametrize("path", ["/trades/trd_0/peek", "/trades/{}/peek", "/exceptions/nothing/peek"])
    def test_at_what_is_not_there_finds_nothing(self, desk: Client, path: str) -> None:
        assert desk.get(path.format(public_id(TRADE, 987654321))).status_code == 404

    def test_makes_few_queries(
        self, world: World, desk: Client, django_assert_max_num_queries: object
    ) -> None:
        trade = public_id(TRADE, checked(equity(book="NO-BOOK")))
        item = public_id(EXCEPTION, ExceptionItem.objects.get().id)
        for url in (f"/trades/{trade}/peek", f"/exceptions/{item}/peek", f"/palette/records?q={trade}"):
            with django_assert_max_num_queries(15, info=url):  # type: ignore[operator]
                desk.get(url)


def test_single_keys_can_be_switched_off_and_the_help_says_so(desk: Client) -> None:
    page = desk.get("/exceptions").content.decode()
    assert 'data-keys="on"' in page
    assert "<kbd>g</kbd> <kbd>b</kbd>" in page
    assert desk.post("/preferences", {"keys": "off", "next": "/exceptions"})["Location"] == "/exceptions"
    page = desk.get("/exceptions").content.decode()
    assert 'data-keys="off"' in page
    assert "Single keys are switched off" in page
    assert "<kbd>g</kbd>" not in page
    assert re.findall(r'<div data-keys="([^"]+)"', page) == ["Enter"]


def test_the_first_page_loads_less_script_than_it_may(desk: Client) -> None:
    page = desk.get("/").content.decode()
    sources = re.findall(r'<script [^>]*src="([^"]+)"', page)
    assert not [each for each in sources if "palette" in each or "peek" in each]
    files = [finders.find(each.removeprefix(settings.STATIC_URL)) for each in sources]
    assert "htmx" in sources[0]
    assert 50_000 < sum(Path(each).stat().st_size for each in files) < FIRST_PAGE_SCRIPT
