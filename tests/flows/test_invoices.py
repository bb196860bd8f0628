"""An order from the shop to its invoice, the tie-out and the credit of what came back, over the API alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from settlement.services.invoice_tie_out import tie_out_invoices
from tests.settlement.support import BackOffice, advance, seal, state
from tests.support.factories import checked, goods, world
from tests.support.fees import fee_rule
from tests.support.invoices import bill, billing_terms, gaps, open_amount
from tests.support.records import CLERK, LATER

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


def test_an_order_is_delivered_billed_tied_out_and_credited_for_what_came_back():
    world()
    billing_terms(credit_alone_below="100")
    fee_rule("VAT", type="VAT", rate="2000", direction="RECEIVE", is_stated=False)
    fees = [{"type": "CARRIAGE", "amount": "4.50", "currency": "EUR"}]
    trade_id = checked(goods(fees=fees))
    office = BackOffice(sources=[])
    lines = []
    for batch_id in seal():
        assert office.claim(batch_id).status_code == 201
        given = office.lines(batch_id)
        assert office.acknowledge(batch_id, given).json()["refused"] == 0
        lines += given
    advance()
    first, second = [each for each in lines if each["channel"] == "GOODS"]
    office.report({"instruction": first["instruction"], "status": "PARTIAL", "quantity": "5"})
    bill()
    office.report(*({"instruction": each["instruction"], "status": "SETTLED"} for each in lines))
    office.report({"instruction": second["instruction"], "status": "SETTLED"})
    bill()
    advance()
    assert state(trade_id) == "SETTLED"
    # 96.00 of goods with 20 % on them, and the carriage.
    assert open_amount([trade_id]) == D("119.70")
    assert tie_out_invoices(correct=False, now=LATER, actor=CLERK) == []
    items = office.get("invoices").json()["items"]
    assert sum(D(each["gross"]) for each in items) == D("119.70")
    whole = [office.get(f"invoices/{each['id']}").json() for each in items]
    of_first = [
        (line["quantity"], line["instruction"])
        for each in whole
        for line in each["lines"]
        if line["item"] == "line 1"
    ]
    assert of_first == [("5", first["instruction"]), ("7", first["instruction"])]
    returned = {"lines": [{"line": 1, "quantity": "2"}], "reason": "cracked"}
    mugs = next(each for each in whole if each["lines"][0]["item"] != "line 2")
    place = next(line["line"] for line in mugs["lines"] if line["item"] == "line 1")
    returned["lines"][0]["line"] = place
    note = office.post(f"invoices/{mugs['id']}/credits", returned)
    assert (note.status_code, note.json()["gross"]) == (201, "10.20")
    assert open_amount([trade_id]) == D("109.50")
    assert (tie_out_invoices(correct=False, now=LATER, actor=CLERK), gaps()) == ([], [])
