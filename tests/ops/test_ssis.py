"""On their screen SSIs are listed, and changed by two people who both see what is re-routed."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from core.ids import PROPOSAL, public_id
from core.models import Proposal
from ops import permissions
from refdata.models import Ssi
from tests.ops.conftest import SignIn
from tests.settlement.support import trade_ref, validated
from tests.settlement.test_ssi_change import IBAN, OTHER
from tests.support.factories import World, equity, party

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(world: World) -> Ssi:
    world.broker.ssis.filter(kind="CASH").update(account=IBAN, agent_bic="DEUTDEFF")
    return world.broker.ssis.get(key="USD")


@pytest.fixture
def clerk(sign_in: SignIn) -> Client:
    return sign_in(permissions.OPERATIONS, name="olivia")


@pytest.fixture
def supervisor(sign_in: SignIn) -> Client:
    return sign_in(permissions.SUPERVISOR, name="sam")


def _changed(stored: Ssi, **fields: Any) -> dict[str, Any]:
    return {
        "ssi": stored.id,
        "party": "BROKER-01",
        "kind": "CASH",
        "key": "USD",
        "account": OTHER,
        "agent_bic": "DEUTDEFF",
        "valid_from": "2026-11-25",
        "reason": "a new bank",
        **fields,
    }


def _text(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def test_the_list_is_of_every_party_or_of_one_by_code_or_lei(stored, clerk) -> None:
    assert {"OURS", "BROKER-01", "CUST-01"} == {each["party"] for each in clerk.get("/ssis").context["rows"]}
    for name in ("BROKER-01", "529900T8BM49AURSDO55"):
        rows = clerk.get("/ssis", {"party": name}).context["rows"]
        assert {each["party"] for each in rows} == {"BROKER-01"}
    assert "No SSI of NOBODY" in _text(clerk.get("/ssis?party=NOBODY"))


def test_a_row_says_whether_it_has_ended_or_is_to_come(stored, clerk) -> None:
    Ssi.objects.filter(id=stored.id).update(valid_to="2026-11-22")
    Ssi.objects.filter(party=stored.party, key="EUR").update(valid_from="2026-11-24")
    rows = clerk.get("/ssis?party=BROKER-01").context["rows"]
    assert {each["key"]: each["state"] for each in rows if each["kind"] == "CASH"} == {
        "EUR": "COMING",
        "GBP": "IN_FORCE",
        "JPY": "IN_FORCE",
        "USD": "ENDED",
    }


def test_what_is_re_routed_is_shown_before_it_is_proposed(stored, clerk) -> None:
    (trade_id,) = validated(equity(net_amount="100.00"))
    answer = clerk.post("/ssis/change", _changed(stored, show="1", reason=""))
    text = _text(answer)

    assert answer.status_code == 200
    assert "1 open trade and 0 sealed instructions" in text
    assert trade_ref(trade_id) in text and f"{OTHER} DEUTDEFF" in text
    assert not Proposal.objects.exists()


def test_a_change_ends_the_present_one_and_begins_the_next_once_it_is_approved(
    stored, clerk, supervisor
) -> None:
    validated(equity(net_amount="100.00"))
    proposed = clerk.post("/ssis/change", _changed(stored))
    assert (proposed.status_code, proposed["Location"]) == (303, "/ssis?party=BROKER-01")
    assert not Ssi.objects.filter(account=OTHER).exists()

    page = supervisor.get("/approvals")
    assert "1 open trade and 0 sealed instructions" in _text(page)
    seen = html.unescape(re.findall(r'name="seen" value="([^"]*)"', page.content.decode())[0])
    reference = public_id(PROPOSAL, Proposal.objects.get().id)
    answer = supervisor.post(f"/approvals/{reference}/approve", {"seen": seen})
    assert (answer.status_code, answer["Location"]) == (303, "/approvals")
    assert list(
        Ssi.objects.filter(key="USD", party=stored.party)
        .order_by("valid_from")
        .values_list("account", "valid_from__year", "valid_to__day")
    ) == [(IBAN, 2020, 24), (OTHER, 2026, None)]
    assert "BROKER-01" in _text(supervisor.get("/approvals"))


def test_an_approval_of_what_has_changed_since_it_was_shown_shows_it_anew(stored, clerk, supervisor) -> None:
    clerk.post("/ssis/change", _changed(stored))
    reference = public_id(PROPOSAL, Proposal.objects.get().id)
    page = supervisor.get("/approvals").content.decode()
    seen = html.unescape(re.findall(r'name="seen" value="([^"]*)"', page)[0])
    validated(equity(net_amount="100.00"))

    answer = supervisor.post(f"/approvals/{reference}/approve", {"seen": seen})
    assert answer.status_code == 409
    text = _text(answer)
    assert "The effect is no longer what was shown." in text
    assert "When it was proposed: 0 open trades and 0 sealed instructions" in text
    seen = html.unescape(re.findall(r'name="seen" value="([^"]*)"', answer.content.decode())[0])
    assert supervisor.post(f"/approvals/{reference}/approve", {"seen": seen}).status_code == 303


def test_the_first_day_of_the_present_one_corrects_it(stored, clerk) -> None:
    clerk.post("/ssis/change", _changed(stored, valid_from="2020-01-01"))
    (change,) = Proposal.objects.get().content["changes"]
    assert (change["before"]["account"], change["after"]["account"]) == (IBAN, OTHER)


def test_an_end_is_proposed_alone(stored, clerk) -> None:
    page = clerk.get(f"/ssis/change?ssi={stored.id}&what=end")
    assert 'name="account"' not in page.content.decode()
    clerk.post("/ssis/change", _changed(stored, what="end", valid_to="2026-11-30"))
    (change,) = Proposal.objects.get().content["changes"]
    assert (change["before"]["valid_to"], change["after"]["valid_to"]) == (None, "2026-11-30")
    assert change["after"]["account"] == IBAN


def test_a_new_one_for_a_book_is_proposed_beside_the_broad_one(stored, clerk) -> None:
    fields = _changed(stored, ssi="", book="BOOK-1", valid_from="2026-11-20")
    assert clerk.post("/ssis/change", fields).status_code == 303
    (change,) = Proposal.objects.get().content["changes"]
    assert (change["before"], change["after"]["book"], change["after"]["product"]) == (None, "BOOK-1", "*")


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"account": ""}, 422, "Account: CASH instructions need this."),
        ({"reason": ""}, 422, "Reason"),
        ({"ssi": "", "book": ""}, 422, "Another one holds from 2020-01-01 on"),
        ({"valid_to": "2026-11-01"}, 422, "The last day comes before the first."),
    ],
)
def test_what_cannot_be_is_told_on_the_form_which_keeps_what_was_typed(
    stored, clerk, fields: dict[str, str], status: int, told: str
) -> None:
    answer = clerk.post("/ssis/change", _changed(stored, **fields))
    assert answer.status_code == status
    assert told in _text(answer).replace(" : ", ": ").replace(" :", ":")
    assert 'value="2026-11-25"' in answer.content.decode()
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("number", ["0", "x", "99999999999999999999", "١"])
def test_an_ssi_that_there_is_not_is_not_found(stored, clerk, number: str) -> None:
    assert clerk.get("/ssis/change", {"ssi": number}).status_code == 404


def test_a_page_of_many_changes_looks_at_the_first_ones_and_tells_the_others_as_proposed(
    world, sign_in, supervisor
) -> None:
    for number in range(7):
        party(f"P-{number}", ssis=())
        answer = sign_in(permissions.OPERATIONS, name="olivia").post(
            "/ssis/change",
            {
                "party": f"P-{number}",
                "kind": "CASH",
                "key": "USD",
                "account": OTHER,
                "agent_bic": "DEUTDEFF",
                "valid_from": "2026-11-25",
                "reason": "the first account",
            },
        )
        assert answer.status_code == 303
    page = supervisor.get("/approvals")
    assert page.content.decode().count('name="seen"') == 5
    assert _text(page).count("When it was proposed: 0 open trades") == 2
