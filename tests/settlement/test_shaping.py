"""What nets to more than the maximum size of an instruction is sealed as several, which add up to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from core.ids import INSTRUCTION, public_id
from refdata.models import MaximumSize
from settlement.open_records import moves_of_trade
from settlement.selectors import legs_behind
from settlement.services.recall_line import recall_instruction
from tests.settlement.formats.support import exported, firm, needs_schemas, validate
from tests.settlement.support import (
    LATER,
    BackOffice,
    advance,
    batch,
    batch_of,
    bytes_of,
    control_of,
    instruction_ids,
    lines_of,
    number_of,
    seal,
    state,
    validated,
    waiting_leg,
)
from tests.settlement.support import validate as let_pass
from tests.settlement.test_dvp import pairs
from tests.settlement.test_netting import _ID, _books, parties  # noqa: F401 - a fixture
from tests.support.factories import APPLE, World, equity, fx, goods, settle_gross, world
from tests.support.records import CLERK
from trades.services.change import Change
from trades.services.recheck import recheck_trades
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db


def at_most(asset_kind: str, maximum: str, asset: str = "*", **fields: Any) -> None:
    MaximumSize.objects.create(
        asset_kind=asset_kind, asset=asset, maximum=maximum, **{"valid_from": "2020-01-01", **fields}
    )


@pytest.fixture
def gross() -> World:
    made = world()
    settle_gross()
    return made


def sealed(*channels: str) -> dict[str, list[dict[str, Any]]]:
    return {batch(each)["channel_id"]: lines_of(each) for each in seal(*channels)}


def shapes(lines: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Return number and quantity of each shape; all must be of one net."""
    assert {line["shape"]["common_reference"] for line in lines} == {
        line["instruction"] for line in lines if line["shape"]["number"] == 1
    }
    assert {line["shape"]["of"] for line in lines} == {len(lines)}
    return sorted((line["shape"]["number"], line["quantity"]) for line in lines)


