"""An exception is worked on one screen: why, what may be done, and what became of it; two people where it needs two."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from core.ids import EXCEPTION, PROPOSAL, TRADE, public_id
from core.models import ApprovalPolicy, Proposal
from tests.ops.conftest import SignIn
from tests.support.api import Api
from tests.support.factories import World, check_everything, checked, equity, findings_of, limit, states
from trades.models import Comment, ExceptionItem, TradeState, TradeVersion


def _text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ann")


@pytest.fixture
def held(world: World) -> ExceptionItem:
    """Return the exception of a trade with a counterparty that nobody knows."""
    trade_id = checked(equity(counterparty="NOBODY-9"))
    return ExceptionItem.objects.get(trade_id=trade_id)


@pytest.fixture
def excessive(world: World) -> ExceptionItem:
    """Return the exception of a good trade that exceeds a limit."""
    limit(hard="1000")
    return ExceptionItem.objects.get(trade_id=checked(equity()))


def _url(item: ExceptionItem, action: str = "") -> str:
    return f"/exceptions/{public_id(EXCEPTION, item.id)}" + (f"/{action}" if action else "")


def test_the_screen_says_why_and_what_was_expected(held: ExceptionItem, desk: Client) -> None:
    text = _text(desk.get(_url(held)))
    finding = held.codes[0]
    assert held.summary in text
    assert finding in text
    assert "NOBODY-9" in text
    assert public_id(TRADE, held.trade_id) in text


def test_what_a_check_expects_of_a_field_is_offered_beside_it(world: World, desk: Client) -> None:
    item = ExceptionItem.objects.get(trade_id=checked(equity(net_amount="99999.00")))
    fields = {each["field"].name: each["suggested"] for each in desk.get(_url(item)).context["fields"]}
    (finding,) = [each for each in findings_of(item.trade_id or 0) if each["code"] == "NET_MISMATCH"]
    assert {name: text for name, text in fields.items() if text} == {"net_amount": finding["expected"]}
    page = desk.get(_url(item)).content.decode()
    assert f'data-fill="set.net_amount" data-value="{finding["expected"]}"' in page


def test_words_of_a_check_are_not_offered_as_a_value(world: World, desk: Client) -> None:
    item = ExceptionItem.objects.get(trade_id=checked(equity(settlement_date="2026-11-20")))
    offered = {each["field"].name: each["suggested"] for each in desk.get(_url(item)).context["fields"]}
    assert set(offered.values()) == {""}


def test_a_change_that_could_not_be_made_is_answered(world: World, desk: Client, sign_in: SignIn) -> None:
    deal = {"source": "FO-EQ", "source_ref": "E-1", "source_version": 2, "changes": {"colour": "red"}}
    answer = Api().post("/trade-amendments", {"reason": "as agreed", "items": [deal]})
    assert answer.json()["waiting"] == 1
    item = ExceptionItem.objects.get(trade_id=checked(equity("E-1", source_version=1)))
    assert "change refused" in _text(desk.get("/exceptions"))
    page = _text(desk.get(_url(item)))
    assert "The amendment 2, which came before its deal, cannot be applied: /changes/colour" in page
    assert "amend or cancel the trade" in page
    assert "Answer" not in _text(sign_in("risk").get(_url(item)))
    assert sign_in("risk").post(_url(item, "answer"), {"reason": "x"}).status_code == 403
    assert desk.post(_url(item, "answer"), {"reason": ""}).status_code == 422
    desk.post(_url(item, "answer"), {"reason": "sent by mistake"})
    item.refresh_from_db()
    assert (item.closed_by, item.resolution) == ("user:ann", "answered: sent by mistake")
    assert "answered: sent by mistake" in _text(desk.get(_url(item)))


def test_one_person_owns_an_exception_and_the_next_is_told(
    held: ExceptionItem, desk: Client, sign_in: SignIn
) -> None:
    assert "It is yours." in _text(desk.post(_url(held, "claim"), follow=True))
    bob = sign_in("operations", name="bob")
    assert "Somebody else has it." in _text(bob.post(_url(held, "claim"), follow=True))
    held.refresh_from_db()
    assert held.owner is not None
    assert held.owner.username == "ann"
    assert "It is back in the queue." in _text(desk.post(_url(held, "release"), follow=True))
    held.refresh_from_db()
    assert held.owner is None


def test_taking_the_next_goes_to_it_and_an_empty_queue_says_so(held: ExceptionItem, desk: Client) -> None:
    assert desk.post("/exceptions/next")["Location"] == _url(held)
    answer = desk.post("/exceptions/next", follow=True)
    assert "every open exception has an owner" in _text(answer)


def test_a_comment_is_stored_and_stands_in_the_timeline_once(held: ExceptionItem, desk: Client) -> None:
    desk.post(_url(held, "comment"), {"text": "Called the desk <b>twice</b>"})
    assert Comment.objects.get().text == "Called the desk <b>twice</b>"
    for url in (_url(held), f"/trades/{public_id(TRADE, held.trade_id)}"):
        page = desk.get(url).content.decode()
        assert page.count("Called the desk &lt;b&gt;twice&lt;/b&gt;") == 1
        assert "<b>" not in page


def test_a_repair_is_a_new_version_that_goes_through_the_checks(held: ExceptionItem, desk: Client) -> None:
    change = {"version": "1", "reason": "the desk confirms", "set.counterparty": "BROKER-01"}
    answer = desk.post(_url(held, "repair"), change, follow=True)
    assert "Stored as version 2" in _text(answer)
    check_everything()
    assert states() == {"VALIDATED": 1}
    versions = _text(desk.get(f"/trades/{public_id(TRADE, held.trade_id)}"))
    assert "Counterparty NOBODY-9 BROKER-01" in versions
    assert "the desk confirms" in versions


def test_a_repair_that_fails_names_every_fault_and_keeps_what_was_typed(
    held: ExceptionItem, desk: Client
) -> None:
    typed = {
        "version": "1",
        "reason": "",
        "set.quantity": "12x",
        "set.settlement_date": "2026-13-01",
        "set.counterparty": "BROKER-01",
    }
    answer = desk.post(_url(held, "repair"), typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert set(answer.context["problem"].by_field) == {"reason", "quantity", "settlement_date"}
    for value in ("12x", "2026-13-01", "BROKER-01"):
        assert f'value="{value}"' in page
    assert page.count('aria-invalid="true"') == 3
    assert TradeVersion.objects.count() == 1


def _form(page: str) -> dict[str, str]:
    """Return the fields of the repair form with the values they show."""
    form = page[page.index("/repair") : page.index("Repair and next")]
    shown = dict(re.findall(r'<input (?:type="hidden" )?name="([^"]+)" value="([^"]*)"', form))
    chosen = re.findall(r'<select name="([^"]+)".*?<option value="([^"]*)" selected', form, re.DOTALL)
    return {**shown, **dict(chosen)}


class TestAStaleRepair:
    @pytest.fixture
    def answer(self, held: ExceptionItem, desk: Client, sign_in: SignIn) -> HttpResponse:
        """Return the answer to a repair that started before somebody else's."""
        typed = _form(desk.get(_url(held)).content.decode())
        other = {"version": "1", "reason": "first", "set.trader": "zoe", "set.price": "187.5"}
        sign_in("operations", name="bob").post(_url(held, "repair"), other)
        check_everything()
        late = {**typed, "reason": "second", "set.counterparty": "BROKER-01", "set.price": "188"}
        return desk.post(_url(held, "repair"), late)

    def test_comes_back_on_the_present_version_with_what_nobody_else_has_changed(
        self, answer: HttpResponse
    ) -> None:
        assert answer.status_code == 412
        shown = _form(answer.content.decode())
        assert (shown["version"], shown["set.counterparty"]) == ("2", "BROKER-01")
        assert (shown["set.trader"], shown["set.price"]) == ("zoe", "187.5")
        assert shown["set.gross_amount"] == "18750"
        assert TradeState.objects.get().version == 2

    def test_says_what_changed_meanwhile_and_by_whom(self, answer: HttpResponse) -> None:
        text = _text(answer)
        assert "You started from version 1; the present one is 2" in text
        assert "Trader jdoe zoe bob —" in text
        assert "Price 187.25 187.5 bob 188 Use mine" in text

    def test_is_stored_when_it_is_sent_again_and_changes_nothing_else(
        self, answer: HttpResponse, held: ExceptionItem, desk: Client
    ) -> None:
        again = desk.post(_url(held, "repair"), {**_form(answer.content.decode()), "reason": "second"})
        assert again.status_code == 303
        third = TradeVersion.objects.get(version=3)
        assert (third.counterparty_ref, third.trader, str(third.price.normalize())) == (
            "BROKER-01", "zoe", "187.5",
        )  # fmt: skip


