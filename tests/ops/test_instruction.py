"""The screen of one instruction: every leg behind it, and what it replaces."""

from __future__ import annotations

import pytest

from core.ids import INSTRUCTION, public_id
from ops.views import instruction as screen
from tests.ops.test_batch import text
from tests.settlement.support import LATER, batch_of, instruction_ids, seal, trade_ref, validated
from tests.support.factories import equity, world
from tests.support.records import CLERK
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db


def address(instruction_id: int) -> str:
    return f"/instructions/{public_id(INSTRUCTION, instruction_id)}"


def test_every_leg_is_shown_a_page_at_a_time(sign_in, monkeypatch):
    monkeypatch.setattr(screen, "LEGS_SHOWN", 2)
    world()
    ids = validated(*(equity(f"E-{n}") for n in range(3)))
    seal()
    (net,) = instruction_ids(batch_of("CASH"))
    desk = sign_in("operations")

    first = text(desk.get(address(net)))
    second = text(desk.get(f"{address(net)}?after={ids[1]}-2"))

    shown = [[trade_ref(each) in page for each in ids] for page in (first, second)]
    assert shown == [[True, True, False], [False, False, True]]
    assert f'rel="next" href="?after={ids[1]}-2"' in first
    assert 'rel="next"' not in second


def test_a_net_names_what_it_replaces_and_what_cancels_it(sign_in):
    world()
    one, _two = validated(equity("E-1"), equity("E-2", quantity="10"))
    seal()
    (old,) = instruction_ids(batch_of("CASH"))
    change_trade(change=Change("CANCEL", one, "as agreed"), actor=CLERK, now=LATER)
    desk = sign_in("operations")
    assert "Its cancellation leaves with the next batch" in text(desk.get(address(old)))
    (cash, _) = seal()
    new, cancelling = instruction_ids(cash)

    assert f'<dt>Replaces</dt><dd><a class="code" href="{address(old)}">' in text(desk.get(address(new)))
    assert f'<dt>Cancels</dt><dd><a class="code" href="{address(old)}">' in text(
        desk.get(address(cancelling))
    )
    assert f'Cancelled by <a class="code" href="{address(cancelling)}">' in text(desk.get(address(old)))


@pytest.mark.parametrize("reference", ["ins_nothing", public_id(INSTRUCTION, 1)])
def test_what_is_none_is_not_found(sign_in, reference):
    assert sign_in("operations").get(f"/instructions/{reference}").status_code == 404
