"""Figures, dates and states look the same everywhere, and can be pasted into a spreadsheet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.template import Context, Template

from ops.templatetags import console
from trades.lifecycle import State

NOW = datetime(2026, 11, 23, 14, 3, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1234567.8900", "USD", "1,234,567.89"),
        ("1234567.0000", "JPY", "1,234,567"),
        ("1234.5670", "BHD", "1,234.567"),
        ("1234.5678", "BHD", "1,234.5678"),
        ("0", "EUR", "0.00"),
        ("-0.5", "EUR", "-0.50"),
        ("99999999999999999999.9900", "EUR", "99,999,999,999,999,999,999.99"),
        ("1.005", "XXZ", "1.005"),
    ],
)
def test_an_amount_has_the_digits_of_its_currency_or_its_own_if_it_has_more(
    amount: str, currency: str, shown: str
) -> None:
    assert console.money(Decimal(amount), currency) == shown


def test_nothing_is_shown_as_a_dash_and_never_as_zero() -> None:
    assert (
        console.money(None, "EUR") == console.number(None) == console.price(None) == console.day(None) == "—"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [("187.2500000000", "187.25"), ("187", "187.00"), ("1.0845500000", "1.08455"), ("12345.5", "12,345.50")],
)
def test_a_price_keeps_its_ticks(value: str, shown: str) -> None:
    assert console.price(Decimal(value)) == shown


def test_a_quantity_has_no_empty_decimals() -> None:
    assert console.number(Decimal("1200.0000000000")) == "1,200"
    assert console.number(Decimal("0.0000000001")) == "0.0000000001"
    assert console.number(Decimal("100")) == "100"


def test_a_quantity_of_a_currency_is_money_and_any_other_is_a_number() -> None:
    assert console.asset_quantity(Decimal("5"), "JPY") == "5"
    assert console.asset_quantity(Decimal("5"), "EUR") == "5.00"
    assert console.asset_quantity(Decimal("5.5"), "US0378331005") == "5.5"


def test_a_count_stops_at_ten_thousand() -> None:
    assert console.capped(10_000) == "10,000"
    assert console.capped(10_001) == "10,000+"


def test_a_tile_says_roughly_what_the_figure_beside_it_says_exactly() -> None:
    assert console.short_money(Decimal("1234567")) == "1.2m"
    assert console.short_money(Decimal("-2500")) == "-2.5k"
    assert console.short_money(Decimal("999.5")) == "999.50"


def _rendered(source: str, **context: object) -> str:
    return Template("{% load console %}" + source).render(Context({"now": NOW, **context}))


def test_a_passed_deadline_reads_as_overdue_with_an_ascii_minus() -> None:
    shown = _rendered("{% due at %}", at=NOW - timedelta(minutes=15))
    assert "-15 min overdue" in shown
    assert 'class="due red"' in shown


def test_a_near_deadline_is_amber_and_a_far_one_plain() -> None:
    assert 'class="due amber"' in _rendered("{% due at %}", at=NOW + timedelta(minutes=59))
    far = _rendered("{% due at %}", at=NOW + timedelta(hours=25, minutes=7))
    assert 'class="due plain"' in far
    assert "in 1 d 1 h" in far


def test_a_moment_is_shown_in_the_desks_zone_and_names_it() -> None:
    summer = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    shown = _rendered("{% moment at %}", at=summer)
    assert ">2026-07-01 13:00<" in shown
    assert "2026-07-01 13:00:00 BST" in shown


@pytest.mark.parametrize("state", State)
def test_a_state_is_icon_and_word_and_colour_together(state: State) -> None:
    shown = console.trade_state(state.value)
    assert "<svg" in shown
    assert str(state.label) in shown
    assert 'class="pill ' in shown


def test_what_people_typed_is_escaped() -> None:
    assert "<b>" not in console.mark("<b>")
    assert "<b>" not in _rendered("{{ x|plain }}", x="<b>")


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        ("/changes/settlement_date", "Settlement date"),
        ("/terms/sold/amount", "Sold amount"),
        ("/parameters/least_deviation", "Least deviation"),
        ("/scope/product/0", "Product"),
        ("/dimensions/1", "Dimensions"),
    ],
)
def test_what_a_fault_points_to_is_called_as_in_the_form(pointer: str, shown: str) -> None:
    assert console.field_words(pointer) == shown


@pytest.mark.parametrize(
    ("cause", "shown"),
    [
        ("NET_MISMATCH net_amount", "Net mismatch: net amount"),
        ("KYC_EXPIRED", "KYC expired"),
        ("LIMIT_BREACH TRADER-SIZE j_vermeer", "Limit breach: TRADER-SIZE j_vermeer"),
    ],
)
def test_causes_are_told_in_words(cause: str, shown: str) -> None:
    assert console.cause_words(cause) == shown
