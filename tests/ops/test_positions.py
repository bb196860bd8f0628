"""On the screens of positions people see what the trades add up to, down to the trades, and send corporate actions."""

from __future__ import annotations

import html

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core import sql
from core.ids import PROPOSAL, TRADE, public_id
from core.models import Proposal
from ledger.models import CorporateActionVersion
from ledger.services.lot_policies import PolicyTerms, propose_policy
from ledger.services.posting import post_due
from tests.ledger.support import ACTOR, post
from tests.ledger.test_actions import act, terms
from tests.ledger.test_positions import share
from tests.ops.conftest import SignIn
from tests.support.factories import EURO_SHARE, World, captured_ids, checked, settle
from tests.support.records import NOW, TODAY, person

HEADER = "reference,type,instrument,ex_date,record_date,pay_date,currency,rate,new,old,cancelled"
LINES = f"{HEADER}\nCA-1,SPLF,{EURO_SHARE},2026-11-22,,,,,3,1,\n"
LINES += f"CA-2,DVCA,{EURO_SHARE},2026-11-21,,2026-11-23,EUR,0.50,,,no"


def text_of(answer) -> str:
    return html.unescape(answer.content.decode())


@pytest.fixture
def _held(world: World) -> None:
    settle([checked(share("1000", "10", day=5))])
    captured_ids(share("-400", "12.5", day=3))
    post()


def test_without_trades_the_screen_says_that_positions_follow_them(world: World, sign_in: SignIn) -> None:
    assert "They follow the trades by themselves" in text_of(sign_in("auditor").get("/positions"))


@pytest.mark.usefixtures("_held")
class TestPositions:
    def test_are_listed_traded_and_settled(self, sign_in: SignIn) -> None:
        text = text_of(sign_in("operations").get("/positions"))
        for told in ("BOOK-1", EURO_SHARE, ">600<", ">1,000<", ">-400<", ">-5,000.00<", ">-10,000.00<"):
            assert told in text

    def test_are_narrowed_by_what_is_typed(self, sign_in: SignIn) -> None:
        reader = sign_in("operations")
        assert EURO_SHARE not in text_of(reader.get("/positions?instrument=cash")).partition("<tbody>")[2]
        assert "No position matches book “NONE”" in text_of(reader.get("/positions?book=NONE"))
        assert "Write the day as" in text_of(reader.get("/positions?on=soon"))
        assert ">1,000<" in text_of(reader.get("/positions?on=2026-11-19"))

    def test_lead_to_the_entries_lots_and_trades_behind_them(self, sign_in: SignIn) -> None:
        reader = sign_in("front-office reader")
        listed = text_of(reader.get("/positions"))
        address = f"/positions/BOOK-1/EUR?instrument={EURO_SHARE}"
        assert f'href="{address}"' in listed
        text = text_of(reader.get(address))
        (trade_id, sale) = (public_id(TRADE, n) for n in sorted(_trades()))
        for told in (f"/trades/{trade_id}", f"/trades/{sale}", "6,000.00", "1,000.00", "BROKER-01", "FIFO"):
            assert told in text
        assert reader.get("/positions/NONE/EUR").status_code == 404
        assert reader.get("/positions/BOOK-1/EUR?instrument=NONE").status_code == 404

    def test_of_cash_have_entries_and_no_lots(self, sign_in: SignIn) -> None:
        text = text_of(sign_in("operations").get("/positions/BOOK-1/EUR"))
        assert "Entries behind it" in text
        assert "Open lots" not in text

    @pytest.mark.django_db(transaction=True)
    def test_are_read_as_of_a_moment(self, sign_in: SignIn, later_that_day: None) -> None:
        reader = sign_in("operations")
        assert ">600<" in text_of(reader.get("/as-of/2026-11-23T14:30:00Z/positions"))
        assert "No positions yet" in text_of(reader.get("/as-of/2026-11-23T13:00:00Z/positions"))
        position = f"positions/BOOK-1/EUR?instrument={EURO_SHARE}"
        lots = text_of(reader.get(f"/as-of/2026-11-23T14:30:00Z/{position}"))
        assert ("Open lots" in lots, "6,000.00" in lots) == (True, True)
        assert "No lot is open" in text_of(reader.get(f"/as-of/2026-11-23T13:00:00Z/{position}"))

    def test_have_the_lots_of_a_business_date(self, sign_in: SignIn) -> None:
        reader = sign_in("operations")
        address = f"/positions/BOOK-1/EUR?instrument={EURO_SHARE}"
        assert "10,000.00" in text_of(reader.get(f"{address}&on=2026-11-19"))
        assert "No lot is open" in text_of(reader.get(f"{address}&on=2026-11-01"))

    @pytest.mark.parametrize("after", ["x", "1.2", f"{'9' * 30}.1.EUR", "1.0.EUR"])
    def test_an_address_that_was_bent_shows_a_page(self, sign_in: SignIn, after: str) -> None:
        reader = sign_in("operations")
        assert reader.get(f"/positions?after={after}").status_code == 200
        assert reader.get(f"/positions/BOOK-1/EUR?after={after}").status_code == 200


