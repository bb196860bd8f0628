"""Words and figures in the reader's language."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from core.wording import as_the_code_says, day, figure, moment, say
from ops.templatetags import console


@pytest.fixture
def german() -> object:
    with translation.override("de"):
        yield


def test_english_is_what_the_code_says() -> None:
    assert say("Settlement") == "Settlement"
    assert figure("1,234.50") == "1,234.50"
    assert day(date(2026, 11, 23)) == "2026-11-23"


def test_a_text_is_said_in_the_language_of_the_reader(german: None) -> None:
    assert say("Settlement") == "Abwicklung"
    assert say("nobody has words for this") == "nobody has words for this"


def test_a_text_with_parts_keeps_them_and_writes_its_figures_anew(german: None) -> None:
    told = say("At most 1,000 characters are allowed.")
    assert "1.000" in told
    assert "At most" not in told


def test_a_part_that_the_code_says_is_said_too(german: None) -> None:
    told = say("The trade is cancelled.")
    assert "cancelled" not in told


def test_sentences_are_said_one_by_one(german: None) -> None:
    first, second = "This is required.", "There is no such trade."
    assert say(f"{first} {second}") == f"{say(first)} {say(second)}"


def test_what_is_safe_stays_safe_and_nothing_else_becomes_it(german: None) -> None:
    assert isinstance(say(mark_safe("Settlement")), SafeString)
    assert not isinstance(say("Settlement"), SafeString)


def test_figures_and_dates_are_written_as_the_reader_writes_them(german: None) -> None:
    assert console.money(Decimal("1234567.5"), "EUR") == "1.234.567,50"
    assert console.money(Decimal("1234567"), "JPY") == "1.234.567"
    assert console.profit(Decimal("-1234.5"), "EUR") == '<span class="loss">-1.234,50</span>'
    assert console.price(Decimal("101.1")) == "101,10"
    assert console.number(Decimal("1000.250")) == "1.000,25"
    assert console.capped(10_001) == "10.000+"
    assert console.day(date(2026, 11, 23)) == "23.11.2026"
    assert moment(datetime(2026, 11, 23, 14, 5, tzinfo=UTC), "%H:%M") == "23.11.2026 14:05"


def test_what_leaves_the_console_is_as_the_code_says(german: None) -> None:
    with as_the_code_says():
        assert console.words("FX_SPOT") == "FX spot"
        assert console.day(date(2026, 11, 23)) == "2026-11-23"
