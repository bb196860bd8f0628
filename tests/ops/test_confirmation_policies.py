"""On the screen of policies one person proposes what must be confirmed and by when, and another approves it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from core.ids import PROPOSAL, TRADE, public_id
from core.models import Proposal
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, unit_trade
from trades.models import ConfirmationMail, ConfirmationPolicy

FORM = {
    "product": "EQUITY", "party": "BROKER-01", "demanded": "yes", "overdue_after_hours": "24",
    "remind_every_hours": "6", "mail_to": "confirmations@broker.example", "reason": "as agreed with them",
}  # fmt: skip
PROPOSE = "/confirmations/policies/propose"


def text_of(answer) -> str:
    return html.unescape(answer.content.decode())


def test_a_policy_holds_once_a_second_person_has_approved_it_and_is_changed_from_its_row(
    world: World, sign_in: SignIn
) -> None:
    maker, checker = sign_in("operations", name="ann"), sign_in("supervisor", name="bob")
    assert "No policy holds" in text_of(maker.get("/confirmations/policies"))
    assert maker.post(PROPOSE, FORM).status_code == 303
    assert "Awaiting approval" in text_of(maker.get("/confirmations/policies"))
    waiting = text_of(checker.get("/approvals"))
    for told in ("Demand a confirmation before sealing", "24 h", "6 h", "confirmations@broker.example"):
        assert told in waiting
    reference = public_id(PROPOSAL, Proposal.objects.get().id)
    assert checker.post(f"/approvals/{reference}/approve", {"note": ""}).status_code == 303
    held = ConfirmationPolicy.objects.get()
    assert (held.demanded, held.overdue_after_hours, held.remind_every_hours, held.mail_to) == (
        True, 24, 6, "confirmations@broker.example",
    )  # fmt: skip
    page = text_of(maker.get("/confirmations/policies"))
    (to,) = re.findall(r'data-row-link href="([^"]+)"', page)
    form = maker.get(to).context["typed"]
    assert {**form, "reason": FORM["reason"]} == FORM
    assert maker.post(PROPOSE, FORM).status_code == 409


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        (
            {"overdue_after_hours": "soon", "remind_every_hours": "-1"},
            {"overdue_after_hours", "remind_every_hours"},
        ),
        ({"overdue_after_hours": "9999", "reason": " "}, {"overdue_after_hours", "reason"}),
        ({"party": "NOBODY\0", "mail_to": "nobody"}, {"party", "mail_to"}),
        ({"product": "MOOD", "overdue_after_hours": ""}, {"product", "overdue_after_hours"}),
    ],
)
def test_a_form_with_faults_comes_back_with_what_was_typed(
    world: World, sign_in: SignIn, typed: dict[str, str], fields: set[str]
) -> None:
    answer = sign_in("operations").post(PROPOSE, {**FORM, **typed})
    assert (answer.status_code, set(answer.context["problem"].by_field)) == (422, fields)
    assert answer.context["typed"]["remind_every_hours"] == typed.get("remind_every_hours", "6")
    assert not Proposal.objects.exists()


def test_a_link_is_mailed_to_the_address_of_the_policy_or_it_is_said_why_not(
    world: World, sign_in: SignIn, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://middleoffice.example"
    trade = public_id(TRADE, checked(unit_trade(0)))
    maker, checker = sign_in("supervisor", name="ann"), sign_in("supervisor", name="bob")
    sent = {"version": "1", "how": "mail"}
    refused = maker.post(f"/trades/{trade}/confirmation-link", sent)
    assert (refused.status_code, "No policy says to which address" in text_of(refused)) == (409, True)
    maker.post(PROPOSE, FORM)
    reference = public_id(PROPOSAL, Proposal.objects.get().id)
    checker.post(f"/approvals/{reference}/approve", {"note": ""})
    assert maker.post(f"/trades/{trade}/confirmation-link", sent).status_code == 303
    mail = ConfirmationMail.objects.get()
    assert (mail.occasion, mail.mail_to, mail.actor) == ("LINK", FORM["mail_to"], "user:ann")
    assert "Mail it" in text_of(maker.get(f"/trades/{trade}"))


def test_who_only_reads_sees_no_form(world: World, sign_in: SignIn) -> None:
    auditor = sign_in("auditor")
    assert 'name="reason"' not in text_of(auditor.get("/confirmations/policies"))
    assert auditor.post(PROPOSE, FORM).status_code == 403
