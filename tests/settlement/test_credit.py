"""A credit is of no more than was billed, says why, and needs a second person above an amount."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from core import four_eyes, sql
from core.http.problem import Problem
from settlement.services.credit import KIND, Wish, credit_invoice
from tests.settlement.support import seal
from tests.support.factories import checked, goods, world
from tests.support.fees import fee_rule
from tests.support.invoices import billed_lines, billing_terms, deliver, delivered_by, documents, open_amount
from tests.support.records import CLERK, LATER, person, race

pytestmark = pytest.mark.django_db
D = Decimal
_names = itertools.count(1)
LINES = [{"sku": "SKU-1", "quantity": "10", "unit_price": "9.99"}]


def billed(*, alone: str = "1000", vat: bool = True) -> tuple[int, int]:
    """Return an order of ten pieces, delivered, and its invoice."""
    world()
    billing_terms(credit_alone_below=alone)
    if vat:
        fee_rule("VAT", type="VAT", rate="2000", direction="RECEIVE", is_stated=False)
    trade_id = checked(goods(lines=LINES))
    seal()
    deliver(delivered_by(trade_id)[0])
    ((invoice_id,),) = sql.rows("SELECT id FROM settlement_invoice")
    return trade_id, invoice_id


def credit(invoice_id: int, *wishes: Wish, user=None, reason: str = "three came back broken"):
    return credit_invoice(
        invoice_id=invoice_id,
        wishes=wishes,
        reason=reason,
        user=user or person(f"clerk{next(_names)}"),
        actor=CLERK,
        now=LATER,
    )


def faults(error) -> list[tuple[str, str]]:
    return [(each.pointer, each.code) for each in error.value.faults]


def test_what_came_back_is_credited_at_its_price_and_tax():
    trade_id, invoice_id = billed()
    outcome = credit(invoice_id, Wish(1, quantity=D(3)))
    assert outcome.proposal_id is None
    assert billed_lines(trade_id) == [
        ("OURS-INV-000001", "line 1", "10", "99.9", "19.98", False),
        ("OURS-CRN-000001", "line 1", "3", "29.97", "5.99", True),
    ]
    told = sql.rows("SELECT credits, reason FROM settlement_invoice WHERE kind = 'CREDIT_NOTE'")
    assert told == [(invoice_id, "three came back broken")]


def test_credits_in_parts_give_back_exactly_what_was_billed():
    trade_id, invoice_id = billed()
    credit(invoice_id, Wish(1, quantity=D(3)))
    credit(invoice_id, Wish(1, net=D("0.01")))
    credit(invoice_id, Wish(1, quantity=D("3.5")))
    credit(invoice_id)
    assert open_amount([trade_id]) == 0
    with pytest.raises(Problem) as refused:
        credit(invoice_id)
    assert faults(refused) == [("/lines", "nothing-open")]


@pytest.mark.parametrize(
    ("wish", "fault"),
    [
        (Wish(2), ("/lines/0/line", "unknown")),
        (Wish(1, quantity=D("10.01")), ("/lines/0/quantity", "invalid")),
        (Wish(1, quantity=D(0)), ("/lines/0/quantity", "invalid")),
        (Wish(1, net=D("99.91")), ("/lines/0/net", "invalid")),
        (Wish(1, net=D("-1")), ("/lines/0/net", "invalid")),
        (Wish(1, net=D("0.001")), ("/lines/0/net", "precision")),
        (Wish(1, quantity=D(1), net=D(1)), ("/lines/0/net", "both")),
    ],
)
def test_what_cannot_be_credited_is_named_and_nothing_is_written(wish, fault):
    _, invoice_id = billed()
    with pytest.raises(Problem) as refused:
        credit(invoice_id, wish, reason=" ")
    assert faults(refused) == [("/reason", "missing"), fault]
    assert len(documents()) == 1


def test_a_line_is_named_once_and_a_credit_note_is_not_credited():
    _, invoice_id = billed()
    with pytest.raises(Problem) as refused:
        credit(invoice_id, Wish(1, quantity=D(1)), Wish(1, quantity=D(1)))
    assert faults(refused) == [("/lines/1/line", "unknown")]
    note = credit(invoice_id, Wish(1, quantity=D(1))).document_id
    with pytest.raises(Problem) as refused:
        credit(note)
    assert refused.value.status == 409
    with pytest.raises(Problem) as refused:
        credit(99_999)
    assert refused.value.status == 404


def test_from_the_amount_on_a_second_person_approves():
    trade_id, invoice_id = billed(alone="35.96", vat=True)
    maker = person("maker")
    outcome = credit(invoice_id, Wish(1, quantity=D(3)), user=maker)
    assert (outcome.document_id, len(documents())) == (None, 1)
    with pytest.raises(Problem) as refused:
        four_eyes.approve(proposal_id=outcome.proposal_id, user=maker, note="", now=LATER, actor=CLERK)
    assert refused.value.code == "own-proposal"
    four_eyes.approve(
        proposal_id=outcome.proposal_id, user=person("checker"), note="", now=LATER, actor=CLERK, kind=KIND
    )
    assert documents()[-1] == ("OURS-CRN-000001", "29.97", "5.99", "35.96")
    assert open_amount([trade_id]) == D("83.92")


def test_without_terms_every_credit_needs_two_and_a_stale_one_is_refused():
    _, invoice_id = billed(alone="0")
    proposal_id = credit(invoice_id, Wish(1, quantity=D(8))).proposal_id
    billing_terms(credit_alone_below="1000")
    credit(invoice_id, Wish(1, quantity=D(3)))
    with pytest.raises(Problem) as refused:
        four_eyes.approve(
            proposal_id=proposal_id, user=person("checker"), note="", now=LATER, actor=CLERK, kind=KIND
        )
    assert (refused.value.code, len(documents())) == ("no-longer-open", 2)


@pytest.mark.django_db(transaction=True)
def test_credits_at_once_give_back_no_more_than_was_billed():
    trade_id, invoice_id = billed()
    users = [person(f"racer{n}") for n in range(4)]
    results = race(
        *(lambda user=user: credit(invoice_id, Wish(1, quantity=D(4)), user=user) for user in users)
    )
    refused = [each for each in results if isinstance(each, Problem)]
    assert (len(refused), len(documents())) == (2, 3)
    assert open_amount([trade_id]) == D("23.98")
