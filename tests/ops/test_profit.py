"""On the screens of P&L people see what days came to, why, and what stands behind each figure."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from core.ids import TRADE, public_id
from ledger.models import ProfitRun
from refdata.models import Instrument
from tests.ledger.profit_support import FRIDAY, MONDAY, TUESDAY, tell
from tests.ledger.support import post
from tests.ops.conftest import SignIn
from tests.support.factories import APPLE, EURO_SHARE, World, captured_ids, close, equity, rate
from tests.support.records import minute

pytestmark = pytest.mark.django_db(transaction=True)  # what a run has seen are transactions that have ended


def text_of(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def shown(answer: Any) -> str:
    """Return the words of a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text_of(answer)))


@pytest.fixture
def trades(world: World) -> list[int]:
    """Deal on two days, with a share that has a price only on Friday of last week; return the trades."""
    rate("USD", "0.90", on=FRIDAY)
    close(Instrument.objects.get(code=APPLE), "180", on=FRIDAY)
    found = captured_ids(
        equity(on=FRIDAY, quantity="10", price="170"),
        equity(quantity="5", price="186", trader="msato"),
        equity(quantity="1000000000", price="1.5", instrument=EURO_SHARE, currency="EUR", trader="msato"),
    )
    post()
    return found


class TestADay:
    def test_is_explained_with_its_flags_first(self, trades: list[int], sign_in: SignIn) -> None:
        tell()
        reader = sign_in("auditor")
        words = shown(reader.get("/profit"))
        assert "P&L of 2026-11-23" in words
        assert words.index("Missing and stale") < words.index("Explained")
        assert f"{EURO_SHARE}" in words
        for told in ("+71.00", "+64.40", "+4.60", "+2.00", "end of day"):
            assert told in words
        assert "USD +75.00 +71.00 0.92 2026-11-23 0.90" in words

    def test_is_told_by_whatever_is_chosen(self, trades: list[int], sign_in: SignIn) -> None:
        tell()
        words = shown(sign_in("risk").get("/profit?by=trader"))
        assert words.index("jdoe +66.40") < words.index("msato +4.60") < words.index("Total +71.00")

    def test_leads_from_a_figure_to_trades_prices_and_rates(self, trades: list[int], sign_in: SignIn) -> None:
        tell()
        reader = sign_in("operations")
        address = "/profit/behind?day=2026-11-23&run=1&by=trader&name=jdoe"
        assert f'href="{address}"' in text_of(reader.get("/profit?by=trader"))
        answer = reader.get(address)
        for trade in trades[:2]:
            assert f'href="/trades/{public_id(TRADE, trade)}"' in text_of(answer)
        assert "USD 10 187.00 2026-11-23 180.00 +70.00 0.92 0.90 +66.40" in shown(answer)

    def test_says_how_old_its_figures_are(self, trades: list[int], sign_in: SignIn) -> None:
        tell(kind=ProfitRun.Kind.INTRADAY)
        reader = sign_in("supervisor")

        def standing(minutes: int) -> str:
            with time_machine.travel(minute(minutes), tick=False):
                return re.findall(r'<h1>P&L.*?class="pill (\w+)"', text_of(reader.get("/profit")), re.S)[0]

        assert [standing(n) for n in (1, 25, 60)] == ["green", "amber", "red"]
        captured_ids(equity())
        assert [standing(n) for n in (1, 4, 6)] == ["green", "amber", "red"]

    def test_shows_what_it_was_told_before(self, trades: list[int], sign_in: SignIn) -> None:
        tell()
        captured_ids(equity(quantity="100", price="186"))
        tell(reason="a trade came late")
        reader = sign_in("auditor")
        words = shown(reader.get("/profit"))
        assert "a trade came late" in words
        assert "+163.00" in words
        assert "Total +71.00" in shown(reader.get("/profit?run=1"))


class TestAPeriod:
    def test_is_the_sum_of_its_days_and_names_those_that_are_missing(
        self, trades: list[int], sign_in: SignIn
    ) -> None:
        tell(FRIDAY)
        tell(TUESDAY)
        with time_machine.travel(minute(60 * 36), tick=False):
            reader = sign_in("auditor")
            words = shown(reader.get("/profit?span=month&day=2026-11-23"))
            year = shown(reader.get("/profit?span=year&day=2026-06-01&by=desk"))
        assert "1 day missing from the sum" in words
        assert ": 2026-11-23 ." in words
        days = re.findall(r"(2026-11-2\d) ([+-][\d,.]+)", words.partition("Its days")[2])
        assert [day for day, _ in days] == ["2026-11-20", "2026-11-24"]
        assert f"Total {_added(days)}" in words
        assert f"Total {_added(days)}" in year


def _added(days: list[tuple[str, str]]) -> str:
    return f"{sum(Decimal(each.replace(',', '')) for _, each in days):+,}"


def test_only_who_may_read_profit_sees_it(world: World, sign_in: SignIn) -> None:
    for role in ("front-office reader", "back office"):
        assert sign_in(role).get("/profit").status_code == 403
        assert 'href="/profit"' not in text_of(sign_in(role).get("/"))


@pytest.mark.parametrize(
    "address", ["/profit?day=soon", "/profit?day=0001-01-01", "/profit?run=x&by=mood&span=era"]
)
def test_an_address_that_was_bent_shows_a_page(world: World, sign_in: SignIn, address: str) -> None:
    assert sign_in("auditor").get(address).status_code == 200


@pytest.mark.parametrize("what", ["", "?day=2026-11-23&by=book", "?day=2026-11-23&by=mood"])
def test_nothing_is_behind_a_day_that_was_not_told(world: World, sign_in: SignIn, what: str) -> None:
    assert sign_in("auditor").get(f"/profit/behind{what}").status_code == 404


def test_a_day_on_which_nothing_was_held_says_so(world: World, sign_in: SignIn) -> None:
    tell(MONDAY)
    words = shown(sign_in("auditor").get("/profit"))
    assert "nothing was held or dealt" in words
    assert "Nothing is behind it" in shown(
        sign_in("auditor").get(f"/profit/behind?day={MONDAY}&by=book&name=NONE")
    )


@pytest.mark.parametrize(
    "address", ["/profit", "/profit?span=year", "/profit/behind?day=2026-11-23&by=book&name=BOOK-1"]
)
def test_a_screen_of_a_full_day_makes_at_most_twenty_queries(
    trades: list[int], sign_in: SignIn, address: str, django_assert_max_num_queries: Any
) -> None:
    tell()
    tell(reason="again")
    reader = sign_in("auditor")
    with django_assert_max_num_queries(20):
        assert reader.get(address).status_code == 200
