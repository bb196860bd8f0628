"""Status reports as XML: read without trust, taken in any order, and shown on every axis."""

from __future__ import annotations

import os
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.http.problem import Problem
from core.ids import BATCH, public_id
from settlement.api.xml import MAX_BYTES, read_messages
from settlement.services import report as reports
from settlement.services.standing import (
    CANCELLATION,
    KINDS,
    MATCHING,
    SETTLEMENT,
    Kind,
    Report,
    Standing,
    settle,
)
from tests.settlement.messages.support import advice, confirmation, payment_status, together
from tests.settlement.support import (
    BackOffice,
    advance,
    batch_of,
    everything,
    instruction_ids,
    ref,
    seal,
    state,
    validated,
)
from tests.support.factories import equity, world

LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Document>&b;</Document>'


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"<Document>", b"\xff\xfe<\x00a\x00/\x00>\x00", LAUGHS.encode(),
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Document/>',
        b"<a>" * 40 + b"</a>" * 40, b"<a>" * 3000 + b"</a>" * 3000, b"<a>&b;</a>", b"<a/>", b"<Document/>",
        b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.020.001.07"><a/></Document>',
        b'<?xml version="1.0" encoding="EBCDIC-CP-US"?><a/>',
    ],
)  # fmt: skip
def test_what_is_not_a_message_is_refused_before_anything_is_read(body):
    with pytest.raises(Problem) as caught:
        read_messages(body)
    assert (caught.value.status, len(caught.value.faults)) == (400, 1)


def test_a_body_that_is_too_large_is_refused():
    with pytest.raises(Problem) as caught:
        read_messages(b" " * (MAX_BYTES + 1))
    assert caught.value.status == 413


def _told(kind: Kind, reason: str, part: int) -> Report:
    return Report(1, kind, "" if kind == "SETTLED" else reason, Decimal(part) if kind == "PARTIAL" else None)


_said = st.builds(
    _told, st.sampled_from(KINDS), st.sampled_from(["LACK", "CMIS", "NORE"]), st.integers(1, 99)
)


@given(st.lists(_said, max_size=10), st.randoms(use_true_random=False))
def test_every_axis_only_goes_forward_and_ends_the_same_in_any_order(told, chance):
    def walk(given):
        standing = Standing("PENDING", frozenset(), Decimal(0))
        for each in given:
            after = settle(standing, each, whole=Decimal(100))
            assert SETTLEMENT.index(after.settlement) >= SETTLEMENT.index(standing.settlement)
            assert MATCHING.index(after.matching) >= MATCHING.index(standing.matching)
            assert CANCELLATION.index(after.cancellation) >= CANCELLATION.index(standing.cancellation)
            standing = after
        return standing

    assert walk(chance.sample(told + told[:3], len(told + told[:3]))) == walk(told)


@pytest.fixture
def sealed(db):
    world()
    (trade_id,) = validated(equity(side="SELL"))
    seal()
    (cash,), (securities,) = (instruction_ids(batch_of(each)) for each in ("CASH", "SECURITIES"))
    return BackOffice(), trade_id, cash, securities


def send(office, body, *, content_type="application/xml"):
    return office.http.post(
        "/api/v1/settlement-status-reports",
        data=body,
        content_type=content_type,
        headers={"Idempotency-Key": os.urandom(8).hex()},
    )


_LACK = "<Rsn><Cd><Cd>LACK</Cd></Cd></Rsn>"


def _messages(cash, securities):
    return [
        advice(securities, PrcgSts="<AckdAccptd><NoSpcfdRsn>NORE</NoSpcfdRsn></AckdAccptd>"),
        advice(securities, MtchgSts="<Umtchd><Rsn><Cd><Cd>DQUA</Cd></Cd></Rsn></Umtchd>"),
        advice(securities, MtchgSts="<Mtchd/>", SttlmSts=f"<Pdg>{_LACK}</Pdg>"),
        advice(securities, SttlmSts=f"<Flng>{_LACK}</Flng>"),
        advice(securities, PrcgSts="<CxlReqd/>"),
        confirmation(securities, "40"),
        confirmation(securities, "60", before="40"),
        payment_status((cash, "ACSP", "")),
        payment_status((cash, "RJCT", "AM04")),
        payment_status((cash, "CANC", "CUST")),
    ]


