"""Reference data is changed by two people: a row by its form, or many as a file that is looked at first."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core import log
from core.audit import Actor
from core.ids import PROPOSAL, public_id
from core.models import Proposal
from ops import permissions
from refdata.models import ClosePrice, Party
from refdata.services import load_rows
from tests.ops.conftest import SignIn
from tests.support.factories import APPLE, EURO_SHARE, World
from tests.support.records import NOW

pytestmark = pytest.mark.django_db

BROKER = {
    "kind": "parties", "of": "stored", "code": "BROKER-01", "name": "Broker-01", "role": "COUNTERPARTY",
    "lei": "529900T8BM49AURSDO55", "country": "GB", "restricted": "false", "reason": "they have moved",
}  # fmt: skip
PRICES = f"""instrument,date,price,currency
{APPLE},2026-11-24,188.10,USD
{EURO_SHARE},2026-11-24,71.5,EUR
"""


@pytest.fixture
def clerk(sign_in: SignIn) -> Client:
    return sign_in(permissions.OPERATIONS, name="olivia")


@pytest.fixture
def supervisor(sign_in: SignIn) -> Client:
    return sign_in(permissions.SUPERVISOR, name="sam")


def _text(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def _upload(client: Client, text: str, *, kind: str = "close-prices", name: str = "prices.csv") -> Any:
    file = SimpleUploadedFile(name, text.encode())
    return client.post("/reference/upload", {"kind": kind, "file": file})


def _proposed(client: Client, looked: Any, *, reason: str = "the close") -> Any:
    form = {name: looked.context[name] for name in ("file_name", "content")}
    kind = looked.context["kind"].code
    return client.post("/reference/upload", {"step": "propose", "kind": kind, "reason": reason, **form})


def _decide(client: Client, decision: str) -> Any:
    reference = public_id(PROPOSAL, Proposal.objects.latest("id").id)
    return client.post(f"/approvals/{reference}/{decision}", {"note": "all well"})


def _load(kind: str, **row: Any) -> None:
    load_rows(kind=kind, rows=[row], actor=Actor("system:test"), now=NOW)


def test_a_change_is_shown_proposed_approved_and_told_in_the_history_of_its_row(
    world: World, clerk, supervisor
) -> None:
    shown = clerk.post("/reference/change", {**BROKER, "show": "1", "reason": ""})
    assert "changed Country US GB" in _text(shown)
    assert not Proposal.objects.exists()

    made = clerk.post("/reference/change", BROKER)
    assert (made.status_code, made["Location"]) == (303, "/reference/row?kind=parties&code=BROKER-01")
    assert "awaits a second person: they have moved" in _text(clerk.get(made["Location"]))
    assert Party.objects.get(code="BROKER-01").country == "US"
    assert _decide(clerk, "approve").status_code == 403
    assert "1 changed of parties" in _text(supervisor.get("/approvals"))

    assert _decide(supervisor, "approve").status_code == 303
    assert Party.objects.get(code="BROKER-01").country == "GB"
    row = _text(clerk.get("/reference/row?kind=parties&code=BROKER-01"))
    assert "country US → GB they have moved" in row
    assert "awaits a second person" not in row


def test_a_new_row_is_proposed_from_an_empty_form(world: World, clerk, supervisor) -> None:
    form = {"kind": "fx-rates", "currency": "CHF", "date": "2026-11-23", "rate": "1.07", "reason": "missing"}
    assert clerk.post("/reference/change", form)["Location"] == "/reference?kind=fx-rates"
    _decide(supervisor, "approve")
    assert "1.07" in _text(clerk.get("/reference/row?kind=fx-rates&currency=CHF&date=2026-11-23"))


def test_a_new_row_never_replaces_one_that_there_is(world: World, clerk) -> None:
    form = {"kind": "parties", "code": "BROKER-01", "name": "Another", "reason": "new"}
    answer = clerk.post("/reference/change", form)
    assert answer.status_code == 422
    assert "There is such a row already." in _text(answer)


def test_every_fault_is_told_at_its_field_and_what_was_typed_is_kept(world: World, clerk) -> None:
    wrong = {**BROKER, "country": "XX", "lei": "NO", "max_discount": "7", "name": "", "reason": ""}
    answer = clerk.post("/reference/change", wrong)
    assert answer.status_code == 422
    assert answer.context["problem"].by_field.keys() == {"name", "reason"}
    answer = clerk.post("/reference/change", {**wrong, "name": "Broker"})
    faults = {each["name"] for each in answer.context["fields"] if each["fault"]}
    assert faults == {"country", "lei", "max_discount"}
    page = answer.content.decode()
    assert 'aria-describedby="fault-country"' in page and 'value="XX"' in page
    assert not Proposal.objects.exists()


def test_a_change_of_a_row_that_has_moved_is_not_applied_and_says_what_differs(
    world: World, clerk, supervisor
) -> None:
    clerk.post("/reference/change", BROKER)
    _load("parties", code="BROKER-01", name="Broker-01", country="FR")
    answer = _decide(supervisor, "approve")
    assert answer.status_code == 409
    assert "This was US, and is FR now." in _text(answer)
    reference = public_id(PROPOSAL, Proposal.objects.get().id)
    assert "This was US, and is FR now." in _text(supervisor.get(f"/reference/proposals/{reference}"))
    assert (Party.objects.get(code="BROKER-01").country, Proposal.objects.get().state) == ("FR", "PENDING")
    assert _decide(clerk, "withdraw").status_code == 303


def test_a_form_whose_row_has_moved_comes_back_on_what_it_says_now(world: World, clerk) -> None:
    page = clerk.get("/reference/change?kind=parties&code=BROKER-01")
    _load("parties", code="BROKER-01", name="Broker-01", country="FR")
    answer = clerk.post("/reference/change", {**BROKER, "shown": page.context["shown"]})
    assert answer.status_code == 412
    assert [(each.name, each.after, each.typed) for each in answer.context["moved"]] == [
        ("country", "FR", "GB")
    ]


def test_what_is_stored_so_already_and_what_waits_already_is_not_proposed(world: World, clerk) -> None:
    assert clerk.post("/reference/change", {**BROKER, "country": "US"}).status_code == 409
    assert clerk.post("/reference/change", BROKER).status_code == 303
    assert clerk.post("/reference/change", BROKER).status_code == 409
    assert Proposal.objects.count() == 1


def test_a_file_is_looked_at_proposed_as_one_and_stored_whole(world: World, clerk, supervisor) -> None:
    looked = _upload(clerk, PRICES)
    assert looked.status_code == 200
    assert dict(looked.context["counts"]) == {"new": 2, "changed": 0, "unchanged": 0, "faulty": 0}
    assert not Proposal.objects.exists()
    made = _proposed(clerk, looked)
    reference = public_id(PROPOSAL, Proposal.objects.get().id)
    assert (made.status_code, made["Location"]) == (303, f"/reference/proposals/{reference}")
    assert "2 of 2 rows" in _text(supervisor.get(made["Location"]))
    assert "2 new of close prices, from prices.csv" in _text(supervisor.get("/approvals"))
    assert not ClosePrice.objects.filter(date="2026-11-24").exists()

    assert _decide(supervisor, "approve").status_code == 303
    assert ClosePrice.objects.filter(date="2026-11-24").count() == 2
    (event, _) = log.search(log.Filter(type="close-price.created", actor="user:sam")).rows
    assert event["reason"] == "the close"
    assert "2 unchanged" in _text(_upload(clerk, PRICES))


def test_a_wrong_price_is_pointed_out_by_its_move_from_the_last_one(world: World, clerk, supervisor) -> None:
    slipped = PRICES.replace("188.10", "18.81") + f"{EURO_SHARE},2026-11-25,72.0,EUR\n"
    looked = _upload(clerk, slipped)
    moves = [(each["key"], each["move"] and each["move"]["percent"]) for each in looked.context["first"]]
    assert moves == [
        (f"{APPLE} 2026-11-24", "-89.94"),
        (f"{EURO_SHARE} 2026-11-25", "+0.70"),
        (f"{EURO_SHARE} 2026-11-24", None),
    ]
    assert "-89.94 % wide move 187 of 2026-11-23" in _text(looked)
    assert "wide move of 1 row" in _text(looked)
    _proposed(clerk, looked)
    assert "wide move of 1 row" in _text(supervisor.get("/approvals"))


def test_every_faulty_row_is_told_with_its_line_and_nothing_of_the_file_can_be_proposed(
    world: World, clerk
) -> None:
    looked = _upload(clerk, f"{PRICES}\nNOTHING,2026-11-24,1,USD\n{APPLE},soon,-1,USD\n")
    assert looked.status_code == 422
    assert [(line, fault.field) for line, _, fault in looked.context["faults"]] == [
        (5, "instrument"), (6, "date"),
    ]  # fmt: skip
    assert _proposed(clerk, looked).status_code == 422
    assert not Proposal.objects.exists()


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("", "prices.csv", "Choose a file that is not empty."),
        ("instrument\n", "prices.csv", "1 to 2,000 rows, not 0"),
        ("instrument\n" + "X\n" * 2_001, "prices.csv", "1 to 2,000 rows, not 2,001"),
        ("x" * (1024 * 1024 + 1), "prices.csv", "At most 1 MB here"),
        ("x", "prices.xlsx", "prices.xlsx: use one of"),
        ("{", "prices.json", "The text is not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_or_is_too_large_says_so(clerk, text: str, name: str, told: str) -> None:
    answer = _upload(clerk, text, name=name)
    assert answer.status_code == 422
    assert told in _text(answer)


def test_json_and_ndjson_are_read_as_the_api_reads_them(world: World, clerk) -> None:
    row = '{"currency": "CHF", "date": "2026-11-23", "rate": "1.07"}'
    for text, name in ((f'{{"items": [{row}]}}', "rates.json"), (row, "rates.ndjson")):
        assert dict(_upload(clerk, text, kind="fx-rates", name=name).context["counts"])["new"] == 1


def test_what_has_proposals_of_its_own_is_not_proposed_here(world: World, clerk) -> None:
    assert _upload(clerk, PRICES, kind="ssis").context["kind"].code == "parties"


def test_what_is_not_stored_is_not_found(world: World, clerk) -> None:
    for query in (
        "kind=parties&code=NOBODY",
        "kind=close-prices",
        f"kind=close-prices&instrument={APPLE}&date=x",
    ):
        assert clerk.get(f"/reference/row?{query}").status_code == 404
    assert clerk.get("/reference/change?kind=parties&code=NOBODY").status_code == 404
    assert clerk.get("/reference/proposals/prp_zz").status_code == 404


def test_whoever_only_reads_is_offered_nothing(world: World, sign_in: SignIn) -> None:
    reader = sign_in(permissions.AUDITOR)
    for address in ("/reference", "/reference/row?kind=parties&code=BROKER-01"):
        assert "Propose" not in reader.get(address).content.decode()
    assert reader.get("/reference/change").status_code == 403
    assert reader.get("/reference/upload").status_code == 403