class TestANet:
    def test_that_is_not_over_the_maximum_is_one_instruction(self, gross):
        at_most("SECURITY", "100")
        at_most("CASH", "18725.00")
        validated(equity())

        assert [line["shape"] for each in sealed().values() for line in each] == [None, None]

    def test_over_the_maximum_is_cut_with_its_payment_in_proportion(self, gross):
        at_most("SECURITY", "30")
        validated(equity(quantity="100", net_amount="100.01"))
        lines = sealed()

        assert shapes(lines["SECURITIES"]) == [(1, "30"), (2, "30"), (3, "30"), (4, "10")]
        assert shapes(lines["CASH"]) == [(1, "30.00"), (2, "30.01"), (3, "30.00"), (4, "10.00")]
        assert len(pairs(lines)) == 3  # two of them are of 30 for 30.00
        assert all(
            one["shape"]["number"] == other["shape"]["number"]
            for one in lines["SECURITIES"]
            for other in lines["CASH"]
            if one["linked"]["instruction"] == other["instruction"]
        )

    def test_whose_payment_alone_is_over_the_maximum_is_cut_so_that_no_payment_is(self, gross):
        at_most("CASH", "5000", "USD")
        validated(equity(quantity="100"))  # at 187.25
        lines = sealed()

        assert shapes(lines["SECURITIES"]) == [(1, "26"), (2, "26"), (3, "26"), (4, "22")]
        assert [amount for _, amount in shapes(lines["CASH"])] == ["4868.50", "4868.50", "4868.50", "4119.50"]

    def test_of_money_or_goods_alone_is_cut_at_the_maximum(self, gross):
        at_most("CASH", "400000", "EUR")
        at_most("CASH", "1", "USD", valid_to="2026-11-24")
        at_most("GOODS", "4")
        at_most("GOODS", "1000", "SKU-2")
        validated(
            fx(),
            goods(lines=[{"sku": sku, "quantity": "10", "unit_price": "1"} for sku in ("SKU-1", "SKU-2")]),
        )
        lines = sealed()

        cash = [line for line in lines["CASH"] if line["shape"]]
        assert {line["asset"] for line in cash} == {"EUR"}
        assert shapes(cash) == [(1, "400000.00"), (2, "400000.00"), (3, "200000.00")]
        assert shapes([each for each in lines["GOODS"] if each["shape"]]) == [(1, "4"), (2, "4"), (3, "2")]

    def test_that_would_take_more_shapes_than_can_be_counted_takes_as_many_larger_ones(self, gross):
        at_most("CASH", "0.01", "EUR")
        validated(fx())
        lines = [line for line in sealed()["CASH"] if line["asset"] == "EUR"]

        assert len(lines) == 999
        assert sum(Decimal(line["quantity"]) for line in lines) == Decimal("1000000.00")
        assert {line["quantity"] for line in lines} == {"1001.01", "992.02"}

    def test_has_each_leg_in_as_many_parts_as_it_lies_in_shapes(self):
        world()  # all nets
        at_most("SECURITY", "40")
        one, two, three = validated(
            equity("E-1", quantity="50"),
            equity("E-2", quantity="30", side="SELL"),
            equity("E-3", quantity="70"),
        )
        lines = sorted(sealed()["SECURITIES"], key=lambda line: line["shape"]["number"])

        assert [(line["quantity"], line["legs"]) for line in lines] == [("40", 3), ("40", 1), ("10", 1)]
        legs = [
            [
                (leg["trade_id"], leg["direction"], leg["quantity"])
                for leg in legs_behind(number_of(line["instruction"]))
            ]
            for line in lines
        ]
        assert legs == [
            [(one, "RECEIVE", 50), (two, "DELIVER", 30), (three, "RECEIVE", 20)],
            [(three, "RECEIVE", 40)],
            [(three, "RECEIVE", 10)],
        ]

    @needs_schemas
    def test_counts_its_messages_and_names_their_pool_as_iso_20022_does(self):
        firm()
        at_most("SECURITY", "60")
        validated(equity())
        seal()
        content = exported(batch_of("SECURITIES"), "sese.023")

        assert validate("sese.023", content) == 2
        for number in (b"1", b"2"):
            count = b"<CurInstrNb>" + number + b"</CurInstrNb><TtlOfLkdInstrs>2</TtlOfLkdInstrs>"
            assert content.count(b"<NbCounts><TtlNb>" + count) == 1
        assert content.count(b"<PoolId>") == 2