@given(st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_messages_in_any_order_and_repeated_end_in_the_same_state(sealed, data):
    office, _, cash, securities = sealed
    given_ = _messages(cash, securities)
    order = data.draw(st.permutations([*given_, *data.draw(st.lists(st.sampled_from(given_), max_size=4))]))
    together_ = data.draw(st.booleans())
    with transaction.atomic():
        bodies = [together(*order)] if together_ else order
        for body in bodies:
            answer = send(office, body)
            assert (answer.status_code, answer.json()["refused"]) == (207, 0), answer.content
        advance()
        assert sql.rows(
            "SELECT instruction_id, settlement, settlement_reason, settled_quantity, matching, matching_reason,"
            " cancellation, cancellation_reason FROM settlement_instruction_state ORDER BY instruction_id"
        ) == sorted(
            [
                (cash, "FAILED", "AM04", Decimal(0), "", "", "COMPLETED", "CUST"),
                (securities, "SETTLED", "LACK", Decimal(100), "MATCHED", "DQUA", "REQUESTED", ""),
            ]
        )
        assert sql.rows("SELECT codes FROM trades_exception WHERE kind = 'FAIL' AND closed_at IS NULL") == [
            ([reports.CODE],)
        ]
        transaction.set_rollback(True)


def test_each_axis_is_in_the_api_with_its_reasons(sealed):
    office, _, cash, securities = sealed
    answer = send(office, together(*_messages(cash, securities)))
    assert answer.json()["items"][-1] == {
        "index": 10, "instruction": ref(cash), "status": 200, "settlement": "FAILED", "cancellation": "COMPLETED",
    }  # fmt: skip
    (row,) = office.get(f"settlement-batches/{public_id(BATCH, batch_of('SECURITIES'))}/statuses").json()[
        "items"
    ]
    assert {name: row[name] for name in row if name.startswith(("match", "settle", "cancel"))} == {
        "matching": "MATCHED", "matching_reasons": ["DQUA"], "settlement": "SETTLED", "settlement_reasons": ["LACK"],
        "settled_quantity": "100", "cancellation": "REQUESTED", "cancellation_reasons": [],
    }  # fmt: skip


def test_a_cancellation_that_nobody_asked_for_is_an_exception_until_it_settles_after_all(sealed):
    office, trade_id, cash, _ = sealed
    send(office, payment_status((cash, "CANC", "CUST")))
    assert sql.rows("SELECT trade_id, summary FROM trades_exception WHERE closed_at IS NULL") == [
        (trade_id, f"The back office cancelled {ref(cash)}: CUST")
    ]
    send(office, payment_status((cash, "ACSC", "")))
    assert sql.rows("SELECT resolution FROM trades_exception") == [("settled",)]
    assert state(trade_id) == "INSTRUCTED"


def test_more_than_the_whole_and_what_is_unknown_are_refused_by_themselves(sealed):
    office, _, _, securities = sealed
    answer = send(
        office,
        together(confirmation(securities, "101"), confirmation(999_999, "1"), confirmation(securities, "1")),
    )
    assert [each["status"] for each in answer.json()["items"]] == [422, 404, 200]


def test_a_body_with_a_fault_writes_nothing(sealed):
    office, _, cash, securities = sealed
    before = everything()
    answer = send(
        office, together(payment_status((cash, "ACSC", "")), advice(securities)), content_type="text/xml"
    )
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/Document/1/SctiesSttlmTxStsAdvc"]
    assert everything() == before
