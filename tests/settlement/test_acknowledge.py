"""Acknowledgements: all of a request or nothing of it, and what a rejection sets off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core import sql
from core.http.problem import Problem
from settlement.services.acknowledge import Answer, Control, Result, acknowledge_instructions
from settlement.services.claim import claim_batch
from tests.settlement.support import (
    advance,
    batch_of,
    client,
    everything,
    instruction_ids,
    legs_of,
    lines_of,
    ref,
    seal,
    state,
    validate,
    validated,
)
from tests.support.factories import equity, findings_of, fx, world
from tests.support.records import NOW, events_of
from trades.lifecycle import State, move_trades

pytestmark = pytest.mark.django_db


def acknowledge(channel, by, *, rejected=None, only=None, control=None, now=NOW):
    """Answer the lines of the channel's batch: ACCEPTED, but `rejected` assets with their reason."""
    batch_id = batch_of(channel)
    lines = [line for line in lines_of(batch_id) if only is None or line["asset"] in only]
    ids = {
        line["line"]: each for line, each in zip(lines_of(batch_id), instruction_ids(batch_id), strict=True)
    }
    answers = [
        Answer(ids[line["line"]], "REJECTED", rejected[line["asset"]])
        if rejected and line["asset"] in rejected
        else Answer(ids[line["line"]], "ACCEPTED")
        for line in lines
    ]
    totals = {line["asset"]: {line["direction"]: Decimal(line["quantity"])} for line in lines}
    return acknowledge_instructions(
        batch_id=batch_id,
        answers=answers,
        control=control or Control(len(lines), totals),
        client=by,
        actor=by.actor(),
        now=now,
    )


def claim(channel, by, *, now=NOW):
    claim_batch(batch_id=batch_of(channel), client=by, lease_seconds=300, actor=by.actor(), now=now)


@pytest.fixture
def office():
    return client()


@pytest.fixture
def handed_off(office):
    """An equity and an exchange, netted in dollars; every batch claimed."""
    world()
    trade_ids = validated(equity(), fx())
    seal()
    claim("CASH", office)
    claim("SECURITIES", office)
    advance()
    assert [state(each) for each in trade_ids] == ["HANDED_OFF", "HANDED_OFF"]
    return trade_ids


def processing(channel):
    return sql.rows(
        "SELECT asset, processing, processing_reason FROM settlement_instruction_state s"
        " JOIN settlement_instruction i ON i.id = s.instruction_id WHERE i.channel = %s ORDER BY line",
        [channel],
    )


def test_a_trade_is_acknowledged_when_every_instruction_of_its_legs_is_accepted(handed_off, office):
    both, exchange = handed_off
    acknowledge("CASH", office)
    advance()
    assert [state(both), state(exchange)] == ["HANDED_OFF", "ACKNOWLEDGED"]

    acknowledge("SECURITIES", office)
    advance()
    assert [state(both), state(exchange)] == ["ACKNOWLEDGED", "ACKNOWLEDGED"]


def test_the_claim_ends_with_the_last_answer(handed_off, office):
    acknowledge("CASH", office, only={"EUR"})
    assert sql.rows(
        "SELECT ended_at FROM settlement_batch_claim WHERE batch_id = %s", [batch_of("CASH")]
    ) == [(None,)]

    acknowledge("CASH", office, only={"USD"})
    assert sql.rows(
        "SELECT ended_at FROM settlement_batch_claim WHERE batch_id = %s", [batch_of("CASH")]
    ) == [(NOW,)]


