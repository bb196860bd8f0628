"""Exceptions are opened and closed with trades, and belong to one person at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError

from core.as_of import known_at
from core.audit import Actor
from core.http.problem import Problem
from tests.support.records import (
    CLERK,
    EQUITY,
    FX,
    LATER,
    NOW,
    all_written,
    captured,
    events_of,
    person,
    race,
    reference_data,
)
from trades.models import AssignmentRule, Comment, ExceptionClosing, ExceptionItem
from trades.selectors.exceptions import queue
from trades.services.attention import assign_exceptions
from trades.services.comments import comment
from trades.services.exceptions import (
    NewException,
    claim_exceptions,
    close_exceptions,
    open_exceptions,
    release_exceptions,
    take_next,
)

CHECKS = Actor("system:checks")


def _opened(trade_id: int, kind="FINDING", *, codes=("A",), money="10", deadline=LATER) -> int:
    amount = None if money is None else Decimal(money)
    item = NewException(trade_id, kind, list(codes), "held", amount, deadline)
    open_exceptions(items=[item], at=NOW, actor=CHECKS)
    return ExceptionItem.objects.get(trade_id=trade_id, kind=kind, closed_at=None).id


@pytest.mark.django_db
class TestOpening:
    def test_it_is_stored_and_told(self) -> None:
        number = _opened(5, codes=["B", 'A",}'], money="1234.5678")
        item = ExceptionItem.objects.get()
        assert (item.id, item.kind, item.trade_id, item.codes, item.summary) == (
            number, "FINDING", 5, ["B", 'A",}'], "held",
        )  # fmt: skip
        assert (item.amount_at_risk, item.deadline, item.opened_at) == (Decimal("1234.5678"), LATER, NOW)
        assert (item.owner_id, item.closed_at, item.closed_by, item.resolution) == (None, None, "", "")
        told = {"exception_id": number, "kind": "FINDING", "codes": ["B", 'A",}']}
        assert events_of(5) == [("exception.opened", None, "system:checks", "", "", told)]

    def test_an_open_one_gets_the_new_facts_and_keeps_its_owner_without_a_second_event(self) -> None:
        user = person("ann")
        number = _opened(5)
        claim_exceptions(exception_ids=[number], user=user, actor=CLERK, now=NOW)
        assert _opened(5, codes=["C"], money=None, deadline=None) == number
        item = ExceptionItem.objects.get()
        assert (item.codes, item.amount_at_risk, item.deadline, item.owner) == (["C"], None, None, user)
        assert [event[0] for event in events_of(5)] == ["exception.opened", "exception.claimed"]

    def test_kinds_are_apart(self) -> None:
        first = _opened(5)
        other = _opened(5, "FAIL")
        close_exceptions(trade_ids=[5], kinds=["FINDING"], resolution="done", closed_by=CLERK, at=LATER)
        assert first != other
        assert ExceptionItem.objects.get(closed_at=None).id == other

    def test_many_are_one_statement_and_none_are_no_statement(self, django_assert_num_queries) -> None:
        items = [NewException(n, "FINDING", ["A"], "s") for n in range(300)]
        with django_assert_num_queries(1):
            open_exceptions(items=items, at=NOW, actor=CHECKS)
        with django_assert_num_queries(0):
            open_exceptions(items=[], at=NOW, actor=CHECKS)
            assert close_exceptions(trade_ids=[], resolution="x", closed_by=CLERK, at=NOW) == 0
        assert ExceptionItem.objects.count() == 300


def _close(trade_id: int, resolution: str = "done") -> None:
    close_exceptions(trade_ids=[trade_id], resolution=resolution, closed_by=CLERK, at=LATER)


@pytest.mark.django_db
class TestReopening:
    def test_a_closed_one_whose_cause_recurs_opens_again_with_its_history(self) -> None:
        ann = person("ann")
        number = _opened(5, codes=["A", "B"])
        claim_exceptions(exception_ids=[number], user=ann, actor=CLERK, now=NOW)
        comment(exception_id=number, text="Called them.", actor=CLERK, now=NOW)
        _close(5, "fixed")
        assert _opened(5, codes=["B", "C"], money="7") == number
        item = ExceptionItem.objects.get()
        assert (item.owner, item.codes, item.amount_at_risk, item.reopenings) == (
            ann, ["B", "C"], Decimal(7), 1,
        )  # fmt: skip
        assert (item.closed_at, item.closed_by, item.resolution, item.opened_at) == (None, "", "", NOW)
        assert item.comments.count() == 1
        assert ExceptionClosing.objects.values_list("exception_id", "closed_at", "closed_by", "resolution").get() == (
            number, LATER, "user:clerk", "fixed",
        )  # fmt: skip
        told = {"exception_id": number, "kind": "FINDING", "codes": ["B", "C"]}
        assert events_of(5, "exception.reopened") == [
            ("exception.reopened", None, "system:checks", "", "", told)
        ]
        assert len(events_of(5, "exception.opened")) == 1

    def test_of_several_closed_ones_the_latest_with_the_cause_opens(self) -> None:
        first = _opened(5, codes=["A"])
        _close(5)
        second = _opened(5, codes=["B"])
        _close(5)
        assert second != first
        assert _opened(5, codes=["A"]) == first
        _close(5)
        assert _opened(5, codes=["A", "B"]) == second

    def test_another_cause_kind_or_trade_is_new(self) -> None:
        number = _opened(5, codes=["A"])
        _close(5)
        others = [_opened(5, codes=["B"]), _opened(5, "FAIL", codes=["A"]), _opened(6, codes=["A"])]
        assert number not in others
        assert ExceptionItem.objects.get(id=number).closed_at == LATER

    def test_one_that_is_open_is_told_anew_even_where_a_closed_one_has_the_cause(self) -> None:
        closed = _opened(5, codes=["A"])
        _close(5)
        present = _opened(5, codes=["B"])
        assert _opened(5, codes=["A"]) == present
        assert ExceptionItem.objects.get(id=closed).closed_at == LATER
        assert events_of(5, "exception.reopened") == []

    def test_what_was_snoozed_or_escalated_comes_back_awake(self) -> None:
        number = _opened(5)
        ExceptionItem.objects.filter(id=number).update(
            snoozed_until=LATER + timedelta(days=1), snooze_reason="x", escalated_at=NOW
        )
        _close(5)
        _opened(5)
        item = ExceptionItem.objects.get()
        assert (item.snoozed_until, item.snooze_reason, item.escalated_at) == (None, "", None)


@pytest.mark.django_db(transaction=True)
def test_one_that_opened_again_is_read_as_it_was_at_each_moment_before() -> None:
    def minute(n: int) -> datetime:
        return NOW + timedelta(minutes=n)

    reference_data()
    trade_id = captured(EQUITY)
    item = NewException(trade_id, "FINDING", ["A"], "held")
    open_exceptions(items=[item], at=NOW, actor=CHECKS)
    number = ExceptionItem.objects.get().id
    assign_exceptions(
        exception_ids=[number], owner=person("ann"), team=None, reason="hers", actor=CLERK, now=minute(2)
    )
    close_exceptions(trade_ids=[trade_id], resolution="fixed", closed_by=CLERK, at=minute(5))
    open_exceptions(items=[item], at=minute(10), actor=CHECKS)
    close_exceptions(trade_ids=[trade_id], resolution="fixed for good", closed_by=CHECKS, at=minute(15))
    seen = []
    for at in (1, 3, 7, 12, 20):
        then = known_at(minute(at))
        for view in ("open", "closed"):
            rows, _ = queue(view=view, user_id=0, now=minute(at), as_of=then)
            seen += [(at, view, row["owner"], row["closed_by"], row["resolution"]) for row in rows]
    assert seen == [
        (1, "open", None, "", ""),
        (3, "open", "ann", "", ""),
        (7, "closed", "ann", "user:clerk", "fixed"),
        (12, "open", "ann", "", ""),
        (20, "closed", "ann", "system:checks", "fixed for good"),
    ]


@pytest.mark.django_db
class TestMoves:
    @pytest.mark.parametrize(
        ("kind", "codes", "expected"),
        [
            ("FINDING", ["OFF_MARKET_PRICE"], "OPERATIONS"),
            ("FINDING", ["SSI_MISSING", "UNKNOWN_PARTY"], "REFERENCE_DATA"),
            ("FINDING", ["RESTRICTED_LIST"], "RISK"),
            ("FINDING", ["RESTRICTED_LIST", "SSI_MISSING"], "OPERATIONS"),
            ("LIMIT", ["LIMIT_BREACH"], "RISK"),
            ("FINDING", [], "OPERATIONS"),
            ("REJECTION", ["SETTLEMENT_REJECTED"], "OPERATIONS"),
            ("FAIL", ["SETTLEMENT_FAILED"], "BACK_OFFICE"),
        ],
    )
    def test_are_whose_all_codes_name_else_of_operations(self, kind, codes, expected) -> None:
        _opened(5, kind, codes=codes)
        assert ExceptionItem.objects.get().move == expected

    def test_stay_where_people_put_them_until_the_codes_change(self) -> None:
        _opened(5, codes=["A"])
        ExceptionItem.objects.update(move="FRONT_OFFICE")
        _opened(5, codes=["A"], money="11")
        assert ExceptionItem.objects.get().move == "FRONT_OFFICE"
        _opened(5, codes=["RESTRICTED_LIST"])
        assert ExceptionItem.objects.get().move == "RISK"


@pytest.mark.django_db
class TestAssignment:
    def test_the_first_rule_that_fits_names_owner_and_team(self) -> None:
        reference_data()
        ann, desk = person("ann"), Group.objects.create(name="equities desk")
        AssignmentRule.objects.create(position=2, team=desk)
        AssignmentRule.objects.create(
            position=1, code="A", source="FO-EQ", book="EQ-US", owner=ann, team=desk
        )
        AssignmentRule.objects.create(position=0, kind="FAIL", owner=person("bob"))
        trade_id, other = captured(EQUITY), captured(FX)
        number, second = _opened(trade_id), _opened(other)
        item = ExceptionItem.objects.get(id=number)
        assert (item.owner, item.team, item.claimed_at) == (ann, desk, NOW)
        told = {
            "exception_id": number, "kind": "FINDING", "codes": ["A"], "owner": "ann", "team": "equities desk",
        }  # fmt: skip
        assert [
            (each[0], each[5]) for each in events_of(trade_id, "exception.opened", "exception.assigned")
        ] == [
            ("exception.opened", {"exception_id": number, "kind": "FINDING", "codes": ["A"]}),
            ("exception.assigned", told),
        ]
        item = ExceptionItem.objects.get(id=second)
        assert (item.owner, item.team, item.claimed_at) == (None, desk, None)

    def test_no_rule_leaves_it_to_all_and_a_known_owner_is_kept(self) -> None:
        number = _opened(5)
        assert ExceptionItem.objects.get().owner is None
        ann = person("ann")
        claim_exceptions(exception_ids=[number], user=ann, actor=CLERK, now=NOW)
        AssignmentRule.objects.create(position=0, owner=person("bob"))
        _opened(5, money="3")
        _close(5)
        _opened(5)
        assert ExceptionItem.objects.get().owner == ann
        assert events_of(5, "exception.assigned") == []

    def test_the_database_refuses_a_rule_that_names_nobody(self) -> None:
        with pytest.raises(IntegrityError, match="trades_assignment_to_somebody"):
            AssignmentRule.objects.create(position=1)


@pytest.mark.django_db
class TestClosing:
    def test_it_closes_what_is_open_once_and_tells_why(self) -> None:
        number = _opened(5)
        _opened(6)
        for expected in (1, 0):
            found = close_exceptions(trade_ids=[5, 99], resolution="passes", closed_by=CLERK, at=LATER)
            assert found == expected
        item = ExceptionItem.objects.get(id=number)
        assert (item.closed_at, item.closed_by, item.resolution) == (LATER, "user:clerk", "passes")
        told = {"exception_id": number, "kind": "FINDING", "codes": ["A"]}
        closed = ("exception.closed", None, "user:clerk", "req-1", "passes", told)
        assert events_of(5, "exception.closed") == [closed]
        assert ExceptionItem.objects.get(trade_id=6).closed_at is None


@pytest.mark.django_db
class TestOwning:
    def test_a_claim_says_what_became_of_each(self) -> None:
        ann, bob = person("ann"), person("bob")
        free, his, closed = _opened(1), _opened(2), _opened(3)
        claim_exceptions(exception_ids=[his], user=bob, actor=CLERK, now=NOW)
        close_exceptions(trade_ids=[3], resolution="x", closed_by=CLERK, at=NOW)
        expected = {free: "CLAIMED", his: "TAKEN", closed: "CLOSED"}
        for _ in range(2):  # again: still hers, and no second event
            found = claim_exceptions(
                exception_ids=[closed, his, free, 999_999], user=ann, actor=CLERK, now=LATER
            )
            assert found == expected
        item = ExceptionItem.objects.get(id=free)
        assert (item.owner, item.claimed_at) == (ann, LATER)
        assert len(events_of(1, "exception.claimed")) == 1
        assert ExceptionItem.objects.get(id=his).owner == bob
        assert ExceptionItem.objects.get(id=closed).owner is None

    def test_only_the_owner_releases(self) -> None:
        ann, bob = person("ann"), person("bob")
        hers, free, closed = _opened(1), _opened(2), _opened(3)
        claim_exceptions(exception_ids=[hers], user=ann, actor=CLERK, now=NOW)
        close_exceptions(trade_ids=[3], resolution="x", closed_by=CLERK, at=NOW)
        ids = [hers, free, closed]
        found = release_exceptions(exception_ids=ids, user=bob, actor=CLERK, now=LATER)
        assert found == {hers: "TAKEN", free: "RELEASED", closed: "CLOSED"}
        assert ExceptionItem.objects.get(id=hers).owner == ann
        assert release_exceptions(exception_ids=[hers], user=ann, actor=CLERK, now=LATER) == {
            hers: "RELEASED"
        }
        item = ExceptionItem.objects.get(id=hers)
        assert (item.owner, item.claimed_at) == (None, None)
        assert len(events_of(1, "exception.released")) == 1
        assert events_of(2, "exception.released") == []

    def test_the_next_is_the_earliest_then_the_dearest_that_nobody_has(self) -> None:
        ann = person("ann")
        never = _opened(1, deadline=None, money="900")
        unpriced = _opened(2, deadline=LATER, money=None)
        small = _opened(3, deadline=LATER, money="5")
        big = _opened(4, deadline=LATER, money="50")
        first = _opened(5, deadline=NOW, money="1")
        _opened(6, deadline=NOW - timedelta(days=1))
        close_exceptions(trade_ids=[6], resolution="x", closed_by=CLERK, at=NOW)
        taken = [take_next(user=ann, actor=CLERK, now=NOW) for _ in range(6)]
        assert taken == [first, big, small, unpriced, never, None]
        assert events_of(5, "exception.claimed")[0][2:4] == ("user:clerk", "req-1")


@pytest.mark.django_db
class TestCommenting:
    def test_it_is_written_with_its_author_and_told(self) -> None:
        number = _opened(5)
        close_exceptions(trade_ids=[5], resolution="x", closed_by=CLERK, at=NOW)
        written = comment(exception_id=number, text="  Called them.\n", actor=CLERK, now=LATER)
        found = Comment.objects.get()
        assert (found.id, found.exception_id, found.author, found.text, found.written_at) == (
            written, number, "user:clerk", "Called them.", LATER,
        )  # fmt: skip
        (event,) = events_of(5, "exception.commented")
        assert event[5] == {"exception_id": number, "comment_id": written}

    @pytest.mark.parametrize(
        ("text", "code"),
        [("", "missing"), (" \n ", "missing"), ("x" * 4001, "length"), ("a\0b", "control-character")],
    )
    def test_an_unusable_text_is_refused(self, text: str, code: str) -> None:
        number = _opened(5)
        before = all_written()
        with pytest.raises(Problem) as refused:
            comment(exception_id=number, text=text, actor=CLERK, now=NOW)
        assert refused.value.status == 422
        assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [("/text", code)]
        assert all_written() == before

    def test_the_longest_allowed_is_stored(self) -> None:
        comment(exception_id=_opened(5), text="x" * 4000, actor=CLERK, now=NOW)
        assert len(Comment.objects.get().text) == 4000

    def test_an_unknown_exception_is_not_found(self) -> None:
        with pytest.raises(Problem) as refused:
            comment(exception_id=1, text="x", actor=CLERK, now=NOW)
        assert refused.value.status == 404


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_many_who_claim_the_same_exactly_one_wins(self) -> None:
        people = [person(f"p{n}") for n in range(6)]
        ids = [_opened(1), _opened(2)]

        def claims(at: int):
            # Half ask in the other order: ids are locked in one order whoever asks.
            asked = ids if at % 2 else ids[::-1]
            return lambda: claim_exceptions(exception_ids=asked, user=people[at], actor=CLERK, now=NOW)

        results = race(*[claims(at) for at in range(6)])
        for number, trade_id in zip(ids, (1, 2), strict=True):
            answers = sorted(result[number] for result in results)
            assert answers == ["CLAIMED"] + ["TAKEN"] * 5
            winner = next(at for at, result in enumerate(results) if result[number] == "CLAIMED")
            assert ExceptionItem.objects.get(id=number).owner == people[winner]
            assert len(events_of(trade_id, "exception.claimed")) == 1

    def test_people_who_take_the_next_get_different_ones(self) -> None:
        people = [person(f"p{n}") for n in range(6)]
        ids = {_opened(n) for n in range(1, 6)}
        taken = race(*[lambda p=p: take_next(user=p, actor=CLERK, now=NOW) for p in people])
        assert sorted(each for each in taken if each is not None) == sorted(ids)
        assert taken.count(None) == 1

    def test_opening_and_claiming_crosswise_never_deadlock(self) -> None:
        user = person("ann")
        second, first = _opened(2), _opened(1)  # ids run against the trades' order
        items = [NewException(n, "FINDING", ["X"], "again") for n in (1, 2)]
        for _ in range(10):
            results = race(
                lambda: open_exceptions(items=items, at=LATER, actor=CHECKS),
                lambda: claim_exceptions(exception_ids=[first, second], user=user, actor=CLERK, now=NOW),
                lambda: release_exceptions(exception_ids=[first, second], user=user, actor=CLERK, now=NOW),
                lambda: open_exceptions(items=items[::-1], at=LATER, actor=CHECKS),
            )
            assert [each for each in results if isinstance(each, Exception)] == []
        assert ExceptionItem.objects.count() == 2

    def test_opening_a_closed_one_again_many_times_at_once_keeps_one(self) -> None:
        for n in range(1, 4):
            _opened(n, codes=["X"])
            _close(n)
        items = [NewException(n, "FINDING", ["X"], "again") for n in range(1, 4)]
        results = race(*[lambda: open_exceptions(items=items, at=LATER, actor=CHECKS)] * 4)
        assert results == [None] * 4
        assert list(ExceptionItem.objects.values_list("closed_at", "reopenings")) == [(None, 1)] * 3
        assert [len(events_of(n, "exception.reopened")) for n in range(1, 4)] == [1, 1, 1]

    def test_opening_the_same_twice_at_once_makes_one(self) -> None:
        items = [NewException(n, "FINDING", ["X"], "once") for n in range(1, 4)]
        results = race(*[lambda: open_exceptions(items=items, at=NOW, actor=CHECKS)] * 4)
        assert results == [None] * 4
        assert ExceptionItem.objects.count() == 3
        assert [len(events_of(n, "exception.opened")) for n in range(1, 4)] == [1, 1, 1]
