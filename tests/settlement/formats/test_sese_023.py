"""sese.023: securities to be delivered and received."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.http.problem import Problem
from refdata.models import Instrument, Party, Ssi
from tests.settlement.formats.support import documents, exported, firm, needs_schemas, read, validate
from tests.settlement.support import batch_of, instruction_ids, ref, seal, validated
from tests.support.factories import APPLE, BUND, bond, equity

pytestmark = pytest.mark.django_db


def sealed(*trades):
    validated(*trades)
    seal()
    return batch_of("SECURITIES")


def messages(batch_id, **how):
    return [each[0] for each in documents("sese.023", exported(batch_id, "sese.023", **how))]


@needs_schemas
def test_a_delivery_names_the_chain_on_the_other_side_and_the_message_is_valid():
    firm()
    batch_id = sealed(equity(side="SELL"))
    content = exported(batch_id, "sese.023")
    (instruction_id,) = instruction_ids(batch_id)
    (message,) = messages(batch_id)

    assert validate("sese.023", content) == 1
    assert read("sese.023", content) == [(ref(instruction_id), APPLE, "DELIVER", Decimal(100))]
    assert message.findtext("{*}DlvrgSttlmPties") is None
    for path, expected in {
        "{*}TxId": ref(instruction_id).replace("_", "-"),
        "{*}SttlmTpAndAddtlParams/{*}Pmt": "FREE",
        "{*}TradDtls/{*}TradDt/{*}Dt/{*}Dt": "2026-11-23",
        "{*}TradDtls/{*}SttlmDt/{*}Dt/{*}Dt": "2026-11-25",
        "{*}QtyAndAcctDtls/{*}SttlmQty/{*}Qty/{*}Unit": "100",
        "{*}QtyAndAcctDtls/{*}SfkpgAcct/{*}Id": "SAFE/4711",
        "{*}SttlmParams/{*}SctiesTxTp/{*}Cd": "TRAD",
        "{*}RcvgSttlmPties/{*}Dpstry/{*}Id/{*}AnyBIC": "DTCYUS33",
        "{*}RcvgSttlmPties/{*}Pty1/{*}Id/{*}AnyBIC": "CUSTUS2XNYC",
        "{*}RcvgSttlmPties/{*}Pty2/{*}Id/{*}AnyBIC": "BROKUS33XXX",
        "{*}RcvgSttlmPties/{*}Pty2/{*}LEI": "529900T8BM49AURSDO55",
        "{*}RcvgSttlmPties/{*}Pty2/{*}SfkpgAcct/{*}Id": "SAFE/4711",
    }.items():
        assert message.findtext(path) == expected, path


@needs_schemas
def test_a_bond_is_a_face_amount_and_a_counterparty_without_agent_and_bic_is_named():
    made = firm()
    Party.objects.filter(id=made.broker.id).update(bic=None, lei=None, name="Société _Générale_ & Cie")
    Ssi.objects.filter(party=made.broker).update(agent_bic="")
    batch_id = sealed(bond())
    (message,) = messages(batch_id)

    assert validate("sese.023", exported(batch_id, "sese.023")) == 1
    assert message.findtext(".//{*}FaceAmt") == "1000000"
    assert message.findtext(".//{*}ISIN") == BUND
    assert message.findtext("{*}DlvrgSttlmPties/{*}Pty1/{*}Id/{*}NmAndAdr/{*}Nm") == "Societe Generale Cie"
    assert message.findtext("{*}DlvrgSttlmPties/{*}Pty1/{*}SfkpgAcct/{*}Id") == "SAFE/4711"
    assert message.find("{*}DlvrgSttlmPties/{*}Pty2") is None


@needs_schemas
def test_a_net_of_several_trade_dates_says_that_they_vary():
    firm()
    same_day = {"settlement_date": "2026-11-25"}
    batch_id = sealed(equity(**same_day), equity(quantity="30", trade_date="2026-11-20", **same_day))
    (message,) = messages(batch_id)

    assert validate("sese.023", exported(batch_id, "sese.023")) == 1
    assert message.findtext("{*}TradDtls/{*}TradDt/{*}DtCd/{*}Cd") == "VARI"
    assert message.findtext("{*}SttlmParams/{*}SctiesTxTp/{*}Cd") == "NETT"
    assert message.findtext(".//{*}Unit") == "130"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda made: Instrument.objects.filter(code=APPLE).update(code="SHARE-1"), "not-an-isin"),
        (
            lambda made: Ssi.objects.filter(party=made.broker).update(place_of_settlement=""),
            "depository-missing",
        ),
        (lambda made: Ssi.objects.filter(party=made.broker).update(account="SAFE_1"), "account-unwritable"),
        (
            lambda made: Party.objects.filter(id=made.broker.id).update(bic=None, name="銀行"),
            "counterparty-unnamed",
        ),
    ],
)
def test_what_it_cannot_carry_is_refused_by_name(change, code):
    made = firm()
    change(made)
    batch_id = sealed(equity(**({"instrument": "SHARE-1"} if code == "not-an-isin" else {})))
    with pytest.raises(Problem) as caught:
        exported(batch_id, "sese.023")
    assert [(each.pointer, each.code) for each in caught.value.faults] == [("/lines/1", code)]


def test_a_quantity_may_have_more_decimals_than_a_face_amount():
    firm()
    batch_id = sealed(equity(quantity="0.0000001", net_amount="1.00"))
    (message,) = messages(batch_id)
    assert message.findtext(".//{*}Unit") == "0.0000001"
    validated(bond(quantity="0.0000001", net_amount="1.00"))
    (_, again) = sorted(seal())
    with pytest.raises(Problem) as caught:
        exported(again, "sese.023")
    assert [each.code for each in caught.value.faults] == ["quantity-too-wide"]
