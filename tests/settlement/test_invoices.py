"""Orders are billed as they are delivered, each part once, and services when their day comes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core import sql
from settlement.services.invoice import bill_due, bill_trades
from settlement.services.report import report_status
from settlement.services.standing import Report
from tests.settlement.support import seal, validate, validated
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    equity,
    goods,
    party,
    service,
    world,
)
from tests.support.fees import fee_rule
from tests.support.invoices import (
    BILLER,
    bill,
    billed_lines,
    billing_terms,
    deliver,
    delivered_by,
    documents,
    gaps,
    open_amount,
    report,
    sealed_order,
)
from tests.support.records import CLERK, LATER, NOW, TODAY, race
from trades.services.change import Change
from trades.services.recheck import recheck_trades
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db
D = Decimal
VAT = {"type": "VAT", "rate": "2000", "direction": "RECEIVE", "is_stated": False, "side": "SELL"}


def cancel(trade_id, *, dry_run=False):
    return change_trade(change=Change("CANCEL", trade_id, "off"), actor=CLERK, now=LATER, dry_run=dry_run)


class TestGoods:
    def test_are_billed_as_they_are_delivered_and_once(self):
        world()
        trade_id = sealed_order()
        mugs, towels = delivered_by(trade_id)
        deliver(mugs, "5")
        deliver(mugs, "5")
        deliver(mugs)
        deliver(mugs)
        report(Report(towels, "SETTLED"), Report(towels, "PARTIAL", quantity=D(2)))
        assert billed_lines(trade_id) == [
            ("OURS-INV-000001", "line 1", "5", "21.25", "0", False),
            ("OURS-INV-000002", "line 1", "7", "29.75", "0", False),
            ("OURS-INV-000003", "line 2", "6", "45", "0", False),
        ]
        assert (open_amount([trade_id]), gaps()) == (D(96), [])

    def test_of_one_report_share_an_invoice_with_what_comes_on_top(self):
        world()
        fees = [{"type": "CARRIAGE", "amount": "4.50", "currency": "EUR"}]
        (trade_id,) = [checked(goods(fees=fees))]
        seal()
        report(*(Report(each, "SETTLED") for each in delivered_by(trade_id)))
        assert documents() == [("OURS-INV-000001", "100.5", "0", "100.5")]
        assert [line[1] for line in billed_lines(trade_id)] == ["fee CARRIAGE EUR", "line 1", "line 2"]

    def test_netted_in_one_instruction_are_billed_to_each_order_in_turn(self):
        world()
        lines = [{"sku": "SKU-1", "quantity": "10", "unit_price": "1.00"}]
        first, second = validated(goods(lines=lines), goods(lines=lines))
        seal()
        (instruction,) = set(delivered_by(first) + delivered_by(second))
        deliver(instruction, "13")
        assert (open_amount([first]), open_amount([second])) == (D(10), D(3))
        deliver(instruction)
        assert (open_amount([first]), open_amount([second])) == (D(10), D(10))
        assert [line[2] for line in billed_lines(second)] == ["3", "7"]

    def test_that_come_back_in_the_same_instruction_are_billed_when_it_is_whole(self):
        world()
        lines = [{"sku": "SKU-1", "quantity": "10", "unit_price": "1.00"}]
        sold, _ = validated(goods(lines=lines), goods(side="BUY", lines=[{**lines[0], "quantity": "4"}]))
        seal()
        (instruction,) = delivered_by(sold)
        deliver(instruction, "5")
        assert open_amount([sold]) == D(5)
        deliver(instruction)
        assert documents() == [("OURS-INV-000001", "5", "0", "5"), ("OURS-INV-000002", "5", "0", "5")]

    def test_that_we_buy_are_billed_by_whoever_sells_them(self):
        world()
        trade_id = sealed_order(side="BUY")
        for each in delivered_by(trade_id):
            deliver(each)
        assert documents() == []

    def test_carry_the_tax_that_is_accrued_to_the_cent(self):
        world()
        fee_rule("VAT", **VAT)
        lines = [{"sku": "SKU-1", "quantity": "3", "unit_price": "0.33"}] * 3
        trade_id = checked(goods(lines=lines))
        seal()
        (instruction,) = set(delivered_by(trade_id))
        for part in ("1", "2", "4", "5", "7", "8"):
            deliver(instruction, part)
        deliver(instruction)
        accrued = sql.rows("SELECT sum(amount) FROM settlement_fee_accrual WHERE trade_id = %s", [trade_id])
        told = sql.rows(
            "SELECT sum(net), sum(tax), min(tax_rate), count(DISTINCT tax_rule_version_id)"
            " FROM settlement_invoice_line"
        )
        assert (accrued, told) == ([(D("0.59"),)], [(D("2.97"), D("0.59"), D(20), 1)])

    def test_are_due_by_the_most_specific_terms(self):
        world()
        billing_terms(days=5)
        billing_terms(party="CUST-01", days=14, end_of_month=True)
        (first,) = delivered_by(sealed_order(lines=[{"sku": "SKU-1", "quantity": "1", "unit_price": "1"}]))
        deliver(first)
        told = sql.rows("SELECT invoice_date, due_date, billing->>'name' FROM settlement_invoice")
        assert told == [(TODAY, date(2026, 12, 31), "Cust-01")]

    def test_are_billed_with_what_was_delivered_by_which_report(self):
        world()
        trade_id = sealed_order()
        instruction, _ = delivered_by(trade_id)
        deliver(instruction)
        ((leg, told, report_id),) = sql.rows(
            "SELECT leg, instruction_id, report_id FROM settlement_invoice_line"
        )
        ((reported,),) = sql.rows("SELECT max(id) FROM settlement_status_report")
        assert (leg, told, report_id) == (1001, instruction, reported)


class TestServices:
    def test_are_billed_the_day_after_they_end(self):
        world()
        billing_terms(days=7)
        (trade_id,) = validated(service())
        due = date(2026, 12, 2)
        noon = NOW.replace(hour=12)
        assert bill_due(now=noon + timedelta(days=(due - TODAY).days), actor=BILLER) == 0
        after = noon + timedelta(days=(due - TODAY).days + 1)
        assert (bill_due(now=after, actor=BILLER), bill_due(now=after, actor=BILLER)) == (1, 0)
        assert documents(trade_id) == [("OURS-INV-000001", "2400", "0", "2400")]

    def test_are_billed_when_they_are_accepted_where_that_is_agreed(self):
        world()
        billing_terms(product="SERVICE", services="DELIVERY", days=7)
        (trade_id,) = validated(service())
        seal(value_date=date(2026, 12, 2))
        assert bill_due(now=NOW + timedelta(days=60), actor=BILLER) == 0
        deliver(delivered_by(trade_id)[0])
        assert documents(trade_id) == [("OURS-INV-000001", "2400", "0", "2400")]

    def test_that_were_billed_are_credited_when_their_terms_change_and_billed_anew(self):
        world()
        (trade_id,) = validated(service())
        later = NOW + timedelta(days=11)
        bill_due(now=later, actor=BILLER)
        lines = [{"sku": "SKU-1", "quantity": "1", "unit_price": "2000", "milestone": "2026-12-02"}]
        change = Change("AMEND", trade_id, "agreed", changes={"terms": {"lines": lines}})
        told = change_trade(change=change, actor=CLERK, now=later, dry_run=True).effects["invoices"]
        assert told == [
            {
                "key": "OURS-INV-000001",
                "before": {"amount": "2400.00", "currency": "EUR"},
                "after": {"amount": "0.00", "currency": "EUR"},
            },
            {
                "key": "OURS-INV-000002",
                "before": None,
                "after": {"amount": "2000.00", "currency": "EUR"},
            },
        ]
        change_trade(change=change, actor=CLERK, now=later)
        validate([trade_id])
        assert open_amount([trade_id]) == D(0)
        bill_due(now=later, actor=BILLER)
        assert documents(trade_id) == [
            ("OURS-INV-000001", "2400", "0", "2400"),
            ("OURS-CRN-000001", "2400", "0", "2400"),
            ("OURS-INV-000002", "2000", "0", "2000"),
        ]

    def test_that_were_billed_are_credited_when_they_are_called_off(self):
        world()
        (trade_id,) = validated(service())
        bill_due(now=NOW + timedelta(days=11), actor=BILLER)
        before = documents()
        assert cancel(trade_id, dry_run=True).effects["invoices"][0]["after"]["amount"] == "0.00"
        assert documents() == before
        cancel(trade_id)
        assert (open_amount([trade_id]), documents()[-1][0], gaps()) == (D(0), "OURS-CRN-000001", [])


class TestFees:
    def test_that_a_client_owes_are_billed_by_trade_and_credited_when_it_is_called_off(self):
        world()
        fee_rule("CUSTODY", type="CUSTODY", basis="FLAT", rate="9.95", currency="USD",
                 direction="RECEIVE", is_stated=False)  # fmt: skip
        trade_id = checked(equity(fees=[{"type": "COMMISSION", "amount": "1.95", "currency": "USD"}]))
        bill()
        bill_due(now=NOW, actor=BILLER)
        assert documents(trade_id) == [("OURS-FEE-000001", "9.95", "0", "9.95")]
        cancel(trade_id)
        assert (open_amount([trade_id]), len(documents())) == (D(0), 2)

    def test_are_billed_anew_when_a_change_charges_otherwise(self):
        world()
        fee_rule("CUSTODY", type="CUSTODY", rate="10", direction="RECEIVE", is_stated=False)
        trade_id = checked(equity(quantity="100", price="187"))
        bill()
        change = Change("AMEND", trade_id, "agreed", changes={"quantity": "50"})
        change_trade(change=change, actor=CLERK, now=LATER)
        check_everything(now=LATER)
        bill(now=LATER)
        assert [document[:2] for document in documents(trade_id)] == [
            ("OURS-FEE-000001", "18.7"),
            ("OURS-CRN-000001", "18.7"),
            ("OURS-FEE-000002", "9.35"),
        ]

    def test_are_billed_once_a_month_in_one_statement_where_that_is_agreed(self):
        world()
        billing_terms(fees="MONTH")
        fee_rule("CUSTODY", type="CUSTODY", rate="10", direction="RECEIVE", is_stated=False)
        one, two = (checked(equity(quantity=each, price="187")) for each in ("100", "50"))
        bill()
        assert bill_due(now=NOW, actor=BILLER) == 0
        assert bill_due(now=NOW + timedelta(days=9), actor=BILLER) == 1
        assert documents(one) == documents(two) == [("OURS-FEE-000001", "28.05", "0", "28.05")]

    def test_of_a_held_trade_wait_until_it_passes(self):
        world()
        fee_rule("CUSTODY", type="CUSTODY", rate="10", direction="RECEIVE", is_stated=False)
        (trade_id,) = captured_ids(equity(counterparty="NOBODY"))
        check_everything()
        bill()
        assert (bill_due(now=NOW, actor=BILLER), documents()) == (0, [])
        party("NOBODY")
        recheck_trades(trade_ids=[trade_id], reason="it is known now", actor=CLERK, now=LATER)
        check_everything(now=LATER)
        bill_due(now=LATER, actor=BILLER)
        assert documents() == [("OURS-FEE-000001", "18.73", "0", "18.73")]


class TestTheDatabase:
    @pytest.mark.parametrize("table", ["settlement_invoice", "settlement_invoice_line"])
    @pytest.mark.parametrize("statement", ["UPDATE {} SET net = 0", "DELETE FROM {}"])
    def test_refuses_to_change_what_was_billed(self, table, statement):
        world()
        deliver(delivered_by(sealed_order())[0])
        with pytest.raises(DatabaseError, match="change"), transaction.atomic():
            sql.run(statement.format(table))
        assert documents() == [("OURS-INV-000001", "51", "0", "51")]

    def test_refuses_to_credit_more_than_is_open(self):
        world()
        deliver(delivered_by(sealed_order())[0])
        with pytest.raises(DatabaseError, match="no more than is open"), transaction.atomic():
            sql.run(
                "INSERT INTO settlement_invoice_line (invoice_id, line, trade_id, version, item, part, text, quantity,"
                " unit_price, net, tax, gross, credits, is_closing) SELECT invoice_id, 9, trade_id, 1, item, 1, '', 12,"
                " 5, 51.01, 0, 51.01, id, false FROM settlement_invoice_line"
            )


@pytest.mark.django_db(transaction=True)
def test_numbers_have_no_gaps_and_no_line_is_billed_twice_however_many_bill_at_once():
    world()
    orders = [sealed_order(lines=[{"sku": "SKU-1", "quantity": "2", "unit_price": "1.50"}]) for _ in range(4)]
    ids = sorted({each for trade_id in orders for each in delivered_by(trade_id)})
    report_status(reports=[Report(each, "SETTLED") for each in ids], actor=BILLER, now=NOW)
    results = race(
        *(
            lambda picked=picked: bill_trades(trade_ids=picked, now=NOW, actor=BILLER)
            for picked in (orders, orders[::-1], orders[:2], orders[2:])
        )
    )
    assert [each for each in results if isinstance(each, Exception)] == []
    assert ([document[3] for document in documents()], gaps()) == (["3"] * 4, [])


_lines = st.lists(
    st.tuples(st.integers(1, 9), st.decimals("0.01", "9.999", places=3)), min_size=1, max_size=3
)
_steps = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=8)


class TestAnyDeliveries(TestCase):
    @settings(max_examples=20)
    @given(lines=_lines, steps=_steps, vat=st.integers(0, 2500))
    def test_add_up_to_quantity_times_price_and_tax_to_the_cent(self, lines, steps, vat):
        world()
        if vat:
            fee_rule("VAT", **{**VAT, "rate": str(vat)})
        skus = ["SKU-1", "SKU-2", "SKU-1"]
        given_lines = [
            {"sku": sku, "quantity": str(quantity), "unit_price": str(price)}
            for sku, (quantity, price) in zip(skus, lines, strict=False)
        ]
        party_terms = goods(lines=given_lines)
        trade_id = checked(party_terms)
        if not delivered_by(trade_id):
            seal()
        instructions = sorted(set(delivered_by(trade_id)))
        for place, quantity in steps:
            if instructions:
                report(Report(instructions[place % len(instructions)], "PARTIAL", quantity=D(quantity)))
        report(*(Report(each, "SETTLED") for each in instructions))
        ((gross,),) = sql.rows("SELECT gross_amount FROM trades_version WHERE trade_id = %s", [trade_id])
        ((tax,),) = sql.rows("SELECT coalesce(sum(amount), 0) FROM settlement_fee_accrual")
        told = sql.rows(
            "SELECT sum(net), sum(tax) FROM settlement_invoice_line WHERE trade_id = %s", [trade_id]
        )
        quantities = sql.rows(
            "SELECT item, sum(quantity) FROM settlement_invoice_line GROUP BY item ORDER BY item"
        )
        assert instructions
        assert told == [(gross, tax)]
        assert quantities == [(f"line {n}", D(q)) for n, (q, _) in enumerate(lines, start=1)]
        assert gaps() == []
