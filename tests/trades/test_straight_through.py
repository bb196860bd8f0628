"""The straight-through rate and its losses add up to 100 %, whichever way they are broken down."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api import Api, pointers, problem
from tests.support.factories import captured_ids, check_everything, equity, fx, world
from tests.support.records import NOW, TODAY
from trades.models import ExceptionItem
from trades.selectors import straight_through as selector
from trades.selectors.straight_through import OTHERS, Loss, per_cent, straight_through
from trades.services.recheck import recheck_trades
from trades.services.release import ACTOR


@given(st.lists(st.integers(min_value=0, max_value=10**7), min_size=1, max_size=60))
def test_shares_add_up_exactly_and_none_is_a_hundredth_off(counts: list[int]) -> None:
    shares = per_cent(counts)
    assert len(shares) == len(counts)
    if sum(counts):
        assert sum(shares) == 100
        for count, share in zip(counts, shares, strict=True):
            assert abs(share - Decimal(count) * 100 / sum(counts)) < Decimal("0.01")
            assert share >= 0
    else:
        assert set(shares) == {0}


def test_the_hundredth_that_is_left_goes_to_the_largest_remainder() -> None:
    assert per_cent([1, 1, 1]) == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    assert per_cent([2, 1], of=Decimal("50.00")) == [Decimal("33.33"), Decimal("16.67")]


@pytest.mark.django_db
class TestTheRate:
    def test_of_a_day_without_trades_is_none(self) -> None:
        found = straight_through(first=TODAY, last=TODAY)
        assert (found.trades, found.straight, found.waiting, found.rate) == (0, 0, 0, None)

    def test_loses_each_trade_once_to_its_first_blocking_finding(self) -> None:
        world()
        captured_ids(
            *[equity(quantity=str(100 + n)) for n in range(5)],
            equity(counterparty="NOBODY-9", price="999.00"),
            fx(counterparty="NOBODY-9"),
        )
        check_everything()
        found = straight_through(first=TODAY, last=TODAY)
        assert (found.trades, found.straight, found.waiting) == (7, 5, 0)
        assert found.rate == Decimal("71.43")
        assert found.losses == {
            "check": [Loss("UNKNOWN_PARTY", 2, Decimal("28.57"))],
            "source": [Loss("FO-EQ", 1, Decimal("14.29")), Loss("FO-FX", 1, Decimal("14.28"))],
            "party": [Loss("NOBODY-9", 2, Decimal("28.57"))],
        }

    def test_does_not_forget_what_was_repaired_later(self) -> None:
        world()
        (trade_id,) = captured_ids(equity(book="NONE"))
        check_everything()
        ExceptionItem.objects.update(closed_at=NOW, told_at=NOW)
        assert recheck_trades(trade_ids=[trade_id], reason="", actor=ACTOR, now=NOW + timedelta(minutes=1))
        found = straight_through(first=TODAY, last=TODAY)
        assert (found.trades, found.straight, found.waiting) == (1, 0, 0)

    def test_leaves_out_what_waits_for_its_checks_and_other_days(self) -> None:
        world()
        captured_ids(equity())
        found = straight_through(first=TODAY, last=TODAY)
        assert (found.trades, found.waiting, found.rate) == (0, 1, None)
        check_everything()
        before = TODAY - timedelta(days=1)
        assert straight_through(first=before, last=before).trades == 0
        assert straight_through(first=before, last=TODAY).rate == 100

    def test_sums_up_what_is_beyond_the_longest_breakdown(self, monkeypatch) -> None:
        monkeypatch.setattr(selector, "MAX_ROWS", 1)
        world()
        captured_ids(*[equity(counterparty=f"NOBODY-{n}", quantity=str(100 + n)) for n in range(3)])
        check_everything()
        found = straight_through(first=TODAY, last=TODAY)
        assert [(each.name, each.trades) for each in found.losses["party"]] == [("NOBODY-0", 1), (OTHERS, 2)]
        assert sum(each.share for each in found.losses["party"]) == 100


@pytest.mark.django_db(transaction=True)
class TestOverTheApi:
    def test_is_of_the_clients_sources(self) -> None:
        world()
        captured_ids(equity(), fx(counterparty="NOBODY-9"))
        check_everything()
        days = {"from": TODAY.isoformat(), "to": TODAY.isoformat()}
        all_of_it = Api("all").get("/straight-through", **days).json()
        assert (all_of_it["rate"], all_of_it["trades"]) == ("50.00", 2)
        assert all_of_it["losses"]["check"] == [{"name": "UNKNOWN_PARTY", "trades": 1, "share": "50.00"}]
        own = Api("eq", sources=["FO-EQ"]).get("/straight-through", **days).json()
        assert (own["rate"], own["losses"]) == ("100.00", {"check": [], "source": [], "party": []})

    @pytest.mark.parametrize(
        ("query", "places"),
        [
            ({"from": "x", "to": "2026-13-01"}, ["query:from", "query:to"]),
            ({"from": "2026-11-23", "to": "2026-11-22"}, ["query:to"]),
            ({"from": "2026-01-01", "to": "2026-11-22"}, ["query:to"]),
        ],
    )
    def test_names_what_is_wrong_with_the_days(self, query, places) -> None:
        assert pointers(problem(Api("all").get("/straight-through", **query), 400, "unreadable")) == places
