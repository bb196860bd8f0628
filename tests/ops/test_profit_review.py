"""On the screens of P&L people accept flags, propose adjustments and sign a day off, and see what was signed."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from core.ids import TRADE, public_id
from core.models import Proposal
from ledger.models import FlagAcceptance, ProfitAdjustment, ProfitPrice, ProfitRun, ProfitSignOff
from tests.ledger.profit_support import accept_all, prepare, tell
from tests.ledger.reconciling import approved
from tests.ops.conftest import SignIn
from tests.ops.test_profit import shown, text_of
from tests.support.factories import EURO_SHARE, World, captured_ids, equity

pytestmark = pytest.mark.django_db(transaction=True)  # what a run has seen are transactions that have ended

DAY = {"day": "2026-11-23", "by": "book"}
ADJUSTMENT = {
    "book": "BOOK-1", "instrument": "", "amount": "-1,250.00", "currency": "eur", "valid_from": "2026-11-23",
    "reverses_on": "2026-12-01", "reason": "the vendor prices it off the market",
}  # fmt: skip


def deal(price: str = "186", **changes: str) -> int:
    (trade,) = captured_ids(equity(quantity="5", price=price, **changes))
    return trade


def faults(answer: Any) -> set[str]:
    assert answer.status_code == 422, text_of(answer)
    return set(answer.context["problem"].by_field)


def of_the_book(answer: Any) -> str:
    """Return the words of the row of BOOK-1 in the table of sign-offs, without what is to be filled in."""
    table = text_of(answer).partition('id="sign-off"')[2].partition("</table>")[0]
    (row,) = re.findall(r"<tr data-row>(.*?)</tr>", table, re.S)
    row = re.sub(r"<form.*?</form>", " (form) ", row, flags=re.S)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))).strip()


def test_a_flag_is_accepted_and_the_book_signed_by_two_people(world: World, sign_in: SignIn) -> None:
    deal()
    deal(instrument=EURO_SHARE, currency="EUR", price="10")
    desk, signer = sign_in("operations"), sign_in("supervisor")
    answer = desk.post("/profit/tell", {**DAY, "reason": ""}, follow=True)
    assert "2026-11-23 has been told to its end." in text_of(answer)
    assert "accept its flags first" in of_the_book(answer)
    flag = ProfitPrice.objects.exclude(flag="").get(run__kind="CLOSE")
    accepted = desk.post("/profit/accept", {**DAY, "flag": flag.id, "reason": "not listed yet"}, follow=True)
    assert "accepted by operations: not listed yet" in shown(accepted)
    assert of_the_book(accepted) == "BOOK-1 not signed (form) +4.60 — — — 0 — —"
    asked = {**DAY, "run": "1", "book": "BOOK-1", "reason": "compared with the desk"}
    prepared = desk.post("/profit/sign-off", asked, follow=True)
    assert "awaits approval" in of_the_book(prepared)
    assert 'name="book"' not in text_of(prepared)
    waiting = text_of(signer.get("/approvals"))
    assert "Sign off" in waiting
    assert "not listed yet" in waiting
    (reference,) = re.findall(r'<section [^>]*id="(prp_\w+)"', waiting)
    signer.post(f"/approvals/{reference}/approve", {"note": ""})
    signed = "BOOK-1 signed off — +4.60 +4.60 0.00 1 0 operations, supervisor"
    assert of_the_book(desk.get("/profit")).startswith(signed)
    assert ProfitSignOff.objects.count() == 1


def test_what_came_late_is_named_and_the_restatement_stands_beside_what_was_signed(
    world: World, sign_in: SignIn
) -> None:
    deal()
    tell()
    approved(prepare())
    late = deal(price="180")
    desk = sign_in("operations")
    page = text_of(desk.get("/profit"))
    assert "Trades dealt until 2026-11-23 have come or changed since" in page
    assert f'href="/trades/{public_id(TRADE, late)}"' in page
    desk.post("/profit/tell", {**DAY, "reason": "a trade came late"})
    answer = desk.get("/profit")
    assert of_the_book(answer).startswith("BOOK-1 told again since (form) +36.80 +4.60 +32.20 1")
    assert "Told again because: a trade came late" in shown(answer)
    assert "have come or changed since" not in shown(answer)
    earlier = desk.get("/profit?run=1")
    assert of_the_book(earlier).startswith("BOOK-1 signed off — +4.60 +4.60 0.00 1")
    assert "The day has been told again since" in shown(earlier)
    assert 'action="/profit/sign-off"' not in text_of(earlier)


def test_a_form_that_was_bent_shows_the_day_with_what_is_wrong(world: World, sign_in: SignIn) -> None:
    deal(instrument=EURO_SHARE, currency="EUR", price="10")
    tell()
    desk = sign_in("risk")
    flag = ProfitPrice.objects.exclude(flag="").get(run__kind="CLOSE")
    assert faults(desk.post("/profit/tell", {"day": "soon"})) == {"day"}
    for day in ("2026-11-24", "2020-01-01"):
        assert faults(desk.post("/profit/tell", {"day": day, "reason": "so"})) == {"day"}
    assert faults(desk.post("/profit/tell", DAY)) == {"reason"}
    assert faults(desk.post("/profit/accept", {**DAY, "flag": "x", "reason": "so"})) == {"flag"}
    assert faults(desk.post("/profit/accept", {**DAY, "flag": flag.id, "reason": ""})) == {"reason"}
    assert faults(desk.post("/profit/sign-off", {**DAY, "run": "9" * 12, "reason": "so"})) == {"run"}
    refused = desk.post("/profit/sign-off", {**DAY, "run": "1", "book": "BOOK-1", "reason": "so"})
    assert (refused.status_code, refused.context["problem"].title) == (409, "Flags are open.")
    missing = desk.post("/profit/sign-off", {**DAY, "run": "1", "book": "NO\0NE", "reason": "so"})
    assert missing.status_code == 404
    assert (FlagAcceptance.objects.count(), ProfitRun.objects.filter(kind="CLOSE").count()) == (0, 1)
    assert not Proposal.objects.exists()


def test_an_adjustment_is_proposed_and_approved(world: World, sign_in: SignIn) -> None:
    desk, signer = sign_in("operations"), sign_in("risk")
    assert "Nothing has been adjusted" in text_of(desk.get("/profit/adjustments"))
    answer = desk.post("/profit/adjustments/propose", ADJUSTMENT, follow=True)
    assert "waits for a second person" in text_of(answer)
    waiting = text_of(signer.get("/approvals"))
    assert "-1,250.00" in waiting
    (reference,) = re.findall(r'<section [^>]*id="(prp_\w+)"', waiting)
    signer.post(f"/approvals/{reference}/approve", {"note": ""})
    words = shown(desk.get("/profit/adjustments"))
    assert "in force BOOK-1 — -1,250.00 EUR 2026-11-23 2026-12-01" in words
    assert ProfitAdjustment.objects.count() == 1


def test_an_adjustment_that_was_typed_wrong_keeps_what_was_typed(world: World, sign_in: SignIn) -> None:
    desk = sign_in("operations")
    typed = {**ADJUSTMENT, "amount": "a lot", "reverses_on": "soon"}
    answer = desk.post("/profit/adjustments/propose", typed)
    assert faults(answer) == {"amount", "reverses_on"}
    assert 'value="a lot"' in text_of(answer)
    typed = {**ADJUSTMENT, "book": "NONE", "amount": "0", "reason": ""}
    assert faults(desk.post("/profit/adjustments/propose", typed)) == {"book", "amount", "reason"}
    assert not Proposal.objects.exists()


def test_who_only_reads_profit_finds_no_form_for_it(world: World, sign_in: SignIn) -> None:
    deal(instrument=EURO_SHARE, currency="EUR", price="10")
    tell()
    auditor = sign_in("auditor")
    for address in ("/profit", "/profit/adjustments"):
        assert 'action="/profit/' not in re.sub(
            r'<form method="get"[^>]*>', "", text_of(auditor.get(address))
        )
    accept_all()
    assert auditor.post("/profit/sign-off", {**DAY, "run": "1", "book": "BOOK-1"}).status_code == 403
