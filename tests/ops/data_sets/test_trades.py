"""Trades, as the grid gets them."""

from datetime import date, timedelta

import pytest

from core.ids import TRADE, public_id
from ops.data_sets.base import Span
from tests.ops.data_sets.reading import rows_of
from tests.support.factories import captured_ids, checked, equity, fx, world
from tests.support.records import NOW, TODAY

pytestmark = pytest.mark.django_db


def test_each_is_a_row_of_its_current_version_the_newest_first():
    world()
    first = checked(equity("EQ-1"))
    (second,) = captured_ids(equity("EQ-2", book="NO-BOOK", counterparty="NOBODY"))
    newest, oldest = rows_of("trades")
    assert (newest["trade"], oldest["trade"]) == (public_id(TRADE, second), public_id(TRADE, first))
    assert (newest["status"], newest["book"], newest["counterparty"]) == ("captured", "NO-BOOK", "NOBODY")
    assert (newest["desk"], newest["counterparty name"]) == (None, None)
    assert oldest["status"] == "validated"
    assert oldest["source reference"] == "EQ-1"
    assert oldest["trade date"] == TODAY
    assert oldest["recorded"] == NOW
    assert oldest["quantity"] * oldest["price"] == pytest.approx(oldest["net amount"], rel=0.01)


def test_a_span_of_trade_dates_narrows_them():
    world()
    captured_ids(equity(), fx())
    assert len(rows_of("trades", Span(TODAY, TODAY))) == 2
    assert rows_of("trades", Span(TODAY + timedelta(days=1), None)) == []
    assert rows_of("trades", Span(None, date(2020, 1, 1))) == []
