"""pacs.009: what is paid to institutions."""

from __future__ import annotations

from decimal import Decimal

import pytest
from lxml import etree

from core.http.problem import Problem
from refdata.models import Party, Ssi
from tests.settlement.formats.support import exported, firm, needs_schemas, read, trader, validate
from tests.settlement.support import batch, batch_of, instruction_ids, ref, seal, validated
from tests.support.factories import equity, fx

pytestmark = pytest.mark.django_db


def exchange(bought, sold):
    sides = {"bought": bought, "sold": sold}
    return {
        "rate": "1",
        **{side: {"currency": currency, "amount": amount} for side, (currency, amount) in sides.items()},
    }


def said(content, path):
    return [each.text for each in etree.fromstring(content).findall(f".//{path}")]


@needs_schemas
def test_a_payment_names_both_sides_their_agents_and_accounts_and_the_message_is_valid():
    firm()
    validated(equity())
    seal()
    content = exported(batch_of("CASH"), "pacs.009")
    (instruction_id,) = instruction_ids(batch_of("CASH"))

    assert validate("pacs.009", content) == 1
    assert read("pacs.009", content) == [(ref(instruction_id), "USD", "DELIVER", Decimal("18725.00"))]
    for path, expected in {
        "{*}GrpHdr/{*}NbOfTxs": "1",
        "{*}GrpHdr/{*}CtrlSum": "18725.00",
        "{*}GrpHdr/{*}TtlIntrBkSttlmAmt": "18725.00",
        "{*}GrpHdr/{*}SttlmInf/{*}SttlmMtd": "INDA",
        "{*}IntrBkSttlmDt": "2026-11-25",
        "{*}PmtId/{*}EndToEndId": ref(instruction_id),
        "{*}InstgAgt//{*}BICFI": "OURSDEFF",
        "{*}DbtrAgt//{*}BICFI": "CORRDE2X",
        "{*}Dbtr//{*}Nm": "Ours",
        "{*}DbtrAcct//{*}Othr/{*}Id": "USD-0001",
        "{*}Cdtr//{*}BICFI": "BROKUS33XXX",
        "{*}Cdtr//{*}LEI": "529900T8BM49AURSDO55",
    }.items():
        assert said(content, path) == [expected], path


@needs_schemas
def test_payments_of_several_currencies_have_a_control_sum_and_no_total():
    firm()
    trader("BANK-2", bic="BANKGB2L")
    validated(
        fx(terms=exchange(("USD", "9.00"), ("EUR", "12.34"))),
        fx(counterparty="BANK-2", terms=exchange(("EUR", "9.00"), ("JPY", "5000"))),
    )
    seal()
    content = exported(batch_of("CASH"), "pacs.009", carried_only=True)

    assert validate("pacs.009", content) == 1
    assert said(content, "{*}CtrlSum") == ["5012.34"]
    assert said(content, "{*}TtlIntrBkSttlmAmt") == []
    assert said(content, "{*}IntrBkSttlmAmt") == ["5000", "12.34"]
    assert said(content, "{*}CdtrAcct//{*}IBAN") == ["DE89370400440532013000"]
    assert said(content, "{*}CdtrAcct//{*}Othr/{*}Id") == ["JPY 7"]


@needs_schemas
def test_names_are_escaped_cut_and_freed_of_what_xml_cannot_hold():
    made = firm()
    name = "A & B <Söhne>\x01\n 銀行 " + "x" * 200
    Party.objects.filter(id__in=[made.ours.id, made.broker.id]).update(name=name, bic=None, lei=None)
    Party.objects.filter(id=made.broker.id).update(bic="BROKUS33")
    validated(equity())
    seal()
    content = exported(batch_of("CASH"), "pacs.009")
    assert validate("pacs.009", content) == 1
    assert said(content, "{*}Dbtr//{*}Nm") == [("A & B <Söhne> 銀行 " + "x" * 200)[:140]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda made: Party.objects.filter(id=made.broker.id).update(bic=None), "to-a-customer"),
        (lambda made: Party.objects.filter(id=made.broker.id).update(bic="NO BIC"), "to-a-customer"),
        (lambda made: Ssi.objects.filter(party=made.broker).update(agent_bic=""), "agent-missing"),
        (lambda made: Ssi.objects.filter(party=made.ours).update(agent_bic="corrde2x"), "agent-missing"),
        (lambda made: Ssi.objects.filter(party=made.ours).update(account="9" * 35), "account-unwritable"),
        (lambda made: Ssi.objects.filter(party=made.broker).update(account="Konto\n7"), "account-unwritable"),
    ],
)
def test_what_it_cannot_carry_is_refused_by_name(change, code):
    made = firm()
    change(made)
    validated(equity())
    seal()
    assert [each.code for each in refused(batch_of("CASH"))] == [code]


def test_money_that_comes_in_is_refused():
    firm()
    validated(equity(side="SELL"))
    seal()
    assert [(each.pointer, each.code) for each in refused(batch_of("CASH"))] == [("/lines/1", "incoming")]
    assert batch(batch_of("CASH"))["control_totals"] == {"USD": {"RECEIVE": {"count": 1, "sum": "18725.00"}}}


def refused(batch_id):
    with pytest.raises(Problem) as caught:
        exported(batch_id, "pacs.009")
    assert (caught.value.status, caught.value.code) == (422, "lines-not-carried")
    return caught.value.faults
