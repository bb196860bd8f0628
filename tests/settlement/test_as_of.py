"""Batches, and what was said of their instructions, can be read as of any moment."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.as_of import known_at
from core.audit import Actor
from core.ids import BATCH, public_id
from settlement.selectors import instructions_of, obligations_of, read_batch
from settlement.services.acknowledge import Answer, Control, acknowledge_instructions
from settlement.services.cancellation import cancel_again
from settlement.services.claim import claim_batch
from settlement.services.report import Report, report_status
from settlement.services.seal import seal_batches
from settlement.services.standing import KINDS
from tests.settlement.support import (
    VALUE_DATE,
    BackOffice,
    batch_of,
    client,
    instruction_ids,
    seal,
    validated,
)
from tests.support.factories import equity, fx, goods, world
from tests.support.records import minute
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("later_that_day")]
REPORTER = Actor("client:back-office")
SAID = (
    "id", "processing", "processing_reason", "settlement", "settlement_reason", "settled_quantity", "matching",
    "matching_reason", "cancellation", "cancellation_reason",
)  # fmt: skip


@pytest.fixture
def office() -> BackOffice:
    world()
    return BackOffice()


def answer_all(batch_id: int, at: datetime, by: str, **rejected: str) -> None:
    """Answer every instruction of a batch, rejecting those of some assets, or its cancellations, with a reason."""
    rows = instructions_of(batch_id, limit=1000)
    totals: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        of_asset = totals.setdefault(row["asset"], {})
        of_asset[row["direction"]] = of_asset.get(row["direction"], Decimal(0)) + row["quantity"]
    who = client(by)
    claim_batch(batch_id=batch_id, client=who, lease_seconds=3600, actor=REPORTER, now=at)
    acknowledge_instructions(
        batch_id=batch_id,
        answers=[
            Answer(row["id"], "REJECTED", rejected[kind])
            if (kind := "cancelling" if row["cancels"] else row["asset"]) in rejected
            else Answer(row["id"], "ACCEPTED")
            for row in rows
        ],
        control=Control(len(rows), totals),
        client=who,
        actor=REPORTER,
        now=at + timedelta(minutes=1),
    )


@pytest.fixture
def story(office) -> int:
    """Return the cash batch: sealed at noon, claimed at 5, answered at 6 (EUR rejected), USD settled at 10."""
    validated(equity(), fx())
    seal()
    cash = batch_of("CASH")
    answer_all(cash, minute(5), "one", EUR="AC04")
    dollars = [row["id"] for row in instructions_of(cash, limit=10) if row["asset"] == "USD"]
    report_status(reports=[Report(each, "FAILED", "LACK") for each in dollars], actor=REPORTER, now=minute(8))
    report_status(reports=[Report(each, "SETTLED") for each in dollars], actor=REPORTER, now=minute(10))
    return cash


def path(batch_id: int, *more: str) -> str:
    return "/".join(["settlement-batches", public_id(BATCH, batch_id), *more])


def get(office: BackOffice, where: str, **query: str):
    return office.http.get(f"/api/v1/{where}", query)


class TestABatch:
    @pytest.mark.parametrize(
        ("n", "status", "progress"),
        [
            (0, "SEALED", (0, 0, 0)),
            (4, "SEALED", (0, 0, 0)),
            (5, "CLAIMED", (0, 0, 0)),
            (6, "ACKNOWLEDGED", (1, 1, 0)),
            (9, "ACKNOWLEDGED", (1, 1, 0)),
            (10, "SETTLED", (1, 1, 1)),
        ],
    )
    @pytest.mark.parametrize("axis", ["as_at", "effective_at"])
    def test_stands_where_it_stood(self, story, office, axis, n, status, progress):
        moment = {axis: minute(n).isoformat()}
        found = get(office, path(story), **moment).json()
        assert (found["status"], tuple(found["progress"].values())) == (status, progress)
        listed = get(office, "settlement-batches", channel="CASH", status=status, **moment).json()
        assert listed == {"items": [found], "next": None}

    @pytest.mark.parametrize("axis", ["as_at", "effective_at"])
    def test_is_not_there_before_it_was_sealed(self, story, office, axis):
        moment = {axis: "2026-11-23T13:59:59.999999Z"}
        for more in ((), ("instructions",), ("statuses",)):
            assert get(office, path(story, *more), **moment).status_code == 404
        assert get(office, "settlement-batches", **moment).json() == {"items": [], "next": None}

    def test_of_this_moment_is_what_is_read_without_it(self, story, office):
        now = {"as_at": minute(60).isoformat()}
        for where in (
            "settlement-batches",
            path(story),
            path(story, "statuses"),
            path(story, "instructions"),
        ):
            assert get(office, where, **now).content == get(office, where).content

    def test_is_paged_with_its_moment(self, story, office):
        first = get(office, "settlement-batches", as_at=minute(5).isoformat(), limit="1").json()
        validated(goods())
        seal()
        rest = get(office, "settlement-batches", cursor=first["next"]).json()
        assert [each["channel"] for each in first["items"] + rest["items"]] == ["CASH", "SECURITIES"]
        assert [each["status"] for each in first["items"] + rest["items"]] == ["CLAIMED", "SEALED"]

    def test_at_a_bad_moment_is_refused_by_name(self, story, office):
        for where in (
            "settlement-batches",
            path(story),
            path(story, "statuses"),
            path(story, "instructions"),
        ):
            answer = get(office, where, as_at="2026-12-24T00:00:00Z", effective_at="noon")
            assert answer.status_code == 400
            assert [each["pointer"] for each in answer.json()["errors"]] == [
                "query:as_at", "query:effective_at",
            ]  # fmt: skip

    def test_sealed_late_is_not_seen_at_a_moment_asked_for_before(self, story, office):
        before = get(office, "settlement-batches", as_at=minute(30).isoformat()).content
        validated(goods())
        seal_batches(value_date=VALUE_DATE, channels=["GOODS"], actor=REPORTER, now=minute(20))
        assert get(office, "settlement-batches", as_at=minute(30).isoformat()).content == before
        later = get(office, "settlement-batches", as_at=minute(31).isoformat()).json()
        assert [each["channel"] for each in later["items"]] == ["CASH", "SECURITIES", "GOODS"]


class TestWhatWasSaid:
    @pytest.mark.parametrize(
        ("n", "dollars", "euros"),
        [
            (5, ("SEALED", "PENDING", [], "0.00"), ("SEALED", "")),
            (6, ("ACCEPTED", "PENDING", [], "0.00"), ("REJECTED", "AC04")),
            (8, ("ACCEPTED", "FAILED", ["LACK"], "0.00"), ("REJECTED", "AC04")),
            (10, ("ACCEPTED", "SETTLED", ["LACK"], "1103725.00"), ("REJECTED", "AC04")),
        ],
    )
    def test_of_an_instruction_is_what_had_been_said(self, story, office, n, dollars, euros):
        items = {
            each["asset"]: each
            for each in get(office, path(story, "statuses"), as_at=minute(n).isoformat()).json()["items"]
        }
        names = ("processing", "settlement", "settlement_reasons", "settled_quantity")
        assert tuple(items["USD"][name] for name in names) == dollars
        assert (items["EUR"]["processing"], items["EUR"]["processing_reason"]) == euros

    def test_is_paged_by_line_with_its_moment(self, story, office):
        first = get(office, path(story, "statuses"), as_at=minute(6).isoformat(), limit="1").json()
        rest = get(office, path(story, "statuses"), cursor=first["next"]).json()
        assert [each["line"] for each in first["items"] + rest["items"]] == [1, 2]
        assert {each["settlement"] for each in first["items"] + rest["items"]} == {"PENDING"}

    def test_lines_are_those_of_the_batch_with_the_moment_in_the_cursor(self, story, office):
        first = get(office, path(story, "instructions"), as_at=minute(6).isoformat(), limit="1").json()
        rest = get(office, path(story, "instructions"), cursor=first["next"]).json()
        assert first["items"] + rest["items"] == get(office, path(story, "instructions")).json()["items"]
        assert rest["next"] is None


def asked(office: BackOffice, batches: Sequence[int], moment: datetime | None = None) -> list[bytes]:
    """Return all that the API says of batches, now or as of a moment."""
    then = {} if moment is None else {"as_at": moment.isoformat()}
    where = [path(each, *more) for each in batches for more in ((), ("statuses",), ("instructions",))]
    return [get(office, each, **then).content for each in ("settlement-batches", *where)]


class TestACancellation:
    """An instruction sealed at noon and accepted at 6, called off at 10: its cancellation, sealed at 12, is rejected
    at 16; asked again at 20 and sealed at 22, it is accepted at 26."""

    def _call_off(self, trade_id: int) -> None:
        change = Change("CANCEL", trade_id, "as agreed")
        change_trade(change=change, actor=REPORTER, now=minute(10))

    def _seal(self, n: int) -> int:
        (batch_id,) = seal_batches(value_date=VALUE_DATE, channels=["CASH"], actor=REPORTER, now=minute(n))
        return batch_id

    def _story(self) -> Iterator[tuple[int, list[int]]]:
        """Let the story happen; yield after each step the minute it ended and the batches so far."""
        trade_id, _ = validated(equity("A"), equity("B", quantity="10"))
        (first,) = seal("CASH")
        yield 1, [first]
        answer_all(first, minute(5), "one")
        yield 7, [first]
        self._call_off(trade_id)
        yield 11, [first]
        second = self._seal(12)
        yield 13, [first, second]
        answer_all(second, minute(15), "two", cancelling="DONE")
        yield 17, [first, second]
        cancel_again(trade_id=trade_id, reason="they erred", actor=REPORTER, now=minute(20))
        yield 21, [first, second]
        third = self._seal(22)
        yield 23, [first, second, third]
        answer_all(third, minute(25), "three")
        yield 27, [first, second, third]

    def test_ends_an_instruction_from_its_acceptance_on(self, office):
        (*_, (_, (first, second, third))) = self._story()
        stood = [
            [
                (row["settlement"], row["recalled"], row["cancellation_id"])
                for row in instructions_of(first, limit=10, as_of=known_at(minute(n)))
            ]
            for n in (7, 11, 13, 21, 23, 25, 27)
        ]
        ids = [
            next(row["id"] for row in instructions_of(each, limit=10) if row["cancels"])
            for each in (second, third)
        ]
        assert stood == [
            [("PENDING", False, None)],
            [("PENDING", True, None)],
            [("PENDING", True, ids[0])],
            [("PENDING", True, ids[0])],
            [("PENDING", True, ids[1])],
            [("PENDING", True, ids[1])],
            [("CANCELLED", True, ids[1])],
        ]
        (cancelling,) = instructions_of(third, limit=10, as_of=known_at(minute(27)))
        assert (cancelling["processing"], cancelling["settlement"]) == ("ACCEPTED", "SETTLED")

    def test_is_told_of_the_trades_legs_as_it_was_answered(self, office):
        for _ in self._story():
            pass
        ((trade_id,),) = sql.rows("SELECT min(trade_id) FROM trades_state")
        told = [
            (leg["settlement"], leg["cancellation_processing"])
            for n in (11, 13, 17, 23, 27)
            for leg in obligations_of(trade_id, as_of=known_at(minute(n)))
            if leg["asset_kind"] == "CASH"
        ]
        assert told == [
            ("PENDING", None),
            ("PENDING", "SEALED"),
            ("PENDING", "REJECTED"),
            ("PENDING", "SEALED"),
            ("CANCELLED", "ACCEPTED"),
        ]

    def test_leaves_every_earlier_answer_as_it_was(self, office):
        kept = []
        for n, batches in self._story():
            assert asked(office, batches, minute(n)) == asked(office, batches)
            kept.append((n, batches, asked(office, batches, minute(n))))
        for n, batches, before in kept:
            assert asked(office, batches, minute(n)) == before


reports = st.tuples(
    st.integers(0, 5), st.sampled_from(["SETTLED", "PARTIAL", "FAILED", *KINDS]), st.sampled_from(["", "LACK", "SAFE"]),
    st.integers(1, 9),
)  # fmt: skip


# Every example happens after those before it: once a moment was asked for, nothing more is known at it.
_minutes = itertools.count(100, 2)


class TestTheHistory:
    def now(self, batch_id: int) -> tuple[list[tuple], tuple]:
        """Return what the rows of state say."""
        return (
            sql.rows(
                f"SELECT instruction_{', '.join(SAID)} FROM settlement_instruction_state"
                " WHERE batch_id = %s ORDER BY instruction_id",
                [batch_id],
            ),
            sql.row(
                "SELECT accepted, rejected, settled, claimed_at FROM settlement_batch_state WHERE batch_id = %s",
                [batch_id],
            ),
        )

    def then(self, batch_id: int, moment: datetime) -> tuple[list[tuple], tuple]:
        """Return the same as of a moment, from what is only ever added."""
        where = known_at(moment)
        batch = read_batch(batch_id, as_of=where)
        assert batch is not None
        return (
            [tuple(row[name] for name in SAID) for row in instructions_of(batch_id, limit=100, as_of=where)],
            tuple(batch[name] for name in ("accepted", "rejected", "settled", "claimed_at")),
        )

    @given(st.lists(st.lists(reports, min_size=1, max_size=4), min_size=1, max_size=6), st.booleans())
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_gives_every_state_that_ever_was(self, office, steps, answered_first):
        """After each step what the rows of state say is what the history says of that moment, then and later."""
        validated(equity(), fx(), equity(side="SELL"), fx())
        (batch_id,) = seal("CASH")
        ids = instruction_ids(batch_id)
        kept = []
        for n, step in enumerate(steps):
            if n == (0 if answered_first else len(steps) // 2):
                answer_all(batch_id, minute(next(_minutes)), f"office-{batch_id}", EUR="AC01")
            at = minute(next(_minutes))
            with transaction.atomic():
                report_status(
                    reports=[
                        Report(
                            ids[place % len(ids)],
                            kind,
                            {"FAILED": reason or "LACK", "PARTIAL": "", "SETTLED": ""}.get(kind, reason),
                            Decimal(part) if kind == "PARTIAL" else None,
                        )
                        for place, kind, reason, part in step
                    ],
                    actor=REPORTER,
                    now=at,
                )
            kept.append((at, self.now(batch_id)))
        for moment, state in kept:
            assert self.then(batch_id, moment) == state

    def test_of_a_batch_is_append_only_and_says_when(self, story):
        found = sql.rows(
            "SELECT recorded_at, accepted, rejected, settled FROM settlement_batch_progress"
            " WHERE batch_id = %s ORDER BY id",
            [story],
        )
        assert found == [
            (minute(5), 0, 0, 0), (minute(6), 1, 1, 0), (minute(10), 1, 1, 1),
        ]  # fmt: skip
        assert all(moment.astimezone(UTC) == moment for moment, *_ in found)
