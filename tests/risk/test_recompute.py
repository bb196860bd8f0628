"""The running figures equal what the live trades add up to, whatever happened in whichever order."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.audit import system
from core.http.problem import Problem
from core.ids import public_id
from core.models import Event
from refdata.models import Instrument
from risk.models import Limit, Utilisation
from risk.services import recompute
from risk.services.check import check_captured
from risk.services.recompute import Difference, recompute_limits
from risk.services.reservations import expire_reservations, release_reservation, reserve
from risk.tasks import recompute as recompute_task
from risk.tasks import restate as restate_task
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    equity,
    exact_trade,
    limit,
    message_of,
    party,
    settle,
    trusted_client,
    unit_trade,
    used,
    world,
)
from tests.support.records import CLERK, NOW
from trades.lifecycle import State, move_trades
from trades.services.recheck import recheck_trades
from trades.services.repair import repair_trade

pytestmark = pytest.mark.django_db
OPERATOR = system("tests")


def differences(*, correct: bool = False) -> list[Difference]:
    return recompute_limits(now=NOW, actor=OPERATOR, correct=correct)


class _Desk:
    """Does at random what people and systems do to trades."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.reserved: list[int] = []
        self.client = trusted_client()

    def reserve(self, n: int) -> None:
        document = unit_trade(900 + n, quantity=str(n + 1), side=("BUY", "SELL")[n % 2])
        try:
            made = reserve(
                message=message_of(document), seconds=60, client=self.client, actor=OPERATOR, now=NOW
            )
        except Problem as error:
            assert error.code == "limit-exceeded", error
        else:
            self.reserved.append(made.id)

    def draw(self, n: int) -> None:
        if self.reserved:
            reference = public_id("rsv", self.reserved[n % len(self.reserved)])
            self.ids += captured_ids(unit_trade(500 + len(self.ids), reservation=reference))

    def release(self, n: int) -> None:
        if self.reserved:
            which = self.reserved[n % len(self.reserved)]
            release_reservation(reservation_id=which, client=self.client, actor=OPERATOR, now=NOW)

    def expire(self, n: int) -> None:
        expire_reservations(now=NOW + timedelta(minutes=n), actor=OPERATOR)

    def capture(self, n: int) -> None:
        where = {"counterparty": ("BROKER-01", "OTHER", "NOBODY")[n % 3], "trader": ("ann", "bob")[n % 2]}
        number = len(self.ids)
        made = (
            unit_trade(number, **where),
            exact_trade(number, **where),
            equity(quantity=str(n + 1), **where),
        )
        self.ids += captured_ids(made[n % 3])

    def check(self, n: int) -> None:
        check_captured(now=NOW, limit=n % 3 + 1)

    def cancel(self, n: int) -> None:
        for source in (State.CAPTURED, State.VALIDATED, State.EXCEPTION):
            move_trades(trade_ids=self._one(n), source=source, target=State.CANCELLED, at=NOW, actor=OPERATOR)

    def settle(self, n: int) -> None:
        settle(self._one(n))

    def recheck(self, n: int) -> None:
        recheck_trades(trade_ids=self._one(n), reason="again", actor=OPERATOR, now=NOW)

    def repair(self, n: int) -> None:
        for trade_id in self._one(n):
            (version,) = sql.row("SELECT version FROM trades_state WHERE trade_id = %s", [trade_id])
            changes = [{"counterparty": "OTHER"}, {"quantity": str(n + 2)}, {"trader": "zoe"}][n % 3]
            try:
                repair_trade(
                    trade_id=trade_id, version=version, changes=changes, reason="x", actor=CLERK, now=NOW
                )
            except Problem as error:
                assert error.code in {"not-held", "nothing-changed"}, error

    def _one(self, n: int) -> list[int]:
        return [self.ids[n % len(self.ids)]] if self.ids else []


