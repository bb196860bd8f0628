"""How old prices may be and what articles cost is proposed by one person and set by another."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core.http.problem import Problem
from core.models import Event, Proposal
from ledger.models import ValuationRule
from ledger.selectors.valuation import days_of
from ledger.services.valuation import Cost, Rule, propose_cost, propose_rule
from refdata.models import StandardCost
from tests.ledger.profit_support import CONTROLLER
from tests.ledger.reconciling import approved, somebody
from tests.ledger.test_margins import cost
from tests.support.factories import world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


def ruled(code: str = "EQUITY", days: int = 3, reason: str = "as the auditor asked") -> int:
    return propose_rule(
        rule=Rule(code, days), reason=reason, user=somebody("maker"), now=NOW, actor=CONTROLLER
    )


def costed(
    article: str = "SKU-1", amount: str = "1.60", *, since: date = date(2026, 11, 1), currency: str = "EUR"
) -> int:
    return propose_cost(
        cost=Cost(article, since, Decimal(amount), currency),
        reason="the new contract",
        user=somebody("maker"),
        now=NOW,
        actor=CONTROLLER,
    )


def faults(refused: pytest.ExceptionInfo[Problem]) -> list[str]:
    return [fault.pointer for fault in refused.value.faults]


def test_a_rule_holds_once_a_second_person_has_approved_it():
    waits = ruled()
    assert days_of("EQUITY") == 1
    approved(waits)
    assert days_of("EQUITY") == 3
    event = Event.objects.get(type="valuation_rule.changed")
    assert event.data == {"code": "EQUITY", "before": 1, "after": 3, "proposal_id": waits}
    with pytest.raises(Problem, match="as old already"):
        ruled()
    approved(ruled(days=0))
    assert days_of("EQUITY") == 0


def test_the_rule_for_every_other_class_is_that_of_those_without_one():
    approved(ruled("*", 5))
    assert (days_of("BOND"), days_of("FX"), days_of("GOODS")) == (5, 1, 250)


def test_of_a_class_one_proposal_waits_at_a_time():
    ruled()
    with pytest.raises(Problem, match="Another proposal waits"):
        ruled(days=4)
    assert ruled("FX", 2)


@pytest.mark.parametrize(
    ("rule", "pointers"),
    [
        (("MOOD", 2), ["/code"]),
        (("FX", 251), ["/days"]),
        (("FX", -1), ["/days"]),
        (("", 999, " "), ["/reason", "/code", "/days"]),
    ],
)
def test_a_rule_that_is_none_is_refused_with_every_fault(rule: tuple, pointers: list[str]):
    with pytest.raises(Problem) as refused:
        ruled(*rule)
    assert faults(refused) == pointers
    assert not Proposal.objects.exists()


def test_what_was_changed_meanwhile_is_not_approved():
    waits = ruled()
    ValuationRule.objects.create(code="EQUITY", days=9)
    with pytest.raises(Problem, match="no longer what it was"):
        approved(waits)
    assert (days_of("EQUITY"), Proposal.objects.get(id=waits).state) == (9, "PENDING")


def test_a_cost_holds_once_a_second_person_has_approved_it():
    world()
    cost("SKU-1", "1.50")
    waits = costed()
    assert StandardCost.objects.count() == 1
    assert Proposal.objects.get(id=waits).content["changes"] == [
        {"key": "2026-11-01", "before": None, "after": {"cost": "1.6", "currency": "EUR"}}
    ]
    approved(waits)
    assert list(StandardCost.objects.order_by("valid_from").values_list("cost", flat=True)) == [
        Decimal("1.50"), Decimal("1.60"),
    ]  # fmt: skip
    with pytest.raises(Problem, match="costs so already"):
        costed()


def test_a_cost_of_the_same_day_takes_the_place_of_what_was_said_before():
    world()
    cost("SKU-1", "1.50")
    approved(costed(since=date(2026, 1, 1)))
    assert StandardCost.objects.get().cost == Decimal("1.60")


def test_a_cost_that_another_has_set_meanwhile_is_not_approved():
    world()
    waits = costed()
    cost("SKU-1", "9", since=date(2026, 11, 1))
    with pytest.raises(Problem, match="no longer what it was"):
        approved(waits)
    assert StandardCost.objects.get().cost == Decimal(9)


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ({"article": "NONE"}, ["/instrument"]),
        ({"amount": "-1"}, ["/cost"]),
        ({"currency": "EUX"}, ["/currency"]),
        ({"amount": "1e30"}, ["/cost"]),
    ],
)
def test_a_cost_that_is_none_is_refused_with_the_field_that_is_wrong(said: dict, pointers: list[str]):
    world()
    with pytest.raises(Problem) as refused:
        costed(**said)
    assert faults(refused) == pointers
    assert not Proposal.objects.exists()
