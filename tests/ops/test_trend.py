"""The trend of a member of a limit is a line that stays in its drawing, with the hard mark at one height."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ops import trend
from risk.services.use_samples import sample_use
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, equity, limit
from tests.support.records import NOW

AMOUNTS = st.decimals(Decimal("-1e12"), Decimal("1e12"), places=2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), AMOUNTS, AMOUNTS), min_size=1, max_size=60))
def test_no_point_leaves_the_drawing(told: list[tuple[int, Decimal, Decimal]]) -> None:
    rows = [
        {"hour": NOW - timedelta(hours=ago), "figure": figure, "hard": hard}
        for ago, figure, hard in sorted(told, key=lambda each: -each[0])
    ]
    points = trend._points(rows, NOW)
    assert len(points) == len(rows) + 1
    assert all(0 <= x <= trend.WIDTH and 0 <= y <= trend.HEIGHT for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_what_uses_just_the_hard_mark_is_drawn_on_its_line() -> None:
    rows = [{"hour": NOW, "figure": Decimal(7), "hard": Decimal(7)}]
    assert {y for _, y in trend._points(rows, NOW)} == {8}


def test_the_screens_show_the_line_and_the_highest_figure(world: World, sign_in: SignIn) -> None:
    limit("CPTY", hard="20000", warn="10000")
    checked(equity())
    desk = sign_in("supervisor")
    assert "<polyline" not in desk.get("/limits").content.decode()
    sample_use(now=NOW)
    (found,) = desk.get("/limits").context["limits"]
    (member,) = found["members"]
    assert member["trend"].highest == member["used"]
    assert desk.get("/limits").content.decode().count("<polyline") == 1
    page = desk.get("/limits/member?limit=CPTY&key=BROKER-01").content.decode()
    assert page.count("<polyline") == 1
    assert "known since" in page
