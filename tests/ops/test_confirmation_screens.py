"""On the screens of confirmations people see who says what, upload it, and settle what differs."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core.ids import CONFIRMATION, TRADE, public_id
from core.models import Event
from ops import permissions
from tests.ops.conftest import SignIn
from tests.support.confirmations import csv_of, said_of
from tests.support.factories import World, check_everything, checked, fx, goods, unit_trade
from tests.support.records import CLERK, NOW
from trades.models import Confirmation, ConfirmationVersion, TradeVersion
from trades.services.change import Change, change_trades
from trades.services.confirmation import Said, Told, confirm_trades
from trades.services.confirmation_matching import match_queued

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(world: World, sign_in: SignIn) -> Client:
    return sign_in(permissions.OPERATIONS, name="olivia")


def text(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def confirm(said: Said) -> str:
    (told,) = confirm_trades(said=[said], actor=CLERK, now=NOW)
    assert isinstance(told, Told)
    return f"/confirmations/{public_id(CONFIRMATION, told.confirmation_id)}"


def references(client: Client, query: str) -> list[str]:
    return [each["reference"] for each in client.get(f"/confirmations{query}").context["rows"]]


def form_behind(page: Any, action: str) -> dict[str, str]:
    """Return the hidden fields of the form on a page that goes to an address."""
    found = re.search(rf'<form[^>]*action="{action}".*?</form>', page.content.decode(), re.S)
    assert found is not None, action
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found.group())
    return {name: html.unescape(value) for name, value in pairs if name != "csrfmiddlewaretoken"}


def test_the_list_filters_by_what_stands_in_the_address_and_pages_by_key(clerk: Client) -> None:
    assert "No counterparty has confirmed anything yet" in text(clerk.get("/confirmations"))
    trades = [checked(unit_trade(number)) for number in range(3)]
    confirm(said_of(trades[0], reference="A"))
    confirm(said_of(trades[1], reference="B", quantity=Decimal(9)))
    confirm(said_of(trades[2], reference="C", trade_id=None, quantity=Decimal(8), side="SELL"))
    assert references(clerk, "") == ["C", "B", "A"]
    assert references(clerk, "?status=MISMATCHED&party=BROKER-01&product=EQUITY") == ["B"]
    assert references(clerk, "?status=UNMATCHED") == ["C"]
    assert references(clerk, "?days=1") == []
    assert "No confirmation matches product “GOODS”" in text(clerk.get("/confirmations?product=GOODS"))
    assert references(clerk, "?status=sideways&days=-1&product=nothing&before=x") == ["C", "B", "A"]


def test_a_page_goes_on_where_the_last_one_ended(clerk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.views.confirmations.PAGE", 2)
    trade_id = checked(unit_trade(0))
    for reference in "ABC":
        confirm(said_of(trade_id, reference=reference))
    first = clerk.get("/confirmations?party=BROKER-01")
    assert [each["reference"] for each in first.context["rows"]] == ["C", "B"]
    assert references(clerk, f"?party=BROKER-01&before={first.context['next']}") == ["A"]


def test_theirs_is_accepted_as_an_amendment_that_names_them_and_the_confirmation_is_matched(
    clerk: Client,
) -> None:
    trade_id = checked(unit_trade(1))
    said = said_of(trade_id, quantity=Decimal(4), net_amount=Decimal(200))
    page = clerk.get(confirm(said))
    assert "quantity 2 4" in text(page).lower()
    address = f"/trades/{public_id(TRADE, trade_id)}/change/amend"
    form = form_behind(page, address)
    assert {name: form[name] for name in form if name.startswith("set.")} == {
        "set.quantity": "4", "set.net_amount": "200",
    }  # fmt: skip
    previewed = clerk.post(address, {**form, "step": "preview"})
    assert previewed.status_code == 200
    assert TradeVersion.objects.filter(trade_id=trade_id).count() == 1
    assert clerk.post(address, {**form, "step": "confirm"}).status_code == 303
    check_everything()
    match_queued(now=NOW)
    row = Confirmation.objects.get()
    assert (row.status, row.trade_version) == ("MATCHED", 2)
    told = Event.objects.get(type="trade.amended")
    assert (told.actor, told.reason) == (
        "user:olivia", f"BROKER-01 confirms so under {said.reference}, version 1.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs", "amended"),
    [
        pytest.param(
            fx,
            {
                "quantity": Decimal(900_000),
                "net_amount": Decimal(900_000),
                "contra_amount": Decimal(1_000_000),
            },
            {"set.terms.bought.amount": "900000", "set.terms.sold.amount": "1000000"},
            id="an exchange",
        ),
        pytest.param(
            fx, {"settlement_date": date(2026, 11, 26)}, {"set.settlement_date": "2026-11-26"}, id="a date"
        ),
        pytest.param(
            lambda: goods(lines=[{"sku": "SKU-1", "quantity": "10", "unit_price": "9.99"}]),
            {"quantity": Decimal(9), "net_amount": Decimal("89.91")},
            {"set.lines.0.quantity": "9", "set.net_amount": "89.91"},
            id="an order of one line",
        ),
    ],
)
def test_theirs_is_accepted_of_exchanges_and_orders_too(
    clerk: Client, ours: Callable[[], Any], theirs: dict[str, Any], amended: dict[str, str]
) -> None:
    trade_id = checked(ours())
    party = TradeVersion.objects.get(trade_id=trade_id).counterparty_ref
    page = clerk.get(confirm(said_of(trade_id, party=party, **theirs)))
    address = f"/trades/{public_id(TRADE, trade_id)}/change/amend"
    form = form_behind(page, address)
    assert {name: form[name] for name in form if name.startswith("set.")} == amended
    assert clerk.post(address, {**form, "step": "confirm"}).status_code == 303
    check_everything()
    match_queued(now=NOW)
    row = Confirmation.objects.get()
    assert (row.status, row.trade_version, row.differences) == ("MATCHED", 2, [])


def test_of_an_order_of_several_lines_nobody_says_which_one_they_mean(clerk: Client) -> None:
    trade_id = checked(goods())
    page = clerk.get(confirm(said_of(trade_id, party="CUST-01", quantity=Decimal(3))))
    assert "Accept theirs" not in text(page)


def test_their_cancellation_is_accepted_as_a_cancellation_of_ours(clerk: Client) -> None:
    trade_id = checked(unit_trade(0))
    address = f"/trades/{public_id(TRADE, trade_id)}/change/cancel"
    form = form_behind(clerk.get(confirm(said_of(trade_id, action="CANCEL"))), address)
    assert clerk.post(address, {**form, "step": "preview"}).status_code == 200
    assert Confirmation.objects.get().status == "MISMATCHED"


def test_a_mismatch_is_disputed_and_the_dispute_withdrawn_each_with_its_reason(
    clerk: Client, sign_in: SignIn
) -> None:
    address = confirm(said_of(checked(unit_trade(0)), quantity=Decimal(3)))
    sent = {"version": "1", "reason": "we dealt 1"}
    reader = sign_in(permissions.AUDITOR, name="otto")
    assert reader.get(address).status_code == 200
    assert reader.post(f"{address}/dispute", sent).status_code == 403
    assert clerk.post(f"{address}/withdraw", sent).status_code == 409
    assert clerk.post(f"{address}/dispute", {**sent, "reason": ""}).status_code == 422
    assert clerk.post(f"{address}/dispute", {**sent, "version": "x"}).status_code == 409
    assert clerk.post(f"{address}/dispute", sent).status_code == 303
    assert "Withdraw the dispute" in text(clerk.get(address))
    assert clerk.post(f"{address}/withdraw", {**sent, "reason": "they are right"}).status_code == 303
    assert Confirmation.objects.get().status == "MISMATCHED"
    assert list(
        Event.objects.filter(type__contains="disput").order_by("id").values_list("type", "reason")
    ) == [("confirmation.disputed", "we dealt 1"), ("confirmation.dispute_withdrawn", "they are right")]


def test_the_counterparty_is_reminded_from_either_page_and_not_twice_in_an_hour(clerk: Client) -> None:
    trade_id = checked(unit_trade(0))
    address = f"/trades/{public_id(TRADE, trade_id)}"
    assert "Remind the counterparty" in text(clerk.get(address))
    assert clerk.post(f"{address}/remind").status_code == 303
    assert clerk.post(f"{address}/remind").status_code == 409
    told = Event.objects.get(type="trade.confirmation_reminded")
    assert (told.subject_id, told.actor) == (trade_id, "user:olivia")
    assert "Remind the counterparty" in text(clerk.get(confirm(said_of(trade_id, quantity=Decimal(3)))))
    assert "Remind" not in text(clerk.get(confirm(said_of(trade_id, version=2))))
    assert clerk.post(f"/trades/{public_id(TRADE, trade_id + 1)}/remind").status_code == 404


def test_what_is_alleged_shows_the_trades_that_come_near_with_what_keeps_them_away(clerk: Client) -> None:
    near, far, gone = (checked(unit_trade(number)) for number in range(3))
    change_trades(changes=[Change("CANCEL", gone, "called off")], actor=CLERK, at=NOW)
    alleged = said_of(near, reference="X", trade_id=None, side="SELL", quantity=Decimal(1))
    page = clerk.get(confirm(alleged))
    found = [(each["id"], apart) for each, apart in page.context["near"]]
    assert found[0] == (near, ["side"])
    assert {each for each, _ in found} == {near, far}
    empty = clerk.get(confirm(said_of(near, reference="Y", trade_id=None, product="GOODS")))
    assert "No open trade of this party and product lies near it." in text(empty)


def test_a_file_is_looked_at_then_stored_and_again_adds_nothing(clerk: Client) -> None:
    said = [said_of(checked(unit_trade(number))) for number in range(2)]
    file = SimpleUploadedFile("theirs.csv", csv_of(said), content_type="text/csv")
    assert clerk.get("/confirmations/upload").status_code == 200
    seen = clerk.post("/confirmations/upload", {"file": file})
    assert "What would become of them: 2 matched, 2 stored." in text(seen)
    assert not ConfirmationVersion.objects.exists()
    form = form_behind(seen, "/confirmations/upload")
    for told in ("2 of 2 lines are new", "Nothing is added"):
        assert told in text(clerk.post("/confirmations/upload", form, follow=True))
    assert ConfirmationVersion.objects.count() == 2


def test_faults_of_a_file_are_shown_by_line_and_field_and_it_cannot_be_stored(clerk: Client) -> None:
    said = said_of(checked(unit_trade(0)), side="HOLD", party="NOBODY")
    for given, told in (
        (csv_of([said]), "/lines/2/side"),
        (b"", "Choose a file"),
    ):
        answer = clerk.post("/confirmations/upload", {"file": SimpleUploadedFile("theirs.csv", given)})
        assert answer.status_code == 422
        assert told in text(answer)
        assert "Store them" not in text(answer)
    assert clerk.post("/confirmations/upload", {"step": "store", "content": "&"}).status_code == 422
    assert clerk.get(f"/confirmations/{public_id(CONFIRMATION, 1)}").status_code == 404
    assert clerk.get("/confirmations/cnf_nothing").status_code == 404


def test_the_page_says_where_mail_is_not_set_up(clerk: Client, settings: Any) -> None:
    assert "Mail is not set up" not in text(clerk.get("/confirmations"))
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "Mail is not set up" in text(clerk.get("/confirmations"))
