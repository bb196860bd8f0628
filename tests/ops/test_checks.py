"""On the screens of checks people see how each is set, and set it otherwise with four eyes."""

from __future__ import annotations

import html

import pytest

from core import sql
from core.ids import PROPOSAL, public_id
from core.models import Proposal
from risk.checks import CHECKS
from risk.models import BackTest
from risk.services.back_test import advance_back_tests
from risk.services.parameters import settings_in_force
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, equity
from tests.support.records import NOW, TODAY

PRICE = "/checks/OFF_MARKET_PRICE"
FORM = {
    "active": "on", "severity": "WARN", "parameter.tolerance": "0.05", "scope.product": "EQUITY, BOND",
    "scope.source": "", "valid_from": "", "reason": "calm markets",
}  # fmt: skip


def text_of(answer) -> str:
    return html.unescape(answer.content.decode())


def pending() -> str:
    return public_id(PROPOSAL, Proposal.objects.get(state="PENDING").id)


def test_the_list_shows_every_check_as_it_is_set_with_what_it_found(world: World, sign_in: SignIn) -> None:
    checked(equity(price="900"))
    text = text_of(sign_in("auditor").get("/checks"))
    for code in CHECKS:
        assert f'href="/checks/{code}"' in text
    assert "tolerance 0.10" in text


def test_the_page_of_a_check_tells_what_it_is_and_how_it_was_set(sign_in: SignIn) -> None:
    text = text_of(sign_in("auditor").get(PRICE))
    check = CHECKS["OFF_MARKET_PRICE"]
    message = "The price ‹actual› is off the market: the close was ‹expected›."
    for told in (check.title, message, check.fix, check.example, "in force"):
        assert told in text
    assert "Set it otherwise" not in text  # an auditor changes nothing


def test_what_one_person_proposes_another_approves(sign_in: SignIn) -> None:
    maker, checker = sign_in("risk", name="ann"), sign_in("supervisor", name="bob")
    assert maker.post(f"{PRICE}/propose", FORM)["Location"] == PRICE
    assert settings_in_force(on=TODAY)["OFF_MARKET_PRICE"].version == 0
    reference = pending()
    shown = text_of(checker.get("/approvals"))
    for told in (
        "OFF_MARKET_PRICE",
        "blocks",
        "warns",
        "0.10",
        "0.05",
        "product BOND, EQUITY",
        "calm markets",
    ):
        assert told in shown
    assert checker.post(f"/approvals/{reference}/approve", {"note": ""}).status_code == 303
    found = settings_in_force(on=TODAY)["OFF_MARKET_PRICE"]
    assert (found.version, found.severity, found.parameters, found.scope) == (
        1,
        "WARN",
        {**CHECKS["OFF_MARKET_PRICE"].parameters, "tolerance": "0.05"},
        {"product": ("BOND", "EQUITY")},
    )
    page = text_of(checker.get(PRICE))
    assert "ann" in page
    assert "calm markets" in page
    assert "OFF_MARKET_PRICE" in text_of(checker.get("/approvals"))  # among what was decided last


def test_an_amount_that_no_form_has_asked_for_is_left_alone(sign_in: SignIn) -> None:
    maker, checker = sign_in("risk", name="ann"), sign_in("supervisor", name="bob")
    maker.post(f"{PRICE}/propose", FORM)
    sent = {"note": "", "amount": "10"}
    assert checker.post(f"/approvals/{pending()}/approve", sent).status_code == 303
    assert settings_in_force(on=TODAY)["OFF_MARKET_PRICE"].version == 1


def test_nobody_approves_what_they_proposed(sign_in: SignIn) -> None:
    maker = sign_in("risk", name="ann")
    maker.post(f"{PRICE}/propose", FORM)
    assert maker.post(f"/approvals/{pending()}/approve", {"note": ""}).status_code == 403
    assert settings_in_force(on=TODAY)["OFF_MARKET_PRICE"].version == 0


def test_its_maker_withdraws_it(sign_in: SignIn) -> None:
    maker = sign_in("risk", name="ann")
    maker.post(f"{PRICE}/propose", FORM)
    assert maker.post(f"/approvals/{pending()}/withdraw", {"note": ""}).status_code == 303
    assert Proposal.objects.get().state == "WITHDRAWN"


def test_a_form_with_faults_comes_back_as_typed_with_each_of_them(sign_in: SignIn) -> None:
    answer = sign_in("risk").post(
        f"{PRICE}/propose", {**FORM, "parameter.tolerance": "lots", "scope.product": "SHIP"}
    )
    assert answer.status_code == 422
    text = text_of(answer)
    for told in ('value="lots"', 'value="SHIP"', "A decimal number as text", "One of BOND", "calm markets"):
        assert told in text
    assert set(answer.context["problem"].by_field) == {"tolerance", "product"}
    assert "<strong>Tolerance</strong>: A decimal number as text" in text
    assert "<strong>Product</strong>: One of BOND" in text
    assert not Proposal.objects.exists()


def test_a_bent_date_is_a_fault_of_the_form(sign_in: SignIn) -> None:
    answer = sign_in("risk").post(f"{PRICE}/propose", {**FORM, "valid_from": "soon"})
    assert (answer.status_code, Proposal.objects.count()) == (422, 0)


def test_an_emptied_scope_looks_at_every_trade_again(sign_in: SignIn) -> None:
    maker, checker = sign_in("risk", name="ann"), sign_in("supervisor", name="bob")
    maker.post(f"{PRICE}/propose", FORM)
    checker.post(f"/approvals/{pending()}/approve", {"note": ""})
    maker.post(f"{PRICE}/propose", {**FORM, "scope.product": ""})
    checker.post(f"/approvals/{pending()}/approve", {"note": ""})
    assert settings_in_force(on=TODAY)["OFF_MARKET_PRICE"].scope == {}


