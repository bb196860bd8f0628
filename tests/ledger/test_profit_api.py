"""What days came to is read over the API, from the day down to the trades, prices and rates behind each figure."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.management import CommandError, call_command

from core.ids import TRADE, public_id
from ledger.models import ProfitRun
from ledger.services.profit_run import refresh_profit
from refdata.models import ClosePrice, Instrument
from tests.ledger.profit_support import CONTROLLER, FRIDAY, MONDAY, TUESDAY, parts, tell
from tests.ledger.support import amend, cancel, post
from tests.ledger.test_actions import act
from tests.ledger.test_actions import terms as action_terms
from tests.support.api import Api
from tests.support.factories import APPLE, captured_ids, close, equity, rate, world
from tests.support.records import NOW, minute

pytestmark = pytest.mark.django_db(transaction=True)
FEES = [{"type": "COMMISSION", "amount": "2.00", "currency": "USD"}]
DAY = f"/profit/days/{MONDAY}"


@pytest.fixture
def api() -> Api:
    world()
    rate("USD", "0.90", on=FRIDAY)
    close(Instrument.objects.get(code=APPLE), "180", on=FRIDAY)
    return Api(sources=[])


def nought(**told: str) -> dict[str, str]:
    names = "new_trades amendments market fx carry fees adjustments unexplained"
    return {**dict.fromkeys(names.split(), "0.00"), **told}


def test_a_day_is_told_with_its_parts_and_by_whom_it_was_dealt(api: Api):
    captured_ids(
        equity(on=FRIDAY, quantity="10", price="170"),
        equity(quantity="5", price="186", trader="msato", fees=FEES),
    )
    tell()
    day = api.get(f"{DAY}?by=trader").json()
    assert (day["date"], day["run"], day["kind"], day["against"]) == ("2026-11-23", 1, "CLOSE", "2026-11-20")
    assert day["total"] == "69.16"
    assert day["parts"] == nought(new_trades="4.60", market="64.40", fx="2.00", fees="-1.84")
    assert [(each["trader"], each["total"]) for each in day["items"]] == [
        ("jdoe", "66.40"),
        ("msato", "2.76"),
    ]
    (listed,) = api.get(f"/profit/days?first={MONDAY}&last={TUESDAY}").json()["items"]
    assert (listed["date"], listed["parts"]) == ("2026-11-23", day["parts"])


@pytest.mark.parametrize(
    "by", ["book", "desk", "trader", "instrument", "counterparty", "product", "currency"]
)
def test_whatever_it_is_told_by_adds_up_to_the_day(api: Api, by: str):
    captured_ids(equity(on=FRIDAY), equity(quantity="7"), equity(quantity="3", side="SELL"))
    tell()
    day = api.get(f"{DAY}?by={by}").json()
    assert sum(Decimal(each["total"]) for each in day["items"]) == Decimal(day["total"]) != 0
    assert sum(map(Decimal, day["parts"].values())) == Decimal(day["total"])


def test_a_figure_leads_to_the_trades_the_prices_and_the_rates_behind_it(api: Api):
    held, dealt = captured_ids(equity(on=FRIDAY, quantity="10", price="170"), equity(quantity="5", fees=FEES))
    post()
    tell()
    (position,) = api.get(f"{DAY}/books/BOOK-1").json()["items"]
    assert (position["instrument"], position["quantity"], position["currency"]) == (APPLE, "15", "USD")
    behind = api.get(f"{DAY}/trades?book=BOOK-1&instrument={APPLE}").json()
    assert [
        (each["trade"], each["part"], each["quantity"], each["cash"], each["fees"])
        for each in behind["items"]
    ] == [
        (public_id(TRADE, held), "HELD", "10", "-1700", "0"),
        (public_id(TRADE, dealt), "NEW", "5", "-936.25", "-2"),
    ]
    prices = api.get(f"{DAY}/prices").json()["items"]
    assert [(each["instrument"], each["quoted"], each["before"]["quoted"]) for each in prices] == [
        (APPLE, "187", "180"),
        (None, "0.92", "0.9"),
    ]


def test_the_trades_behind_a_figure_come_page_by_page(api: Api):
    trades = captured_ids(*(equity(quantity=str(n)) for n in range(1, 4)))
    post()
    tell()
    path, found = f"{DAY}/trades?book=BOOK-1&instrument={APPLE}&limit=2", []
    page = api.get(path).json()
    found += page["items"]
    found += api.get(f"{path}&cursor={page['next']}").json()["items"]
    assert [each["trade"] for each in found] == [public_id(TRADE, each) for each in trades]


def test_an_earlier_run_still_says_what_it_said(api: Api):
    captured_ids(equity(quantity="10"))
    tell()
    captured_ids(equity(quantity="20"))
    post()
    tell(reason="a trade came late")
    first, second = (api.get(f"{DAY}/trades?book=BOOK-1&instrument={APPLE}&run={n}").json() for n in (1, 2))
    assert [each["quantity"] for each in first["items"]] == ["10"]
    assert [each["quantity"] for each in second["items"]] == ["10", "20"]
    runs = api.get(DAY).json()["runs"]
    assert [(run["run"], run["reason"]) for run in runs] == [(2, "a trade came late"), (1, "")]


def test_a_day_says_when_the_one_before_it_was_told_again(api: Api):
    captured_ids(equity(quantity="10"))
    tell()
    tell(TUESDAY)
    assert api.get(f"/profit/days/{TUESDAY}").json()["opening_restated"] is False
    tell(MONDAY, reason="the price was wrong")
    assert api.get(f"/profit/days/{TUESDAY}").json()["opening_restated"] is True


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/profit/days/2026-11-24", 404),
        ("/profit/days/yesterday", 404),
        (f"{DAY}?run=7", 404),
        (f"{DAY}?run=x", 400),
        (f"{DAY}?by=mood", 400),
        (f"{DAY}/prices?flagged=perhaps", 400),
        (f"{DAY}/trades", 400),
        (f"{DAY}/trades?book=BOOK-1&instrument=NONE", 400),
        ("/profit/days?first=tomorrow", 400),
        ("/profit/days?first=2020-01-01&last=2026-11-23", 400),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_refused(api: Api, path: str, status: int):
    tell()
    assert api.get(path).status_code == status


def test_the_day_is_told_anew_only_where_trades_have_moved(api: Api):
    captured_ids(equity())
    first = refresh_profit(day=MONDAY, now=NOW, actor=CONTROLLER)
    assert first is not None
    assert refresh_profit(day=MONDAY, now=minute(1), actor=CONTROLLER) is None
    captured_ids(equity())
    second = refresh_profit(day=MONDAY, now=minute(2), actor=CONTROLLER)
    assert second not in {None, first}
    assert refresh_profit(day=MONDAY, now=minute(13), actor=CONTROLLER) is not None  # prices may have come
    tell()
    captured_ids(equity())
    assert refresh_profit(day=MONDAY, now=minute(30), actor=CONTROLLER) is None


def test_the_command_tells_a_day_and_asks_why_it_is_told_again(api: Api):
    call_command("tell_profit", day=MONDAY)
    with pytest.raises(CommandError, match="Say why"):
        call_command("tell_profit", day=MONDAY)
    call_command("tell_profit", day=MONDAY, reason="a price was wrong")
    assert ProfitRun.objects.filter(day=MONDAY, kind="CLOSE").count() == 2
    assert parts(ProfitRun.objects.get(day=MONDAY, number=2).id)["total"] == 0


def test_a_restatement_says_what_changed_and_why(api: Api):
    held, called_off = captured_ids(equity(on=FRIDAY, quantity="10", price="170"), equity(quantity="1"))
    post()
    tell()
    assert api.get(f"{DAY}/restatements").json()["items"] == []
    (late,) = captured_ids(equity(quantity="5", price="186"))
    captured_ids(equity(on=TUESDAY, quantity="9"))  # which is not of this day
    amend(held, price="171")
    cancel(called_off)
    ClosePrice.objects.filter(date=MONDAY).update(price=Decimal("188"))
    act("CA-1", action_terms("DVCA", instrument=APPLE, currency="USD", rate="1"))
    post()
    tell(reason="the end of Monday was wrong")
    (item,) = api.get(f"{DAY}/restatements").json()["items"]
    assert (item["run"], item["restates"]["run"], item["reason"], item["opening_restated"]) == (
        2,
        1,
        "the end of Monday was wrong",
        False,
    )
    # 10 x 8 of market, 5 x 2 new, 10 x 1 of dividend, and 10 x -1 of an amendment, all at 0.92; wealth of 100 x 0.02
    assert item["old"]["parts"] == nought(new_trades="-0.23", market="64.40", fx="2.00")
    assert item["new"]["parts"] == nought(
        new_trades="9.20", market="73.60", fx="2.00", carry="9.20", amendments="-9.20"
    )
    assert (item["old"]["total"], item["new"]["total"]) == ("66.17", "84.80")
    (position,) = item["positions"]
    assert (position["book"], position["instrument"], position["new"]) == ("BOOK-1", APPLE, item["new"])
    (price,) = item["prices"]
    assert (price["instrument"], price["old"]["quoted"], price["new"]["quoted"]) == (APPLE, "187", "188")
    assert [(each["reference"], each["type"]) for each in item["actions"]] == [("CA-1", "DVCA")]
    trades = api.get(f"{DAY}/restatements/2/trades?limit=2").json()
    trades["items"] += api.get(f"{DAY}/restatements/2/trades?limit=2&cursor={trades['next']}").json()["items"]
    assert [(each["trade"], each["version_before"], each["version_after"]) for each in trades["items"]] == [
        (public_id(TRADE, held), 1, 2),
        (public_id(TRADE, called_off), 1, None),
        (public_id(TRADE, late), None, 1),
    ]
    assert api.get(f"{DAY}/restatements/1/trades").status_code == 404


def test_a_day_that_has_not_ended_says_how_far_it_lags_behind_the_trades(api: Api):
    captured_ids(equity())
    refresh_profit(day=MONDAY, now=NOW, actor=CONTROLLER)
    assert api.get(DAY).json()["lag_seconds"] == 0
    captured_ids(equity())
    with time_machine.travel(NOW + timedelta(seconds=40), tick=False):
        said = api.get(DAY).json()
    assert (said["lag_seconds"], said["as_at"]) == (40, NOW.isoformat().replace("+00:00", "Z"))
    refresh_profit(day=MONDAY, now=minute(1), actor=CONTROLLER)
    assert api.get(DAY).json()["lag_seconds"] == 0
    tell()
    assert api.get(DAY).json()["lag_seconds"] is None