def test_nothing_changed_is_said(held: ExceptionItem, desk: Client) -> None:
    answer = desk.post(_url(held, "repair"), {"version": "1", "reason": "why", "set.trader": "jdoe"})
    assert answer.status_code == 422
    assert "Nothing would change." in _text(answer)


def test_a_re_check_goes_on_to_the_next(held: ExceptionItem, world: World, desk: Client) -> None:
    other = ExceptionItem.objects.get(trade_id=checked(equity(book="NO-BOOK")))
    desk.post(_url(held, "claim"))
    answer = desk.post(_url(held, "re-check"), {"reason": "party was added", "then": "next", "view": "mine"})
    assert answer["Location"] == f"{_url(other)}?view=mine"
    other.refresh_from_db()
    assert other.owner is not None


def test_what_nobody_had_is_not_taken_as_the_next_by_who_has_just_worked_it(
    held: ExceptionItem, desk: Client
) -> None:
    answer = desk.post(_url(held, "re-check"), {"reason": "party was added", "then": "next"})
    assert answer["Location"] == "/exceptions"
    held.refresh_from_db()
    assert held.owner is None


def test_a_rejected_trade_is_cancelled_and_its_exception_closed(held: ExceptionItem, desk: Client) -> None:
    assert desk.post(_url(held, "reject"), {"version": "1", "reason": ""}).status_code == 422
    assert states() == {"EXCEPTION": 1}
    desk.post(_url(held, "reject"), {"version": "1", "reason": "not ours"})
    assert states() == {"CANCELLED": 1}
    page = _text(desk.get(_url(held)))
    assert "rejected: not ours" in page
    assert "closed" in page