_STEPS = st.lists(
    st.tuples(st.sampled_from([
        "capture", "capture", "check", "check", "cancel", "settle", "recheck", "repair",
        "reserve", "reserve", "draw", "release", "expire",
    ]),
              st.integers(0, 11)),
    min_size=4, max_size=20,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_any_sequence_leaves_the_figures_equal_to_the_trades(db, steps):
    with transaction.atomic():
        world()
        party("OTHER")
        limit(hard="250", warn="150")
        limit("TRADER", hard="1000", measure="GROSS_NOTIONAL", dimensions=("trader", "counterparty"))
        limit("SIZE", hard="500", measure="SINGLE_SIZE", dimensions=("trader",))
        limit("NET", hard="300", measure="NET_NOTIONAL", dimensions=("book", "trader"))
        limit("DAY", hard="2000", measure="SETTLEMENT_EXPOSURE", dimensions=("party_group",))
        limit("TURN", hard="3000", measure="DAILY_TURNOVER", dimensions=("desk",))
        limit("COUNT", hard="9", measure="ORDER_COUNT", dimensions=("source",))
        limit("SHARE", hard="99", measure="CONCENTRATION", dimensions=("book", "instrument"), floor="100")
        desk = _Desk()
        for name, n in steps:
            getattr(desk, name)(n)
            assert differences() == [], (name, n)
        check_everything()
        assert differences() == []
        counted = sum(used().values(), Decimal(0))
        (live,) = sql.row(
            "SELECT coalesce(sum(v.base_amount), 0) FROM trades_state s JOIN trades_version v"
            " ON v.trade_id = s.trade_id AND v.version = s.version"
            " WHERE s.state < 7 AND v.counterparty_id IS NOT NULL"
        )
        assert counted == live
        transaction.set_rollback(True)


class TestAFigureThatIsWrong:
    @pytest.fixture
    def _bent(self, db) -> None:
        world()
        limit(hard="1000")
        checked(unit_trade(0))
        Utilisation.objects.update(used=Decimal("99.9999"))
        Utilisation.objects.create(limit_id=Utilisation.objects.get().limit_id, key="GHOST", used=5)

    def test_is_told_to_the_last_digit_and_left_alone(self, _bent):
        limit_id = Utilisation.objects.first().limit_id
        assert differences() == [
            Difference(limit_id, "BROKER-01", Decimal("99.9999"), Decimal(100)),
            Difference(limit_id, "GHOST", Decimal(5), Decimal(0)),
        ]
        assert used() == {"BROKER-01": Decimal("99.9999"), "GHOST": 5}
        assert not Event.objects.filter(type="limit.corrected").exists()

    def test_is_corrected_when_asked_and_the_log_says_so(self, _bent):
        assert len(differences(correct=True)) == 2
        assert used() == {"BROKER-01": 100, "GHOST": 0}
        assert differences() == []
        told = [
            sql.json_value(event.data)
            for event in Event.objects.filter(type="limit.corrected").order_by("id")
        ]
        assert [(each["key"], Decimal(each["running"]), Decimal(each["recomputed"])) for each in told] == [
            ("BROKER-01", Decimal("99.9999"), 100),
            ("GHOST", 5, 0),
        ]

    def test_that_is_missing_is_made(self, _bent):
        Utilisation.objects.all().delete()
        (missing,) = differences(correct=True)
        assert (missing.running, missing.recomputed) == (0, 100)
        assert used() == {"BROKER-01": 100}

    def test_makes_the_command_fail_unless_it_may_correct(self, _bent):
        out = StringIO()
        with pytest.raises(CommandError, match="2 figures differ"):
            call_command("recompute_limits", stdout=out)
        assert "BROKER-01: running 99.9999, from the trades 100.0000" in out.getvalue()
        call_command("recompute_limits", correct=True, stdout=out)
        call_command("recompute_limits", stdout=out)
        assert out.getvalue().endswith("0 figures differed\n")


def test_many_trades_are_read_in_chunks(monkeypatch):
    monkeypatch.setattr(recompute, "CHUNK", 3)
    world()
    limit(hard="100000")
    captured_ids(*[unit_trade(n) for n in range(8)])
    check_everything()
    Utilisation.objects.update(used=0)
    assert [each.recomputed for each in differences()] == [800]


def test_a_limit_that_is_new_comes_to_count_the_trades_that_live_already():
    world()
    (trade_id,) = captured_ids(equity())
    check_captured(now=NOW)
    late = Limit.objects.create(
        code="LATE",
        name="Made after the trade",
        measure="GROSS_NOTIONAL",
        dimensions=["book"],
        hard=Decimal(10) ** 9,
        valid_from=date(2020, 1, 1),
    )
    assert restate_task()
    assert not restate_task()
    ((amount,),) = sql.rows("SELECT base_amount FROM trades_version WHERE trade_id = %s", [trade_id])
    assert list(late.utilisations.values_list("used", flat=True)) == [amount]
    assert recompute_task() == 0


@pytest.mark.parametrize(
    ("dimension", "change"),
    [
        ("desk", "UPDATE refdata_book SET desk = 'ELSEWHERE'"),
        (
            "entity",
            "UPDATE refdata_book SET entity_id = (SELECT id FROM refdata_party WHERE code = 'CUST-01')",
        ),
        ("party_group", "UPDATE refdata_party SET party_group = 'ACME' WHERE code = 'BROKER-01'"),
        ("country", "UPDATE refdata_party SET country = 'FR' WHERE code = 'BROKER-01'"),
        ("issuer", "UPDATE refdata_instrument SET issuer = 'SAP'"),
    ],
)
def test_what_places_a_trade_may_change_and_its_figure_follows_without_an_alarm(dimension, change):
    world()
    Instrument.objects.update(issuer="OLD")
    limit("L", hard="1000", dimensions=(dimension,))
    limit("OTHER", hard="1000", dimensions=("trader",))
    checked(unit_trade(0))
    before = used("L")
    sql.run(change)
    assert list(Limit.objects.filter(stale=True).values_list("code", flat=True)) == ["L"]
    assert restate_task()
    after = {key: figure for key, figure in used("L").items() if figure}
    assert after != before
    assert list(after.values()) == [100]
    assert (differences(), recompute_task()) == ([], 0)
    assert not Event.objects.filter(type="limit.corrected").exists()


def test_windows_that_are_over_are_forgotten():
    world()
    limit("TURN", hard="1000", measure="DAILY_TURNOVER", dimensions=("trader",))
    limit("DAY", hard="1000", measure="SETTLEMENT_EXPOSURE", dimensions=("trader",))
    old = unit_trade(0, trade_date="2026-11-20", settlement_date="2026-11-20")
    settle([checked(old)])
    checked(unit_trade(1))
    Utilisation.objects.filter(limit__code="DAY", used=0).update(key="jdoe|2026-11-20")
    assert differences(correct=True) == []
    assert used("TURN") == {"jdoe|2026-11-23": 100}
    assert used("DAY") == {"jdoe|2026-11-25": 100}
