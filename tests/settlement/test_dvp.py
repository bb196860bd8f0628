"""How instructions settle: delivery versus payment in linked pairs, free of payment, payment alone, goods apart."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core import sql
from core.ids import INSTRUCTION, public_id
from refdata.models import Book, NettingAgreement
from settlement.cut_offs import Place
from settlement.formats import FORMATS
from settlement.formats.base import Line
from settlement.services.recall_batch import recall_batch
from settlement.services.seal import seal_batches
from tests.settlement.formats.support import documents, exported, firm, needs_schemas, validate
from tests.settlement.support import (
    LATER,
    SEALER,
    VALUE_DATE,
    BackOffice,
    batch,
    batch_of,
    instruction_ids,
    lines_of,
    seal,
    state,
    validated,
)
from tests.settlement.support import validate as let_pass
from tests.support.factories import (
    APPLE,
    EURO_SHARE,
    NETS_NOTHING,
    World,
    equity,
    fx,
    goods,
    settle_gross,
    ssi,
    world,
)
from tests.support.records import CLERK, NOW
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def gross() -> World:
    made = world()
    settle_gross()
    return made


@pytest.fixture
def by_security() -> World:
    """A world in which securities net and payments do not."""
    made = world()
    NettingAgreement.objects.update(**{**NETS_NOTHING, "securities": "SECURITY"})
    return made


def sealed(*channels: str) -> dict[str, list[dict[str, Any]]]:
    """Seal, and return the lines of the new batches by channel."""
    return {batch(each)["channel_id"]: lines_of(each) for each in seal(*channels)}


def pairs(lines: dict[str, list[dict[str, Any]]]) -> set[tuple[str, str]]:
    """Return what is delivered and paid together as (security, money); all that is linked must be so both ways."""
    by_id = {line["instruction"]: line for each in lines.values() for line in each if line["kind"] == "NEW"}
    found = set()
    for line in by_id.values():
        if line["linked"] is None:
            assert line["settlement_type"] != "DVP"
            continue
        other = by_id[line["linked"]["instruction"]]
        assert other["linked"]["instruction"] == line["instruction"]
        assert {line["settlement_type"], other["settlement_type"]} == {"DVP"}
        assert {line["direction"], other["direction"]} == {"DELIVER", "RECEIVE"}
        assert line["linked"]["common_reference"] == other["linked"]["common_reference"]
        assert (line["linked"]["asset"], line["linked"]["quantity"]) == (other["asset"], other["quantity"])
        if line["asset_kind"] == "SECURITY":
            assert line["linked"]["common_reference"] == line["instruction"]
            found.add((f"{line['quantity']} {line['asset']}", f"{other['quantity']} {other['asset']}"))
    return found


def types(lines: dict[str, list[dict[str, Any]]]) -> list[str]:
    return sorted(line["settlement_type"] for each in lines.values() for line in each)


class TestThePair:
    def test_is_each_trade_where_nothing_nets(self, gross):
        validated(equity(quantity="100"), equity(quantity="10", side="SELL"))

        assert pairs(sealed()) == {(f"100 {APPLE}", "18725.00 USD"), (f"10 {APPLE}", "1872.50 USD")}

    def test_is_a_security_and_its_payment_netted_together_where_payments_do_not_net(self, by_security):
        validated(
            equity(quantity="100"),
            equity(quantity="40", side="SELL"),
            equity(quantity="7", instrument=EURO_SHARE, currency="EUR", price="1"),
            equity(quantity="5", instrument=EURO_SHARE, currency="EUR", price="1"),
        )
        lines = sealed()

        assert pairs(lines) == {(f"60 {APPLE}", "11235.00 USD"), (f"12 {EURO_SHARE}", "12.00 EUR")}
        assert [line["legs"] for line in lines["CASH"]] == [2, 2]

    def test_of_a_security_dealt_in_two_currencies_are_two(self, by_security):
        validated(equity(quantity="3"), equity(quantity="4", currency="EUR", price="10"))

        assert pairs(sealed()) == {(f"3 {APPLE}", "561.75 USD"), (f"4 {APPLE}", "40.00 EUR")}

    def test_is_none_where_payments_net_by_currency(self):
        world()
        validated(equity(), equity())

        assert types(sealed()) == ["FOP", "PAYMENT"]

    def test_is_none_of_goods_and_of_money_for_money(self, gross):
        validated(goods(), fx())

        assert types(sealed()) == ["DELIVERY", "DELIVERY", "PAYMENT", "PAYMENT", "PAYMENT"]

    @pytest.mark.parametrize("sold", ["90", "100"])
    def test_is_none_where_both_nets_go_one_way_or_one_of_them_is_nothing(self, by_security, sold):
        validated(equity(quantity="100"), equity(quantity=sold, side="SELL", price="300"))

        assert types(sealed()) == ["FOP", "PAYMENT"]

    def test_is_one_for_each_way_of_accounts(self, by_security):
        Book.objects.create(code="BOOK-2", desk="DESK-2", entity=by_security.ours)
        ssi(by_security.broker, "CASH", "USD", book="BOOK-2", account="for book 2")
        validated(equity(quantity="1"), equity(quantity="2", book="BOOK-2"), equity(quantity="4"))
        lines = sealed()

        assert pairs(lines) == {(f"5 {APPLE}", "936.25 USD"), (f"2 {APPLE}", "374.50 USD")}
        accounts = {line["quantity"]: line["their_ssi"]["account"] for line in lines["CASH"]}
        assert accounts["374.50"] == "for book 2" != accounts["936.25"]

    def test_names_the_other_over_the_api(self, gross):
        validated(equity())
        seal()
        (cash,), (security,) = (instruction_ids(batch_of(each)) for each in ("CASH", "SECURITIES"))

        found = BackOffice().get(f"settlement-instructions/{public_id(INSTRUCTION, cash)}").json()

        assert (found["settlement_type"], found["linked"]) == ("DVP", public_id(INSTRUCTION, security))


class TestThePairLeaves:
    @pytest.mark.parametrize("channel", ["CASH", "SECURITIES"])
    def test_together_whichever_channel_is_sealed(self, gross, channel):
        (trade_id, other) = validated(equity(), goods())
        lines = sealed(channel)

        assert len(pairs(lines)) == 1
        assert (state(trade_id), state(other)) == ("INSTRUCTED", "VALIDATED")

    @pytest.mark.parametrize("first", ["CASH", "SECURITIES"])
    def test_by_the_earlier_of_its_two_cut_offs(self, gross, first):
        trade_id, exchange = validated(equity(), fx())
        early, late = VALUE_DATE.replace(day=24), VALUE_DATE
        reach = {
            Place("CASH", "*", "*"): late if first == "CASH" else early,
            Place("SECURITIES", "*", "*"): late if first == "SECURITIES" else early,
        }
        seal_batches(value_date=late, channels=("CASH", "SECURITIES"), actor=SEALER, now=NOW, reach=reach)

        assert state(trade_id) == "INSTRUCTED"
        assert state(exchange) == ("INSTRUCTED" if first == "CASH" else "VALIDATED")


class TestThePairIsRecalled:
    def test_whole_when_a_change_touches_one_leg_and_is_paired_anew(self, by_security):
        one, two = validated(equity(quantity="100"), equity(quantity="10"))
        before = sealed()
        change_trade(
            change=Change("AMEND", one, "as agreed", changes={"net_amount": "20000"}), actor=CLERK, now=LATER
        )
        let_pass([one])
        after = sealed()

        assert pairs(before) == {(f"110 {APPLE}", "20597.50 USD")}
        assert pairs(after) == {(f"110 {APPLE}", "21872.50 USD")}
        for channel in ("CASH", "SECURITIES"):
            new, cancel = after[channel]
            (old,) = before[channel]
            assert (cancel["kind"], cancel["cancels"]) == ("CANCEL", old["instruction"])
            assert cancel["linked"] == old["linked"]
            assert new["replaces"] == [old["instruction"]]
        assert (state(one), state(two)) == ("INSTRUCTED", "INSTRUCTED")
        assert sealed() == {}

    def test_whole_when_the_back_office_rejects_one(self, gross):
        (trade_id,) = validated(equity())
        before = sealed()
        office, cash = BackOffice(), batch_of("CASH")
        office.claim(cash)
        assert office.acknowledge(cash, before["CASH"], USD="AC04").status_code == 207
        (cancel,) = sealed()["SECURITIES"]

        assert state(trade_id) == "EXCEPTION"
        assert cancel["cancels"] == before["SECURITIES"][0]["instruction"]

    @pytest.mark.parametrize("channel", ["CASH", "SECURITIES"])
    def test_whole_when_a_batch_is_recalled(self, by_security, channel):
        validated(equity(quantity="100"), equity(quantity="10"))
        before = sealed()
        recall_batch(batch_id=batch_of(channel), reason="wrong day", actor=CLERK, now=LATER)
        after = sealed()
        other = "CASH" if channel == "SECURITIES" else "SECURITIES"

        assert pairs(after) == pairs(before)
        assert [line["cancels"] for line in after[channel]] == [None]
        assert [line["cancels"] for line in after[other]] == [None, before[other][0]["instruction"]]


class TestAnInstructionSealedApart:
    def test_stays_and_what_is_instructed_again_settles_by_itself(self, gross):
        """As what was sealed before instructions were linked."""
        (trade_id,) = validated(equity())
        before = sealed()
        sql.run("SET session_replication_role = replica")
        sql.run("UPDATE settlement_instruction SET linked_id = NULL")
        sql.run("SET session_replication_role = origin")
        change_trade(
            change=Change("AMEND", trade_id, "as agreed", changes={"net_amount": "1"}), actor=CLERK, now=LATER
        )
        let_pass([trade_id])
        after = sealed()

        assert set(after) == {"CASH"}
        assert [(each["kind"], each["quantity"]) for each in after["CASH"]] == [
            ("NEW", "1.00"),
            ("CANCEL", "18725.00"),
        ]
        assert types(after) == ["PAYMENT", "PAYMENT"]
        assert types(before) == ["DVP", "DVP"]


class TestFormats:
    @needs_schemas
    @pytest.mark.parametrize(("side", "sign"), [("BUY", "DBIT"), ("SELL", "CRDT")])
    def test_of_securities_say_what_is_paid_and_are_valid(self, side, sign):
        firm()
        settle_gross()
        validated(equity(side=side))
        seal()
        content = exported(batch_of("SECURITIES"), "sese.023")
        ((message,),) = documents("sese.023", content)

        assert validate("sese.023", content) == 1
        for path, expected in {
            "{*}SttlmTpAndAddtlParams/{*}Pmt": "APMT",
            "{*}SttlmTpAndAddtlParams/{*}CmonId": message.findtext("{*}TxId"),
            "{*}SttlmAmt/{*}Amt": "18725.00",
            "{*}SttlmAmt/{*}CdtDbtInd": sign,
        }.items():
            assert message.findtext(path) == expected, path
        amount = message.find("{*}SttlmAmt/{*}Amt")
        assert amount is not None
        assert amount.get("Ccy") == "USD"

    @pytest.mark.parametrize("code", ["pacs.008", "pacs.009"])
    def test_of_payments_refuse_what_the_delivery_pays(self, gross, code):
        validated(equity())
        (line,) = sealed()["CASH"]
        refusal = FORMATS[code].refusal(msgspec.convert(line, Line))

        assert refusal is not None
        assert refusal.code == "against-delivery"
