"""Findings, as the grid gets them."""

import pytest

from core.ids import TRADE, public_id
from ops.data_sets.base import Span
from tests.ops.data_sets.reading import rows_of
from tests.support.factories import checked, equity, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


def test_each_is_a_row_with_the_trade_it_is_about():
    world()
    trade_id = checked(equity(counterparty="NOBODY-9"))
    (found,) = rows_of("findings")
    assert found["finding"] == "UNKNOWN_PARTY"
    assert (found["trade"], found["severity"], found["open"]) == (public_id(TRADE, trade_id), "BLOCK", True)
    assert (found["found"], found["closed"], found["counterparty"]) == (NOW, None, "NOBODY-9")


def test_a_span_narrows_them_by_the_day_they_were_found():
    world()
    checked(equity(counterparty="NOBODY-9"))
    assert rows_of("findings", Span(NOW.date(), NOW.date())) == rows_of("findings") != []
    assert rows_of("findings", Span(None, NOW.date().replace(day=1))) == []
