"""Captured trades leave CAPTURED with their findings, figures, events and exceptions, all at once or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from core import sql, work
from core.audit import system
from core.models import Event
from refdata.models import Book, FxRate, Instrument, Ssi
from risk.models import Limit
from risk.services import check
from risk.services.check import TASK, check_captured
from risk.services.excess import approve_excess, propose_excess
from risk.services.recompute import recompute_limits
from settlement.models import Channel
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    exact_trade,
    findings_of,
    fx,
    goods,
    instrument,
    limit,
    party,
    rate,
    ssi,
    states,
    unit_trade,
    used,
    world,
)
from tests.support.records import CLERK, LATER, NOW, all_written, events_of, person, state_of, version_of
from trades.lifecycle import State, move_trades
from trades.models import ExceptionItem
from trades.services.recheck import recheck_trades
from trades.services.repair import repair_trade

pytestmark = pytest.mark.django_db
OPERATOR = system("tests")


def recheck(*trade_ids: int, at: datetime = LATER) -> None:
    recheck_trades(trade_ids=list(trade_ids), reason="fixed", actor=CLERK, now=at)
    check_everything(now=at)


def types_of(trade_id: int) -> list[str]:
    return [event[0] for event in events_of(trade_id)]


class TestAGoodTrade:
    def test_is_validated_with_one_event_and_nothing_else(self):
        world()
        trade_id = checked(equity())
        assert state_of(trade_id) == (State.VALIDATED, 1)
        assert events_of(trade_id, "trade.validated") == [
            ("trade.validated", 1, "system:checks", "", "", None)
        ]
        assert types_of(trade_id) == ["trade.captured", "trade.validated"]
        assert findings_of(trade_id, also_closed=True) == []
        assert not ExceptionItem.objects.exists()
        assert not work.waiting(TASK)

    def test_counts_as_claimed_once(self):
        world()
        captured_ids(*[exact_trade(n) for n in range(7)])
        assert check_captured(now=NOW, limit=100) == 7
        assert check_captured(now=NOW, limit=100) == 0

    def test_warned_of_goes_on(self):
        world()
        trade_id = checked(equity(on=date(2026, 10, 1)))
        assert (state_of(trade_id)[0], codes_of(trade_id)) == (State.VALIDATED, ["TRADE_DATE_TOO_OLD"])
        assert not ExceptionItem.objects.exists()


class TestABadTrade:
    def test_is_held_with_an_exception_that_says_why_by_when_and_how_much(self):
        world()
        trade_id = checked(equity(counterparty="NOBODY", price="900", trader="x"))
        assert state_of(trade_id) == (State.EXCEPTION, 1)
        item = ExceptionItem.objects.get()
        assert (item.trade_id, item.kind, item.codes) == (
            trade_id,
            "FINDING",
            ["OFF_MARKET_PRICE", "UNKNOWN_PARTY"],
        )
        assert item.summary == (
            "The counterparty NOBODY is not known."
            " The price 900 is off the market: the close was 187 of 2026-11-23."
        )
        assert item.amount_at_risk == Decimal("82800.0000")
        assert item.deadline == datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
        assert (item.opened_at, item.owner_id, item.closed_at) == (NOW, None, None)
        assert types_of(trade_id) == ["trade.captured", "trade.held", "exception.opened"]

    def test_has_its_deadline_at_the_first_cut_off_of_the_channels_it_leaves_by(self):
        world()
        Channel.objects.filter(code="CASH").update(
            cut_off_time=time(9, 30), cut_off_zone="Europe/Zurich", lead_days=0
        )
        bad = {"counterparty": "NOBODY", "trade_date": "2026-07-01"}
        checked(equity(**bad, settlement_date="2026-07-06"))
        checked(fx(**bad, settlement_date="2026-07-06"))
        found = dict(
            sql.rows(
                "SELECT v.product, e.deadline FROM trades_exception e JOIN trades_version v USING (trade_id)"
            )
        )
        assert found == {
            "EQUITY": datetime(
                2026, 7, 3, 17, 0, tzinfo=UTC
            ),  # securities: 18:00 in London, the Friday before
            "FX_SPOT": datetime(2026, 7, 6, 7, 30, tzinfo=UTC),  # cash alone, on the day
        }

    def test_with_very_many_faults_has_a_summary_of_bounded_length(self):
        world()
        lines = [{"sku": f"UNKNOWN-{n}", "quantity": "1", "unit_price": "1"} for n in range(200)]
        trade_id = checked(goods(lines=lines))
        assert len(ExceptionItem.objects.get().summary) == 500
        assert "UNKNOWN-199" in findings_of(trade_id)[0]["actual"]

    def test_does_not_stop_the_good_ones_beside_it(self):
        world()
        captured_ids(
            *[exact_trade(n, counterparty="NOBODY" if n % 3 == 0 else "BROKER-01") for n in range(9)]
        )
        assert check_captured(now=NOW) == 9
        assert states() == {"EXCEPTION": 3, "VALIDATED": 6}
        assert ExceptionItem.objects.count() == 3


class TestAtomicity:
    @pytest.mark.parametrize("step", ["add_findings", "move_trades", "open_exceptions", "move_figures"])
    def test_a_failure_in_any_step_leaves_every_trade_as_it_was(self, monkeypatch, step):
        world()
        limit(hard="1000")
        captured_ids(unit_trade(0), unit_trade(1, counterparty="NOBODY"))
        before = {name: rows for name, rows in all_written().items() if name != "core_work"}
        monkeypatch.setattr(check, step, _explode)
        assert check_captured(now=NOW) == 2
        after = {name: rows for name, rows in all_written().items() if name != "core_work"}
        assert (after, used()) == (before, {})
        monkeypatch.undo()
        check_everything()
        assert states() == {"VALIDATED": 1, "EXCEPTION": 1}

    def test_a_trade_cancelled_before_its_check_stays_cancelled(self):
        world()
        limit(hard="1000")
        (trade_id,) = captured_ids(unit_trade(0))
        move_trades(
            trade_ids=[trade_id], source=State.CAPTURED, target=State.CANCELLED, at=NOW, actor=OPERATOR
        )
        assert check_everything() == 1
        assert types_of(trade_id) == ["trade.captured", "trade.cancelled"]
        assert used() == {}

    def test_work_that_is_queued_twice_is_done_once(self):
        world()
        limit(hard="1000")
        (trade_id,) = captured_ids(unit_trade(0))
        work.enqueue(TASK, [trade_id])
        check_everything(limit=1)
        assert types_of(trade_id) == ["trade.captured", "trade.validated"]
        assert used() == {"BROKER-01": 100}

    def test_work_for_a_trade_that_is_not_there_is_forgotten(self):
        world()
        work.enqueue(TASK, [424242])
        assert check_everything() == 1
        assert not work.waiting(TASK)


def _explode(*_args, **_named):
    raise RuntimeError("broken")


class TestACheckThatRaises:
    @pytest.fixture
    def _raises(self, monkeypatch):
        """Make every look at the reference BOOM fail, as a bug in a check would."""
        add = check._add_finding

        def add_or_raise(batch, setting, trade_id, subject, expected, actual):
            if actual == "BOOM":
                raise ZeroDivisionError("broken check")
            add(batch, setting, trade_id, subject, expected, actual)

        monkeypatch.setattr(check, "_add_finding", add_or_raise)

    def _until_done(self) -> int:
        """Check as time goes on, as the sweeper would; return how many turns it took."""
        turns, now = 0, NOW
        while work.waiting(TASK):
            check_everything(now=now)
            now += timedelta(seconds=1)
            turns += 1
            assert turns < 60
        return turns

    def test_splits_the_batch_and_holds_only_the_bad_trade(self, _raises):
        world()
        limit(hard="1000000")
        documents = [exact_trade(n) for n in range(20)]
        documents[7] = exact_trade(7, book="BOOM")
        ids = captured_ids(*documents)
        assert check_captured(now=NOW) == 20
        assert states() == {"CAPTURED": 20}
        check_everything()
        assert states() == {"CAPTURED": 1, "VALIDATED": 19}
        assert self._until_done() > 5
        assert states() == {"EXCEPTION": 1, "VALIDATED": 19}
        (finding,) = findings_of(ids[7])
        assert (finding["code"], finding["severity"]) == ("CHECK_FAILED", "BLOCK")
        assert ExceptionItem.objects.get().codes == ["CHECK_FAILED"]
        assert used() == {"BROKER-01": sum(range(1, 21)) - 8}

    def test_waits_longer_each_time(self, _raises):
        world()
        captured_ids(exact_trade(7, book="BOOM"))
        waits = []
        now = NOW
        for _ in range(6):
            assert check_captured(now=now) == 1
            found = sql.row("SELECT not_before FROM core_work")
            if found:
                waits.append((found[0] - now).total_seconds())
                assert found[0] == now or check_captured(now=found[0] - timedelta(seconds=1)) == 0
                now = found[0]
        assert waits == [0, 2, 4, 6, 8]
        assert states() == {"EXCEPTION": 1}

    def test_once_mended_and_checked_again_leaves_nothing_open(self, monkeypatch, _raises):
        world()
        limit(hard="1000000")
        (trade_id,) = captured_ids(exact_trade(7, book="BOOM"))
        self._until_done()
        monkeypatch.undo()
        Book.objects.create(code="BOOM", desk="D", entity_id=Book.objects.get().entity_id)
        recheck(trade_id)
        assert state_of(trade_id)[0] is State.VALIDATED
        assert codes_of(trade_id) == []
        assert ExceptionItem.objects.get().closed_at == LATER
        assert used() == {"BROKER-01": 8}
        assert recompute_limits(now=LATER, actor=OPERATOR, correct=False) == []

    def test_may_not_leave_a_cancelled_trade_among_the_exceptions(self, _raises):
        world()
        (trade_id,) = captured_ids(exact_trade(7, book="BOOM"))
        move_trades(
            trade_ids=[trade_id], source=State.CAPTURED, target=State.CANCELLED, at=NOW, actor=OPERATOR
        )
        self._until_done()
        assert state_of(trade_id)[0] is State.CANCELLED
        assert not ExceptionItem.objects.exists()


def _swiss():
    rate("CHF", "1.05")
    for owner in sql.rows("SELECT id FROM refdata_party"):
        Ssi.objects.create(party_id=owner[0], kind="CASH", key="CHF", valid_from=date(2020, 1, 1))
    Instrument.objects.update(currency="CHF")


class TestACheckAgain:
    @pytest.mark.parametrize(
        ("document", "code", "fix"),
        [
            (equity(counterparty="NEW"), "UNKNOWN_PARTY", lambda: party("NEW")),
            (equity(instrument="NEW"), "UNKNOWN_INSTRUMENT", lambda: instrument("NEW")),
            (
                equity(book="NEW"),
                "UNKNOWN_BOOK",
                lambda: Book.objects.create(code="NEW", desk="D", entity_id=Book.objects.get().entity_id),
            ),
            (
                goods(lines=[{"sku": "NEW", "quantity": "1", "unit_price": "1"}]),
                "UNKNOWN_INSTRUMENT",
                lambda: instrument("NEW", scheme="SKU", product_class="GOODS", currency="EUR"),
            ),
            (equity(currency="CHF", price="1"), "NO_FX_RATE", _swiss),
        ],
        ids=["party", "instrument", "book", "article", "rate"],
    )
    def test_after_reference_data_was_completed_passes_as_a_new_version(self, document, code, fix):
        world()
        limit(hard="10000000")
        trade_id = checked(document)
        assert code in codes_of(trade_id)
        fix()
        recheck(trade_id)
        assert state_of(trade_id) == (State.VALIDATED, 2)
        assert codes_of(trade_id) == []
        closings = {each["closing"] for each in findings_of(trade_id, also_closed=True)}
        assert closings == {"CLEARED"}
        item = ExceptionItem.objects.get()
        assert (item.closed_at, item.closed_by, item.resolution) == (LATER, "system:checks", "checks pass")
        assert types_of(trade_id) == [
            "trade.captured", "trade.held", "exception.opened", "trade.enriched", "trade.rechecked",
            "trade.validated", "exception.closed",
        ]  # fmt: skip
        first, second = version_of(trade_id, 1), version_of(trade_id, 2)
        same = first.keys() - {
            "version",
            "recorded_at",
            "cause",
            "terms",
            "counterparty_id",
            "book_id",
            "instrument_id",
            "base_amount",
        }
        assert {name: first[name] for name in same} == {name: second[name] for name in same}
        assert recompute_limits(now=LATER, actor=OPERATOR, correct=False) == []

    def test_after_an_instruction_was_added_passes_as_the_same_version(self):
        world()
        new = party("NEW", ssis=[("SECURITY", "*")])
        trade_id = checked(equity(counterparty="NEW"))
        ssi(new, "CASH", "USD")
        recheck(trade_id)
        assert state_of(trade_id) == (State.VALIDATED, 1)

    def test_that_finds_other_faults_keeps_one_open_exception_with_the_new_ones(self):
        world()
        trade_id = checked(equity(counterparty="NEW"))
        party("NEW", ssis=[("CASH", "USD")])
        recheck(trade_id)
        assert codes_of(trade_id) == ["SSI_MISSING"]
        item = ExceptionItem.objects.get()
        assert (item.codes, item.closed_at, item.opened_at) == (["SSI_MISSING"], None, NOW)
        assert [each["closing"] for each in findings_of(trade_id, also_closed=True)] == ["CLEARED", ""]

    def test_of_a_validated_trade_may_hold_it_after_all(self):
        of = world()
        trade_id = checked(equity())
        Ssi.objects.filter(party=of.broker, key="USD").update(valid_to=date(2026, 11, 24))
        recheck(trade_id)
        assert state_of(trade_id)[0] is State.EXCEPTION
        assert codes_of(trade_id) == ["SSI_MISSING"]

    def test_of_a_repaired_trade_looks_at_the_repaired_terms(self):
        world()
        limit(hard="1000000")
        trade_id = checked(equity(price="1872.5"))
        repair_trade(
            trade_id=trade_id, version=1, changes={"price": "187.25"}, reason="misplaced point", actor=CLERK, now=LATER
        )  # fmt: skip
        check_everything(now=LATER)
        assert state_of(trade_id) == (State.VALIDATED, 2)
        assert used() == {"BROKER-01": Decimal("17227.0000")}
        assert [event[:3] for event in events_of(trade_id)][3:] == [
            ("trade.repaired", 2, "user:clerk"), ("trade.rechecked", 2, "user:clerk"),
            ("trade.validated", 2, "system:checks"), ("exception.closed", None, "system:checks"),
        ]  # fmt: skip


class TestAnOverride:
    def _accepted(self, trade_id: int, codes: list[str]) -> None:
        proposal = propose_excess(
            trade_id=trade_id,
            codes=codes,
            reason="agreed",
            user=person(f"maker{trade_id}"),
            actor=CLERK,
            now=NOW,
        )
        approve_excess(proposal_id=proposal, user=person(f"checker{trade_id}"), note="", actor=CLERK, now=NOW)
        check_everything()

    def test_lets_the_version_go_on_that_it_was_made_for(self):
        world()
        trade_id = checked(equity(price="900"))
        self._accepted(trade_id, ["OFF_MARKET_PRICE"])
        assert (state_of(trade_id), codes_of(trade_id)) == ((State.VALIDATED, 1), [])
        recheck(trade_id)
        assert (state_of(trade_id), codes_of(trade_id)) == ((State.VALIDATED, 1), [])

    def test_does_not_count_for_a_later_version(self):
        world()
        trade_id = checked(equity(price="900"))
        self._accepted(trade_id, ["OFF_MARKET_PRICE"])
        Ssi.objects.filter(key="USD").update(valid_to=date(2026, 11, 24))
        recheck(trade_id)
        assert codes_of(trade_id) == ["SSI_MISSING", "SSI_MISSING"]
        repair_trade(
            trade_id=trade_id, version=1, changes={"price": "901"}, reason="so it was", actor=CLERK, now=NOW
        )
        check_everything()
        assert codes_of(trade_id) == ["SSI_MISSING", "SSI_MISSING", "OFF_MARKET_PRICE"]

    def test_of_one_code_leaves_the_others_in_force(self):
        world()
        trade_id = checked(equity(price="900", settlement_date="2026-11-28"))
        self._accepted(trade_id, ["OFF_MARKET_PRICE"])
        assert (state_of(trade_id)[0], codes_of(trade_id)) == (State.EXCEPTION, ["NOT_BUSINESS_DAY"])

    def test_of_a_limit_lets_the_excess_stand_and_count(self):
        world()
        limit(hard="150")
        first, second = captured_ids(unit_trade(0), unit_trade(1))
        check_everything()
        self._accepted(second, ["LIMIT_BREACH"])
        assert [state_of(each)[0] for each in (first, second)] == [State.VALIDATED, State.VALIDATED]
        assert used() == {"BROKER-01": 200}

    def test_of_one_limit_does_not_cover_another(self):
        world()
        limit(hard="50")
        trade_id = checked(unit_trade(0))
        self._accepted(trade_id, ["LIMIT_BREACH"])
        assert state_of(trade_id)[0] is State.VALIDATED
        limit("SIZE", hard="50", measure="SINGLE_SIZE", dimensions=("book",))
        recheck(trade_id)
        assert [each["subject"] for each in findings_of(trade_id)] == ["SIZE BOOK-1"]


class TestWhatExceedsALimit:
    def test_is_work_of_its_own_kind_and_the_move_of_risk(self):
        world()
        limit(hard="50")
        trade_id = checked(unit_trade(0))
        item = ExceptionItem.objects.get()
        assert (item.trade_id, item.kind, item.codes, item.move) == (
            trade_id,
            "LIMIT",
            ["LIMIT_BREACH"],
            "RISK",
        )
        assert item.causes == ["LIMIT_BREACH CPTY BROKER-01"]
        assert (item.amount_at_risk, item.summary) == (
            Decimal(100), "With this trade BROKER-01 exceeds the limit CPTY.",
        )  # fmt: skip

    def test_beside_what_a_check_finds_is_an_item_for_each_and_each_closes_alone(self):
        world()
        limit(hard="50")
        trade_id = checked(unit_trade(0, settlement_date="2026-11-28"))
        assert self._items() == {"FINDING": (["NOT_BUSINESS_DAY"], ""), "LIMIT": (["LIMIT_BREACH"], "")}
        Limit.objects.update(hard=Decimal(1000))
        recheck(trade_id)
        assert self._items() == {
            "FINDING": (["NOT_BUSINESS_DAY"], ""),
            "LIMIT": (["LIMIT_BREACH"], "within every limit"),
        }
        Limit.objects.update(hard=Decimal(50))
        recheck(trade_id)
        assert self._items()["LIMIT"] == (["LIMIT_BREACH"], "")
        assert ExceptionItem.objects.get(kind="LIMIT").reopenings == 1
        assert state_of(trade_id)[0] is State.EXCEPTION

    def test_once_it_is_accepted_closes_with_the_trade_going_on(self):
        world()
        limit(hard="50")
        trade_id = checked(unit_trade(0))
        TestAnOverride()._accepted(trade_id, ["LIMIT_BREACH"])
        assert state_of(trade_id)[0] is State.VALIDATED
        assert self._items() == {"LIMIT": (["LIMIT_BREACH"], "within every limit")}

    def _items(self) -> dict[str, tuple[list[str], str]]:
        return {each.kind: (each.codes, each.resolution) for each in ExceptionItem.objects.all()}


def test_the_log_tells_of_no_finding_without_its_trade():
    world()
    FxRate.objects.all().delete()
    captured_ids(*[equity(quantity=str(n + 1)) for n in range(3)])
    check_everything()
    assert Event.objects.filter(type="trade.held").count() == 3
    assert sql.row("SELECT count(*) FROM trades_finding WHERE version = 1 AND found_at = %s", [NOW]) == (3,)
