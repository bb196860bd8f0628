"""Many at once: seals, claims and acknowledgements end as if they had come one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from core import sql
from core.audit import system
from core.http.authentication import Client
from core.http.problem import Problem
from settlement.services.acknowledge import Answer, Control, acknowledge_instructions
from settlement.services.claim import claim_batch, claim_next
from settlement.services.recall_answer import answer_recall
from settlement.services.recall_batch import recall_batch
from settlement.services.report import Report, report_status
from tests.settlement.support import (
    advance,
    batch_of,
    client,
    instruction_ids,
    lines_of,
    seal,
    state,
    validated,
)
from tests.support.factories import equity, fx, other_connection, party, world
from tests.support.records import NOW, events_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same moment, each in a thread with its own connection; a Problem is an answer too."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait(30)
            return call()
        except Problem as problem:
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_eight_seals_at_once_leave_no_gap_and_instruct_no_leg_twice():
    world()
    for code in ("A", "B", "C"):
        party(code)
    trade_ids: list[int] = []
    for n in range(5):
        trade_ids += validated(*(equity(f"E-{n}-{m}", counterparty="ABC"[m % 3]) for m in range(40)))
        at_once(*[seal] * 8)

    assert {state(each) for each in trade_ids} == {"INSTRUCTED"}
    assert sql.rows("SELECT count(*), count(DISTINCT (trade_id, leg)) FROM settlement_obligation") == [
        (400, 400)
    ]
    for channel in ("CASH", "SECURITIES"):
        sequences = [
            each
            for (each,) in sql.rows(
                "SELECT sequence FROM settlement_batch WHERE channel_id = %s ORDER BY id", [channel]
            )
        ]
        assert sequences == list(range(1, 6))
        assert sql.rows("SELECT last_sequence FROM settlement_channel WHERE code = %s", [channel]) == [(5,)]


def test_seals_while_trades_keep_coming_lose_none():
    world()
    stop = threading.Event()

    def keep_sealing() -> None:
        while not stop.is_set():
            seal()

    def feed() -> list[int]:
        try:
            return [each for n in range(15) for each in validated(equity(f"K-{n}"), fx(f"X-{n}"))]
        finally:
            stop.set()

    trade_ids, *_ = at_once(feed, keep_sealing, keep_sealing)
    seal()

    assert {state(each) for each in trade_ids} == {"INSTRUCTED"}
    assert sql.rows("SELECT count(*), count(DISTINCT (trade_id, leg)) FROM settlement_obligation") == [
        (60, 60)
    ]
    gaps = "SELECT channel_id FROM settlement_batch GROUP BY channel_id HAVING max(sequence) <> count(*)"
    assert sql.rows(gaps) == []


def test_a_trade_that_somebody_holds_is_left_for_the_next_seal():
    world()
    held, free = validated(equity(), equity())
    with other_connection() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM trades_state WHERE trade_id = %s FOR UPDATE", [held])
        seal()
        assert (state(held), state(free)) == ("VALIDATED", "INSTRUCTED")
        cursor.execute("ROLLBACK")

    seal()
    assert state(held) == "INSTRUCTED"


def test_of_thirty_two_claims_at_once_exactly_one_gets_the_batch():
    world()
    validated(equity())
    seal()
    batch_id = batch_of("CASH")
    clients = [client(f"office-{n}") for n in range(32)]
    answers = at_once(
        *(
            lambda by=by: claim_batch(
                batch_id=batch_id, client=by, lease_seconds=60, actor=by.actor(), now=NOW
            )
            for by in clients
        )
    )

    refused = [each for each in answers if isinstance(each, Problem)]
    assert {each.code for each in refused} == {"claimed-by-another"}
    assert len(refused) == 31
    assert sql.rows("SELECT count(*) FROM settlement_batch_claim") == [(1,)]
    assert sql.rows("SELECT count(*) FROM core_event WHERE type = 'batch.claimed'") == [(1,)]


def test_of_many_consumers_at_once_no_two_get_the_same_batch():
    world()
    for n in range(6):
        validated(equity(f"E-{n}"))
        seal("CASH")
    clients = [client(f"office-{n}") for n in range(16)]

    def take(by: Client, now: datetime) -> Any:
        return claim_next(channel="CASH", client=by, lease_seconds=60, actor=by.actor(), now=now)

    for now in (NOW, NOW + timedelta(seconds=60)):  # the second time all six leases have run out
        answers = at_once(*(lambda by=by, now=now: take(by, now) for by in clients))
        got = [each.batch_id for each in answers if not isinstance(each, Problem)]
        assert sorted(got) == [n for (n,) in sql.rows("SELECT id FROM settlement_batch ORDER BY id")]
        assert [each.code for each in answers if isinstance(each, Problem)] == ["nothing-to-claim"] * 10
    open_claims = (
        "SELECT count(*), count(DISTINCT batch_id) FROM settlement_batch_claim WHERE ended_at IS NULL"
    )
    assert sql.rows(open_claims) == [(6, 6)]


def test_a_recall_and_claims_at_once_end_with_one_of_the_two():
    world()
    validated(equity())
    seal("CASH")
    batch_id = batch_of("CASH")
    clients = [client(f"office-{n}") for n in range(6)]

    def take(by: Client) -> Any:
        return claim_batch(batch_id=batch_id, client=by, lease_seconds=60, actor=by.actor(), now=NOW)

    def back() -> Any:
        return recall_batch(batch_id=batch_id, reason="wrong day", actor=system("desk"), now=NOW)

    *claims, first, second = at_once(*(lambda by=by: take(by) for by in clients), back, back)
    codes = {each.code for each in claims if isinstance(each, Problem)}
    taken = [each for each in claims if not isinstance(each, Problem)]
    (done,) = [each for each in (first, second) if not isinstance(each, Problem)]
    if done == "RECALLED":
        assert (taken, codes) == ([], {"batch-recalled"})
    else:
        assert (len(taken), codes, done) == (1, {"claimed-by-another"}, "REQUESTED")
    assert sql.rows("SELECT count(*) FROM settlement_batch_recall") == [(1,)]


def test_of_contradicting_answers_to_a_recall_at_once_one_counts():
    world()
    (trade_id,) = validated(equity())
    seal("CASH")
    batch_id, office = batch_of("CASH"), client()
    claim_batch(batch_id=batch_id, client=office, lease_seconds=60, actor=office.actor(), now=NOW)
    recall_batch(batch_id=batch_id, reason="wrong day", actor=system("desk"), now=NOW)
    ((recall_id,),) = sql.rows("SELECT id FROM settlement_batch_recall")

    def answer(consents: bool) -> Any:
        return answer_recall(
            recall_id=recall_id,
            consents=consents,
            reason="because",
            client=office,
            actor=office.actor(),
            now=NOW,
        )

    answers = at_once(*[lambda: answer(True)] * 5, *[lambda: answer(False)] * 5)
    taken = {each for each in answers if not isinstance(each, Problem)}
    assert len(taken) == 1
    assert [each.code for each in answers if isinstance(each, Problem)] == ["already-answered"] * 5
    assert sql.rows("SELECT state FROM settlement_batch_recall") == [tuple(taken)]
    waiting = "SELECT count(*) FROM settlement_obligation WHERE trade_id = %s AND attempt = 2"
    assert sql.rows(waiting, [trade_id]) == [(1 if taken == {"RECALLED"} else 0,)]


def test_a_hundred_acknowledgements_of_one_batch_at_once_make_one_transition():
    world()
    (trade_id,) = validated(fx())
    seal("CASH")
    office, batch_id = client(), batch_of("CASH")
    claim_batch(batch_id=batch_id, client=office, lease_seconds=60, actor=office.actor(), now=NOW)
    totals: dict[str, dict[str, Decimal]] = {}
    for line in lines_of(batch_id):
        totals.setdefault(line["asset"], {})[line["direction"]] = Decimal(line["quantity"])
    answers = [Answer(each, "ACCEPTED") for each in instruction_ids(batch_id)]

    def accept() -> Any:
        return acknowledge_instructions(
            batch_id=batch_id,
            answers=answers,
            control=Control(len(answers), totals),
            client=office,
            actor=office.actor(),
            now=NOW,
        )

    # No more connections than PostgreSQL has; each thread asks four times.
    results = at_once(*[lambda: [_or_problem(accept) for _ in range(4)]] * 25)

    taken = [each for some in results for each in some if not isinstance(each, Problem)]
    assert sum(len(some) for some in results) == 100
    assert [[result.status for result in each] for each in taken] == [[200, 200]]
    told = "SELECT count(*) FROM core_event WHERE type = 'batch.acknowledged'"
    assert sql.rows(told) == [(1,)]
    assert sql.rows("SELECT accepted, rejected FROM settlement_batch_state") == [(2, 0)]
    assert sql.rows("SELECT count(*) FROM settlement_status_report") == [(2,)]
    advance()
    advance()
    assert [event[0] for event in events_of(trade_id)].count("trade.acknowledged") == 1


def _or_problem(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Problem as problem:
        return problem


def test_a_hundred_acknowledgements_at_once_make_one_transition():
    world()
    (trade_id,) = validated(equity())
    seal()
    office = client()
    for channel in ("CASH", "SECURITIES"):
        claim_batch(
            batch_id=batch_of(channel), client=office, lease_seconds=60, actor=office.actor(), now=NOW
        )

    def accept(channel: str) -> Any:
        batch_id = batch_of(channel)
        (line,) = lines_of(batch_id)
        return acknowledge_instructions(
            batch_id=batch_id,
            answers=[Answer(instruction_ids(batch_id)[0], "ACCEPTED")],
            control=Control(1, {line["asset"]: {line["direction"]: Decimal(line["quantity"])}}),
            client=office,
            actor=office.actor(),
            now=NOW,
        )

    def follow() -> None:
        advance()

    for _ in range(4):
        # The claim ends with the last answer: whoever comes later is told that it has none.
        at_once(*[lambda: accept("CASH")] * 10, *[lambda: accept("SECURITIES")] * 10, *[follow] * 5)
    advance()

    assert state(trade_id) == "ACKNOWLEDGED"
    assert [event[0] for event in events_of(trade_id)].count("trade.acknowledged") == 1
    assert sql.rows("SELECT accepted, rejected FROM settlement_batch_state") == [(1, 0), (1, 0)]
    assert sql.rows("SELECT count(*) FROM settlement_status_report") == [(2,)]


def test_reports_and_advances_at_once_end_settled_with_no_exception_left():
    world()
    trade_ids = validated(*(equity(f"E-{n}") for n in range(6)), *(fx(f"F-{n}") for n in range(6)))
    seal()
    office = client()
    instructions = []
    for channel in ("CASH", "SECURITIES"):
        batch_id = batch_of(channel)
        claim_batch(batch_id=batch_id, client=office, lease_seconds=60, actor=office.actor(), now=NOW)
        ids = instruction_ids(batch_id)
        totals: dict[str, dict[str, Decimal]] = {}
        for line in lines_of(batch_id):
            totals.setdefault(line["asset"], {})[line["direction"]] = Decimal(line["quantity"])
        acknowledge_instructions(
            batch_id=batch_id,
            answers=[Answer(each, "ACCEPTED") for each in ids],
            control=Control(len(ids), totals),
            client=office,
            actor=office.actor(),
            now=NOW,
        )
        instructions += ids

    def tell(kind: str, order: int) -> Callable[[], Any]:
        reports = [Report(each, kind, "LACK" if kind == "FAILED" else "") for each in instructions[::order]]
        return lambda: report_status(reports=reports, actor=office.actor(), now=NOW)

    for _ in range(3):
        at_once(
            *[tell("FAILED", 1), tell("SETTLED", -1), tell("FAILED", -1), tell("SETTLED", 1), advance] * 2
        )
    advance()

    assert {state(each) for each in trade_ids} == {"SETTLED"}
    assert sql.rows("SELECT count(*) FROM trades_exception WHERE closed_at IS NULL") == [(0,)]
    assert sql.rows("SELECT settled = instruction_count FROM settlement_batch_state") == [(True,), (True,)]
