"""The console in German: every screen of it, and nothing but its words."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse

from middleoffice.wording import read
from tests.ops import test_screens
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, equity

_READ = {"title", "aria-label", "placeholder", "alt"}  # what people read of a tag
_UNREAD = {"script", "style", "kbd"}
_VOID = {"input", "br", "meta", "link", "img", "hr"}
_DATA = {"Ours", "captured"}  # a party's name, and what an address narrows by
# What changes from one page to the next, or tells its language.
_OF_THE_MOMENT = {"nonce", "lang", "data-digest", "data-settings", "data-since", "data-done", "data-failed", "data-one",
                  "data-many", "data-all", "data-lost", "data-mended", "data-changed", "data-gone",
                  "aria-pressed"}  # fmt: skip


busy, desk = test_screens.busy, test_screens.desk


class Page(HTMLParser):
    """What a page says, and what it is made of but for that."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.made: list[tuple[str, frozenset[tuple[str, str | None]]]] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self._open.append(tag)
        self.said += [value for name, value in attrs if name in _READ and value]
        kept = frozenset((name, value) for name, value in attrs if name not in _READ | _OF_THE_MOMENT)
        if ("name", "csrfmiddlewaretoken") not in kept and not tag.startswith("option"):
            self.made.append((tag, kept))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not _UNREAD & set(self._open):
            self.said.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def german() -> dict[str, str]:
    """Return the texts that are said otherwise in German, by their English."""
    texts = {each.id: each.string for each in read("de") if isinstance(each.id, str) and each.id}
    return {text: str(told) for text, told in texts.items() if told and told != text}


def in_german(client: Client) -> Client:
    client.cookies["language"] = "de"
    return client


def test_no_screen_says_in_english_what_german_has_words_for(
    busy: dict[str, str],
    desk: Client,
    german: dict[str, str],
) -> None:
    both = set(german.values())
    left = {
        name: english
        for name, url in busy.items()
        if (english := {text for text in Page(in_german(desk).get(url).content.decode()).said
                        if text in german and text not in both | _DATA})
    }  # fmt: skip
    assert left == {}, left


def test_a_screen_in_german_differs_from_the_english_one_in_its_words_only(
    busy: dict[str, str],
    desk: Client,
) -> None:
    desk.get("/")  # what was said of what was done is said once
    for name, url in busy.items():
        desk.cookies["language"] = "en"
        english = Page(desk.get(url).content.decode())
        german = Page(in_german(desk).get(url).content.decode())
        assert german.made == english.made, name


def test_the_language_is_the_browsers_until_one_is_chosen(sign_in: SignIn) -> None:
    client = sign_in("supervisor")
    asked = {"headers": {"accept-language": "de-CH,de;q=0.9,en;q=0.5"}}
    page = client.get("/trades", **asked)
    assert page.headers["Content-Language"] == "de"
    assert '<html lang="de"' in page.content.decode()
    assert client.get("/trades", headers={"accept-language": "fr"}).headers["Content-Language"] == "en-gb"
    client.post(reverse("prefer"), {"language": "en", "next": "/trades"})
    assert client.get("/trades", **asked).headers["Content-Language"] == "en-gb"


def test_the_log_in_page_speaks_the_browsers_language(client: Client, db: None) -> None:
    page = client.get("/log-in", headers={"accept-language": "de"}).content.decode()
    assert "Anmelden" in page


def test_the_api_answers_in_english_whoever_asks(client: Client, db: None) -> None:
    answer = client.get("/api/v1/trades", headers={"accept-language": "de"})
    assert answer.status_code == 401
    assert "Content-Language" not in answer.headers
    assert answer.json()["title"].isascii()


def test_a_file_is_the_same_in_every_language(world: World, sign_in: SignIn) -> None:
    checked(equity(quantity="1234", price="1000.5"))
    client = sign_in("supervisor")
    files = {language: _file(client, language) for language in ("en", "de")}
    assert b"1234" in files["en"]
    assert files["de"] == files["en"]


def _file(client: Client, language: str) -> bytes:
    client.cookies["language"] = language
    answer = client.get("/views/trades/export?format=csv")
    assert isinstance(answer, StreamingHttpResponse)
    return b"".join(answer)  # type: ignore[arg-type]


def test_a_form_takes_what_it_was_given_in_any_language(world: World, sign_in: SignIn) -> None:
    checked(equity(quantity="1234567"))
    page = in_german(sign_in("supervisor")).get("/trades").content.decode()
    assert "1.234.567" in page
    assert not re.search(r'value="[\d.]*\d,\d', page)
