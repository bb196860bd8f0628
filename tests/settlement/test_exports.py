"""Batches in other formats: the same content with the same totals, the same bytes each time, and honest refusals."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.http.problem import Problem
from refdata.models import Party, Ssi
from settlement.formats import FORMATS
from settlement.selectors import read_batch
from settlement.services import exports
from tests.settlement.formats.support import (
    MESSAGES,
    SCHEMAS,
    exported,
    firm,
    path,
    read,
    sealed_totals,
    totals,
    trader,
    validate,
)
from tests.settlement.support import (
    BackOffice,
    batch,
    batch_of,
    bytes_of,
    everything,
    lines_of,
    seal,
    validated,
)
from tests.support.factories import bond, equity, fx, goods
from tests.support.records import CLERK, LATER
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db
MADE = [code for code in FORMATS if code != "ndjson"]

_PARTIES = ("BANK-A", "BANK-B", "CLIENT-C", "CLIENT-D")
_amounts = st.decimals(min_value="0.01", max_value="9999999.99", places=2).map(str)
_who = st.fixed_dictionaries(
    {"counterparty": st.sampled_from(_PARTIES), "side": st.sampled_from(["BUY", "SELL"])}
)
_trades = st.one_of(
    st.builds(lambda who, q, a: equity("", quantity=q, net_amount=a, **who), _who, _amounts, _amounts),
    st.builds(lambda who, q, a: bond("", quantity=q, net_amount=a, **who), _who, _amounts, _amounts),
    st.builds(
        lambda who, q: goods(lines=[{"sku": "SKU-1", "quantity": q, "unit_price": "1.25"}], **who),
        _who,
        _amounts,
    ),
)


@pytest.fixture
def parties():
    firm()
    for number, code in enumerate(_PARTIES):
        trader(code, bic=f"BANKDE{number}X" if code.startswith("BANK") else None, netting=number % 2 == 0)


@given(st.lists(_trades, min_size=1, max_size=12))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_format_has_the_control_totals_of_the_lines_it_carries_and_names_all_others(parties, documents):
    with transaction.atomic():
        validated(*documents)
        for batch_id in seal():
            whole = sorted(read("ndjson", bytes_of(batch_id)))
            assert totals(whole) == sealed_totals(batch(batch_id)["control_totals"])
            assert sorted(read("csv", exported(batch_id, "csv"))) == whole
            for code in MESSAGES:
                refused, content = left_out(batch_id, code), carried(batch_id, code)
                found = read(code, content) if content else []
                kept = [
                    row
                    for line, row in enumerate(read("ndjson", bytes_of(batch_id)), start=1)
                    if line not in refused
                ]
                assert sorted(found) == sorted(kept)
                assert totals(found) == totals(kept)
        transaction.set_rollback(True)


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"the schemas of ISO 20022 are not in {SCHEMAS}")
@given(st.lists(_trades, min_size=1, max_size=12))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_message_of_every_file_is_valid(parties, documents):
    with transaction.atomic():
        validated(*documents)
        for batch_id in seal():
            for code in MESSAGES:
                if content := carried(batch_id, code):
                    assert validate(code, content) >= 1
        transaction.set_rollback(True)


def left_out(batch_id, code):
    """Return the numbers of the lines that a format refuses."""
    try:
        exported(batch_id, code)
    except Problem as problem:
        assert problem.status == 422
        return {int(fault.pointer.removeprefix("/lines/")) for fault in problem.faults}
    return set()


def carried(batch_id, code):
    """Return the file of what a format can carry, or nothing when it can carry nothing."""
    try:
        return exported(batch_id, code, carried_only=True)
    except Problem as problem:
        assert problem.code == "nothing-carried"
        return b""


@given(st.lists(_trades, min_size=1, max_size=12))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_paid_is_either_a_payment_to_an_institution_or_one_to_a_customer(parties, documents):
    with transaction.atomic():
        validated(*documents)
        seal("CASH")
        batch_id = batch_of("CASH")
        paid = {
            line["instruction"]
            for line in lines_of(batch_id)
            if line["direction"] == "DELIVER" and line["settlement_type"] == "PAYMENT"
        }
        found = [
            {row[0] for row in read(code, content)} if (content := carried(batch_id, code)) else set()
            for code in ("pacs.008", "pacs.009")
        ]
        assert found[0] | found[1] == paid
        assert not found[0] & found[1]
        transaction.set_rollback(True)


@pytest.mark.parametrize("code", MADE)
def test_the_bytes_stay_the_same_whatever_becomes_of_the_reference_data(parties, code):
    (trade_id, *_) = validated(
        equity(counterparty="BANK-A", side="SELL"),
        goods(counterparty="CLIENT-C", side="BUY"),
        fx(counterparty="BANK-A"),
    )
    seal()
    channel = "SECURITIES" if code == "sese.023" else "CASH"
    before = exported(batch_of(channel), code, carried_only=True)
    Party.objects.update(name="Another name", bic=None, lei=None)
    Ssi.objects.update(account="", agent_bic="", place_of_settlement="")
    call_off(trade_id)
    assert exported(batch_of(channel), code, carried_only=True) == before


def test_a_cancellation_is_a_row_of_csv_and_refused_by_every_message(parties):
    (trade_id,) = validated(equity(counterparty="BANK-A"))
    seal()
    call_off(trade_id)
    for batch_id in seal():
        assert [line["kind"] for line in lines_of(batch_id)] == ["CANCEL"]
        assert exported(batch_id, "csv").decode().split("\r\n")[1].split(",")[5] == "CANCEL"
        for code in MESSAGES:
            assert left_out(batch_id, code) == {1}


def call_off(trade_id):
    change_trade(change=Change("CANCEL", trade_id, "as agreed"), actor=CLERK, now=LATER)


def test_only_the_first_hundred_lines_are_named_and_all_are_counted(parties):
    validated(*(equity(counterparty="BANK-B", side="SELL", quantity=str(n)) for n in range(1, 104)))
    seal()
    with pytest.raises(Problem) as caught:
        exported(batch_of("CASH"), "pacs.009")
    assert caught.value.detail == (
        "It cannot carry 103 of 103 lines, of which the first 100 are named. With lines=carried it comes without them."
    )
    assert [fault.pointer for fault in caught.value.faults] == [f"/lines/{line}" for line in range(1, 101)]


def test_a_batch_is_written_a_run_of_lines_at_a_time(parties, monkeypatch):
    validated(*(equity(counterparty="BANK-B", quantity=str(n)) for n in range(1, 24)))
    seal()
    whole = exported(batch_of("CASH"), "csv")
    lines = bytes_of(batch_of("CASH")).splitlines(keepends=True)
    pages = [b"".join(lines[at : at + 5]) for at in range(0, len(lines), 5)]
    monkeypatch.setattr(exports, "content", lambda batch_id: iter(pages))

    runs = list(exports.export_batch(batch=read_batch(batch_of("CASH")), format=FORMATS["csv"]))
    assert [run.count(b"\r\n") for run in runs] == [1, 5, 5, 5, 5, 3]
    assert b"".join(runs) == whole


@pytest.fixture
def office(parties):
    validated(
        equity(counterparty="BANK-A"),
        goods(counterparty="CLIENT-C"),
        goods(counterparty="CLIENT-D", side="BUY"),
    )
    seal()
    return BackOffice()


@pytest.mark.parametrize("code", list(FORMATS))
def test_a_format_is_asked_for_by_its_name_or_by_its_media_type(office, code):
    batch_id = batch_of("SECURITIES" if code == "sese.023" else "CASH")
    named = office.get(f"{path(batch_id)}?format={code}&lines=carried")
    accepted = office.get(f"{path(batch_id)}?lines=carried", Accept=FORMATS[code].media_type)

    assert (named.status_code, accepted.status_code) == (200, 200)
    assert named["Content-Type"] == accepted["Content-Type"] == FORMATS[code].media_type
    assert named["ETag"] == accepted["ETag"]
    content = b"".join(named.streaming_content)
    assert content == b"".join(accepted.streaming_content) == exported(batch_id, code, carried_only=True)
    again = office.get(f"{path(batch_id)}?format={code}&lines=carried", **{"If-None-Match": named["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_lines_that_a_format_cannot_carry_are_a_problem_that_names_them(office):
    before = everything()
    answer = office.get(f"{path(batch_of('CASH'))}?format=pacs.009")
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    found = answer.json()
    assert (found["code"], found["title"]) == (
        "lines-not-carried",
        "pacs.009 cannot carry every line of this batch.",
    )
    assert [each["code"] for each in found["errors"]] == ["incoming", "to-a-customer"]
    assert (
        office.get(f"{path(batch_of('GOODS'))}?format=pacs.009&lines=carried").json()["code"]
        == "nothing-carried"
    )
    assert everything() == before


@pytest.mark.parametrize(
    ("query", "pointer"), [("format=xml", "query:format"), ("format=csv&lines=some", "query:lines")]
)
def test_an_unknown_format_is_a_fault_of_the_request(office, query, pointer):
    answer = office.get(f"{path(batch_of('CASH'))}?{query}")
    assert answer.status_code == 400
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


def test_what_a_format_carries_has_an_etag_of_its_own(office):
    where = path(batch_of("CASH"))
    tags = {
        office.get(f"{where}?format={code}&lines={lines}")["ETag"]
        for code, lines in (("csv", "all"), ("csv", "carried"), ("pacs.009", "carried"), ("ndjson", "all"))
    }
    assert len(tags) == 4