def test_an_excess_needs_a_second_person(excessive: ExceptionItem, sign_in: SignIn) -> None:
    maker = sign_in("supervisor", name="mia")
    checker = sign_in("risk", name="carl")
    request = {"version": "1", "codes": excessive.codes, "reason": "client is good for it"}
    maker.post(_url(excessive, "excess"), request)
    proposal = Proposal.objects.get()
    own = _text(maker.get("/approvals"))
    assert "It is your own request: somebody else decides." in own
    refused = maker.post(f"/approvals/{public_id(PROPOSAL, proposal.id)}/approve")
    assert refused.status_code in {403, 409, 422}
    assert states() == {"EXCEPTION": 1}
    assert "client is good for it" in _text(checker.get("/approvals"))
    decided = checker.post(
        f"/approvals/{public_id(PROPOSAL, proposal.id)}/approve", {"note": "agreed"}, follow=True
    )
    assert "Approved" in _text(decided)
    check_everything()
    assert states() == {"VALIDATED": 1}


def test_an_excess_of_much_takes_the_amount_typed_in_by_both(
    excessive: ExceptionItem, sign_in: SignIn
) -> None:
    ApprovalPolicy.objects.create(kind="excess", typed_from=Decimal(1))
    maker, checker = sign_in("operations", name="ann"), sign_in("risk", name="carl")
    amount = maker.get(_url(excessive)).context["to_type"]
    assert f"So much is at stake that it is typed in: {amount} EUR" in _text(maker.get(_url(excessive)))
    request = {"version": "1", "codes": excessive.codes, "reason": "client is good for it"}
    for typed, told in (("", "Type in the amount at stake"), (amount + "0" * 3, "This is not the amount")):
        wrong = maker.post(_url(excessive, "excess"), {**request, "amount": typed.replace(".", "")})
        assert (wrong.status_code, told in _text(wrong)) == (422, True)
    assert not Proposal.objects.exists()
    assert maker.post(_url(excessive, "excess"), {**request, "amount": amount}).status_code == 303
    approve = f"/approvals/{public_id(PROPOSAL, Proposal.objects.get().id)}/approve"
    assert 'name="amount"' in checker.get("/approvals").content.decode()
    assert checker.post(approve, {"amount": ""}).status_code == 422
    assert checker.post(approve, {"amount": "1"}).status_code == 422
    assert states() == {"EXCEPTION": 1}
    assert checker.post(approve, {"amount": amount}).status_code == 303
    assert Proposal.objects.get().state == Proposal.State.APPROVED


def test_a_declined_excess_leaves_the_trade_held(excessive: ExceptionItem, sign_in: SignIn) -> None:
    request = {"version": "1", "codes": excessive.codes, "reason": "please"}
    sign_in("operations", name="ann").post(_url(excessive, "excess"), request)
    proposal = public_id(PROPOSAL, Proposal.objects.get().id)
    sign_in("risk", name="carl").post(f"/approvals/{proposal}/decline", {"note": "too much"})
    assert states() == {"EXCEPTION": 1}
    assert Proposal.objects.get().state == Proposal.State.REJECTED


