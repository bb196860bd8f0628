"""What waits for reference data goes to the checks again by itself, once, as soon as these have changed."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connections, transaction

from core import sql, work
from core.audit import Actor
from refdata import fee_rules
from refdata.services import KINDS, load_rows
from risk.causes import causes
from risk.services.check import check_captured
from risk.services.parameters import Draft, approve_parameters, propose_parameters
from settlement.services import pinned
from tests.support.factories import (
    APPLE,
    FULL_SSIS,
    capture,
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    goods,
    party,
    world,
)
from tests.support.records import CLERK, LATER, NOW, TODAY, all_written, events_of, person, race, state_of
from trades.lifecycle import WAKES, State
from trades.models import ExceptionItem
from trades.services import release
from trades.services.exceptions import NewException, open_exceptions
from trades.tasks import release_held

pytestmark = pytest.mark.django_db(transaction=True)
STEWARD = Actor("user:steward")


def _load(what: str, /, **row: Any) -> None:
    report = load_rows(kind=what, rows=[row], actor=STEWARD, now=LATER)
    assert [each.outcome for each in report.results] in (["created"], ["changed"]), report


def _release(*, now=LATER) -> None:
    """Do what the workers do until nothing waits, the checks last."""
    for kind in release.NAMES:
        while release.find_held(kind=kind, now=now):
            pass
    while release.release_queued(now=now):
        pass
    check_everything(now=now + timedelta(seconds=1))


def _ssi(code: str, kind: str, key: str) -> dict[str, Any]:
    return {
        "party": code, "kind": kind, "key": key, "account": "DE89370400440532013000", "agent_bic": "DEUTDEFF",
        "place_of_settlement": "DAKVDEFF", "delivery_address": "Kai 1", "valid_from": "2020-01-01",
    }  # fmt: skip


def _item(trade_id: int) -> ExceptionItem:
    return ExceptionItem.objects.get(trade_id=trade_id)


class TestWhatIsMissing:
    """Each row of reference data releases what waits for it, and leaves what waits for another."""

    @pytest.fixture(autouse=True)
    def _world(self, transactional_db) -> None:
        world()

    def _is_released_by(self, trade_id: int, held_for: str, cause: str, what: str, /, **row: Any) -> None:
        assert codes_of(trade_id) == [held_for]
        assert _item(trade_id).causes == [cause]
        number = _item(trade_id).id
        _load(what, **row)
        _release()
        assert state_of(trade_id)[0] == State.VALIDATED
        item = _item(trade_id)
        assert (item.id, item.resolution, item.closed_by) == (number, "checks pass", "system:checks")
        (moved,) = events_of(trade_id, "trade.rechecked")
        assert (moved[2], moved[4]) == ("system:release", release.REASON)

    def test_an_ssi_for_the_currency(self) -> None:
        party("NEW-1", ssis=[each for each in FULL_SSIS if each != ("CASH", "USD")])
        self._is_released_by(
            checked(equity(counterparty="NEW-1")),
            "SSI_MISSING",
            "SSI_MISSING NEW-1 cash USD",
            "ssis",
            **_ssi("NEW-1", "CASH", "USD"),
        )

    def test_an_ssi_for_any_market(self) -> None:
        party("NEW-1", ssis=[each for each in FULL_SSIS if each[0] != "SECURITY"])
        trade_id = checked(equity(counterparty="NEW-1"))
        cause = _item(trade_id).causes[0]
        self._is_released_by(trade_id, "SSI_MISSING", cause, "ssis", **_ssi("NEW-1", "SECURITY", "*"))

    def test_an_instrument(self) -> None:
        trade_id = checked(_order_of("SKU-9"))
        self._is_released_by(
            trade_id,
            "UNKNOWN_INSTRUMENT",
            "UNKNOWN_INSTRUMENT SKU-9",
            "instruments",
            code="SKU-9", scheme="SKU", name="Nine", product_class="GOODS", currency="EUR",
        )  # fmt: skip

    def test_a_price(self) -> None:
        trade_id = checked(equity(price="300.00"))
        assert codes_of(trade_id) == ["OFF_MARKET_PRICE"]
        _load("close-prices", instrument=APPLE, date=TODAY.isoformat(), price="301.00", currency="USD")
        _release()
        assert state_of(trade_id)[0] == State.VALIDATED

    def test_a_book(self) -> None:
        trade_id = checked(equity(book="BOOK-9"))
        assert _item(trade_id).causes == ["UNKNOWN_BOOK BOOK-9"]
        _load("books", code="BOOK-9", desk="D", entity="OURS")
        _release()
        assert state_of(trade_id)[0] == State.VALIDATED

    def test_a_rate(self) -> None:
        sql.run("DELETE FROM refdata_fx_rate WHERE currency = 'USD'")
        trade_id = checked(equity())
        assert _item(trade_id).causes == ["NO_FX_RATE USD"]
        _load("fx-rates", currency="USD", date=TODAY.isoformat(), rate="0.92")
        _release()
        assert state_of(trade_id)[0] == State.VALIDATED


_LONG_AGO = {"valid_from": "2020-01-01"}
_OVER = {"valid_to": (TODAY - timedelta(days=1)).isoformat()}


class TestWhatCompliesAgain:
    """What was found of people, parties and lists ends with a change of just these rows."""

    @pytest.fixture(autouse=True)
    def _world(self, transactional_db) -> None:
        world()

    def _is_released_by(self, trade_id: int, cause: str, what: str, /, **row: Any) -> None:
        assert _item(trade_id).causes == [cause]
        _load(what, **row)
        _release()
        assert state_of(trade_id)[0] == State.VALIDATED

    def test_a_mandate(self) -> None:
        mandate = {"product": "*", "book": "*", "market": "*", **_LONG_AGO}
        _load("mandates", trader="zoe", **mandate)
        trade_id = checked(equity())
        _load("mandates", trader="max", **mandate)
        _release()
        assert events_of(trade_id, "trade.rechecked") == []
        self._is_released_by(trade_id, "OUTSIDE_MANDATE trader jdoe", "mandates", trader="jdoe", **mandate)

    @pytest.mark.parametrize("product", ["FX_FORWARD", "*"])
    def test_an_agreement(self, product: str) -> None:
        agreement = {"reference": "ISDA-2002", **_LONG_AGO}
        _load("agreements", party="CUST-01", product="EQUITY", **agreement)
        trade_id = checked(equity())
        given = "EQUITY" if product == "FX_FORWARD" else product
        _load("agreements", party="BROKER-01", product="FX_FORWARD", **agreement)
        _release()
        assert events_of(trade_id, "trade.rechecked") == []
        self._is_released_by(
            trade_id,
            "AGREEMENT_MISSING BROKER-01 EQUITY",
            "agreements",
            party="BROKER-01", product=given, **agreement,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("subject", "key"),
        [("PARTY", "BROKER-01"), ("PARTY", "529900T8BM49AURSDO55"), ("COUNTRY", "US"), ("INSTRUMENT", APPLE)],
    )
    def test_an_entry_of_a_restricted_list(self, subject: str, key: str) -> None:
        entry = {"list": "EU", "subject": subject, "key": key, "measure": "RESTRICTED", **_LONG_AGO}
        _load("watch-lists", **entry)
        trade_id = checked(equity())
        cause = f"RESTRICTED_LIST {subject.lower()} {key}"
        self._is_released_by(trade_id, cause, "watch-lists", **entry, **_OVER)

    def test_a_review_of_the_party(self) -> None:
        _load("parties", code="BROKER-01", name="Broker", kyc_valid_to=_OVER["valid_to"])
        trade_id = checked(equity())
        self._is_released_by(
            trade_id,
            "KYC_EXPIRED BROKER-01",
            "parties",
            code="BROKER-01",
            name="Broker",
            kyc_valid_to="2030-01-01",
        )

    def test_a_credit_of_the_customer(self) -> None:
        _load("parties", code="CUST-01", name="Cust", credit_limit="95")
        trade_id = checked(goods())
        self._is_released_by(
            trade_id, "OVER_CREDIT CUST-01", "parties", code="CUST-01", name="Cust", credit_limit="96"
        )

    def test_a_discount_of_the_customer(self) -> None:
        _price("SKU-1", "10")
        trade_id = checked(goods())
        self._is_released_by(
            trade_id, "OVER_DISCOUNT lines SKU-1", "parties", code="CUST-01", name="Cust", max_discount="0.6"
        )

    def test_a_price_of_the_list(self) -> None:
        _price("SKU-1", "10")
        trade_id = checked(goods())
        self._is_released_by(
            trade_id,
            "OVER_DISCOUNT lines SKU-1",
            "close-prices",
            instrument="SKU-1", date=TODAY.isoformat(), price="4.25", currency="EUR",
        )  # fmt: skip

    def test_a_book_that_is_dealt_in_again(self) -> None:
        _load("books", code="BOOK-1", desk="DESK-1", entity="OURS", active=False)
        trade_id = checked(equity())
        self._is_released_by(
            trade_id,
            "INACTIVE_REFERENCE book BOOK-1",
            "books",
            code="BOOK-1",
            desk="DESK-1",
            entity="OURS",
            active=True,
        )

    def test_the_range_of_the_day(self) -> None:
        price = {"instrument": APPLE, "date": TODAY.isoformat(), "price": "187.00", "currency": "USD"}
        _load("close-prices", **price, low="186", high="188")
        trade_id = checked(equity(price="190"))
        self._is_released_by(
            trade_id, f"PRICE_OUTSIDE_RANGE {APPLE}", "close-prices", **price, low="186", high="190"
        )

    def test_an_account_that_was_changed_is_taken_back(self) -> None:
        party("NEW-1", ssis=[("CASH", "*"), ("SECURITY", "*")])
        maker, checker = person("maker"), person("checker")
        asked = propose_parameters(
            code="SSI_CHANGED",
            draft=Draft(severity="BLOCK"),
            reason="fraud",
            user=maker,
            actor=STEWARD,
            now=NOW,
        )
        approve_parameters(proposal_id=asked, user=checker, note="", actor=CLERK, now=NOW)
        new = _ssi("NEW-1", "CASH", "USD")
        _load("ssis", **new)
        trade_id = checked(equity(counterparty="NEW-1"))
        self._is_released_by(trade_id, "SSI_CHANGED NEW-1 cash USD", "ssis", **new, **_OVER)


def _price(sku: str, price: str) -> None:
    _load("close-prices", instrument=sku, date=TODAY.isoformat(), price=price, currency="EUR")


def test_waits_of_every_cause_are_of_kinds_that_are_looked_after() -> None:
    """A name of a kind that nobody looks for would wait for ever."""
    world()
    for cause in causes():
        named = set(re.findall(r"'([a-z-]+):", cause.waits))
        assert named <= set(release.NAMES), cause.code


def _order_of(sku: str) -> dict[str, Any]:
    document = goods()
    document["terms"]["lines"] = [{**document["terms"]["lines"][0], "sku": sku}]
    return document


def test_many_held_by_one_cause_share_it_and_are_released_together() -> None:
    world()
    party("NEW-1", ssis=())
    ids = captured_ids(*[equity(counterparty="NEW-1", quantity=str(100 + n)) for n in range(30)])
    check_everything()
    causes = {tuple(each.causes) for each in ExceptionItem.objects.all()}
    assert len(causes) == 1
    for kind, key in FULL_SSIS:
        _load("ssis", **_ssi("NEW-1", kind, key))
    _release()
    assert {state_of(each)[0] for each in ids} == {State.VALIDATED}
    assert ExceptionItem.objects.filter(closed_at=None).count() == 0


def test_a_party_that_is_known_at_last_leaves_what_else_is_missing() -> None:
    world()
    trade_id = checked(equity(counterparty="NOBODY-9"))
    number = _item(trade_id).id
    _load("parties", code="NOBODY-9", name="Nobody Nine", role="COUNTERPARTY", country="US")
    _release()
    assert state_of(trade_id)[0] == State.EXCEPTION
    item = _item(trade_id)
    assert (item.id, item.codes, item.move) == (number, ["SSI_MISSING"], "REFERENCE_DATA")


def test_what_waits_for_something_else_is_left_alone() -> None:
    world()
    trade_id = checked(equity(counterparty="NOBODY-9"))
    before = all_written()
    _load("close-prices", instrument=APPLE, date=TODAY.isoformat(), price="187.50", currency="USD")
    _load("ssis", **_ssi("BROKER-01", "CASH", "CHF"))
    _release()
    after = all_written()
    assert [task for (task,) in sql.rows("SELECT task FROM core_work")] == [pinned.TASK]
    assert {**after, "core_event": [], "core_work": []} == {**before, "core_event": [], "core_work": []}
    assert state_of(trade_id)[0] == State.EXCEPTION


def test_a_rejection_by_the_back_office_waits_for_a_person() -> None:
    world()
    trade_id = checked(equity(counterparty="NOBODY-9"))
    item = NewException(trade_id, "REJECTION", ["SETTLEMENT_REJECTED"], "rejected")
    open_exceptions(items=[item], at=NOW, actor=CLERK)
    _load("parties", code="NOBODY-9", name="Nobody Nine", role="COUNTERPARTY", country="US")
    _release()
    assert events_of(trade_id, "trade.rechecked") == []


def test_running_twice_or_at_once_sends_each_trade_once() -> None:
    world()
    party("NEW-1", ssis=())
    ids = captured_ids(*[equity(counterparty="NEW-1") for _ in range(5)])
    check_everything()
    for kind, key in FULL_SSIS:
        _load("ssis", **_ssi("NEW-1", kind, key))
    found = race(*[lambda: release.find_held(kind="ssis", now=LATER)] * 3)
    assert sum(found) == len(FULL_SSIS)
    race(*[lambda: release.release_queued(now=LATER)] * 3)
    assert release_held() == 0
    assert [len(events_of(each, "trade.rechecked")) for each in ids] == [1] * 5


def test_a_trade_that_a_check_under_way_holds_after_the_change_is_released_too() -> None:
    """The check has read what was before the change, and commits after it."""
    world()
    trade_id = capture(equity(counterparty="NOBODY-9"))[0].trade_id
    checked_it, may_commit, looking = threading.Event(), threading.Event(), threading.Event()

    def check() -> None:
        try:
            with transaction.atomic():
                check_captured(now=NOW)
                checked_it.set()
                assert may_commit.wait(20)
        finally:
            connections.close_all()

    def find() -> None:
        try:
            looking.set()
            release.find_held(kind="parties", now=LATER)
        finally:
            connections.close_all()

    checker = threading.Thread(target=check)
    checker.start()
    assert checked_it.wait(20)
    _load("parties", code="NOBODY-9", name="Nobody Nine", role="COUNTERPARTY", country="US")
    finder = threading.Thread(target=find)
    finder.start()
    assert looking.wait(20)
    may_commit.set()
    checker.join(20)
    finder.join(20)
    assert work.waiting(release.TASK)
    _release()
    assert set(codes_of(trade_id)) == {"SSI_MISSING"}


def test_work_that_nobody_has_in_hand_is_not_waited_for_and_stays_free() -> None:
    task = WAKES[State.CAPTURED]
    work.enqueue(task, [1, 2, 3])
    with transaction.atomic():
        work.wait_for_claims(task)
        (claimed,) = race(lambda: _claim(task))
    assert claimed == [1, 2, 3]


def _claim(task: str) -> list[int]:
    with transaction.atomic():
        return work.claim(task, limit=10, now=NOW).subject_ids


def test_every_kind_of_reference_data_is_looked_after_by_a_task_of_its_own() -> None:
    current_app.loader.import_default_modules()
    # No deal is held for want of these; fee rules are data that two people make.
    waited_for = set(KINDS) - {
        "cut-offs",
        "netting-agreements",
        "billing-terms",
        "penalty-rates",
        "maximum-sizes",
    }
    assert set(release.NAMES) == waited_for | {fee_rules.RELEASES}
    assert {release.TASK, *map(release.task_of, release.NAMES)} <= set(current_app.tasks)
