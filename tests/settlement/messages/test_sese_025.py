"""sese.025: what has settled of a securities instruction."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.http.problem import Problem
from tests.settlement.messages.support import assert_valid, confirmation, said


def test_a_confirmation_says_how_much_is_settled_so_far():
    message = confirmation(41, "60.5", before="39.5")
    assert_valid("sese.025", message)
    assert said(message) == [(41, "CONFIRMED", "", Decimal(100))]
    assert said(confirmation(41, "60")) == [(41, "CONFIRMED", "", Decimal(60))]


@pytest.mark.parametrize("quantity", ["", "1e3", "-1", "1.00000000001", "1" * 19, "NaN"])
def test_a_quantity_that_is_none_is_named(quantity):
    with pytest.raises(Problem) as caught:
        said(confirmation(41, quantity))
    (fault,) = caught.value.faults
    assert fault.pointer == "/Document/SctiesSttlmTxConf/QtyAndAcctDtls/SttldQty/Qty/Unit"


def test_a_confirmation_without_a_quantity_is_refused():
    with pytest.raises(Problem) as caught:
        said(confirmation(41, "1").replace("SttldQty", "OtherQty"))
    assert [fault.code for fault in caught.value.faults] == ["missing"]