def test_a_request_is_withdrawn_by_who_made_it_and_the_page_says_so(
    excessive: ExceptionItem, sign_in: SignIn
) -> None:
    ann, bob = sign_in("operations", name="ann"), sign_in("operations", name="bob")
    request = {"version": "1", "codes": excessive.codes, "reason": "please"}
    ann.post(_url(excessive, "excess"), request)
    withdraw = f"/approvals/{public_id(PROPOSAL, Proposal.objects.get().id)}/withdraw"
    assert withdraw in ann.get("/approvals").content.decode()
    assert withdraw not in bob.get("/approvals").content.decode()
    assert bob.post(withdraw).status_code == 403
    assert sign_in("auditor").post(withdraw).status_code == 403
    assert Proposal.objects.get().state == Proposal.State.PENDING
    assert "Withdrawn; the trade stays held." in _text(ann.post(withdraw, {"note": "typo"}, follow=True))
    assert Proposal.objects.get().state == Proposal.State.WITHDRAWN
    assert states() == {"EXCEPTION": 1}
    page = _text(ann.get(_url(excessive)))
    assert (
        f"The request for approval was withdrawn {public_id(PROPOSAL, Proposal.objects.get().id)} typo"
        in page
    )


def test_the_timeline_is_told_in_sentences(held: ExceptionItem, desk: Client) -> None:
    desk.post(_url(held, "claim"))
    text = _text(desk.get(_url(held)))
    for sentence in (
        "The trade was captured", "The trade was held as an exception", "The exception was opened",
        "The exception was claimed",
    ):  # fmt: skip
        assert sentence in text


def test_faults_of_the_data_are_not_offered_for_approval(held: ExceptionItem, desk: Client) -> None:
    assert desk.get(_url(held)).context["overridable"] == []
    answer = desk.post(_url(held, "excess"), {"version": "1", "codes": held.codes, "reason": "please"})
    assert answer.status_code == 422
    assert "it must be corrected" in _text(answer)


def test_the_queue_narrows_to_a_cause_and_a_view(held: ExceptionItem, world: World, desk: Client) -> None:
    other = ExceptionItem.objects.get(trade_id=checked(equity(book="NO-BOOK")))
    rows = desk.get(f"/exceptions?code={other.codes[0]}").context["rows"]
    assert [row["id"] for row in rows] == [other.id]
    assert "You have no exception" in _text(desk.get("/exceptions?view=mine"))
    desk.post(_url(held, "claim"))
    assert [row["id"] for row in desk.get("/exceptions?view=mine").context["rows"]] == [held.id]
    assert [row["id"] for row in desk.get("/exceptions?view=unassigned").context["rows"]] == [other.id]


def test_a_clear_queue_says_who_cleared_it(held: ExceptionItem, desk: Client) -> None:
    desk.post(_url(held, "reject"), {"version": "1", "reason": "not ours"})
    text = _text(desk.get("/exceptions"))
    assert "The queue is clear" in text
    assert "by ann" in text


def test_an_action_without_its_right_is_denied_and_does_nothing(held: ExceptionItem, sign_in: SignIn) -> None:
    auditor = sign_in("auditor")
    for action in ("claim", "release", "comment", "repair", "re-check", "excess", "reject"):
        answer = auditor.post(_url(held, action), {"reason": "x", "text": "x", "version": "1"})
        assert answer.status_code == 403, action
    assert states() == {"EXCEPTION": 1}
    assert not Comment.objects.exists()
    assert auditor.post(_url(held, "explode")).status_code == 404


def test_the_forms_are_not_shown_to_those_who_may_only_read(held: ExceptionItem, sign_in: SignIn) -> None:
    page = sign_in("auditor").get(_url(held)).content.decode()
    assert "/repair" not in page
    assert "/reject" not in page
    assert "/comment" not in page


def test_a_mistyped_reference_is_not_found(desk: Client) -> None:
    for url in ("/exceptions/exc_ZZZZ", "/trades/trd_ZZZZ", "/batches/bat_ZZZZ", "/trades/exc_77"):
        assert desk.get(url).status_code == 404, url


def test_the_address_that_a_failed_form_leaves_leads_back_to_its_screen(
    held: ExceptionItem, desk: Client
) -> None:
    assert desk.get(_url(held, "repair"))["Location"] == _url(held)
    assert desk.get("/approvals/prp_11/approve")["Location"] == "/approvals"
    assert desk.get("/batches/seal")["Location"] == "/batches"
    page = desk.post(
        _url(held, "reject"),
        {"version": "1"},
        headers={"Referer": f"http://testserver{_url(held)}?view=mine"},
    )
    assert f'name="next" value="{_url(held)}?view=mine"' in page.content.decode()
