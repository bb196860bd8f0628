"""What a counterparty confirms is matched with our trade, whichever came first."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.audit import Actor
from core.http.problem import Problem
from core.ids import TRADE, public_id
from core.models import Event
from tests.support.api import Api, pointers, problem
from tests.support.factories import captured_ids, check_everything, checked, party, unit_trade, world
from tests.support.records import LATER, NOW, TODAY
from trades.models import Confirmation, ConfirmationVersion, ExceptionItem, TradeVersion
from trades.services.change import Change, change_trades
from trades.services.confirmation import Said, confirm_trades, dispute
from trades.services.confirmation_matching import match_queued, match_unmatched

THEM = Actor("client:confirmations", "req-conf-1")
EVEN_LATER = LATER + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _world(db):
    world()
    party("OTHER")


def said(number: int = 0, **other) -> Said:
    """Return what BROKER-01 says of unit_trade(number) when it agrees."""
    ours = TradeVersion.objects.filter(source_ref=f"U-{number}").order_by("version").last()
    terms = {
        "party": "BROKER-01", "reference": f"C-{number}", "version": 1, "action": "CONFIRM", "product": "EQUITY",
        "side": "BUY", "currency": "EUR", "trade_date": TODAY, "source": "FO-EQ", "source_ref": f"U-{number}",
    }  # fmt: skip
    if ours is not None:
        names = ("side", "quantity", "price", "currency", "net_amount", "trade_date", "settlement_date")
        terms |= {name: getattr(ours, name) for name in names} | {"instrument": ours.instrument_ref}
    return Said(**terms | other)


def confirm(*each: Said):
    return confirm_trades(said=list(each), actor=THEM, now=NOW)


def unnamed(number: int = 0, **other) -> Said:
    return said(number, source=None, source_ref=None, **other)


def stands() -> list[tuple]:
    return list(Confirmation.objects.order_by("reference").values_list("reference", "status", "trade_id"))


def fields(confirmation: Confirmation) -> list[tuple]:
    return [
        (each["field"], each["ours"], each["theirs"], each["within"]) for each in confirmation.differences
    ]


class TestAConfirmation:
    def test_that_names_a_trade_and_agrees_is_matched_with_its_version(self):
        trade_id = checked(unit_trade(0))
        (told,) = confirm(said())
        assert (told.outcome, told.status, told.trade_id, told.differences) == (
            "STORED",
            "MATCHED",
            trade_id,
            [],
        )
        row = Confirmation.objects.get()
        assert (row.trade_version, row.matched_at, row.version) == (1, NOW, 1)
        assert not ExceptionItem.objects.exists()
        assert list(Event.objects.filter(subject="confirmation").order_by("id").values_list("type", flat=True)) == [
            "confirmation.received", "confirmation.matched",
        ]  # fmt: skip

    def test_that_says_otherwise_is_a_work_item_with_the_money_and_each_field(self):
        trade_id = checked(unit_trade(0))
        ours = TradeVersion.objects.get()
        confirm(said(quantity=ours.quantity + 1, net_amount=ours.net_amount + Decimal("0.01")))
        row = Confirmation.objects.get()
        assert row.status == "MISMATCHED"
        assert [(each["field"], each["within"]) for each in row.differences] == [
            ("quantity", False),
            ("net_amount", True),
        ]
        item = ExceptionItem.objects.get(kind="CONFIRMATION")
        assert (item.trade_id, item.amount_at_risk, item.causes) == (
            trade_id, ours.base_amount, ["CONFIRMATION_MISMATCH quantity"],
        )  # fmt: skip

    def test_that_names_nothing_finds_its_trade_by_terms_and_leaves_the_named_alone(self):
        first, second = checked(unit_trade(0)), checked(unit_trade(1))
        confirm(said(0), unnamed(1, reference="X"))
        assert stands() == [("C-0", "MATCHED", first), ("X", "MATCHED", second)]

    def test_of_a_deal_that_is_not_there_waits_for_it(self):
        checked(unit_trade(0))
        later = said(0, source_ref="U-1", reference="C-1")
        (told,) = confirm(later)
        assert (told.status, told.trade_id) == ("UNMATCHED", None)
        trade_id = checked(unit_trade(1))
        match_queued(now=NOW)
        assert stands()[0][2] == trade_id

    def test_that_two_send_of_one_deal_is_matched_once(self):
        trade_id = checked(unit_trade(0))
        confirm(said(0, reference="A"), said(0, reference="B"))
        assert stands() == [("A", "MATCHED", trade_id), ("B", "UNMATCHED", None)]

    def test_of_another_party_than_ours_is_a_mismatch_of_the_party(self):
        checked(unit_trade(0))
        confirm(said(0, party="OTHER"))
        assert [each["field"] for each in Confirmation.objects.get().differences] == ["party"]

    def test_of_an_unknown_party_is_refused_and_a_version_is_used_once(self):
        checked(unit_trade(0))
        unknown, kept, used, again = confirm(said(party="NOBODY"), said(), said(quantity=Decimal(3)), said())
        assert isinstance(unknown, Problem) and unknown.faults[0].pointer == "/party"
        assert (kept.outcome, again.outcome) == ("STORED", "REPEATED")
        assert isinstance(used, Problem) and used.code == "version-used"
        assert ConfirmationVersion.objects.count() == 1

    def test_that_is_cancelled_by_both_is_cancelled_and_by_one_a_mismatch(self):
        trade_id = checked(unit_trade(0))
        confirm(said(0))
        confirm(said(0, version=2, action="CANCEL"))
        row = Confirmation.objects.get()
        assert (row.status, [each["field"] for each in row.differences]) == ("MISMATCHED", ["standing"])
        change_trades(changes=[Change("CANCEL", trade_id, "called off")], actor=THEM, at=LATER)
        match_queued(now=LATER)
        assert stands() == [("C-0", "CANCELLED", trade_id)]
        assert not ExceptionItem.objects.filter(kind="CONFIRMATION", closed_at=None).exists()

    def test_is_matched_anew_when_our_trade_is_amended(self):
        trade_id = checked(unit_trade(0))
        ours = TradeVersion.objects.get()
        confirm(said(0, quantity=ours.quantity * 2, net_amount=ours.net_amount * 2))
        assert stands()[0][1] == "MISMATCHED"
        change_trades(
            changes=[Change("AMEND", trade_id, "as agreed", {"quantity": str(ours.quantity * 2)})],
            actor=THEM,
            at=LATER,
        )
        check_everything(now=LATER)
        match_queued(now=LATER)
        row = Confirmation.objects.get()
        assert (row.status, row.trade_version) == ("MATCHED", 2)
        assert ExceptionItem.objects.get(kind="CONFIRMATION").closed_at is not None

    def test_stays_disputed_until_either_side_says_something_else(self):
        checked(unit_trade(0))
        confirm(said(0, quantity=Decimal(3)))
        row = Confirmation.objects.get()
        dispute(confirmation_id=row.id, version=1, reason="we dealt 1", actor=THEM, now=NOW)
        match_unmatched(now=NOW)
        confirm(said(0, reference="C-9", source_ref="U-9"))
        assert Confirmation.objects.get(id=row.id).status == "DISPUTED"
        confirm(said(0, version=2, quantity=Decimal(4)))
        assert Confirmation.objects.get(id=row.id).status == "MISMATCHED"

    @pytest.mark.parametrize(("reason", "status"), [("", 422), ("we dealt 1", 409)])
    def test_that_agrees_cannot_be_disputed_nor_any_without_a_reason(self, reason, status):
        checked(unit_trade(0))
        confirm(said(0))
        with pytest.raises(Problem) as raised:
            dispute(
                confirmation_id=Confirmation.objects.get().id, version=1, reason=reason, actor=THEM, now=NOW
            )
        assert raised.value.status == status
        assert Confirmation.objects.get().status == "MATCHED"

    def test_cannot_be_changed_once_it_is_stored(self):
        checked(unit_trade(0))
        confirm(said(0))
        with pytest.raises(Exception, match="its rows are never changed"):
            ConfirmationVersion.objects.update(quantity=1)


@pytest.mark.parametrize("order", itertools.permutations(range(4)))
def test_every_order_of_arrival_ends_in_the_same_state(order):
    (trade_id,) = captured_ids(unit_trade(0))
    ours = TradeVersion.objects.get(trade_id=trade_id)
    double = ours.quantity * 2
    theirs = said(0, quantity=double, net_amount=ours.net_amount * 2)
    amended = Change("AMEND", trade_id, "as agreed", {"quantity": str(double)})
    steps = [
        lambda: confirm(theirs),
        lambda: confirm(replace(theirs, version=2, settlement_date=TODAY + timedelta(days=9))),
        check_everything,
        lambda: change_trades(changes=[amended], actor=THEM, at=LATER),
    ]
    for step in order:
        steps[step]()
    check_everything(now=EVEN_LATER)
    match_queued(now=EVEN_LATER)
    row = Confirmation.objects.get()
    assert (row.status, row.trade_id, row.version, row.trade_version) == ("MISMATCHED", trade_id, 2, 2)
    assert [each["field"] for each in row.differences] == ["settlement_date"]


class TestTheInterface:
    def item(self, **other):
        ours = TradeVersion.objects.get()
        return {
            "party": "BROKER-01", "reference": "C-0", "version": 1, "product": "EQUITY", "side": ours.side,
            "instrument": ours.instrument_ref, "quantity": str(ours.quantity), "price": str(ours.price),
            "currency": ours.currency, "net_amount": str(ours.net_amount), "trade_date": ours.trade_date,
            "settlement_date": ours.settlement_date, "trade": public_id(TRADE, ours.trade_id), **other,
        }  # fmt: skip

    def test_answers_each_item_and_the_same_request_with_the_same_answer(self):
        trade_id = checked(unit_trade(0))
        api = Api("confirmations", sources=[])
        body = {"items": [self.item(), {"party": 7, "version": 0, "extra": 1}, self.item(party="NOBODY")]}
        answer = api.post("/confirmations", body, key="once")
        assert answer.status_code == 207
        good, bad, unknown = answer.json()["items"]
        assert (good["status"], good["stands"], good["trade"]) == (201, "MATCHED", public_id(TRADE, trade_id))
        assert bad["status"] == 400
        assert {"/party", "/version", "/extra", "/reference", "/side"} <= set(pointers(bad["problem"]))
        assert unknown["status"] == 422
        again = api.post("/confirmations", body, key="once")
        assert (again.content, again["Idempotency-Replayed"]) == (answer.content, "true")
        assert Confirmation.objects.count() == 1

    def test_lists_where_confirmations_stand_a_page_at_a_time(self):
        trade_id = checked(unit_trade(0))
        confirm(said(0), said(0, reference="D-1"))
        api = Api("confirmations", sources=[])
        first = api.get("/confirmations", limit=1).json()
        (one,) = first["items"]
        assert (one["reference"], one["party"], one["status"], one["trade"]) == (
            "C-0", "BROKER-01", "MATCHED", public_id(TRADE, trade_id),
        )  # fmt: skip
        (other,) = api.get("/confirmations", cursor=first["next"]).json()["items"]
        assert (other["reference"], other["trade"]) == ("D-1", None)
        assert len(api.get("/confirmations", status="UNMATCHED").json()["items"]) == 1
        assert len(api.get("/confirmations", trade=public_id(TRADE, trade_id)).json()["items"]) == 1
        problem(api.get("/confirmations", status="x"), 400, "unreadable")
        problem(api.get("/confirmations", trade="x"), 400, "unreadable")

    def test_is_for_clients_of_every_source(self):
        problem(Api("bound", sources=["FO-EQ"]).get("/confirmations"), 403, "bound-to-sources")
