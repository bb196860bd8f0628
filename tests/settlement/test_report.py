"""Status reports: any order, any number of times, one end."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.audit import Actor
from settlement.models import Channel
from settlement.services.acknowledge import Answer, Control, acknowledge_instructions
from settlement.services.claim import claim_batch
from settlement.services.report import Report, Standing, report_status, settle
from tests.settlement.support import (
    advance,
    batch_of,
    client,
    everything,
    instruction_ids,
    lines_of,
    seal,
    state,
    validated,
)
from tests.support.factories import equity, world
from tests.support.records import NOW, events_of

WHOLE = Decimal(100)
_reports = st.one_of(
    st.just(Report(1, "SETTLED")),
    st.builds(lambda q: Report(1, "PARTIAL", "", Decimal(q)), st.integers(1, 99)),
    st.builds(lambda reason: Report(1, "FAILED", reason), st.sampled_from(["LACK", "MONY", "CLAC"])),
)


@given(st.lists(_reports, max_size=8), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_where_an_instruction_ends(reports, chance):
    start = Standing("PENDING", frozenset(), Decimal(0))

    def end(given):
        standing = start
        for each in given:
            standing = settle(standing, each, whole=WHOLE)
        return standing

    shuffled = chance.sample(reports + reports[: len(reports) // 2], len(reports) + len(reports) // 2)
    assert end(shuffled) == end(reports)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["FAILED"], "FAILED"),
        (["FAILED", "PARTIAL"], "PARTIAL"),
        (["PARTIAL", "SETTLED"], "SETTLED"),
        (["SETTLED", "FAILED"], "SETTLED"),
    ],
)
def test_what_is_further_along_wins(kinds, expected):
    standing = Standing("PENDING", frozenset(), Decimal(0))
    for kind in kinds:
        quantity = Decimal(40) if kind == "PARTIAL" else None
        standing = settle(
            standing, Report(1, kind, "LACK" if kind == "FAILED" else "", quantity), whole=WHOLE
        )
    assert standing.settlement == expected


pytestmark = pytest.mark.django_db


def report(*reports):
    return report_status(reports=list(reports), actor=Actor("client:back-office"), now=NOW)


@pytest.fixture
def acknowledged():
    """An acknowledged purchase; (trade, cash instruction, securities instruction)."""
    world()
    (trade_id,) = validated(equity())
    seal()
    office = client()
    for channel in ("CASH", "SECURITIES"):
        batch_id = batch_of(channel)
        claim_batch(batch_id=batch_id, client=office, lease_seconds=60, actor=office.actor(), now=NOW)
        (line,) = lines_of(batch_id)
        acknowledge_instructions(
            batch_id=batch_id,
            answers=[Answer(instruction_ids(batch_id)[0], "ACCEPTED")],
            control=Control(1, {line["asset"]: {line["direction"]: Decimal(line["quantity"])}}),
            client=office,
            actor=office.actor(),
            now=NOW,
        )
    advance()
    assert state(trade_id) == "ACKNOWLEDGED"
    (cash,), (securities,) = (instruction_ids(batch_of(each)) for each in ("CASH", "SECURITIES"))
    return trade_id, cash, securities


def open_fails():
    return sql.rows(
        "SELECT trade_id, codes, summary FROM trades_exception WHERE kind = 'FAIL' AND closed_at IS NULL"
    )


def test_a_trade_is_settled_when_all_of_its_instructions_are(acknowledged):
    trade_id, cash, securities = acknowledged
    assert report(Report(cash, "SETTLED"))[0].settlement == "SETTLED"
    advance()
    assert state(trade_id) == "ACKNOWLEDGED"

    report(Report(securities, "SETTLED"))
    advance()
    assert state(trade_id) == "SETTLED"
    assert len(events_of(trade_id, "trade.settled")) == 1
    assert sql.rows("SELECT settled FROM settlement_batch_state") == [(1,), (1,)]


def test_a_fail_opens_an_exception_and_settlement_closes_it(acknowledged):
    trade_id, cash, _ = acknowledged
    report(Report(cash, "FAILED", "LACK"))
    ((found, codes, summary),) = open_fails()
    assert (found, codes) == (trade_id, ["SETTLEMENT_FAILED"])
    assert summary.endswith("failed: LACK")
    assert state(trade_id) == "ACKNOWLEDGED"

    report(Report(cash, "SETTLED"))
    assert open_fails() == []
    assert sql.rows("SELECT resolution FROM trades_exception") == [("settled",)]


def test_a_fail_is_due_at_the_next_cut_off_of_its_channel(acknowledged):
    _, cash, securities = acknowledged
    Channel.objects.filter(code="CASH").update(cut_off_time=time(9, 30), cut_off_zone="UTC", lead_days=0)
    Channel.objects.filter(code="SECURITIES").update(cut_off_time=time(17), cut_off_zone="UTC", lead_days=0)
    report(Report(securities, "FAILED", "LACK"))
    due = sql.rows("SELECT deadline FROM trades_exception WHERE kind = 'FAIL'")
    assert due == [(NOW.replace(hour=17, minute=0, second=0, microsecond=0),)]
    report(Report(cash, "FAILED", "MONY"))
    ((due_now,),) = sql.rows("SELECT deadline FROM trades_exception WHERE kind = 'FAIL'")
    assert due_now == datetime.combine(NOW.date() + timedelta(days=1), time(9, 30), tzinfo=UTC)


def test_the_exception_stays_while_another_instruction_of_the_trade_fails(acknowledged):
    _, cash, securities = acknowledged
    report(Report(cash, "FAILED", "LACK"), Report(securities, "FAILED", "MONY"))
    report(Report(cash, "SETTLED"))
    assert len(open_fails()) == 1

    report(Report(securities, "SETTLED"))
    assert open_fails() == []


def test_a_fail_told_after_the_settlement_opens_nothing(acknowledged):
    _, cash, _ = acknowledged
    report(Report(cash, "SETTLED"))
    assert report(Report(cash, "FAILED", "LACK"))[0].settlement == "SETTLED"
    assert open_fails() == []


def test_a_repeated_report_stores_nothing(acknowledged):
    _, cash, securities = acknowledged
    first = (Report(cash, "FAILED", "LACK"), Report(securities, "PARTIAL", "", Decimal(40)))
    report(*first)
    before = everything()

    assert [each.status for each in report(*first)] == [200, 200]
    assert everything() == before


def test_what_cannot_be_is_refused_by_itself(acknowledged):
    _, cash, securities = acknowledged
    results = report(
        Report(999_999, "SETTLED"),
        Report(securities, "PARTIAL", "", Decimal(100)),
        Report(securities, "PARTIAL", "", Decimal(0)),
        Report(cash, "SETTLED"),
    )
    assert [each.status for each in results] == [404, 422, 422, 200]
    assert sql.rows(
        "SELECT settlement, settled_quantity FROM settlement_instruction_state ORDER BY instruction_id"
    ) == [("SETTLED", Decimal(18725)), ("PENDING", Decimal(0))]


def test_a_rejected_instruction_cannot_settle():
    world()
    validated(equity())
    seal()
    sql.run("UPDATE settlement_instruction_state SET processing = 'REJECTED'")
    before = everything()

    (cash,) = instruction_ids(batch_of("CASH"))
    assert report(Report(cash, "SETTLED"))[0].status == 409
    assert everything() == before


_told = st.lists(st.tuples(st.sampled_from([0, 1]), _reports), min_size=1, max_size=6)


@given(_told, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_trades_exceptions_and_counts_end_the_same_in_any_order(acknowledged, told, chance):
    _, *instructions = acknowledged
    reports = [Report(instructions[which], each.kind, each.reason, each.quantity) for which, each in told]

    assert _end(reports) == _end(chance.sample(reports, len(reports)))


def _end(reports):
    with transaction.atomic():
        for each in reports:
            report(each)
        advance()
        found = (
            sql.rows("SELECT state FROM trades_state"),
            sql.rows(
                "SELECT settlement, settlement_reason, settled_quantity FROM settlement_instruction_state"
                " ORDER BY instruction_id"
            ),
            sql.rows("SELECT batch_id, settled FROM settlement_batch_state ORDER BY batch_id"),
            len(open_fails()),
        )
        transaction.set_rollback(True)
    return found


@pytest.mark.django_db
def test_what_nets_to_nothing_counts_once_however_early_it_is_reported() -> None:
    world()
    validated(equity("E-1"), equity("E-2", side="SELL"))
    seal("CASH")
    batch_id = batch_of("CASH")
    (nothing,) = instruction_ids(batch_id)
    assert report_status(reports=[Report(nothing, "SETTLED")], actor=Actor("x"), now=NOW)[0].status == 200
    office = client()
    claim_batch(batch_id=batch_id, client=office, lease_seconds=60, actor=Actor("x"), now=NOW)
    acknowledge_instructions(
        batch_id=batch_id,
        answers=[Answer(nothing, "ACCEPTED")],
        control=Control(1, {"USD": {"NIL": Decimal(0)}}),
        client=office,
        actor=Actor("x"),
        now=NOW,
    )
    assert sql.rows("SELECT accepted, settled FROM settlement_batch_state") == [(1, 1)]
