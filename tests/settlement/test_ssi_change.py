"""Two people change the SSIs of a party, and both see what it re-routes before it does."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from core import four_eyes, sql
from core.audit import Actor, encode
from core.http.problem import Problem
from core.models import Proposal
from refdata.models import Book, Ssi
from settlement.services.ssi_change import (
    KIND,
    LISTED,
    Foreseen,
    approve_ssi_change,
    foresee,
    materially_other,
    propose_ssi_change,
)
from tests.settlement.support import batch_of, everything, instruction_ids, ref, seal, trade_ref, validated
from tests.support.factories import equity, fx, goods, party, world
from tests.support.records import NOW, person

pytestmark = pytest.mark.django_db

IBAN, OTHER = "DE89370400440532013000", "DE02120300000000202051"
NEW = {
    "party": "BROKER-01",
    "kind": "CASH",
    "key": "USD",
    "account": OTHER,
    "agent_bic": "DEUTDEFF",
    "valid_from": "2026-11-25",
}
END = {**NEW, "account": IBAN, "valid_from": "2020-01-01", "valid_to": "2026-11-24"}
MAKER = Actor("user:maker")


@pytest.fixture
def made() -> Any:
    found = world()
    Ssi.objects.filter(party=found.broker, kind="CASH").update(account=IBAN, agent_bic="DEUTDEFF")
    return found


def _proposed(*rows: dict[str, Any], reason: str = "because") -> int:
    return propose_ssi_change(rows=rows, reason=reason, user=person("maker"), actor=MAKER, now=NOW)


def _checker() -> User:
    return User.objects.filter(username="checker").first() or person("checker")


def _approved(proposal_id: int, **how: Any) -> None:
    approve_ssi_change(
        proposal_id=proposal_id, user=_checker(), note="", actor=Actor("user:checker"), now=NOW, **how
    )


def _totals(foreseen: Foreseen) -> list[tuple[Any, ...]]:
    return [(each.sealed, each.asset, each.trades, each.quantity) for each in foreseen.effect.totals]


class TestWhatItReRoutes:
    def test_is_the_open_legs_of_the_party_that_would_settle_elsewhere(self, made) -> None:
        first, second = validated(
            equity(net_amount="100.00"), equity(net_amount="50.00", side="SELL"), goods()
        )[:2]
        found = foresee(rows=[END, NEW], now=NOW)

        assert (found.party, found.effect.trades, found.effect.instructions) == ("BROKER-01", 2, 0)
        assert _totals(found) == [(False, "USD", 2, "150.00")]
        assert [(each["trade"], each["direction"], each["quantity"]) for each in found.effect.items] == [
            (trade_ref(first), "DELIVER", "100.00"),
            (trade_ref(second), "RECEIVE", "50.00"),
        ]
        assert {(each["before"], each["after"]) for each in found.effect.items} == {
            (f"{IBAN} DEUTDEFF", f"{OTHER} DEUTDEFF")
        }

    def test_stores_nothing_and_asks_nobody_to_check_again(self, made) -> None:
        validated(equity())
        before, ssis = everything(), list(Ssi.objects.order_by("id").values())
        foresee(rows=[END, NEW], now=NOW)
        assert (everything(), list(Ssi.objects.order_by("id").values())) == (before, ssis)

    def test_tells_what_is_sealed_apart_and_leaves_out_what_is_settled(self, made) -> None:
        validated(equity(net_amount="100.00"))
        seal()
        (sealed,) = instruction_ids(batch_of("CASH"))
        found = foresee(rows=[END, NEW], now=NOW)

        assert _totals(found) == [(True, "USD", 1, "100.00")]
        assert [each["instruction"] for each in found.effect.items] == [ref(sealed)]
        sql.run("UPDATE settlement_instruction_state SET settlement = 'SETTLED', changed_at = now()")
        assert foresee(rows=[END, NEW], now=NOW).effect.trades == 0

    def test_of_an_account_for_one_product_leaves_the_others_alone(self, made) -> None:
        validated(equity(net_amount="100.00"), fx())
        found = foresee(rows=[{**NEW, "product": "EQUITY", "valid_from": "2026-11-23"}], now=NOW)
        assert _totals(found) == [(False, "USD", 1, "100.00")]

    def test_of_our_own_account_for_a_book_is_of_its_trades(self, made) -> None:
        Book.objects.create(code="BOOK-2", desk="DESK-2", entity=made.ours)
        validated(equity(), equity(book="BOOK-2", net_amount="7.00"))
        found = foresee(
            rows=[{**NEW, "party": "OURS", "book": "BOOK-2", "valid_from": "2026-11-23"}], now=NOW
        )
        assert _totals(found) == [(False, "USD", 1, "7.00")]

    def test_of_an_end_says_that_what_follows_has_none(self, made) -> None:
        validated(equity())
        found = foresee(rows=[END], now=NOW)
        assert [each["after"] for each in found.effect.items] == [None]

    def test_is_nothing_when_the_same_account_is_stated_anew(self, made) -> None:
        validated(equity())
        assert foresee(rows=[END, {**NEW, "account": IBAN}], now=NOW).effect.trades == 0

    def test_lists_the_first_legs_and_counts_all(self, made) -> None:
        validated(*(equity(net_amount="1.00") for _ in range(LISTED + 3)))
        effect = foresee(rows=[END, NEW], now=NOW).effect
        assert (len(effect.items), effect.trades) == (LISTED, LISTED + 3)


class TestAProposal:
    def test_changes_nothing_before_it_is_approved(self, made) -> None:
        validated(equity(net_amount="100.00"))
        proposal_id = _proposed(END, NEW)
        content = Proposal.objects.get(id=proposal_id).content

        assert not Ssi.objects.filter(account=OTHER).exists()
        assert [each["before"] is None for each in content["changes"]] == [False, True]
        assert content["effect"]["totals"] == [
            {"sealed": False, "asset_kind": "CASH", "asset": "USD", "trades": 1, "quantity": "100.00"}
        ]

        _approved(proposal_id)
        stored = Ssi.objects.filter(party=made.broker, key="USD").order_by("valid_from")
        assert [(each.account, each.valid_to) for each in stored] == [
            (IBAN, date(2026, 11, 24)),
            (OTHER, None),
        ]
        told = sql.rows("SELECT type, actor, reason FROM core_event WHERE subject = 'ssi' ORDER BY id")
        assert told == [
            ("ssi.created", "user:checker", "because"),
            ("ssi.changed", "user:checker", "because"),
        ]

    def test_that_is_declined_changes_nothing(self, made) -> None:
        before = list(Ssi.objects.order_by("id").values())
        four_eyes.decline(
            kind=KIND,
            proposal_id=_proposed(END, NEW),
            user=person("checker"),
            note="No.",
            actor=Actor("user:checker"),
            now=NOW,
        )
        assert list(Ssi.objects.order_by("id").values()) == before

    @pytest.mark.parametrize(
        ("rows", "status", "pointers"),
        [
            ((), 422, ["/rows"]),
            (({**NEW, "party": "NOBODY"},), 422, ["/rows/0/party"]),
            ((NEW, {**NEW, "party": "CUST-01"}), 422, ["/rows"]),
            ((NEW,), 422, ["/rows/0/valid_from"]),
            ((END, {**NEW, "account": "", "agent_bic": "X"}), 422, ["/rows/1/account", "/rows/1/agent_bic"]),
            (({**END, "valid_to": None},), 409, []),
        ],
    )
    def test_that_cannot_be_is_refused_with_every_fault(self, made, rows, status, pointers) -> None:
        with pytest.raises(Problem) as refused:
            _proposed(*rows)
        assert (refused.value.status, [each.pointer for each in refused.value.faults]) == (status, pointers)
        assert not Proposal.objects.exists()

    def test_without_a_reason_is_refused(self, made) -> None:
        with pytest.raises(Problem) as refused:
            _proposed(END, NEW, reason=" ")
        assert [each.pointer for each in refused.value.faults] == ["/reason"]

    def test_is_refused_once_the_ssis_are_no_longer_what_they_were(self, made) -> None:
        proposal_id = _proposed(END, NEW)
        Ssi.objects.filter(account=IBAN, key="USD").update(agent_bic="CHASUS33")
        with pytest.raises(Problem) as refused:
            _approved(proposal_id)
        assert (refused.value.status, refused.value.code) == (409, "ssi-changed")
        assert Proposal.objects.get(id=proposal_id).state == "PENDING"
        assert not Ssi.objects.filter(account=OTHER).exists()

    def test_of_another_party_is_not_stood_in_the_way_of(self, made) -> None:
        party("OTHER", ssis=())
        _proposed(END, NEW)
        assert propose_ssi_change(
            rows=[{**NEW, "party": "OTHER"}],
            reason="because",
            user=person("second"),
            actor=MAKER,
            now=NOW,
        )
        with pytest.raises(Problem) as refused:
            propose_ssi_change(rows=[END, NEW], reason="again", user=person("third"), actor=MAKER, now=NOW)
        assert refused.value.code == "pending-proposal"


class TestAnEffectThatHasChanged:
    def test_materially_is_shown_anew_before_it_is_approved(self, made) -> None:
        validated(equity(net_amount="100.00"))
        proposal_id = _proposed(END, NEW)
        validated(equity(net_amount="50.00"))
        with pytest.raises(Problem) as refused:
            _approved(proposal_id)
        assert refused.value.code == "effect-changed"
        assert not Ssi.objects.filter(account=OTHER).exists()

        effect = foresee(rows=[END, NEW], now=NOW).effect
        _approved(proposal_id, seen=encode(effect.summary()))
        assert Ssi.objects.filter(account=OTHER).exists()

    @pytest.mark.parametrize("seen", ["{}", "[]", '{"totals": [1]}', '{"totals": [{"sealed": false}]}'])
    def test_is_not_taken_as_seen_when_the_form_says_nonsense(self, made, seen: str) -> None:
        validated(equity(net_amount="100.00"))
        proposal_id = _proposed(END, NEW)
        with pytest.raises(Problem) as refused:
            _approved(proposal_id, seen=seen)
        assert refused.value.code == "effect-changed"

    @pytest.mark.parametrize(
        ("then", "now", "other"),
        [
            ("100", "100", False),
            ("100", "110", False),
            ("100", "110.01", True),
            ("100", "89.99", True),
            ("100", "90", False),
        ],
    )
    def test_by_more_than_a_tenth_is_material(self, then: str, now: str, other: bool) -> None:
        def effect(quantity: str) -> dict[str, Any]:
            return {"totals": [{"sealed": False, "asset": "USD", "quantity": str(Decimal(quantity))}]}

        assert materially_other(effect(then), effect(now)) is other
        assert materially_other({"totals": []}, effect(now)) is True
