"""Corporate actions: what they come to for positions, lots and cash, whoever sets, corrects or calls them off."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import four_eyes, sql
from core.audit import Actor
from core.http.problem import Problem
from ledger.models import CorporateActionVersion, LotPolicy, PositionDue
from ledger.services.corporate_actions import ActionTerms, propose_actions
from ledger.services.lot_policies import PolicyTerms, propose_policy
from ledger.services.posting import post_due
from ledger.services.verify import verify_positions
from tests.ledger.support import ACTOR, cancel, lots, post, replayed, rows_of_all, totals, traded
from tests.ledger.test_positions import _Desk, share
from tests.support.factories import EURO_SHARE, bond, bund, captured_ids, checked, goods, settle, world
from tests.support.records import NOW, TODAY, person

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)
BUND = "DE0001102606"


def day(n: int) -> date:
    return TODAY + timedelta(days=n)


def terms(type_: str = "DVCA", *, ex: int = 0, pay: int | None = None, **changes) -> ActionTerms:
    given = {"instrument": EURO_SHARE, "currency": "" if type_ == "SPLF" else "EUR", **changes}
    for name in ("rate", "new", "old"):
        given[name] = None if given.get(name) is None else Decimal(given[name])
    record = given.pop("record", ex)
    return ActionTerms(
        type=type_,
        ex_date=day(ex),
        record_date=day(record),
        pay_date=day(ex if pay is None else pay),
        **given,
    )


def somebody():
    """Return a person who has not done anything yet."""
    return person(f"somebody-{next(_numbers)}")


def proposed(reference: str, said: ActionTerms) -> int:
    (proposal_id,) = propose_actions(
        actions=[(reference, said)], reason="as published", user=somebody(), actor=ACTOR, now=NOW
    )
    return proposal_id


def approve(proposal_id: int, *, at=NOW) -> None:
    four_eyes.approve(
        proposal_id=proposal_id,
        user=somebody(),
        note="",
        actor=Actor("user:checker"),
        now=at,
    )


def act(reference: str, said: ActionTerms, *, at=NOW) -> None:
    """Set an action, or what holds of it, as two people do, and tell the positions again."""
    approve(proposed(reference, said), at=at)
    while post_due(now=at, actor=ACTOR):
        pass


def short(found: dict) -> dict[str, tuple[Decimal, Decimal]]:
    return {f"{asset} {party}".strip(): each for (_, asset, party), each in found.items()}


@pytest.fixture
def _held():
    world()
    settle([checked(share("100", "10", day=5))])
    captured_ids(share("50", "12", day=3))
    post()


@pytest.mark.usefixtures("_held")
class TestEachAction:
    def test_a_split_changes_what_is_held_and_leaves_what_it_cost(self):
        act("CA-1", terms("SPLF", ex=-1, new="3", old="1"))
        assert totals()["BOOK-1", EURO_SHARE, ""] == (300, 200)
        assert [each[1:] for each in lots(EURO_SHARE)] == [(300, 1000), (150, 600)]
        assert "EUR" not in {asset for _, asset, party in totals() if not party}

    def test_a_split_of_yesterday_is_before_what_is_dealt_today(self):
        act("CA-1", terms("SPLF", ex=0, new="2", old="1"))
        captured_ids(share("-1", "7"))
        post()
        assert traded()[EURO_SHARE] == 299

    def test_what_settles_after_a_split_settles_split(self):
        act("CA-1", terms("SPLF", ex=-1, new="3", old="1"))
        settle([checked(share("10", "9", day=2))])
        post()
        assert totals()["BOOK-1", EURO_SHARE, ""] == (320, 220)

    def test_a_dividend_is_paid_to_whoever_holds_before_its_ex_date(self):
        captured_ids(share("1000", "9", day=1))
        post()
        act("CA-2", terms("DVCA", ex=-1, pay=0, rate="0.35"))
        assert totals()["BOOK-1", "EUR", ""] == (Decimal("52.50"), Decimal("52.50"))

    def test_a_dividend_is_settled_once_its_pay_date_has_come(self):
        act("CA-2", terms("DVCA", ex=-1, pay=2, rate="0.35"))
        assert totals()["BOOK-1", "EUR", ""] == (Decimal("52.50"), 0)
        assert post_due(now=NOW + timedelta(days=1), actor=ACTOR) == 0
        assert post_due(now=NOW + timedelta(days=2), actor=ACTOR) == 1
        assert totals()["BOOK-1", "EUR", ""] == (Decimal("52.50"), Decimal("52.50"))

    def test_a_short_owes_the_dividend(self):
        captured_ids(share("-250", "9", day=2))
        post()
        act("CA-2", terms("DVCA", ex=-1, rate="0.35"))
        assert totals()["BOOK-1", "EUR", ""][0] == Decimal("-35.00")

    def test_a_redemption_pays_all_back_and_closes_the_lots(self):
        act("CA-3", terms("REDM", ex=-1, rate="11"))
        assert totals()["BOOK-1", EURO_SHARE, ""] == (-150, -100)
        assert totals()["BOOK-1", "EUR", ""] == (1650, 1650)
        assert (traded().get(EURO_SHARE), lots(EURO_SHARE)) == (None, [])
        gains = sql.row("SELECT sum(gain) FROM ledger_lot_movement")
        assert gains == (50,)

    def test_actions_follow_each_other(self):
        act("CA-2", terms("DVCA", ex=-1, rate="1"))
        act("CA-1", terms("SPLF", ex=-2, new="2", old="1"))
        assert totals()["BOOK-1", "EUR", ""][0] == 300

    def test_a_trade_of_before_changes_what_an_action_came_to(self):
        act("CA-2", terms("DVCA", ex=-1, rate="1"))
        captured_ids(share("10", "9", day=4))
        post()
        assert totals()["BOOK-1", "EUR", ""][0] == 160
        trade_id = sql.row("SELECT min(trade_id) FROM trades_state WHERE state = 1")[0]
        cancel(trade_id)
        post()
        assert totals()["BOOK-1", "EUR", ""][0] == 110

    def test_a_corrected_action_reverses_and_counts_anew(self):
        act("CA-2", terms("DVCA", ex=-1, rate="1"))
        act("CA-2", terms("DVCA", ex=-1, rate="1.1"))
        assert totals()["BOOK-1", "EUR", ""] == (165, 165)
        entered = sql.rows(
            "SELECT version, quantity, reverses IS NOT NULL FROM ledger_position_entry"
            " WHERE action_id IS NOT NULL AND basis = 'TRADED' ORDER BY id"
        )
        assert entered == [(1, 150, False), (1, -150, True), (2, 165, False)]

    def test_an_action_called_off_leaves_nothing(self):
        before = rows_of_all()
        act("CA-1", terms("SPLF", ex=-1, new="3", old="1"))
        act("CA-1", terms("SPLF", ex=-1, new="3", old="1", cancelled=True))
        assert rows_of_all() == before

    def test_to_tell_again_what_is_told_changes_nothing(self):
        act("CA-2", terms("DVCA", ex=-1, rate="1"))
        before = sql.row("SELECT count(*) FROM ledger_position_entry")
        PositionDue.objects.bulk_create(
            [PositionDue(book_id=book, instrument_id=instrument) for book, instrument in sql.rows(
                "SELECT DISTINCT book_id, instrument_id FROM ledger_position WHERE instrument_id <> 0")]
        )  # fmt: skip
        assert post_due(now=NOW, actor=ACTOR) == 1
        assert sql.row("SELECT count(*) FROM ledger_position_entry") == before


class TestBonds:
    def test_a_coupon_is_paid_to_whoever_holds_by_settlement_on_the_record_date(self):
        world()
        bund()
        captured_ids(
            bond(settlement_date=day(0).isoformat()),
            bond(settlement_date=day(3).isoformat(), quantity="500000"),
        )
        post()
        act("CA-4", terms("INTR", ex=1, record=1, pay=2, rate="1.7", instrument=BUND))
        assert totals()["BOOK-1", "EUR", ""] == (17000, 0)

    def test_a_bond_is_redeemed_in_per_cent(self):
        world()
        bund()
        captured_ids(bond(on=day(-3)))
        post()
        act("CA-5", terms("REDM", ex=0, rate="100", instrument=BUND))
        assert totals()["BOOK-1", "EUR", ""] == (1_000_000, 1_000_000)
        assert sql.row("SELECT sum(gain) FROM ledger_lot_movement") == (125400,)


@pytest.mark.usefixtures("_held")
class TestTwoPeople:
    def test_nothing_counts_before_a_second_person_has_approved(self):
        proposed("CA-1", terms("SPLF", ex=-1, new="3", old="1"))
        post_due(now=NOW, actor=ACTOR)
        assert (CorporateActionVersion.objects.count(), traded()[EURO_SHARE]) == (0, 150)

    @pytest.mark.parametrize(
        ("said", "wrong"),
        [
            ({"type_": "XXXX", "rate": "1"}, ["/type"]),
            ({"instrument": "NOTHING", "rate": "1"}, ["/instrument"]),
            ({"rate": None}, ["/rate"]),
            ({"rate": "0"}, ["/rate"]),
            ({"rate": "1", "new": "2"}, ["/new"]),
            ({"rate": "1", "currency": "EURO"}, ["/currency"]),
            ({"rate": "1", "pay": -3}, ["/pay_date"]),
            ({"rate": "1", "cancelled": True}, ["/cancelled"]),
            ({"type_": "SPLF", "currency": "EUR", "new": "2"}, ["/old", "/currency"]),
        ],
    )
    def test_every_fault_is_named(self, said, wrong):
        with pytest.raises(Problem) as refused:
            proposed("CA-1", terms(**said))
        assert [fault.pointer for fault in refused.value.faults] == wrong

    def test_another_instrument_is_another_action(self):
        act("CA-2", terms("DVCA", rate="1"))
        with pytest.raises(Problem) as refused:
            proposed("CA-2", terms("DVCA", rate="1", instrument="US0378331005"))
        assert [fault.pointer for fault in refused.value.faults] == ["/instrument"]

    def test_what_holds_already_is_not_proposed(self):
        act("CA-2", terms("DVCA", rate="1"))
        with pytest.raises(Problem) as refused:
            proposed("CA-2", terms("DVCA", rate="1.00"))
        assert refused.value.code == "nothing-changes"

    def test_a_file_is_proposed_whole_or_not_at_all(self):
        with pytest.raises(Problem) as refused:
            propose_actions(
                actions=[("A", terms(rate="1")), ("B", terms(rate="-1")), ("A", terms(rate="2"))],
                pointers=["/0", "/1", "/2"], reason="x", user=somebody(), actor=ACTOR, now=NOW,
            )  # fmt: skip
        assert [fault.pointer for fault in refused.value.faults] == ["/1/rate", "/2/reference"]
        assert sql.row("SELECT count(*) FROM core_proposal") == (0,)

    def test_how_a_book_counts_is_set_from_a_day_on(self):
        proposal_id = propose_policy(
            book="BOOK-1", terms=PolicyTerms("AVERAGE", opens_short=False, with_fees=False), valid_from=day(-10),
            reason="as the auditor asks", user=somebody(), actor=ACTOR, now=NOW,
        )  # fmt: skip
        assert [each[1] for each in lots(EURO_SHARE)] == [100, 50]
        approve(proposal_id)
        assert post_due(now=NOW, actor=ACTOR) == 1
        assert [each[1:] for each in lots(EURO_SHARE)] == [(150, 1600)]
        assert LotPolicy.objects.get().version == 1

    def test_a_book_that_counts_so_already_is_left_alone(self):
        with pytest.raises(Problem) as refused:
            propose_policy(
                book="BOOK-1", terms=PolicyTerms("FIFO", opens_short=True, with_fees=False), valid_from=TODAY,
                reason="x", user=somebody(), actor=ACTOR, now=NOW,
            )  # fmt: skip
        assert refused.value.code == "nothing-changes"
        with pytest.raises(Problem) as refused:
            propose_policy(
                book="NONE", terms=PolicyTerms("HIFO", opens_short=True, with_fees=False), valid_from=TODAY,
                reason=" ", user=somebody(), actor=ACTOR, now=NOW,
            )  # fmt: skip
        assert [fault.pointer for fault in refused.value.faults] == ["/reason", "/method", "/book"]


def test_what_no_position_can_hold_keeps_no_other_from_being_told(caplog):
    world()
    captured_ids(
        *[share("999999999999999", "0.0001", day=5, ref=f"HUGE-{n}") for n in range(2)], goods(on=day(-5))
    )
    post()
    said = [("CA-1", terms("SPLF", ex=-1, new="1000000", old="1"))]
    said.append(("CA-2", terms("SPLF", ex=-1, new="2", old="1", instrument="SKU-1")))
    for reference, each in said:
        approve(proposed(reference, each))
    assert post_due(now=NOW, actor=ACTOR) == 2
    assert "no position can hold" in caplog.text
    assert (traded()[EURO_SHARE], traded()["SKU-1"]) == (1999999999999998, -24)


class _Issuer(_Desk):
    """Deals at random, and has corporate actions set, corrected and called off."""

    def split(self, n: int) -> None:
        self._act(f"S-{n % 2}", terms("SPLF", ex=-(n % 4), new=str(n % 3 + 1), old=str(n % 5 + 1)))

    def dividend(self, n: int) -> None:
        self._act("D-1", terms("DVCA", ex=-(n % 4), pay=n % 3 - 1 if n % 4 else 1, rate=f"0.{n + 1}"))

    def redeem(self, n: int) -> None:
        self._act("R-1", terms("REDM", ex=-(n % 3), rate=str(n + 1), pay=1))

    def call_off(self, n: int) -> None:
        for reference, said in list(self.acted.items())[n % 3 :][:1]:
            self._act(
                reference, ActionTerms(**{**{k: getattr(said, k) for k in said.__slots__}, "cancelled": True})
            )

    def _act(self, reference: str, said: ActionTerms) -> None:
        try:
            act(reference, said)
        except Problem as error:
            assert error.code in {"nothing-changes", "invalid"}, error
        else:
            self.acted[reference] = said

    def __init__(self) -> None:
        super().__init__()
        self.acted: dict[str, ActionTerms] = {}


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([
            "buy", "buy", "sell", "amend", "move", "cancel", "settle", "post", "post_some",
            "split", "dividend", "redeem", "call_off",
        ]),
        st.integers(0, 11),
    ),
    min_size=4,
    max_size=16,
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_any_sequence_with_actions_leaves_what_a_replay_makes(db, steps):
    with transaction.atomic():
        world()
        desk = _Issuer()
        for name, n in steps:
            getattr(desk, name)(n)
        post()
        assert verify_positions(now=NOW, actor=ACTOR, correct=False) == []
        made = rows_of_all()
        assert made == replayed()
        transaction.set_rollback(True)
