"""sese.025: what has settled of a securities instruction."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.problem import Problem
from settlement.api.xml import read_messages
from settlement.services.standing import Standing, settle
from tests.settlement.messages.support import assert_valid, confirmation, said

WHOLE = Decimal(100)


def test_a_confirmation_says_how_much_is_settled_so_far():
    message = confirmation(41, "60.5", before="39.5")
    assert_valid("sese.025", message)
    assert said(message) == [(41, "CONFIRMED", "", Decimal(100))]
    assert said(confirmation(41, "60")) == [(41, "CONFIRMED", "", Decimal(60))]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"before": "20", "left": "40"}, ("PARTIAL", 60)),
        ({"left": "40"}, ("PARTIAL", 60)),  # what had settled before is left out
        ({"left": "0"}, ("SETTLED", 100)),
        ({"before": "60", "left": "0"}, ("SETTLED", 100)),
        ({"before": "60"}, ("SETTLED", 100)),
        ({}, ("PARTIAL", 40)),
    ],
)
def test_what_remains_tells_how_much_has_settled_so_far(how, expected):
    message = confirmation(41, "40", **how)
    assert_valid("sese.025", message)
    (report,) = read_messages(message.encode())
    assert report.adds_up(whole=WHOLE)
    standing = settle(Standing("PENDING", frozenset(), Decimal(0)), report, whole=WHOLE)
    assert (standing.settlement, standing.settled_quantity) == expected


@pytest.mark.parametrize(
    "how", [{"left": "61"}, {"before": "20", "left": "39"}, {"before": "20", "left": "41"}]
)
def test_what_does_not_make_the_whole_does_not_add_up(how):
    (report,) = read_messages(confirmation(41, "40", **how).encode())
    assert not report.adds_up(whole=WHOLE)


@given(parts=st.lists(st.integers(1, 30), min_size=1, max_size=6), shuffle=st.randoms(use_true_random=False))
def test_confirmations_of_parts_end_alike_in_whatever_order_and_however_they_are_told(parts, shuffle):
    told, so_far, whole = [], 0, Decimal(sum(parts) + 5)
    for part in parts:
        left = str(whole - so_far - part)
        told += [
            confirmation(41, str(part), before=str(so_far or ""), left=left),
            confirmation(41, str(part), left=left),
        ]
        so_far += part
    standing = Standing("PENDING", frozenset(), Decimal(0))
    for message in shuffle.sample(told, len(told)):
        (report,) = read_messages(message.encode())
        assert report.adds_up(whole=whole)
        standing = settle(standing, report, whole=whole)
    assert (standing.settlement, standing.settled_quantity) == ("PARTIAL", so_far)


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
