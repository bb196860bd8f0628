"""On the screen of valuation one person proposes how things are valued, and another approves it."""

from __future__ import annotations

import html

import pytest

from core.ids import PROPOSAL, public_id
from core.models import Proposal
from ledger.selectors.valuation import days_of
from refdata.models import StandardCost
from tests.ops.conftest import SignIn
from tests.support.factories import World

RULE = {"what": "rule", "code": "EQUITY", "days": "3", "reason": "as the auditor asked"}
COST = {
    "what": "cost", "instrument": "SKU-1", "valid_from": "2026-11-01", "cost": "1.60", "currency": "eur",
    "reason": "the new contract",
}  # fmt: skip


def text_of(answer) -> str:
    return html.unescape(answer.content.decode())


def test_two_people_change_how_old_a_price_may_be_and_what_an_article_costs(
    world: World, sign_in: SignIn
) -> None:
    maker, checker = sign_in("operations", name="ann"), sign_in("supervisor", name="bob")
    for form in (RULE, COST):
        assert maker.post("/profit/valuation/propose", form).status_code == 303
    assert (days_of("EQUITY"), StandardCost.objects.count()) == (1, 0)
    assert "Awaiting approval" in text_of(maker.get("/profit/valuation"))
    waiting = text_of(checker.get("/approvals"))
    for told in ("be of another age", "a unit of", "SKU-1", "2026-11-01"):
        assert told in waiting
    for proposal in Proposal.objects.all():
        reference = public_id(PROPOSAL, proposal.id)
        assert maker.post(f"/approvals/{reference}/approve", {"note": ""}).status_code == 403
        assert checker.post(f"/approvals/{reference}/approve", {"note": ""}).status_code == 303
    assert days_of("EQUITY") == 3
    page = text_of(checker.get("/profit/valuation?article=SKU-1"))
    assert "by two people</td>" in page
    assert "1.60" in page


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ({**RULE, "days": "many"}, {"days"}),
        ({**RULE, "days": "251", "reason": " "}, {"days", "reason"}),
        ({**COST, "cost": "much", "valid_from": "soon"}, {"cost", "valid_from"}),
        ({**COST, "instrument": "NONE\0"}, {"instrument"}),
        ({}, {"days"}),
    ],
)
def test_a_form_with_faults_comes_back_with_what_was_typed(
    world: World, sign_in: SignIn, form: dict[str, str], fields: set[str]
) -> None:
    answer = sign_in("operations").post("/profit/valuation/propose", form)
    assert (answer.status_code, set(answer.context["problem"].by_field)) == (422, fields)
    assert "as the auditor asked" in text_of(answer) or form.get("reason") != "as the auditor asked"
    assert not Proposal.objects.exists()


def test_who_only_reads_sees_the_costs_and_no_form(world: World, sign_in: SignIn) -> None:
    auditor = sign_in("auditor")
    page = text_of(auditor.get("/profit/valuation"))
    assert "Nobody has said yet what any article costs" in page
    assert 'name="reason"' not in page
    assert auditor.post("/profit/valuation/propose", RULE).status_code == 403
