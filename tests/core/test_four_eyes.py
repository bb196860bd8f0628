"""A change that needs two people happens once, as proposed, and never by its own maker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import four_eyes, sql
from core.audit import Actor
from core.http.problem import Problem
from core.models import ApprovalPolicy, Event, Proposal
from tests.support.records import person, race

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
MAKER, CHECKER = Actor("user:maker", "req-1"), Actor("user:checker", "req-2")
CONTENT = {"b": [1, "ü"], "a": {"amount": Decimal("10.50"), "day": NOW.date()}}


@pytest.fixture
def applied() -> Iterator[list[tuple[int, str, datetime]]]:
    """Register the kind `test` and return what its approvals did; subject 13 refuses."""
    done: list[tuple[int, str, datetime]] = []

    def apply(proposal: Proposal, actor: Actor, at: datetime) -> None:
        if proposal.subject_id == 13:
            raise Problem(409, "unlucky", "Not with this one.")
        Event.objects.create(
            recorded_at=at, xid=0, type="done", subject="thing", subject_id=proposal.subject_id, actor="x"
        )
        done.append((proposal.subject_id, actor.name, at))

    four_eyes.on_approval("test", apply, stakes=True)
    yield done
    del four_eyes._KINDS["test"]


def _propose(user: User, *, subject_id: int = 7, content: object = CONTENT, reason: str = " why ") -> int:
    return four_eyes.propose(
        kind="test",
        subject="thing",
        subject_id=subject_id,
        content=content,
        user=user,
        reason=reason,
        now=NOW,
        actor=MAKER,
    )


def _approve(proposal_id: int, user: User, *, note: str = " fine ", kind: str = "") -> Proposal:
    return four_eyes.approve(
        proposal_id=proposal_id, user=user, note=note, now=LATER, actor=CHECKER, kind=kind
    )


def _decline(proposal_id: int, user: User, *, note: str = " no ") -> Proposal:
    return four_eyes.decline(proposal_id=proposal_id, user=user, note=note, now=LATER, actor=CHECKER)


def _events(subject_id: int = 7) -> list[tuple[object, ...]]:
    found = Event.objects.filter(subject="thing", subject_id=subject_id).order_by("id")
    return list(found.values_list("type", "actor", "request_id", "reason", "data"))


def _refused(call: partial[object]) -> Problem:
    """Return why a call is refused, having seen that it wrote nothing."""
    before = list(Proposal.objects.order_by("id").values()), Event.objects.count()
    with pytest.raises(Problem) as refused:
        call()
    assert (list(Proposal.objects.order_by("id").values()), Event.objects.count()) == before
    return refused.value


@pytest.mark.django_db
class TestProposing:
    def test_it_waits_with_its_content_and_reason_and_is_told(self) -> None:
        maker = person("maker")
        number = _propose(maker)
        proposal = Proposal.objects.get()
        assert (proposal.id, proposal.kind, proposal.subject, proposal.subject_id) == (
            number, "test", "thing", 7,
        )  # fmt: skip
        assert proposal.content == {"a": {"amount": "10.50", "day": "2026-11-23"}, "b": [1, "ü"]}
        assert (proposal.maker, proposal.reason, proposal.made_at) == (maker, "why", NOW)
        assert (proposal.state, proposal.checker, proposal.decided_at) == ("PENDING", None, None)
        told = {"proposal_id": number, "kind": "test"}
        assert _events() == [("proposal.made", "user:maker", "req-1", "why", told)]

    def test_the_hash_is_of_the_meaning_and_of_every_part_of_it(self) -> None:
        arguments = {"kind": "k", "subject": "s", "subject_id": 1}
        digest = four_eyes.content_hash(**arguments, content={"a": Decimal("1.0"), "b": {"x": 1, "y": 2}})
        same = four_eyes.content_hash(**arguments, content={"b": {"y": 2, "x": 1}, "a": "1.0"})
        assert digest == same
        canonical = b'["k","s",1,{"a":"1.0","b":{"x":1,"y":2}}]'
        assert digest == hashlib.sha256(canonical).hexdigest()
        others = {
            four_eyes.content_hash(**{**arguments, **change}, content={"a": "1.0", "b": {"x": 1, "y": 2}})
            for change in ({"kind": "l"}, {"subject": "t"}, {"subject_id": 2})
        }
        others.add(four_eyes.content_hash(**arguments, content={"a": "1.00", "b": {"x": 1, "y": 2}}))
        assert len(others | {digest}) == 5

    def test_a_second_one_for_the_subject_is_refused_until_the_first_is_decided(self, applied) -> None:
        maker, checker = person("maker"), person("checker")
        number = _propose(maker)
        problem = _refused(partial(_propose, checker, content="other"))
        assert (problem.status, problem.code) == (409, "pending-proposal")
        _propose(maker, subject_id=8)
        _decline(number, checker)
        _propose(maker)

    @pytest.mark.parametrize(
        ("reason", "code"), [("", "missing"), (" \n", "missing"), ("x" * 1001, "length")]
    )
    def test_a_reason_is_required(self, reason: str, code: str) -> None:
        problem = _refused(partial(_propose, person("maker"), reason=reason))
        assert problem.status == 422
        assert [(fault.pointer, fault.code) for fault in problem.faults] == [("/reason", code)]


@pytest.mark.django_db
class TestDeciding:
    def test_an_approval_does_what_was_proposed_in_the_same_transaction(self, applied) -> None:
        checker = person("checker")
        number = _propose(person("maker"))
        returned = _approve(number, checker)
        proposal = Proposal.objects.get()
        assert returned == proposal
        assert (proposal.state, proposal.checker, proposal.decided_at, proposal.decision_note) == (
            "APPROVED", checker, LATER, "fine",
        )  # fmt: skip
        assert applied == [(7, "user:checker", LATER)]
        told = {"proposal_id": number, "kind": "test"}
        assert _events()[1:] == [
            ("proposal.approved", "user:checker", "req-2", "fine", told),
            ("done", "x", "", "", None),
        ]

    def test_what_the_change_is_refused_with_leaves_the_proposal_waiting(self, applied) -> None:
        number = _propose(person("maker"), subject_id=13)
        assert _refused(partial(_approve, number, person("checker"))).code == "unlucky"
        assert Proposal.objects.get().state == "PENDING"

    def test_a_refusal_does_nothing_and_says_why(self, applied) -> None:
        checker = person("checker")
        number = _propose(person("maker"))
        problem = _refused(partial(_decline, number, checker, note=" "))
        assert (problem.status, problem.faults[0].pointer) == (422, "/note")
        _decline(number, checker)
        proposal = Proposal.objects.get()
        assert (proposal.state, proposal.checker, proposal.decision_note) == ("REJECTED", checker, "no")
        assert applied == []
        assert [event[0] for event in _events()] == ["proposal.made", "proposal.declined"]

    @pytest.mark.parametrize("superuser", [False, True])
    @pytest.mark.parametrize("decide", [_approve, _decline])
    def test_the_maker_never_decides_superusers_included(self, applied, decide, superuser: bool) -> None:
        maker = person("maker", is_superuser=superuser)
        number = _propose(maker)
        problem = _refused(partial(decide, number, maker))
        assert (problem.status, problem.code) == (403, "own-proposal")
        assert applied == []

    def test_the_database_refuses_the_maker_too(self) -> None:
        maker = person("maker")
        _propose(maker)
        with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic():
            Proposal.objects.update(state="APPROVED", checker=maker, decided_at=NOW)
        assert Proposal.objects.get().state == "PENDING"

    @pytest.mark.parametrize("decide", [_approve, _decline])
    def test_what_is_decided_is_decided(self, applied, decide) -> None:
        checker = person("checker")
        number = _propose(person("maker"))
        _approve(number, checker)
        problem = _refused(partial(decide, number, checker))
        assert (problem.status, problem.code) == (409, "not-pending")
        assert len(applied) == 1

    @pytest.mark.parametrize("forged", ["content = '{\"a\": 1}'", "subject_id = 8", "kind = 'other'"])
    def test_a_proposal_that_was_altered_is_not_decided(self, applied, forged: str) -> None:
        four_eyes.on_approval("other", lambda proposal, actor, at: applied.append((0, "", at)))
        number = _propose(person("maker"))
        with connection.cursor() as cursor:
            cursor.execute(
                "SET LOCAL session_replication_role = replica"
            )  # past the trigger, as an owner can
            cursor.execute(f"UPDATE core_proposal SET {forged}")
            cursor.execute("SET LOCAL session_replication_role = origin")
        problem = _refused(partial(_approve, number, person("checker")))
        assert (problem.status, problem.code) == (409, "content-changed")
        assert applied == []
        del four_eyes._KINDS["other"]

    def test_an_unknown_one_or_one_of_another_kind_is_not_found(self, applied) -> None:
        checker = person("checker")
        assert _refused(partial(_approve, 999_999, checker)).status == 404
        number = _propose(person("maker"))
        assert _refused(partial(_approve, number, checker, kind="other")).status == 404


def _withdraw(proposal_id: int, user: User, *, note: str = " mistaken ", kind: str = "") -> Proposal:
    return four_eyes.withdraw(
        proposal_id=proposal_id, user=user, note=note, now=LATER, actor=MAKER, kind=kind
    )


@pytest.mark.django_db
class TestWithdrawal:
    def test_is_its_makers_alone_and_told_and_frees_the_way(self, applied) -> None:
        maker = person("maker")
        number = _propose(maker)
        assert _refused(partial(_withdraw, number, person("checker"))).code == "not-your-proposal"
        found = _withdraw(number, maker)
        assert (found.state, found.checker, found.decided_at, found.decision_note) == (
            "WITHDRAWN", None, LATER, "mistaken",
        )  # fmt: skip
        told = {"proposal_id": number, "kind": "test"}
        assert _events()[1:] == [("proposal.withdrawn", "user:maker", "req-1", "mistaken", told)]
        assert applied == []
        assert _propose(maker) != number

    def test_of_what_is_decided_or_unknown_is_refused(self, applied) -> None:
        maker, checker = person("maker"), person("checker")
        number = _propose(maker)
        assert _refused(partial(_withdraw, number, maker, kind="other")).status == 404
        _approve(number, checker)
        assert _refused(partial(_withdraw, number, maker)).code == "not-pending"
        again = _propose(maker)
        _withdraw(again, maker)
        assert _refused(partial(_withdraw, again, maker)).code == "not-pending"
        assert _refused(partial(_approve, again, checker)).code == "not-pending"


@pytest.mark.django_db
class TestTheDatabase:
    @pytest.mark.parametrize("state", ["APPROVED", "REJECTED", "VOID", "WITHDRAWN"])
    def test_takes_no_proposal_that_is_born_decided(self, state: str) -> None:
        maker, checker = person("maker"), person("checker")
        born = {
            "kind": "k",
            "subject": "s",
            "subject_id": 1,
            "content": {},
            "content_hash": "",
            "made_at": NOW,
        }
        decided = {"state": state, "maker": maker, "checker": checker, "decided_at": NOW, "reason": "r"}
        with pytest.raises(IntegrityError, match="begins by waiting"), transaction.atomic():
            Proposal.objects.bulk_create([Proposal(**born, **decided)])
        assert not Proposal.objects.exists()

    @pytest.mark.parametrize(
        "change",
        ["state = 'PENDING'", "decision_note = 'x'", "checker_id = NULL, state = 'VOID'", "reason = 'x'"],
    )
    def test_keeps_what_is_decided(self, applied, change: str) -> None:
        number = _propose(person("maker"))
        _approve(number, person("checker"))
        before = Proposal.objects.values().get()
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            sql.run(f"UPDATE core_proposal SET {change}")
        assert Proposal.objects.values().get() == before

    @pytest.mark.parametrize(
        "change", ["content = '{}'", "content_hash = ''", "maker_id = maker_id + 1", "maker_client_id = 1"]
    )
    def test_keeps_what_is_proposed(self, change: str) -> None:
        _propose(person("maker"))
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            sql.run(f"UPDATE core_proposal SET {change}")

    def test_deletes_no_proposal(self) -> None:
        _propose(person("maker"))
        with pytest.raises(IntegrityError, match="DELETE on core_proposal"), transaction.atomic():
            sql.run("DELETE FROM core_proposal")


def _ask(maker: User, amount: str | None, typed: str) -> int:
    return four_eyes.propose(
        kind="test",
        subject="thing",
        subject_id=7,
        content={"amount": amount},
        user=maker,
        reason="why",
        now=NOW,
        actor=MAKER,
        typed=typed,
    )


@pytest.mark.django_db
class TestTheAmountAtStake:
    """Is typed in by whoever proposes and whoever approves, from the amount of the kind's policy on."""

    @pytest.fixture(autouse=True)
    def policy(self, applied) -> None:
        ApprovalPolicy.objects.create(kind="test", typed_from=Decimal(1000))
        ApprovalPolicy.objects.create(kind="other", typed_from=Decimal(0))

    @pytest.mark.parametrize("typed", ["", "7", "anything"])
    def test_is_not_asked_for_below_it(self, typed: str) -> None:
        number = _ask(person("maker"), "999.99", typed)
        assert _approve(number, person("checker")).state == "APPROVED"

    @pytest.mark.parametrize("typed", ["1000.50", "1,000.50", " 1000.5 ", "1000.500"])
    def test_is_taken_as_a_person_writes_it(self, typed: str) -> None:
        number = _ask(person("maker"), "1000.50", typed)
        done = four_eyes.approve(
            proposal_id=number, user=person("checker"), note="", now=LATER, actor=CHECKER, typed=typed
        )
        assert done.state == "APPROVED"

    @pytest.mark.parametrize(
        ("amount", "typed", "code"),
        [
            ("1000.00", "", "missing"),
            ("1000.00", "  ", "missing"),
            ("1000.00", "100000", "mismatch"),
            ("1000.00", "1000.01", "mismatch"),
            ("1000.00", "1e3x", "mismatch"),
            ("1000.00", "NaN", "mismatch"),
            (None, "1000", "unknown"),
        ],
    )
    def test_that_is_wrong_is_named_and_nothing_is_done(
        self, amount: str | None, typed: str, code: str
    ) -> None:
        maker, checker = person("maker"), person("checker")
        problem = _refused(partial(_ask, maker, amount, typed))
        assert problem.status == 422
        assert [(fault.pointer, fault.code) for fault in problem.faults] == [("/amount", code)]
        ApprovalPolicy.objects.filter(kind="test").update(typed_from=Decimal(10**9))
        if amount is None:
            return
        number = _ask(maker, amount, "")
        ApprovalPolicy.objects.filter(kind="test").update(typed_from=Decimal(1000))
        approve = partial(
            four_eyes.approve,
            proposal_id=number,
            user=checker,
            note="",
            now=LATER,
            actor=CHECKER,
            typed=typed,
        )
        problem = _refused(approve)
        assert [(fault.pointer, fault.code) for fault in problem.faults] == [("/amount", code)]
        _decline(number, checker)  # which takes no amount

    def test_is_never_asked_for_of_a_kind_that_has_none(self) -> None:
        ApprovalPolicy.objects.create(kind="without", typed_from=Decimal(0))
        four_eyes.on_approval("without", lambda proposal, actor, at: None)
        assert not four_eyes.to_type(kind="without", amount=None)
        assert "without" not in four_eyes.kinds_with_stakes()
        del four_eyes._KINDS["without"]

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example undoes its own
    @given(amount=st.decimals(0, 10**12, places=2), threshold=st.decimals(0, 10**12, places=4))
    def test_is_asked_for_exactly_from_the_threshold_on(self, amount: Decimal, threshold: Decimal) -> None:
        with transaction.atomic():
            ApprovalPolicy.objects.filter(kind="test").update(typed_from=threshold)
            asked = four_eyes.to_type(kind="test", amount=four_eyes.amount_text(amount))
            transaction.set_rollback(True)
        assert asked == (amount >= threshold)