def test_a_role_that_only_reads_proposes_nothing(sign_in: SignIn) -> None:
    answer = sign_in("operations").post(f"{PRICE}/propose", FORM)
    assert answer.status_code == 403
    assert not sql.row("SELECT 1 FROM risk_check")


def test_what_must_block_every_trade_has_no_switch(sign_in: SignIn) -> None:
    text = text_of(sign_in("risk").get("/checks/UNKNOWN_PARTY"))
    assert 'name="active"' not in text
    assert "blocks every trade" in text


def test_an_unknown_check_is_404(sign_in: SignIn) -> None:
    client = sign_in("risk")
    assert client.get("/checks/NO_SUCH").status_code == 404
    assert client.post("/checks/NO_SUCH/propose", FORM).status_code == 404


@pytest.mark.parametrize("where", ["trades", "exceptions"])
def test_a_finding_shows_what_it_compared_and_by_which_version(
    where: str, world: World, sign_in: SignIn
) -> None:
    trade_id = checked(equity(price="900"))
    (item,) = sql.rows("SELECT id FROM trades_exception WHERE trade_id = %s", [trade_id])
    reference = public_id("trd", trade_id) if where == "trades" else public_id("exc", item[0])
    text = text_of(sign_in("operations").get(f"/{where}/{reference}"))
    assert "What it compared" in text
    assert "close_currency" in text
    assert "version 0" in text


class TestABackTest:
    @pytest.fixture(autouse=True)
    def deals(self, world: World) -> None:
        for price in ("187", "200", "300"):
            checked(equity(price=price, quantity="100", source_ref=f"B-{price}"))

    def started(self, client) -> str:
        answer = client.post(f"{PRICE}/back-test", {**FORM, "severity": "BLOCK", "days": "7"})
        assert answer.status_code == 303
        return answer["Location"]

    def test_is_started_from_the_form_and_shows_its_way_and_its_figures(self, sign_in: SignIn) -> None:
        client = sign_in("risk")
        where = self.started(client)
        waiting = text_of(client.get(where))
        assert 'hx-trigger="every 2s"' in waiting
        assert "waiting" in waiting
        while advance_back_tests(now=NOW):
            pass
        done = text_of(client.get(where))
        assert 'hx-trigger="every' not in done
        for told in (
            "18,400.00",
            "-33.33 points",
            "66.67 % to 33.33 %",
            "0.05",
            "The price 200 is off the market",
        ):
            assert told in done
        assert where in text_of(client.get(PRICE))

    def test_of_a_proposal_is_seen_by_whoever_approves_it(self, sign_in: SignIn) -> None:
        maker, checker = sign_in("risk", name="ann"), sign_in("supervisor", name="bob")
        maker.post(f"{PRICE}/propose", FORM)
        assert "Nobody has back-tested this yet" in text_of(checker.get("/approvals"))
        answer = checker.post("/back-tests", {"proposal": pending(), "days": "30"})
        while advance_back_tests(now=NOW):
            pass
        shown = text_of(checker.get("/approvals"))
        assert answer["Location"] in shown
        assert "18,400.00" in shown

    def test_made_before_the_proposal_is_shown_with_it(self, sign_in: SignIn) -> None:
        maker = sign_in("risk", name="ann")
        where = maker.post(f"{PRICE}/back-test", {**FORM, "days": "7"})["Location"]
        maker.post(f"{PRICE}/propose", FORM)
        assert where in text_of(sign_in("supervisor", name="bob").get("/approvals"))

    def test_is_cancelled(self, sign_in: SignIn) -> None:
        client = sign_in("risk")
        where = self.started(client)
        assert client.post(f"{where}/cancel").status_code == 303
        assert "It was cancelled" in text_of(client.get(where))
        assert client.post(f"{where}/cancel").status_code == 303
        assert "has ended" in text_of(client.get(where))

    def test_of_a_bent_form_is_told_on_the_form(self, sign_in: SignIn) -> None:
        client = sign_in("risk")
        for typed in ({"days": "many"}, {"days": "0"}, {"days": "7", "parameter.tolerance": "x"}):
            assert client.post(f"{PRICE}/back-test", {**FORM, **typed}).status_code == 422
        assert client.post("/back-tests", {"proposal": "prp_00", "days": "7"}).status_code == 404
        assert not BackTest.objects.exists()

    def test_is_started_and_cancelled_only_by_those_who_may(self, sign_in: SignIn) -> None:
        where = self.started(sign_in("risk"))
        reader = sign_in("auditor")
        assert reader.get(where).status_code == 200
        assert reader.post(f"{where}/cancel").status_code == 403
        assert reader.post(f"{PRICE}/back-test", FORM).status_code == 403
        assert sign_in("front-office reader").get(where).status_code == 403


def test_a_decision_that_was_refused_says_so_where_it_was_taken(sign_in: SignIn) -> None:
    maker, checker = sign_in("risk", name="maker"), sign_in("supervisor", name="checker")
    maker.post(f"{PRICE}/propose", FORM)
    answer = checker.post(f"/approvals/{pending()}/decline", {"note": ""})
    page = text_of(answer)
    assert answer.status_code == 422
    assert (
        page.index(f'id="{pending()}"')
        < page.index("data-first-error")
        < page.index("Note (needed to decline)")
    )