@pytest.mark.parametrize(
    ("control", "pointers"),
    [
        (
            Control(1, {"EUR": {"RECEIVE": Decimal(1000000)}, "USD": {"DELIVER": Decimal(1103725)}}),
            ["/control_totals/count"],
        ),
        (
            Control(2, {"EUR": {"RECEIVE": Decimal("1000000.01")}, "USD": {"DELIVER": Decimal(1103725)}}),
            ["/control_totals/totals/EUR/RECEIVE"],
        ),
        (
            Control(2, {"EUR": {"DELIVER": Decimal(1000000)}, "USD": {"DELIVER": Decimal(1103725)}}),
            ["/control_totals/totals/EUR/DELIVER", "/control_totals/totals/EUR/RECEIVE"],
        ),
        (
            Control(3, {"G~B/P": {"NIL": Decimal(1)}}),
            [
                "/control_totals/count",
                "/control_totals/totals/EUR/RECEIVE",
                "/control_totals/totals/G~0B~1P/NIL",
                "/control_totals/totals/USD/DELIVER",
            ],
        ),
    ],
)
def test_totals_that_differ_apply_nothing_and_are_all_named(handed_off, office, control, pointers):
    before = everything()

    with pytest.raises(Problem) as refused:
        acknowledge("CASH", office, rejected={"EUR": "AC04"}, control=control)

    assert (refused.value.status, refused.value.code) == (422, "control-totals-differ")
    assert [fault.pointer for fault in refused.value.faults] == pointers
    assert everything() == before


def test_without_an_open_claim_nothing_is_applied(handed_off, office):
    other = client("other")
    before = everything()

    for by, now, code in (
        (other, NOW, "claimed-by-another"),
        (office, NOW + timedelta(seconds=300), "not-claimed"),
    ):
        with pytest.raises(Problem) as refused:
            acknowledge("CASH", by, now=now)
        assert (refused.value.status, refused.value.code) == (409, code)
    assert everything() == before


def test_the_same_answer_again_changes_nothing_and_another_one_is_refused_by_itself(handed_off, office):
    acknowledge("CASH", office, only={"EUR"})
    before = everything()

    assert {each.status for each in acknowledge("CASH", office, only={"EUR"})} == {200}
    assert everything() == before

    euro, dollar = acknowledge("CASH", office, rejected={"EUR": "AC04"})
    assert (euro.status, dollar.status) == (409, 200)
    assert euro.detail == "It was answered ACCEPTED before."
    assert processing("CASH") == [("EUR", "ACCEPTED", ""), ("USD", "ACCEPTED", "")]


def test_an_instruction_of_another_batch_is_not_found_here(handed_off, office):
    (foreign,) = instruction_ids(batch_of("SECURITIES"))
    results = acknowledge_instructions(
        batch_id=batch_of("CASH"),
        answers=[Answer(foreign, "ACCEPTED")],
        control=Control(1, {}),
        client=office,
        actor=office.actor(),
        now=NOW,
    )
    assert results == [Result(foreign, 404, "There is no such instruction in this batch.")]
    assert processing("SECURITIES")[0][1] == "SEALED"


def test_a_rejection_holds_every_trade_behind_the_instruction(handed_off, office):
    both, exchange = handed_off
    dollar = instruction_ids(batch_of("CASH"))[1]

    acknowledge("CASH", office, rejected={"USD": "AC04"})

    for trade_id in handed_off:
        assert state(trade_id) == "EXCEPTION"
        (finding,) = findings_of(trade_id)
        assert (finding["code"], finding["severity"], finding["subject"]) == (
            "SETTLEMENT_REJECTED",
            "BLOCK",
            ref(dollar),
        )
        assert (finding["expected"], finding["actual"]) == ("ACCEPTED", "AC04")
        assert [event[0] for event in events_of(trade_id, "trade.rejected", "exception.opened")] == [
            "trade.rejected",
            "exception.opened",
        ]
    items = sql.rows(
        "SELECT trade_id, kind, codes, summary, amount_at_risk, deadline FROM trades_exception ORDER BY trade_id"
    )
    cut_off = datetime(2026, 11, 24, 18, tzinfo=UTC)
    summary = "Rejected by the back office: AC04"
    assert items == [
        (both, "REJECTION", ["SETTLEMENT_REJECTED"], summary, Decimal("17227.0000"), cut_off),
        (exchange, "REJECTION", ["SETTLEMENT_REJECTED"], summary, Decimal("1000000.0000"), cut_off),
    ]


