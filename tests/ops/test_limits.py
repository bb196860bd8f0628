"""The screen of limits: who uses what, two people decide on terms and excesses, and stops are made and lifted."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client

from core.ids import public_id
from core.models import Event, Proposal
from risk.models import Limit, Stop, TemporaryExcess, Utilisation
from risk.services.recompute import recompute_limits
from risk.services.reservations import reserve
from tests.ops.conftest import SignIn
from tests.settlement.support import seal
from tests.support.factories import (
    World,
    captured_ids,
    check_everything,
    checked,
    equity,
    limit,
    message_of,
    release_set,
    states,
    trusted_client,
    unit_trade,
)
from tests.support.records import CLERK, NOW

TERMS = {
    "code": "DESK", "name": "A desk", "measure": "GROSS_EXPOSURE", "dimensions": "desk, trader", "members": "DESK-1",
    "warn": "80", "hard": "1,000.50", "floor": "", "currency": "", "valid_from": "2026-01-01", "valid_to": "",
    "approver_role": "risk", "excess_max": "50", "excess_hours": "4", "reason": "the board said so",
}  # fmt: skip


@pytest.fixture
def rita(sign_in: SignIn) -> Client:
    return sign_in("risk", name="rita")


@pytest.fixture
def sam(sign_in: SignIn) -> Client:
    return sign_in("supervisor", name="sam")


def decide(who: Client, decision: str = "approve", *, note: str = "") -> int:
    reference = public_id("prp", Proposal.objects.latest("id").id)
    return who.post(f"/approvals/{reference}/{decision}", {"note": note}).status_code


def members(client: Client) -> dict[str, list[dict[str, object]]]:
    return {each["code"]: each["members"] for each in client.get("/limits").context["limits"]}


def test_what_is_used_and_reserved_and_left_is_shown_from_the_widest_scope_to_the_narrowest(
    world: World, rita: Client
) -> None:
    limit("A-PARTY", hard="1000")
    limit("NET", hard="1000", measure="NET_NOTIONAL", dimensions=("book",))
    limit("DESK", hard="1000", dimensions=("desk",))
    limit("OLD", hard="1000", measure="DAILY_TURNOVER", dimensions=("trader",))
    limit("SHARE", hard="60", measure="CONCENTRATION", dimensions=("book", "counterparty"))
    captured_ids(
        unit_trade(0, side="SELL"), unit_trade(1, trade_date="2026-11-20"), unit_trade(2, side="SELL")
    )
    check_everything()
    message = message_of(unit_trade(5, side="SELL"))
    Limit.objects.filter(code="SHARE").update(hard=100)
    reserve(message=message, seconds=60, client=trusted_client(), actor=CLERK, now=NOW)
    assert [each["code"] for each in rita.get("/limits").context["limits"]] == [
        "DESK", "NET", "SHARE", "OLD", "A-PARTY",
    ]  # fmt: skip
    told = {
        code: [(each["code"], each["used"], each["reserved"], each["headroom"]) for each in found]
        for code, found in members(rita).items()
    }
    assert told == {
        "DESK": [("DESK-1", 300, 100, 600)],
        "NET": [("BOOK-1", 100, 100, 800)],
        "SHARE": [("BOOK-1 · BROKER-01", 100, 0, 0)],
        "OLD": [("jdoe · 2026-11-23", 200, 100, 700)],
        "A-PARTY": [("BROKER-01", 300, 100, 600)],
    }
    assert "Reserved for deals to come" in rita.get("/limits").content.decode()


def test_a_member_shows_the_trades_that_it_counts_and_no_others(world: World, rita: Client) -> None:
    limit("NET", hard="1000", measure="NET_NOTIONAL", dimensions=("book", "trader"))
    first, other, second = captured_ids(
        unit_trade(0), unit_trade(1, trader="ann"), unit_trade(2, side="SELL")
    )
    (waiting,) = captured_ids(unit_trade(3))
    check_everything(limit=1)
    answer = rita.get("/limits/member", {"limit": "NET", "key": "BOOK-1|jdoe"})
    assert [(each["trade_id"], each["size"]) for each in answer.context["trades"]] == [
        (waiting, 100), (second, -100), (first, 100),
    ]  # fmt: skip
    assert other not in [each["trade_id"] for each in answer.context["trades"]]
    assert rita.get("/limits/member", {"limit": "GHOST", "key": "x"}).status_code == 404


def test_a_limit_is_proposed_by_one_person_and_approved_by_another(
    world: World, rita: Client, sam: Client
) -> None:
    assert rita.post("/limits/terms", TERMS).status_code == 303
    assert not Limit.objects.exists()
    assert decide(rita) == 403
    assert "Make the limit DESK" in sam.get("/limits").content.decode()
    assert decide(sam) == 303
    made = Limit.objects.get()
    assert (made.hard, made.dimensions, made.members, made.excess_hours) == (
        Decimal("1000.50"), ["desk", "trader"], ["DESK-1"], 4,
    )  # fmt: skip
    form = rita.get("/limits/terms", {"code": "DESK"}).context["typed"]
    assert rita.post("/limits/terms", {**form, "hard": "2000", "reason": "more"}).status_code == 303
    assert decide(sam, "decline", note="") == 422
    assert decide(sam, "decline", note="no") == 303
    assert Limit.objects.get().hard == Decimal("1000.50")


def test_what_was_typed_wrong_is_told_beside_its_field_and_kept(world: World, rita: Client) -> None:
    answer = rita.post("/limits/terms", {**TERMS, "hard": "much", "excess_hours": "-1", "valid_from": ""})
    assert answer.status_code == 422
    assert set(answer.context["problem"].by_field) == {"hard", "excess_hours", "valid_from"}
    assert 'value="much"' in answer.content.decode()
    answer = rita.post("/limits/terms", {**TERMS, "dimensions": "moon"})
    assert (answer.status_code, Proposal.objects.count()) == (422, 0)


def test_more_for_a_while_is_proposed_on_the_member_and_approved_by_the_limits_role(
    world: World, rita: Client, sam: Client
) -> None:
    limit("CPTY", hard="10", excess_max=100, excess_hours=4, approver_role="risk")
    checked(unit_trade(0))
    where = {"limit": "CPTY", "key": "BROKER-01"}
    wanted = {**where, "amount": "100", "hours": "2", "reason": "a large order"}
    bent = sam.post("/limits/excess", {**wanted, "amount": "101", "hours": "x"})
    assert (bent.status_code, set(bent.context["problem"].by_field)) == (422, {"hours"})
    assert sam.post("/limits/excess", wanted).status_code == 303
    assert decide(rita) == 303
    assert TemporaryExcess.objects.get().amount == 100
    release_set()
    assert states() == {"VALIDATED": 1}
    (shown,) = members(rita)["CPTY"]
    assert (shown["status"], shown["raised"], shown["headroom"]) == ("WITHIN", 100, 10)


def test_a_stop_is_seen_on_every_screen_until_two_people_have_lifted_it(
    world: World, rita: Client, sam: Client, sign_in: SignIn
) -> None:
    checked(unit_trade(1))
    batch = f"/batches/{public_id('bat', seal()[0])}"
    checked(equity())
    wanted = {"kind": "PARTY", "key": "BROKER-01", "reason": "a runaway system"}
    assert rita.post("/limits/stop", {**wanted, "key": "NOBODY"}).status_code == 422
    assert rita.post("/limits/stop", wanted).status_code == 303
    check_everything()
    assert states() == {"EXCEPTION": 1, "INSTRUCTED": 1}
    clerk = sign_in("operations", name="clerk")
    for url in ("/", "/trades", "/exceptions", "/batches", "/limits"):
        assert "<strong>Stopped:</strong> party" in clerk.get(url).content.decode(), url
    assert "Withheld since" in clerk.get(batch).content.decode()
    reference = public_id("stp", Stop.objects.get().id)
    assert clerk.post(f"/limits/stops/{reference}/lift", {"reason": "x"}).status_code == 403
    assert rita.post(f"/limits/stops/{reference}/lift", {"reason": ""}).status_code == 422
    assert rita.post(f"/limits/stops/{reference}/lift", {"reason": "it was fixed"}).status_code == 303
    assert (decide(rita), decide(clerk)) == (403, 403)
    assert decide(sam) == 303
    check_everything()
    assert states() == {"VALIDATED": 1, "INSTRUCTED": 1}
    assert "Withheld since" not in clerk.get(batch).content.decode()
    assert "<strong>Stopped:</strong>" not in clerk.get("/").content.decode()


def test_a_figure_that_was_wrong_is_work_until_somebody_explains_it(
    world: World, rita: Client, sign_in: SignIn
) -> None:
    limit("CPTY", hard="1000")
    checked(unit_trade(0))
    Utilisation.objects.update(used=Decimal("99.99"))
    assert len(recompute_limits(now=NOW, actor=CLERK, correct=True)) == 1
    (wrong,) = rita.get("/limits").context["wrong"]
    assert (wrong["code"], wrong["key"], wrong["running"], wrong["recomputed"]) == (
        "CPTY", "BROKER-01", Decimal("99.99"), 100,
    )  # fmt: skip
    address = f"/exceptions/{public_id('exc', wrong['id'])}"
    assert address in rita.get("/limits").content.decode()
    clerk = sign_in("operations", name="clerk")
    page = clerk.get(address).content.decode()
    assert "The use of CPTY by BROKER-01 was 99.99 where the trades add up to 100.00." in page
    assert ">-0.01</td>" in page
    assert "Ask the front office" not in page
    assert clerk.post(f"{address}/close", {"reason": " "}).status_code == 422
    assert clerk.post(f"{address}/repair", {}).status_code == 404
    assert clerk.post(f"{address}/close", {"reason": "a bent row"}).status_code == 303
    assert rita.get("/limits").context["wrong"] == []
    closed = Event.objects.get(type="exception.closed")
    assert (closed.subject, closed.reason, closed.data["member"]) == ("limit", "a bent row", "BROKER-01")
    assert "a bent row" in clerk.get(address).content.decode()


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/limits/terms", "get"),
        ("/limits/terms", "post"),
        ("/limits/stop", "post"),
        ("/limits/excess", "post"),
    ],
)
def test_who_reads_limits_neither_proposes_nor_stops(
    world: World, sign_in: SignIn, path: str, method: str
) -> None:
    assert getattr(sign_in("operations"), method)(path, {"limit": "X"}).status_code == 403
    assert not Proposal.objects.exists()
    assert not Stop.objects.exists()


def test_what_two_people_decide_about_limits_is_found_from_the_approvals(
    world: World, rita: Client, sam: Client
) -> None:
    limit("CPTY", hard="10", excess_max=1000, excess_hours=4)
    checked(unit_trade(0))
    rita.post("/limits/terms", TERMS)
    asked = {
        "limit": "CPTY",
        "key": "BROKER-01",
        "amount": "1000",
        "hours": "2",
        "reason": "a block is coming",
    }
    rita.post("/limits/excess", asked)
    rita.post("/limits/stop", {"kind": "TRADER", "key": "ann", "reason": "left"})
    rita.post(f"/limits/stops/{public_id('stp', Stop.objects.get().id)}/lift", {"reason": "came back"})
    told = sam.get("/approvals")
    titles = [each["title"] for each in told.context["of_limits"]]
    assert titles == [
        "Make the limit DESK",
        "Let BROKER-01 exceed CPTY by 1,000.00 for 2 h",
        "Lift the stop of trader ann",
    ]
    shown, screen = told.content.decode(), sam.get("/limits").content.decode()
    assert "3 about limits and stops" in shown
    assert "Nothing awaits approval" not in shown
    for proposal in Proposal.objects.all():
        reference = public_id("prp", proposal.id)
        assert f'id="{reference}"' in shown
        assert f'action="/approvals/{reference}/approve"' in shown
        assert f'href="/approvals#{reference}"' in screen
    assert "<strong>1,000.50</strong>" in shown
    assert (
        '<td class="figure wrap">10.00 EUR</td><td class="figure wrap"><strong>1,010.00 EUR</strong></td>'
        in shown
    )
    assert "Why it was stopped:</span> left" in shown
    assert "GROSS_EXPOSURE" not in shown
    for proposal in Proposal.objects.all():
        assert (
            sam.post(f"/approvals/{public_id('prp', proposal.id)}/approve", {"note": ""}).status_code == 303
        )
    told = sam.get("/approvals")
    assert "Nothing awaits approval" in told.content.decode()
    assert [each["title"] for each in told.context["decided"]] == titles[::-1]


def test_a_note_that_was_refused_stays_where_it_was_typed(world: World, rita: Client, sam: Client) -> None:
    rita.post("/limits/terms", TERMS)
    rita.post("/limits/stop", {"kind": "TRADER", "key": "ann", "reason": "left"})
    reference = public_id("prp", Proposal.objects.get().id)
    answer = sam.post(f"/approvals/{reference}/decline", {"note": ""})
    assert (answer.status_code, answer.context["failed"]) == (422, Proposal.objects.get().id)
    assert 'name="note" maxlength="1000" value="" aria-invalid="true"' in answer.content.decode()
    lift = f"/limits/stops/{public_id('stp', Stop.objects.get().id)}/lift"
    answer = rita.post(lift, {"reason": "x" * 1001})
    assert (answer.status_code, answer.context["failed"]) == (422, {"stop": Stop.objects.get().id})
    assert f'value="{"x" * 1001}" aria-invalid="true"' in answer.content.decode()


def test_a_temporary_excess_says_until_when_and_a_limit_without_one_says_so(
    world: World, rita: Client, sam: Client
) -> None:
    limit("CPTY", hard="10", excess_max=1000, excess_hours=4)
    limit("FIRM", hard="10")
    checked(unit_trade(0))
    asked = {
        "limit": "CPTY",
        "key": "BROKER-01",
        "amount": "1000",
        "hours": "2",
        "reason": "a block is coming",
    }
    rita.post("/limits/excess", asked)
    assert decide(sam) == 303
    (excess,) = sam.get("/limits").context["excesses"]
    assert (excess["code"], excess["key"], excess["currency"]) == ("CPTY", "BROKER-01", "")
    assert "Temporary excesses" in sam.get("/limits").content.decode()
    assert "nobody approve more" in rita.get("/limits/member?limit=FIRM&key=BROKER-01").content.decode()
    assert "nobody approve more" not in rita.get("/limits/member?limit=CPTY&key=BROKER-01").content.decode()
