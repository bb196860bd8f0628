"""NEAR_DUPLICATE points out a deal that is nearly the same as one of a moment before."""

import pytest

from core.audit import system
from tests.support.factories import (
    captured_ids,
    check_everything,
    checked,
    codes_of,
    equity,
    findings_of,
    fx,
    told_of,
    world,
)
from tests.support.records import NOW
from trades.lifecycle import State, move_trades

pytestmark = pytest.mark.django_db
AT = "2026-11-23T10:00:00Z"


def _deal(ref: str = "", *, at: str | None = AT, **changes):
    return equity(ref, **({"executed_at": at} if at else {}), **changes)


def test_a_deal_keyed_again_at_a_slightly_other_price_is_found_and_names_the_first():
    world()
    first, second = captured_ids(_deal("E-1"), _deal("E-2", price="187.52", at="2026-11-23T10:00:20Z"))
    check_everything()
    assert codes_of(first) == []
    (finding,) = findings_of(second)
    assert (finding["code"], finding["severity"], finding["subject"]) == (
        "NEAR_DUPLICATE",
        "WARN",
        "source_ref",
    )
    assert finding["message"] == "Nearly the same deal was also captured as FO-EQ E-1."


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"quantity": "101"}, True), ({"quantity": "99"}, False),  # one per cent of the later deal's own
        ({"price": "187.62"}, True), ({"price": "187.63"}, False),
        ({"fees": [{"type": "TAX", "amount": "1.00", "currency": "USD"}]}, True),
        ({"at": "2026-11-23T10:00:30Z", "quantity": "101"}, True),
        ({"at": "2026-11-23T09:59:30Z", "quantity": "101"}, True),
        ({"at": "2026-11-23T10:00:31Z", "quantity": "101"}, False),
        ({"trader": "zoe", "quantity": "101"}, False),
        ({"counterparty": "CUST-01"}, False),
        ({"side": "SELL", "quantity": "101"}, False),
        ({"instrument": "DE0007164600", "quantity": "101"}, False),
        ({"at": None, "quantity": "101"}, False),
    ],
    ids=str,
)  # fmt: skip
def test_how_near_is_near(changes, found):
    world()
    checked(_deal("E-1"))
    assert ("NEAR_DUPLICATE" in told_of(_deal("E-2", **changes))) is found


def test_the_very_same_deal_is_another_checks_matter():
    world()
    checked(_deal("E-1"))
    assert set(told_of(_deal("E-2"))) == {"POSSIBLE_DUPLICATE"}


def test_a_cancelled_deal_has_no_duplicate():
    world()
    first = checked(_deal("E-1"))
    move_trades(
        trade_ids=[first], source=State.VALIDATED, target=State.CANCELLED, at=NOW, actor=system("tests")
    )
    assert told_of(_deal("E-2", price="187.52")) == {}


def test_exchanges_are_near_by_amount_and_rate():
    world()
    checked(fx("F-1", executed_at=AT))
    terms = fx()["terms"]
    near = {**terms, "sold": {"currency": "USD", "amount": "1086000.00"}, "rate": "1.086"}
    assert set(told_of(fx("F-2", executed_at=AT, terms=near))) == {"NEAR_DUPLICATE"}
    far = {**terms, "sold": {"currency": "USD", "amount": "1095000.00"}, "rate": "1.095"}
    assert told_of(fx("F-3", executed_at=AT, terms=far)) == {}
