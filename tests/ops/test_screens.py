"""Every screen: few queries, no inline script or style, designed when empty, and batches from seal to legs."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from core import sql, work
from core.ids import BATCH, BULK_RUN, CONFIRMATION, EXCEPTION, INSTRUCTION, INVOICE, TRADE, WEBHOOK, public_id
from settlement.models import Batch, Invoice
from tests.feed.support import DOWN, OK, Clock, Listener, deliver, tell, webhook
from tests.ledger.journal_support import journal
from tests.ledger.profit_support import tell as tell_profit
from tests.ledger.support import post
from tests.ops.conftest import SignIn
from tests.settlement.support import instruction_ids
from tests.support.confirmations import said_of
from tests.support.factories import APPLE, World, check_everything, checked, equity, fx, goods, limit, states
from tests.support.invoices import deliver as deliver_goods
from tests.support.invoices import delivered_by
from tests.support.records import CLERK, NOW
from trades.models import BulkRun, ExceptionItem
from trades.services.confirmation import Told, confirm_trades

MAX_QUERIES = 20


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("supervisor", name="sue")


def told_webhook() -> str:
    """Return the address of a webhook that was told of an event and failed to take another."""
    made, _ = webhook(types=["thing.*"])
    tell(1, 2)
    deliver(Listener([OK, DOWN]), Clock())
    return f"/integrations/{public_id(WEBHOOK, made.id)}"


def confirmation_of(ours: int, /, **other: object) -> str:
    """Return the address of what a counterparty says of a trade, otherwise as told."""
    (told,) = confirm_trades(said=[said_of(ours, **other)], actor=CLERK, now=NOW)
    assert isinstance(told, Told)
    return f"/confirmations/{public_id(CONFIRMATION, told.confirmation_id)}"


@pytest.fixture
def busy(world: World, desk: Client) -> dict[str, str]:
    """Return the addresses of screens on a day with a sealed batch, a held trade and a limit."""
    limit(hard="9000000", warn="10")
    settled = checked(fx())
    ordered = checked(goods())
    for document in (equity(), equity(book="NO-BOOK", quantity="5")):
        checked(document)
    held = ExceptionItem.objects.get()
    checked(equity("ANOTHER"))
    post()
    tell_profit()
    journal()
    desk.post("/batches/seal", {"value_date": "2026-12-31", "channels": ["CASH", "SECURITIES", "GOODS"]})
    desk.post(
        "/holds/new", {"kind": "COUNTERPARTY", "subject": "BROKER-01", "channel": "CASH", "reason": "wait"}
    )
    batch = Batch.objects.filter(channel_id="CASH").first()
    assert batch is not None
    deliver_goods(delivered_by(ordered)[0])
    desk.post("/views/trades/make?status=captured", {"format": "csv"})
    desk.post(
        "/exceptions/bulk",
        {"action": "wake", "step": "do", "chosen": public_id(EXCEPTION, held.id), "key": "k"},
    )
    return {
        "today": "/",
        "what of today moves": "/today/now",
        "blotter": "/trades?status=exception&counterparty=BROKER-01",
        "count": "/trades/count",
        "blotter arranged": "/trades?columns=status,net_amount&density=roomy",
        "exports": "/exports",
        "notifications": "/notifications",
        "save a view": "/views/trades/save?status=captured&columns=status",
        "trade": f"/trades/{public_id(TRADE, settled)}",
        "held trade": f"/trades/{public_id(TRADE, held.trade_id)}",
        "exceptions": "/exceptions",
        "exception": f"/exceptions/{public_id(EXCEPTION, held.id)}",
        "many at once": "/bulk",
        "what became of many": f"/bulk/{public_id(BULK_RUN, BulkRun.objects.get().id)}",
        "approvals": "/approvals",
        "batches": "/batches",
        "batch": f"/batches/{public_id(BATCH, batch.id)}",
        "instruction": f"/instructions/{public_id(INSTRUCTION, instruction_ids(batch.id)[0])}",
        "batch with a line to recall": f"/batches/{public_id(BATCH, batch.id)}?recall=ins_11",
        "holds": "/holds?view=all",
        "hold": f"/holds?kind=TRADE&subject={public_id(TRADE, settled)}",
        "settlement": "/settlement?mover=BACK_OFFICE",
        "chase": f"/settlement/chase?ids={public_id(INSTRUCTION, instruction_ids(batch.id)[0])}",
        "calendar of obligations": f"/settlement/calendar?day={batch.value_date}",
        "invoices": "/invoices?kind=INVOICE",
        "invoice": f"/invoices/{public_id(INVOICE, Invoice.objects.get().id)}",
        "limits": "/limits",
        "positions": "/positions?currency=USD",
        "position": f"/positions/BOOK-1/USD?instrument={APPLE}",
        "profit": "/profit",
        "profit of the month": "/profit?span=month&by=trader",
        "margins": "/profit/margins?by=article&book=BOOK-1",
        "valuation": "/profit/valuation",
        "adjustments of profit": "/profit/adjustments",
        "behind a profit": "/profit/behind?day=2026-11-23&by=book&name=BOOK-1",
        "position of cash": "/positions/BOOK-1/EUR",
        "how a book counts": "/positions/BOOK-1",
        "corporate actions": "/corporate-actions",
        "journal": "/journal?currency=USD",
        "entries of an account": "/journal/entries?account=INVENTORY&currency=USD",
        "reference": "/reference",
        "prices": "/reference?kind=close-prices&date=2026-11-23",
        "reference row": "/reference/row?kind=parties&code=BROKER-01",
        "reference change": "/reference/change?kind=close-prices",
        "reference change of a row": "/reference/change?kind=instruments&code=US0378331005",
        "reference upload": "/reference/upload?kind=fx-rates",
        "ssis": "/ssis?party=BROKER-01",
        "ssi": "/ssis/change",
        "reconciliations": "/reconciliations",
        "reconciliation": "/reconciliations/new",
        "upload": "/reconciliations/upload",
        "breaks": "/breaks?view=closed",
        "confirmations": "/confirmations?status=MISMATCHED",
        "confirmation": confirmation_of(held.trade_id, quantity=Decimal(7)),
        "alleged": confirmation_of(held.trade_id, reference="C-NEAR", trade_id=None, quantity=Decimal(7)),
        "policies of confirmations": "/confirmations/policies",
        "confirmations to upload": "/confirmations/upload",
        "ssi to end": f"/ssis/change?ssi={world.broker.ssis.first().id}&what=end",
        "people": "/people",
        "person": f"/people/{User.objects.get(username='sue').pk}",
        "account": "/account",
        "calendars": "/calendars",
        "cycles": "/calendars?kind=settlement-cycles",
        "channels": "/calendars?kind=channels",
        "calendar to change": "/calendars/change?kind=cut-offs",
        "explore": "/explore/trades?from=2026-11-20",
        "integrations": "/integrations",
        "webhook": told_webhook(),
        "audit": "/audit?from=2026-11-20&subject=trade",
        "denied": "/batches/nothing",
    }


def test_no_screen_makes_more_than_twenty_queries(
    busy: dict[str, str], desk: Client, django_assert_max_num_queries: object
) -> None:
    for name, url in busy.items():
        with django_assert_max_num_queries(MAX_QUERIES, info=name):  # type: ignore[operator]
            desk.get(url)


def test_no_screen_has_inline_script_or_style(busy: dict[str, str], desk: Client) -> None:
    for name, url in busy.items():
        page = desk.get(url).content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), name
        assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", page), name
        assert "<style" not in page, name


def test_templates_name_no_other_host() -> None:
    for path in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        assert not re.search(r"(src|href)=[\"']?(https?:)?//", path.read_text()), path


def test_each_screen_has_one_heading_and_every_table_a_caption(busy: dict[str, str], desk: Client) -> None:
    for name, url in busy.items():
        page = desk.get(url).content.decode()
        if name in {"count", "what of today moves"}:
            continue
        assert page.count("<h1") == 1, name
        assert page.count("<table") == page.count("<caption"), name
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids)), name


def test_every_field_has_a_label(busy: dict[str, str], desk: Client) -> None:
    for name, url in busy.items():
        page = desk.get(url).content.decode()
        bare = re.sub(r"<label.*?</label>", "", page, flags=re.S)
        for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", bare):
            if 'type="hidden"' in field:
                continue
            labelled = re.search(r'id="([^"]+)"', field)
            assert labelled and f'for="{labelled.group(1)}"' in page, (name, field)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("/", "No trade has been captured yet"),
        ("/trades", "No trade has been captured yet"),
        ("/exceptions", "The queue is clear"),
        ("/exceptions?view=closed", "No exception has been closed yet"),
        ("/approvals", "Nothing awaits approval"),
        ("/batches", "No batch has been sealed yet"),
        ("/settlement", "Nothing is open"),
        ("/settlement/calendar", "Nothing is owed"),
        ("/batches?view=claimed", "No batch matches this view"),
        ("/positions", "No positions yet"),
        ("/profit", "has not been told"),
        ("/profit/adjustments", "Nothing has been adjusted"),
        ("/profit?span=year", "No day of this year has been told"),
        ("/corporate-actions", "No corporate actions yet"),
        ("/journal", "No entries yet"),
        ("/limits", "No limit is in force"),
        ("/integrations", "No webhook is set up"),
        ("/reference?kind=mandates", "Nothing of this kind is stored yet"),
        ("/reference?code=NOBODY", "Nothing of this kind matches"),
        ("/audit", "Nothing has happened yet"),
        ("/audit?actor=nobody", "No event matches"),
    ],
)
def test_an_empty_screen_says_what_will_be_there(url: str, words: str, desk: Client) -> None:
    sql.run(
        "ALTER SEQUENCE core_event_id_seq RESTART"
    )  # a log of which nothing was ever written, until this is undone
    answer = desk.get(url)
    assert answer.status_code == 200
    assert words in answer.content.decode()


def test_sealing_goes_to_the_batch_and_shows_the_legs_behind_each_net(world: World, desk: Client) -> None:
    first, second = checked(equity(quantity="100")), checked(equity(quantity="101", price="187.30"))
    answer = desk.post("/batches/seal", {"value_date": "2026-12-31", "channels": ["CASH", "SECURITIES"]})
    assert answer["Location"] == "/batches"
    batch = Batch.objects.get(channel_id="CASH")
    page = desk.get(f"/batches/{public_id(BATCH, batch.id)}").content.decode()
    assert batch.sha256 in page
    assert "net of 2" in page
    for trade in (first, second):
        assert public_id(TRADE, trade) in page
    assert states() == {"INSTRUCTED": 2}


def test_a_seal_form_that_cannot_be_read_names_every_fault(world: World, desk: Client) -> None:
    answer = desk.post("/batches/seal", {"value_date": "soon"})
    assert answer.status_code == 422
    assert set(answer.context["problem"].by_field) == {"value_date", "channels"}
    assert not Batch.objects.exists()


def test_sealing_nothing_says_so(world: World, desk: Client) -> None:
    answer = desk.post("/batches/seal", {"value_date": "2026-12-31", "channels": ["CASH"]}, follow=True)
    assert "Nothing was ready to be sealed." in answer.content.decode()


def test_limits_show_how_full_each_member_is(world: World, desk: Client) -> None:
    limit("CPTY", hard="20000", warn="10000")
    checked(equity())
    (found,) = desk.get("/limits").context["limits"]
    (member,) = found["members"]
    assert (member["code"], member["status"]) == ("BROKER-01", "NEAR")
    assert member["used"] + member["headroom"] == 20_000


def test_today_counts_what_is_held_and_what_waits(world: World, desk: Client) -> None:
    checked(equity(book="NO-BOOK"))
    checked(equity(quantity="7"))
    check_everything()
    context = desk.get("/").context
    assert context["summary"].open == context["summary"].unassigned == 1
    assert {state.name: n for state, n in context["counts"] if n} == {"EXCEPTION": 1, "VALIDATED": 1}


def test_choices_are_kept_in_the_browser_and_nothing_else_is(desk: Client) -> None:
    answer = desk.post("/preferences", {"theme": "dark", "next": "/limits"})
    assert answer["Location"] == "/limits"
    assert 'data-theme="dark"' in desk.get("/").content.decode()
    assert desk.post("/preferences", {"theme": "pink"}).status_code == 400
    assert desk.post("/preferences", {"theme": "light", "next": "https://example.com/"})["Location"] == "/"
    desk.cookies["theme"] = '"><script>'
    assert 'data-theme="system"' in desk.get("/").content.decode()


def test_too_many_wrong_passwords_lock_the_name(db: None, client: Client) -> None:
    User.objects.create_user("lea", password="a right password")
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = client.post("/log-in", {"username": "lea", "password": "wrong"})
    assert answer.status_code == 429
    assert "This name is locked here" in answer.content.decode()
    locked = client.post("/log-in", {"username": "lea", "password": "a right password"})
    assert locked.status_code == 429


def test_logging_in_leads_to_where_one_wanted_to_go(db: None, client: Client) -> None:
    User.objects.create_user("lea", password="a right password")
    wrong = client.post("/log-in", {"username": "lea", "password": "wrong", "next": "/limits"})
    assert wrong.status_code == 422
    assert "Name and password do not match" in wrong.content.decode()
    right = client.post("/log-in", {"username": "lea", "password": "a right password", "next": "/limits"})
    assert right["Location"] == "/limits"


@pytest.mark.parametrize("url", ["/nowhere", "/trades/trd_ZZZZ"])
def test_an_error_page_is_ours_and_quotes_the_request(url: str, desk: Client) -> None:
    answer = desk.get(url, headers={"X-Request-ID": "quote-me-1234"})
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "There is no such page" in page
    assert "quote-me-1234" in page


def test_a_form_without_its_token_is_refused_with_words(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/log-in", {"username": "x", "password": "y"})
    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()


def test_a_crash_shows_a_page_and_nothing_of_what_crashed(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(**_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("ops.views.limits.utilisations.utilisations", crash)
    desk.raise_request_exception = False
    answer = desk.get("/limits")
    assert answer.status_code == 500
    assert "Something failed here" in answer.content.decode()
    assert "secret detail" not in answer.content.decode()


def test_work_that_was_set_aside_is_shown_until_it_is_retried(world: World, sign_in: SignIn) -> None:
    today = sign_in("operations")
    words = "work set aside because it ends its worker"
    work.enqueue("settlement.advance", [1])
    for act, count in ((None, 0), (work.set_aside, 1), (lambda _: work.retry_set_aside(), 0)):
        if act is not None:
            act(work.Claim([number for (number,) in sql.rows("SELECT id FROM core_work")], [1]))
        (shown,) = [each for each in today.get("/").context["stuck"] if each.title == words]
        assert shown.number.count == count