def test_two_rejections_of_one_trade_are_two_findings_and_one_exception(handed_off, office):
    both, _ = handed_off
    acknowledge("CASH", office, rejected={"USD": "AC04"})
    acknowledge("SECURITIES", office, rejected={"US0378331005": "LACK"})

    assert [finding["actual"] for finding in findings_of(both)] == ["AC04", "LACK"]
    assert sql.rows("SELECT count(*) FROM trades_exception WHERE trade_id = %s", [both]) == [(1,)]
    assert state(both) == "EXCEPTION"


def test_a_trade_rejected_before_its_other_batch_is_claimed_is_held_too(office):
    world()
    (trade_id,) = validated(equity())
    seal()
    claim("CASH", office)
    advance()
    acknowledge("CASH", office, rejected={"USD": "AC04"})

    assert state(trade_id) == "EXCEPTION"


def test_a_trade_sealed_in_part_is_held_when_that_part_is_rejected(office):
    world()
    (trade_id,) = validated(equity())
    seal("CASH")
    claim("CASH", office)
    acknowledge("CASH", office, rejected={"USD": "AC04"})
    advance()

    assert state(trade_id) == "EXCEPTION"
    assert seal() == []


def test_after_repair_the_rejected_leg_alone_is_instructed_again(handed_off, office):
    both, exchange = handed_off
    acknowledge("CASH", office, rejected={"USD": "AC04"})
    acknowledge("SECURITIES", office)
    advance()
    move_trades(
        trade_ids=[both, exchange],
        source=State.EXCEPTION,
        target=State.CAPTURED,
        at=NOW,
        actor=office.actor(),
    )
    validate([both, exchange])

    (again,) = seal()
    (line,) = lines_of(again)

    assert (line["asset"], line["direction"], line["quantity"], line["legs"]) == (
        "USD",
        "DELIVER",
        "1103725.00",
        2,
    )
    attempts = [
        (leg["leg"], leg["attempt"], leg["instruction_id"] in instruction_ids(again)) for leg in legs_of(both)
    ]
    assert attempts == [(1, 1, False), (2, 1, False), (2, 2, True)]
    assert [state(each) for each in handed_off] == ["INSTRUCTED", "INSTRUCTED"]

    claim_batch(batch_id=again, client=office, lease_seconds=60, actor=office.actor(), now=NOW)
    acknowledge_instructions(
        batch_id=again,
        answers=[Answer(instruction_ids(again)[0], "ACCEPTED")],
        control=Control(1, {"USD": {"DELIVER": Decimal(1103725)}}),
        client=office,
        actor=office.actor(),
        now=NOW,
    )
    advance()
    assert [state(each) for each in handed_off] == ["ACKNOWLEDGED", "ACKNOWLEDGED"]


def test_what_nets_to_nothing_is_settled_by_its_acceptance(office):
    world()
    trade_ids = validated(equity(), equity(side="SELL"))
    seal()
    for channel in ("CASH", "SECURITIES"):
        claim(channel, office)
        acknowledge(channel, office)
    advance()

    assert [state(each) for each in trade_ids] == ["SETTLED", "SETTLED"]
    assert sql.rows("SELECT DISTINCT accepted, settled FROM settlement_batch_state") == [(1, 1)]


def test_what_was_answered_is_kept_as_it_came(handed_off, office):
    acknowledge("CASH", office, rejected={"USD": "AC04"})

    found = sql.rows(
        "SELECT kind, reason, reported_by, reported_at FROM settlement_status_report ORDER BY id"
    )
    assert found == [
        ("ACCEPTED", "", "client:back-office", NOW),
        ("REJECTED", "AC04", "client:back-office", NOW),
    ]
