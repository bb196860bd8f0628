"""Limits are decided in the order of capture, and what they count is what live trades use."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit import system
from refdata.models import Instrument, Party
from risk.measures import MEASURES
from risk.models import Limit
from risk.services.decision import (
    Exposure,
    Held,
    LimitTerms,
    Standing,
    Use,
    add_up,
    decide,
    groups_of,
    near_marks,
)
from risk.services.limits import limits_in_force, limits_kept
from tests.support.factories import (
    EURO_SHARE,
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    findings_of,
    goods,
    limit,
    party,
    rate,
    settle,
    states,
    unit_trade,
    used,
    world,
)
from tests.support.records import CLERK, NOW, TODAY, state_of
from trades.lifecycle import State, move_trades
from trades.services.recheck import recheck_trades
from trades.services.repair import repair_trade

OPERATOR = system("tests")


def terms(
    limit_id: int = 1, *, hard: str = "100", warn: str | None = None, measure: str = "GROSS_EXPOSURE",
    dimensions: tuple[str, ...] = ("counterparty",), members: tuple[str, ...] = (),
) -> LimitTerms:  # fmt: skip
    return LimitTerms(
        limit_id, f"L{limit_id}", measure, dimensions, members, warn and Decimal(warn), Decimal(hard)
    )


def exposure(
    trade_id: int, size: str | None, limits: list[LimitTerms], *where: str, counted: bool = False
) -> Exposure:
    """Return a trade of a size for all limits; where it stands is given dimension by dimension."""
    groups = groups_of(limits)
    return Exposure(
        trade_id,
        {group: where[: len(group[0])] if len(where) >= len(group[0]) else None for group in groups},
        {group: None if size is None else Decimal(size) for group in groups},
        counted,
    )


def excesses(decision) -> list[tuple[object, ...]]:
    return [
        (each.trade_id, each.code, each.limit, each.key, each.bound, each.used) for each in decision.excesses
    ]


class TestTheDecision:
    def test_counts_each_trade_with_those_before_it(self):
        limits = [terms(hard="100", warn="50")]
        trades = [exposure(n, "40", limits, "A") for n in (1, 2, 3, 4)]
        decision = decide(limits, trades, {(1, "A"): Decimal("10")})
        assert excesses(decision) == [
            (2, "LIMIT_WARNING", "L1", "A", 50, 90),
            (3, "LIMIT_BREACH", "L1", "A", 100, 130),
            (4, "LIMIT_BREACH", "L1", "A", 100, 170),
        ]
        assert decision.deltas == {(1, "A"): 160}

    def test_lets_a_limit_be_used_to_the_last_cent(self):
        limits = [terms(hard="100", warn="99.99")]
        assert excesses(decide(limits, [exposure(1, "99.99", limits, "A")], {})) == []
        assert [each[1] for each in excesses(decide(limits, [exposure(1, "100", limits, "A")], {}))] == [
            "LIMIT_WARNING"
        ]
        assert [each[1] for each in excesses(decide(limits, [exposure(1, "100.01", limits, "A")], {}))] == [
            "LIMIT_BREACH"
        ]

    def test_keeps_members_apart(self):
        limits = [terms()]
        trades = [
            exposure(1, "90", limits, "A"),
            exposure(2, "90", limits, "B"),
            exposure(3, "20", limits, "A"),
        ]
        decision = decide(limits, trades, {})
        assert [each[0] for each in excesses(decision)] == [3]
        assert decision.deltas == {(1, "A"): 110, (1, "B"): 90}

    def test_does_not_count_twice_what_is_counted_already(self):
        limits = [terms()]
        decision = decide(limits, [exposure(1, "40", limits, "A", counted=True)], {(1, "A"): Decimal("120")})
        assert excesses(decision) == [(1, "LIMIT_BREACH", "L1", "A", 100, 120)]
        assert decision.deltas == {}

    def test_leaves_out_what_has_no_size_or_no_place(self):
        limits = [terms(), terms(2, dimensions=("counterparty", "book"))]
        trades = [exposure(1, None, limits, "A", "B"), exposure(2, "500", limits)]
        assert decide(limits, trades, {}) == decide(limits, [], {})

    def test_takes_only_its_members(self):
        limits = [terms(members=("A",)), terms(2, dimensions=("counterparty", "book"), members=("A", "X"))]
        trades = [
            exposure(1, "10", limits, "A", "X"),
            exposure(2, "10", limits, "A", "Y"),
            exposure(3, "10", limits, "B", "X"),
        ]
        assert decide(limits, trades, {}).deltas == {(1, "A"): 20, (2, "A|X"): 10}

    def test_takes_each_trade_alone_by_a_measure_that_does_not_accumulate(self):
        limits = [terms(measure="SINGLE_SIZE")]
        trades = [
            exposure(1, "100", limits, "A"),
            exposure(2, "100.01", limits, "A"),
            exposure(3, "60", limits, "A"),
        ]
        decision = decide(limits, trades, {})
        assert excesses(decision) == [(2, "LIMIT_BREACH", "L1", "A", 100, Decimal("100.01"))]
        assert decision.deltas == {}

    def test_tells_every_limit_that_a_trade_exceeds(self):
        limits = [terms(), terms(2, hard="50")]
        assert [each[2] for each in excesses(decide(limits, [exposure(1, "110", limits, "A")], {}))] == [
            "L1",
            "L2",
        ]


_MONEY = st.decimals(0, 200, places=2)
_LIMITS = st.lists(
    st.tuples(
        st.sampled_from(sorted(MEASURES)),
        st.sampled_from([("counterparty",), ("book",), ("counterparty", "book")]),
        st.sampled_from([(), ("A",), ("X",), ("A", "X")]),
        _MONEY,
        st.none() | _MONEY,
    ),
    max_size=5,
)
_TRADES = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from("XY"), st.sampled_from("12"), _MONEY, st.booleans()),
    max_size=8,
)
_MEMBERS = st.tuples(
    st.integers(1, 5),
    st.sampled_from(["A", "X", "A|X", "A|1", "X|2", "A|X|1", "|*", "A|*"]),
)


def _complete_totals(limits, figures, nothing) -> None:
    """A total is never less than the sum of its parts."""
    for terms_of in limits:
        for (limit_id, key), figure in list(figures.items()):
            whole = terms_of.total_of(key)
            if limit_id == terms_of.id and whole is not None and key[-1] != "*":
                figures[whole] = figures.get(whole, nothing) + figure


@settings(max_examples=300, deadline=None)
@given(
    _LIMITS,
    _TRADES,
    st.dictionaries(_MEMBERS, _MONEY),
    st.dictionaries(_MEMBERS, st.builds(Held, _MONEY, _MONEY)),
)
def test_the_short_way_says_what_the_long_way_does(declared, trades, used_before, held):
    """Sums over a batch may stand for its trades only where no order of them passes a mark."""
    limits = [
        LimitTerms(
            n, f"L{n}", measure, dimensions, members[: len(dimensions)],
            warn if warn is not None and warn <= hard else None, hard,
        )
        for n, (measure, dimensions, members, hard, warn) in enumerate(declared, start=1)
    ]  # fmt: skip
    groups = groups_of(limits)
    exposures = []
    for n, (counterparty, book, window, size, down) in enumerate(trades):
        where = {"counterparty": counterparty, "book": book}
        exposures.append(
            Exposure(
                n,
                {group: tuple(where.get(name, window) for name in group[0]) for group in groups},
                {group: -size if down and group[2] else size for group in groups},
            )
        )
    uses = []
    for group in groups:
        for place in {each.places[group] for each in exposures}:
            sizes = [each.sizes[group] for each in exposures if each.places[group] == place]
            down = -sum(size for size in sizes if size < 0)
            uses.append(Use(group, place, sum(sizes), max(sizes), Decimal(down)))
    _complete_totals(limits, used_before, Decimal(0))
    _complete_totals(limits, held, Held())

    decision = decide(limits, exposures, used_before, held)
    assert decision.deltas == add_up(limits, uses)
    near = near_marks(limits, uses, used_before, held)
    assert decide(near, exposures, used_before, held).excesses == decision.excesses


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.decimals(-50, 50, places=2)), max_size=12),
    st.lists(st.integers(0, 11), max_size=12),
)
def test_whatever_reservations_are_drawn_a_net_limit_stays_within(wanted, drawn):
    """Room is granted for each side alone, so that any part of the reservations may come, in any order."""
    limits = [terms(measure="NET_NOTIONAL", hard="60")]
    standing = Standing({}, {})
    granted = {}
    for n, (key, size) in enumerate(wanted):
        if standing.reach(limits[0], key, size) <= 60:
            standing.held = {
                **standing.held, (1, key): standing.held.get((1, key), Held()) + Held.of(size)
            }  # fmt: skip
            granted[n] = (key, size)
    trades = [n for n in dict.fromkeys(drawn) if n in granted]
    exposures = []
    for n in trades:
        key, size = granted[n]
        one = exposure(n, str(size), limits, key)
        exposures.append(Exposure(n, one.places, one.sizes, frees={(1, key): Held.of(size)}))
    assert decide(limits, exposures, {}, standing.held).excesses == []


class TestASignedMeasure:
    def test_sets_sales_off_against_purchases(self):
        limits = [terms(measure="NET_NOTIONAL", hard="100")]
        trades = [exposure(n, size, limits, "A") for n, size in enumerate(("90", "-180", "-20", "15"))]
        decision = decide(limits, trades, {})
        assert excesses(decision) == [(2, "LIMIT_BREACH", "L1", "A", 100, 110)]
        assert decision.deltas == {(1, "A"): -95}

    def test_lets_pass_what_brings_it_nearer_to_zero(self):
        limits = [terms(measure="NET_NOTIONAL", hard="100")]
        decision = decide(limits, [exposure(1, "50", limits, "A")], {(1, "A"): Decimal(-300)})
        assert excesses(decision) == []

    def test_sees_that_a_batch_which_nets_to_nothing_may_pass_a_mark_on_the_way(self):
        limits = [terms(measure="NET_NOTIONAL", hard="100")]
        (group,) = groups_of(limits)
        calm = Use(group, ("A",), Decimal(0), Decimal(100), Decimal(100))
        steep = Use(group, ("A",), Decimal(0), Decimal("100.01"), Decimal("100.01"))
        assert near_marks(limits, [calm], {}) == []
        assert near_marks(limits, [steep], {}) == limits


class TestAShare:
    def test_is_of_all_members_that_differ_in_the_last_dimension(self):
        limits = [terms(measure="CONCENTRATION", hard="50", dimensions=("book", "issuer"))]
        trades = [
            exposure(1, "100", limits, "X", "ACME"),
            exposure(2, "100", limits, "X", "OTHER"),
            exposure(3, "1", limits, "X", "ACME"),
            exposure(4, "7", limits, "Y", "ACME"),
        ]
        decision = decide(limits, trades, {})
        assert [(each[0], each[3], round(each[5], 2)) for each in excesses(decision)] == [
            (1, "X|ACME", 100),
            (3, "X|ACME", Decimal("50.25")),
            (4, "Y|ACME", 100),
        ]
        assert decision.deltas == {
            (1, "X|ACME"): 101, (1, "X|OTHER"): 100, (1, "X|*"): 201, (1, "Y|ACME"): 7, (1, "Y|*"): 7,
        }  # fmt: skip

    def test_says_nothing_while_the_total_is_small(self):
        declared = terms(measure="CONCENTRATION", hard="50", dimensions=("book", "issuer"))
        limits = [replace(declared, floor=Decimal(500))]
        trades = [exposure(1, "500", limits, "X", "ACME"), exposure(2, "1", limits, "X", "ACME")]
        assert [each[0] for each in excesses(decide(limits, trades, {}))] == [2]


class TestAnExcessThatIsApproved:
    def test_lifts_the_hard_mark_of_its_member_alone(self):
        limits = [replace(terms(hard="100"), raised={"A": Decimal(50)})]
        trades = [
            exposure(1, "150", limits, "A"), exposure(2, "101", limits, "B"), exposure(3, "1", limits, "A"),
        ]  # fmt: skip
        assert excesses(decide(limits, trades, {})) == [
            (2, "LIMIT_BREACH", "L1", "B", 100, 101),
            (3, "LIMIT_BREACH", "L1", "A", 150, 151),
        ]


class TestAReservation:
    def test_gives_its_room_to_its_own_trade_and_not_to_the_one_before(self):
        limits = [terms(hard="100")]
        before, own = exposure(1, "50", limits, "A"), exposure(2, "60", limits, "A")
        own.frees = {(1, "A"): Held.of(Decimal(60))}
        decision = decide(limits, [before, own], {}, {(1, "A"): Held.of(Decimal(60))})
        assert excesses(decision) == [
            (1, "LIMIT_BREACH", "L1", "A", 100, 110),
            (2, "LIMIT_BREACH", "L1", "A", 100, 110),
        ]
        assert decision.freed == {(1, "A"): Held.of(Decimal(60))}
        assert excesses(decide(limits, [own], {}, {(1, "A"): Held.of(Decimal(60))})) == []


@pytest.mark.django_db
class TestAFigure:
    def test_counts_a_trade_from_its_check_whether_held_or_not(self):
        world()
        limit(hard="1000")
        captured_ids(unit_trade(0), unit_trade(1, counterparty="CUST-01", price="7"))
        assert used() == {}
        check_everything()
        held = checked(unit_trade(2, settlement_date="2026-11-28"))
        assert state_of(held)[0] is State.EXCEPTION
        assert used() == {"BROKER-01": 200, "CUST-01": 14}

    @pytest.mark.parametrize("size", [1, 2, 5_000])
    def test_is_passed_by_the_same_trades_however_they_are_claimed(self, size):
        world()
        limit(hard="250", warn="150")
        ids = captured_ids(*[unit_trade(n) for n in range(4)])
        check_everything(limit=size)
        assert [codes_of(each) for each in ids] == [[], ["LIMIT_WARNING"], ["LIMIT_BREACH"], ["LIMIT_BREACH"]]
        assert [state_of(each)[0].name for each in ids] == [
            "VALIDATED",
            "VALIDATED",
            "EXCEPTION",
            "EXCEPTION",
        ]
        (told,) = findings_of(ids[2])
        assert told == {
            "version": 1, "code": "LIMIT_BREACH", "severity": "BLOCK", "subject": "CPTY BROKER-01",
            "message": "With this trade BROKER-01 exceeds the limit CPTY.", "expected": "at most 250.00",
            "actual": "300.00", "closing": "",
        }  # fmt: skip
        (warned,) = findings_of(ids[1])
        assert (warned["severity"], warned["expected"], warned["actual"]) == (
            "WARN",
            "at most 150.00",
            "200.00",
        )
        assert warned["message"] == "With this trade BROKER-01 passes the warning mark of the limit CPTY."
        assert used() == {"BROKER-01": 400}

    def test_is_in_base_currency_at_the_rate_of_capture(self):
        world()
        limit(hard="100000")
        (trade_id,) = captured_ids(equity())
        rate("USD", "9", on=date(2026, 11, 24))
        check_everything()
        assert state_of(trade_id)[0] is State.VALIDATED
        assert used() == {"BROKER-01": Decimal("17227.0000")}

    @pytest.mark.parametrize("ending", ["cancelled", "settled"])
    def test_is_released_when_a_trade_ends(self, ending):
        world()
        limit(hard="150")
        first, second = captured_ids(unit_trade(0), unit_trade(1))
        check_everything()
        assert states() == {"VALIDATED": 1, "EXCEPTION": 1}
        if ending == "settled":
            assert settle([first]) == [first]
        else:
            move_trades(
                trade_ids=[first], source=State.VALIDATED, target=State.CANCELLED, at=NOW, actor=OPERATOR
            )
        assert used() == {"BROKER-01": 100}
        recheck_trades(trade_ids=[second], reason="room again", actor=OPERATOR, now=NOW)
        check_everything()
        assert state_of(second)[0] is State.VALIDATED
        assert used() == {"BROKER-01": 100}

    def test_is_not_released_for_a_trade_that_was_never_counted(self):
        world()
        limit(hard="150")
        checked(unit_trade(0))
        (second,) = captured_ids(unit_trade(1))
        move_trades(trade_ids=[second], source=State.CAPTURED, target=State.CANCELLED, at=NOW, actor=OPERATOR)
        assert check_everything() == 1
        assert used() == {"BROKER-01": 100}

    def test_moves_with_a_new_version_to_what_that_uses(self):
        world()
        party("OTHER")
        limit(hard="150")
        first, second = captured_ids(unit_trade(0), unit_trade(1))
        check_everything()
        repair_trade(
            trade_id=second, version=1, changes={"counterparty": "OTHER", "quantity": "1"}, reason="wrong",
            actor=CLERK, now=NOW,
        )  # fmt: skip
        assert used() == {"BROKER-01": 200}
        check_everything()
        assert used() == {"BROKER-01": 100, "OTHER": 50}
        assert [state_of(each) for each in (first, second)] == [(State.VALIDATED, 1), (State.VALIDATED, 2)]

    def test_is_not_counted_twice_by_a_second_check(self):
        world()
        limit(hard="150")
        ids = captured_ids(unit_trade(0), unit_trade(1))
        check_everything()
        for _ in range(2):
            recheck_trades(trade_ids=ids, reason="again", actor=OPERATOR, now=NOW)
            check_everything()
        assert used() == {"BROKER-01": 200}

    def test_a_second_check_of_the_first_trade_finds_the_limit_that_the_later_one_passed(self):
        """Each stands for the whole figure when it is looked at again: both count, so both are told."""
        world()
        limit(hard="150")
        first, second = captured_ids(unit_trade(0), unit_trade(1))
        check_everything()
        recheck_trades(trade_ids=[first], reason="again", actor=OPERATOR, now=NOW)
        check_everything()
        assert [codes_of(each) for each in (first, second)] == [["LIMIT_BREACH"], ["LIMIT_BREACH"]]

    def test_of_a_trade_without_a_base_amount_does_not_move(self):
        world()
        limit(hard="10")
        trade_id = checked(equity(currency="CHF"))
        assert "NO_FX_RATE" in codes_of(trade_id)
        assert "LIMIT_BREACH" not in codes_of(trade_id)
        assert used() == {}


@pytest.mark.django_db
class TestALimit:
    def test_holds_from_its_first_to_its_last_day(self):
        limit("NOW", hard="1", valid_from=TODAY, valid_to=TODAY)
        limit("OPEN", hard="1")
        limit("PAST", hard="1", valid_to=date(2026, 11, 22))
        limit("NEXT", hard="1", valid_from=date(2026, 11, 24))
        assert [each.code for each in limits_in_force(at=NOW)] == ["NOW", "OPEN"]

    def test_that_is_still_to_come_has_figures_already_and_holds_nothing(self):
        world()
        limit("NEXT", hard="1", warn="1", valid_from=date(2026, 11, 24))
        trade_id = checked(unit_trade(0))
        assert codes_of(trade_id) == []
        assert used("NEXT") == {"BROKER-01": 100}
        assert [each.code for each in limits_kept(at=NOW)] == ["NEXT"]

    def test_may_stand_in_another_currency_at_the_rate_of_the_day(self):
        world()
        limit("USD", hard="200", warn="100", currency="USD")
        (found,) = limits_in_force(at=NOW)
        assert (found.warn, found.hard) == (92, 184)
        assert [codes_of(checked(unit_trade(n))) for n in (0, 1)] == [["LIMIT_WARNING"], ["LIMIT_BREACH"]]

    def test_whose_currency_has_no_rate_lets_nothing_pass(self):
        world()
        limit("CHF", hard="200", currency="CHF")
        assert codes_of(checked(unit_trade(0))) == ["LIMIT_BREACH"]

    @pytest.mark.parametrize(
        ("dimension", "key"),
        [
            ("entity", None), ("desk", "DESK-1"), ("book", "BOOK-1"), ("trader", "jdoe"), ("counterparty", "BROKER-01"),
            ("party_group", "ACME"), ("country", "US"), ("instrument", EURO_SHARE), ("issuer", "SAP"),
            ("product", "EQUITY"), ("currency", "EUR"), ("source", "FO-EQ"),
        ],
    )  # fmt: skip
    def test_is_kept_by_any_dimension(self, dimension, key):
        there = world()
        Party.objects.filter(code="BROKER-01").update(party_group="ACME")
        Instrument.objects.filter(code=EURO_SHARE).update(issuer="SAP")
        Limit.objects.update(stale=False)
        limit("L", hard="1000", dimensions=(dimension,))
        checked(unit_trade(0))
        assert used("L") == {key or str(there.ours.id): 100}

    def test_on_a_group_counts_its_members_and_one_without_a_group_is_its_own(self):
        world()
        party("SISTER", party_group="ACME")
        Party.objects.filter(code="BROKER-01").update(party_group="ACME")
        limit("L", hard="1000", dimensions=("party_group",))
        captured_ids(
            unit_trade(0), unit_trade(1, counterparty="SISTER"), unit_trade(2, counterparty="CUST-01")
        )
        check_everything()
        assert used("L") == {"ACME": 200, "CUST-01": 100}

    def test_may_be_kept_by_several_dimensions_and_for_some_members(self):
        world()
        limit("PAIR", hard="150", dimensions=("counterparty", "book"), members=("BROKER-01",))
        captured_ids(unit_trade(0), unit_trade(1, counterparty="CUST-01"), unit_trade(2))
        check_everything()
        assert used("PAIR") == {"BROKER-01|BOOK-1": 200}
        assert states() == {"VALIDATED": 2, "EXCEPTION": 1}

    @pytest.mark.parametrize(
        ("dimension", "member"),
        [("counterparty", "BROKER-01"), ("book", "BOOK-1"), ("desk", "DESK-1"), ("trader", "jdoe"), ("country", "US"),
         ("instrument", "DE0007164600"), ("product", "EQUITY"), ("currency", "EUR"), ("source", "FO-EQ")],
    )  # fmt: skip
    def test_may_be_kept_by_any_dimension(self, dimension, member):
        world()
        limit("ANY", hard="99", dimensions=(dimension,))
        assert codes_of(checked(unit_trade(0))) == ["LIMIT_BREACH"]
        assert used("ANY") == {member: 100}

    def test_on_the_entity_is_kept_by_its_id(self):
        of = world()
        limit("ENTITY", hard="99", dimensions=("entity",))
        checked(unit_trade(0))
        assert used("ENTITY") == {str(of.ours.id): 100}

    def test_on_a_single_size_holds_the_one_that_is_too_big(self):
        world()
        limit("SIZE", hard="99.99", measure="SINGLE_SIZE", dimensions=("trader",))
        assert codes_of(checked(unit_trade(0))) == ["LIMIT_BREACH"]
        assert codes_of(checked(unit_trade(1, price="49", trader="jdoe"))) == []
        assert used("SIZE") == {}

    def test_on_what_a_trade_does_not_have_does_not_concern_it(self):
        world()
        limit("COUNTRY", hard="0", dimensions=("country",), members=("DE",))
        limit("INSTRUMENT", hard="0", dimensions=("instrument",))
        assert codes_of(checked(goods())) == []
