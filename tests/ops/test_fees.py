"""On the screens of fees people see the rules and what is charged, and make rules with four eyes."""

from __future__ import annotations

import html

import pytest

from core.ids import EXCEPTION, PROPOSAL, TRADE, public_id
from core.models import Proposal
from refdata.fee_rules import newest_versions, versions_of
from settlement.services.tie_out import tie_out_fees
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, equity
from tests.support.fees import fee_rule, reverse_short
from tests.support.records import CLERK, LATER, TODAY
from trades.models import ExceptionItem

FORM = {
    "code": "US-LEVY", "title": "Levy on sales", "type": "LEVY", "rate": "2.5", "basis": "BPS", "currency": "USD",
    "minimum": "", "maximum": "9.95", "tiers": "10000 2\n50000 1.5", "product": "EQUITY", "side": "SELL",
    "market": "", "counterparty": "", "direction": "PAY", "stated": "off", "active": "on", "valid_from": "",
    "reason": "as published",
}  # fmt: skip


def text_of(answer) -> str:
    return html.unescape(answer.content.decode())


def pending() -> str:
    return public_id(PROPOSAL, Proposal.objects.get(state="PENDING").id)


def test_without_a_rule_the_screen_says_what_counts(world: World, sign_in: SignIn) -> None:
    text = text_of(sign_in("auditor").get("/fees"))
    assert "what the front office states with its deals counts as it is" in text
    assert "New rule" not in text  # an auditor makes none


def test_what_one_person_proposes_another_approves(world: World, sign_in: SignIn) -> None:
    maker, checker = sign_in("operations", name="ann"), sign_in("supervisor", name="bob")
    assert "US-LEVY" not in text_of(maker.get("/fees"))
    assert maker.post("/fees/propose", FORM)["Location"] == "/fees"
    assert newest_versions(on=TODAY) == []
    shown = text_of(checker.get("/approvals"))
    charges = "2.5 basis points, 2 from 10000 USD on, 1.5 from 50000 USD on, at most 9.95 USD"
    for told in ("US-LEVY", charges, "sales EQUITY in USD", "as published"):
        assert told in shown
    assert checker.post(f"/approvals/{pending()}/approve", {"note": ""}).status_code == 303
    (version,) = versions_of("US-LEVY", on=TODAY)
    assert (version.version, version.maker, version.checker) == (1, "ann", "bob")
    assert charges in text_of(checker.get("/fees/rules/US-LEVY"))


def test_a_form_with_faults_comes_back_with_what_was_typed(world: World, sign_in: SignIn) -> None:
    wrong = {**FORM, "rate": "much", "tiers": "10000", "valid_from": "soon"}
    answer = sign_in("operations").post("/fees/propose", wrong)
    text = text_of(answer)
    assert answer.status_code == 422
    for told in (
        'value="much"',
        "10000",
        "A decimal number",
        "On each line an amount and a rate",
        "A date such as",
    ):
        assert told in text
    assert Proposal.objects.count() == 0


@pytest.mark.parametrize("name", ["rate", "basis", "title", "reason"])
def test_an_empty_field_is_named(world: World, sign_in: SignIn, name: str) -> None:
    assert sign_in("operations").post("/fees/propose", {**FORM, name: ""}).status_code == 422
    assert Proposal.objects.count() == 0


def test_the_form_of_a_rule_holds_what_its_newest_version_says(world: World, sign_in: SignIn) -> None:
    fee_rule("LEVY", rate="2.5", market="XNAS", tiers=[("10000", "2")], currency="USD", is_stated=False)
    text = text_of(sign_in("supervisor").get("/fees/rules/LEVY"))
    for told in ('value="2.5"', 'value="XNAS"', "10000 2</textarea>", "version 1 in force"):
        assert told in text
    assert sign_in("supervisor").get("/fees/rules/NONE").status_code == 404


def test_a_trade_tells_what_it_is_charged_and_by_which_rule(world: World, sign_in: SignIn) -> None:
    fee_rule("LEVY", type="LEVY", rate="10", is_stated=False)
    trade_id = checked(equity(quantity="100", price="187"))
    text = text_of(sign_in("operations").get(f"/trades/{public_id(TRADE, trade_id)}"))
    for told in ('href="/fees/rules/LEVY"', "-18.70", "LEVY"):
        assert told in text or told.replace("-", "−") in text
    totals = text_of(sign_in("operations").get("/fees"))
    assert "18.70" in totals


def test_what_does_not_tie_out_is_listed_and_told_on_its_exception(world: World, sign_in: SignIn) -> None:
    trade_id = checked(equity())
    reverse_short(trade_id)
    reader = sign_in("operations")
    assert "Breaks" not in text_of(reader.get("/fees"))
    tie_out_fees(correct=True, now=LATER, actor=CLERK)
    item, trade = public_id(EXCEPTION, ExceptionItem.objects.get().id), public_id(TRADE, trade_id)
    listed = text_of(reader.get("/fees"))
    for told in (
        f'href="/exceptions/{item}"',
        f'href="/trades/{trade}"',
        "charges differ",
        "-2.00 USD accrued",
    ):
        assert told in listed
    shown = text_of(reader.get(f"/exceptions/{item}"))
    for told in (
        "Charges that do not tie out",
        "What does not tie out",
        "accrued otherwise than charged",
        "-2.00",
    ):
        assert told in shown
