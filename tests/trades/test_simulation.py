"""The simulated front office: the same deals for the same seed, right ones right and wrong ones wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import msgspec
import pytest

from trades.products._reading import read_message
from trades.simulation import MISTAKES, PRODUCTS, FrontOffice, demo_universe

TODAY = date(2026, 11, 23)


def office(**options) -> FrontOffice:
    return FrontOffice(demo_universe(on=TODAY), **{"seed": 1, **options})


def test_the_same_seed_makes_the_same_deals_in_any_order():
    forwards = [office().deal(number) for number in range(50)]
    backwards = [office().deal(number) for number in reversed(range(50))]
    assert forwards == backwards[::-1]
    assert forwards != [office(seed=2).deal(number) for number in range(50)]


def test_every_deal_can_be_read_and_has_its_own_reference():
    messages = [office(bad=Decimal(30)).deal(number)[0] for number in range(500)]
    read = [read_message(msgspec.json.encode(each)) for each in messages]
    assert len({each.source_ref for each in read}) == 500
    assert {each["product"] for each in messages} == set(PRODUCTS)


def test_no_deal_is_wrong_unless_it_is_asked_for():
    assert not any(office().deal(number)[1] for number in range(300))


def test_all_deals_are_wrong_when_it_is_asked_for_and_every_mistake_comes():
    mistakes = [office(bad=Decimal(100)).deal(number)[1] for number in range(2_000)]
    assert set(mistakes) - {""} == set(MISTAKES)
    assert mistakes.count("") < 100


def test_deals_are_only_in_the_products_that_are_asked_for():
    assert {office(products=["GOODS"]).deal(number)[0]["product"] for number in range(50)} == {"GOODS"}


def test_the_right_amount_of_an_exchange_follows_from_its_rate():
    for number in range(200):
        terms = office(products=["FX_SPOT", "FX_FORWARD"]).deal(number)[0]["terms"]
        exact = Decimal(terms["bought"]["amount"]) * Decimal(terms["rate"])
        assert abs(exact - Decimal(terms["sold"]["amount"])) <= Decimal("0.5")


def test_a_universe_with_nothing_to_deal_in_is_refused():
    with pytest.raises(ValueError, match="no reference data to deal in GOODS"):
        FrontOffice(replace(demo_universe(on=TODAY), goods=[]), seed=1, products=["GOODS"])