def _trades() -> list[int]:
    return [trade_id for (trade_id,) in sql.rows("SELECT trade_id FROM trades_state")]


@pytest.mark.usefixtures("_held")
class TestCorporateActions:
    def test_what_one_person_sends_another_approves(self, sign_in: SignIn) -> None:
        maker, checker = sign_in("operations", name="ann"), sign_in("supervisor", name="bob")
        sent = maker.post("/corporate-actions/propose", {"rows": LINES, "reason": "as published"})
        assert (sent.status_code, sent["Location"]) == (303, "/corporate-actions")
        shown = text_of(checker.get("/approvals"))
        for told in ("Set the corporate action", "CA-1", "CA-2", "SPLF", "0.5", "as published"):
            assert told in shown
        for proposal in Proposal.objects.filter(state="PENDING"):
            address = f"/approvals/{public_id(PROPOSAL, proposal.id)}/approve"
            assert checker.post(address, {"note": ""}).status_code == 303
        assert CorporateActionVersion.objects.count() == 2
        post_due(now=NOW, actor=ACTOR)
        assert ">1,800<" in text_of(checker.get("/positions"))
        assert "ann, bob" in text_of(checker.get("/corporate-actions"))
        assert "CA-1" in text_of(checker.get("/approvals"))

    def test_a_file_is_taken_as_lines_are(self, sign_in: SignIn) -> None:
        file = SimpleUploadedFile("actions.csv", LINES.encode(), "text/csv")
        answer = sign_in("operations").post("/corporate-actions/propose", {"file": file, "reason": "x"})
        assert (answer.status_code, Proposal.objects.count()) == (303, 2)

    def test_every_fault_is_told_with_its_line(self, sign_in: SignIn) -> None:
        lines = f"{HEADER}\nA,DVCA,{EURO_SHARE},soon,,,EUR,x,,,\nB\n"
        answer = sign_in("operations").post("/corporate-actions/propose", {"rows": lines, "reason": ""})
        text = text_of(answer)
        assert answer.status_code == 422
        for told in ("A date such as", "A decimal as a string", "cells under a header", "soon,,,EUR"):
            assert told in text
        late = f"{HEADER}\nA,DVCA,{EURO_SHARE},2026-11-22,,,EURO,-1,,,"
        text = text_of(
            sign_in("supervisor").post("/corporate-actions/propose", {"rows": late, "reason": "x"})
        )
        assert "ISO 4217 lists no such currency" in text
        assert Proposal.objects.count() == 0

    def test_only_who_may_propose_sees_the_form(self, sign_in: SignIn) -> None:
        act("CA-9", terms("SPLF", ex=-1, new="3", old="1"))
        text = text_of(sign_in("auditor").get("/corporate-actions"))
        assert "CA-9" in text
        assert "3 for 1" in text
        assert "Propose actions" not in text

    def test_how_a_book_counts_is_approved_on_the_screen_of_approvals(self, sign_in: SignIn) -> None:
        propose_policy(
            book="BOOK-1", terms=PolicyTerms("AVERAGE", opens_short=False, with_fees=False), valid_from=TODAY,
            reason="as agreed", user=person("ann"), actor=ACTOR, now=NOW,
        )  # fmt: skip
        text = text_of(sign_in("supervisor").get("/approvals"))
        for told in ("count its lots otherwise", "AVERAGE", "FIFO", "Opens shorts"):
            assert told in text

    def test_how_a_book_counts_is_proposed_from_its_position(self, sign_in: SignIn) -> None:
        maker = sign_in("operations", name="ann")
        assert 'href="/positions/BOOK-1"' in text_of(
            maker.get(f"/positions/BOOK-1/EUR?instrument={EURO_SHARE}")
        )
        assert "FIFO" in text_of(maker.get("/positions/BOOK-1"))
        form = {"method": "AVERAGE", "opens_short": "no", "with_fees": "no", "valid_from": "2026-11-01"}
        wrong = maker.post("/positions/BOOK-1", {**form, "valid_from": "soon", "reason": "x"})
        assert (wrong.status_code, "Write the day as" in text_of(wrong)) == (422, True)
        assert maker.post("/positions/BOOK-1", {**form, "reason": ""}).status_code == 422
        assert maker.post("/positions/NONE", form).status_code == 404
        assert Proposal.objects.count() == 0
        assert maker.post("/positions/BOOK-1", {**form, "reason": "as agreed"}).status_code == 303
        assert Proposal.objects.get().content["after"] == {
            "method": "AVERAGE", "opens_short": False, "with_fees": False,
        }  # fmt: skip
        assert "awaits approval" in text_of(maker.get("/positions/BOOK-1"))
        assert sign_in("auditor").get("/positions/BOOK-1").status_code == 403