class TestItsTrade:
    def test_is_settled_once_all_shapes_are(self, gross):
        at_most("SECURITY", "60")
        (trade_id,) = validated(equity())
        seal()
        office = BackOffice()
        for channel in ("CASH", "SECURITIES"):
            office.claim(batch_of(channel))
            office.acknowledge(batch_of(channel), office.lines(batch_of(channel)))
        advance()
        every = [each for channel in ("CASH", "SECURITIES") for each in instruction_ids(batch_of(channel))]
        assert (len(every), state(trade_id)) == (4, "ACKNOWLEDGED")
        settle(office, every[:3])
        assert state(trade_id) == "ACKNOWLEDGED"
        settle(office, every[3:])
        assert state(trade_id) == "SETTLED"

    def test_has_only_the_rejected_shape_and_its_payment_instructed_again(self, gross):
        at_most("SECURITY", "60")
        (trade_id,) = validated(equity())
        lines = sealed()
        office = BackOffice()
        (small,) = [line for line in lines["SECURITIES"] if line["quantity"] == "40"]
        for channel in ("SECURITIES", "CASH"):
            office.claim(batch_of(channel))
        items = [
            {"instruction": each["instruction"], "status": "REJECTED", "reason": "DT"}
            if each is small
            else {"instruction": each["instruction"], "status": "ACCEPTED"}
            for each in lines["SECURITIES"]
        ]
        answer = office.post(
            f"settlement-batches/{small['batch']}/acknowledgements",
            {"items": items, "control_totals": control_of(lines["SECURITIES"])},
        )
        assert [each["status"] for each in answer.json()["items"]] == [200, 200]
        assert state(trade_id) == "EXCEPTION"
        recheck_trades(trade_ids=[trade_id], reason="the date is right now", actor=CLERK, now=LATER)
        let_pass([trade_id])
        again = sealed()

        assert [(line["kind"], line["quantity"]) for line in again["SECURITIES"]] == [("NEW", "40")]
        assert [(line["kind"], line["quantity"]) for line in again["CASH"]] == [
            ("NEW", "7490.00"),
            ("CANCEL", "7490.00"),
        ]
        assert again["CASH"][1]["shape"] == {
            **small["shape"],
            "common_reference": again["CASH"][1]["shape"]["common_reference"],
        }
        assert standing(trade_id) == {1: Decimal(100), 2: Decimal(18725)}
        assert sealed() == {}

    def test_that_changes_in_one_leg_keeps_the_shapes_of_the_other(self):
        world()  # payments net apart from securities
        at_most("SECURITY", "60")
        at_most("CASH", "10000")
        (trade_id,) = validated(equity())
        before = sealed()
        change_trade(
            change=Change("AMEND", trade_id, "as agreed", changes={"net_amount": "9000"}),
            actor=CLERK,
            now=LATER,
        )
        let_pass([trade_id])
        after = sealed()

        assert set(after) == {"CASH"}
        assert [(line["kind"], line["quantity"]) for line in after["CASH"]] == [
            ("NEW", "9000.00"),
            ("CANCEL", "8725.00"),
            ("CANCEL", "10000.00"),
        ]
        assert set(after["CASH"][0]["replaces"]) == {line["instruction"] for line in before["CASH"]}
        assert standing(trade_id) == {1: Decimal(100), 2: Decimal(9000)}

    def test_has_a_recalled_shape_wait_and_sealed_again_while_the_others_stay(self, gross):
        at_most("CASH", "400000", "EUR")
        (trade_id,) = validated(fx())
        (second,) = [line for line in sealed()["CASH"] if line["shape"] and line["shape"]["number"] == 2]
        recall_instruction(
            instruction_id=number_of(second["instruction"]), reason="wrong", actor=CLERK, now=LATER
        )
        assert standing(trade_id)[1] == 600_000
        again = sealed()["CASH"]

        assert [(line["kind"], line["quantity"], line["shape"] is None) for line in again] == [
            ("NEW", "400000.00", True),
            ("CANCEL", "400000.00", False),
        ]
        assert again[0]["replaces"] == [second["instruction"]]
        assert standing(trade_id)[1] == 1_000_000

    def test_has_a_later_leg_cut_when_its_day_comes(self, gross):
        (trade_id,) = validated(equity())
        seal()
        waiting_leg(trade_id, "1000.00", value_date="2026-11-25")
        at_most("CASH", "300", "USD")
        assert [row["quantity"] for row in moves_of_trade(trade_id, now=LATER) if row["record"] == "LEG"] == [
            1_000
        ]
        lines = sealed()["CASH"]

        assert shapes(lines) == [(1, "300.00"), (2, "300.00"), (3, "300.00"), (4, "100.00")]
        assert standing(trade_id)[3] == 1_000
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            sql.run("UPDATE settlement_obligation SET quantity = 1")


def settle(office: BackOffice, instruction_ids: list[int]) -> None:
    """Report instructions settled, and let the trades follow."""
    items = [{"instruction": public_id(INSTRUCTION, each), "status": "SETTLED"} for each in instruction_ids]
    assert office.report(*items).status_code == 207
    advance()


_STANDING = """
SELECT o.leg, sum(o.quantity) FROM settlement_obligation o
JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id AND s.processing <> 'REJECTED'
WHERE o.trade_id = %s AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = o.instruction_id)
GROUP BY o.leg
"""


def standing(trade_id: int) -> dict[int, Decimal]:
    """Return what stands instructed of each leg of a trade."""
    return dict(sql.rows(_STANDING, [trade_id]))


# --- any trades, any maxima ---

