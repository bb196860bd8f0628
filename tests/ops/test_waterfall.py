"""A waterfall leads from nothing, part by part, to the total."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ops.waterfall import waterfall

AMOUNTS = st.lists(st.decimals("-1e15", "1e15", places=2), min_size=1, max_size=9)


@given(AMOUNTS)
def test_ends_at_the_total_and_stays_in_its_frame(amounts: list[Decimal]) -> None:
    *bars, total = waterfall([(f"part {n}", each) for n, each in enumerate(amounts)])
    assert total.amount == sum(amounts)
    assert total.ends_at == bars[-1].ends_at
    assert all(bar.y >= 24 and bar.y + bar.height <= 24 + 150 + 2 for bar in (*bars, total))


def test_draws_gains_upwards_and_losses_downwards() -> None:
    up, down, nought, total = waterfall([("a", Decimal(10)), ("b", Decimal(-15)), ("c", Decimal(0))])
    assert [each.kind for each in (up, down, nought, total)] == ["gain", "loss", "nought", "loss total"]
    assert (up.y, up.height) == (24, 100)
    assert (down.y, down.height, down.ends_at) == (24, 150, 174)
    assert (nought.y, nought.height) == (174, 2)
    assert (total.y, total.height) == (124, 50)