@pytest.mark.django_db
class TestVoiding:
    def test_only_what_waits_is_voided_and_told(self, applied) -> None:
        maker, checker = person("maker"), person("checker")
        decided, waits = _propose(maker, subject_id=1), _propose(maker, subject_id=2)
        _approve(decided, checker)
        for expected in ([waits], []):
            found = four_eyes.void(proposal_ids=[waits, decided], reason="moot", now=LATER, actor=CHECKER)
            assert found == expected
        proposal = Proposal.objects.get(id=waits)
        assert (proposal.state, proposal.checker, proposal.decided_at, proposal.decision_note) == (
            "VOID", None, LATER, "moot",
        )  # fmt: skip
        told = {"proposal_id": waits, "kind": "test"}
        assert _events(2)[1:] == [("proposal.voided", "user:checker", "req-2", "moot", told)]
        assert Proposal.objects.get(id=decided).state == "APPROVED"


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_many_approvals_and_refusals_exactly_one_counts(self, applied) -> None:
        number = _propose(person("maker"))
        checkers = [person(f"c{n}") for n in range(6)]
        results = race(
            *[partial(_approve if n % 2 else _decline, number, user) for n, user in enumerate(checkers)]
        )
        won = [each for each in results if isinstance(each, Proposal)]
        assert len(won) == 1
        assert [each.code for each in results if isinstance(each, Problem)] == ["not-pending"] * 5
        assert len(applied) == (won[0].state == "APPROVED")
        assert len(_events()) == 2 + len(applied)

    def test_of_many_proposals_for_a_subject_exactly_one_waits(self) -> None:
        makers = [person(f"m{n}") for n in range(6)]
        results = race(*[partial(_propose, maker) for maker in makers])
        assert len([each for each in results if isinstance(each, int)]) == 1
        assert [each.code for each in results if isinstance(each, Problem)] == ["pending-proposal"] * 5
        assert len(_events()) == 1