_maxima = st.fixed_dictionaries(
    {},
    optional={
        ("CASH", "USD"): st.decimals("30000", "900000", places=2),
        ("CASH", "*"): st.decimals("30000", "900000", places=2),
        ("SECURITY", "*"): st.decimals("30000", "900000", places=1),
        ("SECURITY", APPLE): st.integers(30_000, 900_000).map(Decimal),
        ("GOODS", "*"): st.decimals("80000", "900000", places=2),
    },
).filter(bool)
# Every leg of every trade, and what its parts are over.
_LEGS = """
SELECT o.trade_id, o.leg, o.asset_kind, o.asset, o.direction, sum(o.quantity), min(o.quantity) > 0
FROM settlement_obligation o GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2
"""
# Only the payment for the smallest part of a security may be over the maximum: nothing smaller can be delivered.
_OVER = """
SELECT i.id FROM settlement_instruction i
WHERE i.quantity > (SELECT m.maximum FROM refdata_maximum_size m
                    WHERE m.asset_kind = i.asset_kind AND m.asset IN ('*', i.asset) ORDER BY m.asset = '*' LIMIT 1)
  AND NOT EXISTS (
      SELECT FROM settlement_instruction o WHERE o.id = i.linked_id AND o.quantity <= power(10::numeric, -coalesce(
          (SELECT scale(trim_scale(sum(n.quantity))) FROM settlement_instruction n WHERE n.shaped_with = o.shaped_with),
          scale(trim_scale(o.quantity)))))
"""
_UNLIKE_LEGS = """
SELECT i.id FROM settlement_instruction i LEFT JOIN settlement_obligation o ON o.instruction_id = i.id
GROUP BY i.id
HAVING coalesce(sum(CASE o.direction WHEN 'RECEIVE' THEN o.quantity ELSE -o.quantity END), 0)
       <> CASE i.direction WHEN 'RECEIVE' THEN i.quantity WHEN 'DELIVER' THEN -i.quantity ELSE 0 END
    OR count(o.trade_id) <> i.gross_count OR i.trade_ids <> array_agg(o.trade_id ORDER BY o.trade_id)
"""
_UNPAIRED = """
SELECT i.id FROM settlement_instruction i
LEFT JOIN settlement_instruction o ON o.id = i.linked_id AND o.linked_id = i.id
    AND o.shape IS NOT DISTINCT FROM i.shape AND o.shapes IS NOT DISTINCT FROM i.shapes
WHERE i.linked_id IS NOT NULL AND o.id IS NULL
"""
_MISCOUNTED = """
SELECT shaped_with FROM settlement_instruction WHERE shape IS NOT NULL GROUP BY shaped_with
HAVING array_agg(shape ORDER BY shape) <> ARRAY(SELECT generate_series(1, max(shapes)))
    OR min(id) FILTER (WHERE shape = 1) IS DISTINCT FROM shaped_with
"""


@given(_books, _maxima, st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_cut_adds_up_leg_by_leg_is_not_over_the_maximum_and_is_the_same_in_any_order(
    parties,  # noqa: F811
    documents,
    maxima,
    shuffle,
):
    whole, _ = _sealed(documents, {})
    legs, content = _sealed(documents, maxima)
    _, shuffled = _sealed(shuffle.sample(documents, len(documents)), maxima)

    assert [row[1:] for row in legs] == [row[1:] for row in whole]
    assert content == shuffled


def _sealed(
    documents: list[dict[str, Any]], maxima: dict[tuple[str, str], Decimal]
) -> tuple[list[Any], list[bytes]]:
    with transaction.atomic():
        for (kind, asset), maximum in maxima.items():
            at_most(kind, str(maximum), asset)
        validated(*documents)
        content = [_ID.sub(rb'"\1"', bytes_of(each)) for each in seal()]
        legs = sql.rows(_LEGS)
        assert all(row[-1] for row in legs)
        assert sql.rows(_OVER) == []
        assert sql.rows(_UNLIKE_LEGS) == []
        assert sql.rows(_UNPAIRED) == []
        assert sql.rows(_MISCOUNTED) == []
        transaction.set_rollback(True)
    return legs, content
