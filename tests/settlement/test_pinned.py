"""What is sealed keeps the SSIs it was sealed with; once they are not the choice any more, somebody is told."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from core import sql
from core.audit import system
from refdata.models import Ssi
from refdata.services import load_rows
from settlement.services import pinned
from tests.settlement.support import LATER, batch_of, instruction_ids, ref, seal, validated
from tests.settlement.test_ssi_change import END, IBAN, NEW
from tests.support.factories import equity, fx, world
from tests.support.records import NOW
from trades.models import ExceptionItem

pytestmark = pytest.mark.django_db

ACTOR = system("settlement")


@pytest.fixture
def trade() -> int:
    """Return a trade that is sealed to pay dollars and euros."""
    made = world()
    Ssi.objects.filter(party=made.broker, kind="CASH").update(account=IBAN, agent_bic="DEUTDEFF")
    (trade_id,) = validated(equity())
    seal()
    sql.run("DELETE FROM core_work")
    return trade_id


def _load(*rows: dict[str, Any]) -> None:
    report = load_rows(kind="ssis", rows=rows, mode="atomic", actor=system("tests"), now=NOW)
    assert report.applied, report


def _watch() -> None:
    while pinned.watch_queued(now=NOW, actor=ACTOR):
        pass
    pinned.close_answered(now=LATER, actor=ACTOR)


def _open() -> list[tuple[int, str, list[str]]]:
    found = ExceptionItem.objects.filter(closed_at__isnull=True, kind=pinned.ITEM).order_by("trade_id")
    return [(each.trade_id, each.summary, each.codes) for each in found]


def test_an_ssi_that_takes_the_place_of_a_pinned_one_is_a_work_item_of_the_trades_behind(trade) -> None:
    (instruction,) = instruction_ids(batch_of("CASH"))
    _load(END, NEW)
    _watch()
    told = f"{ref(instruction)}: sealed with an SSI that is no longer the choice"
    assert _open() == [(trade, told, [pinned.CODE])]
    (pin,) = sql.rows("SELECT their_ssi_id FROM settlement_instruction WHERE id = %s", [instruction])
    assert Ssi.objects.get(id=pin[0]).account == IBAN


def test_a_second_look_and_a_second_change_open_no_second_item(trade) -> None:
    _load(END, NEW)
    _watch()
    _load({**NEW, "account": IBAN})
    _watch()
    assert len(_open()) == 1
    assert ExceptionItem.objects.filter(kind=pinned.ITEM).count() == 1


@pytest.mark.parametrize(
    "row",
    [
        {**NEW, "product": "FX_SPOT", "valid_from": "2026-11-01"},
        {**NEW, "book": "*", "key": "CHF", "valid_from": "2026-11-01"},
        {**END, "valid_to": "2026-11-25"},
    ],
)
def test_a_change_that_does_not_concern_what_is_sealed_says_nothing(trade, row) -> None:
    _load(row)
    _watch()
    assert _open() == []


def test_an_account_that_ended_without_another_is_told_too(trade) -> None:
    _load(END)
    _watch()
    assert [trade_id for trade_id, *_ in _open()] == [trade]


@pytest.mark.parametrize(
    "answer",
    [
        "UPDATE settlement_instruction_state SET settlement = 'SETTLED', changed_at = now()",
        "UPDATE settlement_instruction_state SET processing = 'REJECTED', changed_at = now()",
        "INSERT INTO settlement_recall (instruction_id, cause_ids, recalled_at, recalled_by, xid)"
        " SELECT id, trade_ids, now(), 'tests', 1 FROM settlement_instruction",
    ],
)
def test_the_item_closes_by_itself_once_the_instruction_is_done_with(trade, answer: str) -> None:
    _load(END, NEW)
    _watch()
    sql.run(answer)
    _watch()
    item = ExceptionItem.objects.get(kind=pinned.ITEM)
    assert (item.closed_at, item.resolution) == (LATER, pinned.RESOLUTION)


def test_the_item_closes_by_itself_once_the_pinned_one_is_the_choice_again(trade) -> None:
    _load(END, NEW)
    _watch()
    Ssi.objects.filter(valid_from=date(2026, 11, 25), key="USD").update(
        valid_from=date(2027, 1, 1), valid_to=None
    )
    _load({**END, "valid_to": "2026-12-31"})
    _watch()
    assert _open() == []


def test_a_net_says_so_of_every_trade_behind_it(trade) -> None:
    others = validated(equity(), equity(), fx())
    seal()
    sql.run("DELETE FROM core_work")
    _load({**NEW, "product": "EQUITY", "valid_from": "2026-11-01"})
    _watch()
    assert [trade_id for trade_id, *_ in _open()] == [trade, *others[:2]]


def test_more_trades_than_one_transaction_takes_are_told_all_the_same(trade, monkeypatch) -> None:
    monkeypatch.setattr(pinned, "TRADES_AT_ONCE", 2)
    for name in ("_NEW", "_OPEN"):
        monkeypatch.setattr(pinned, name, getattr(pinned, name).replace("LIMIT 2000", "LIMIT 2"))
    others = validated(*(equity() for _ in range(4)))
    seal()
    sql.run("DELETE FROM core_work")
    _load(END, NEW)
    _watch()
    assert [trade_id for trade_id, *_ in _open()] == [trade, *others]
    sql.run("UPDATE settlement_instruction_state SET settlement = 'SETTLED', changed_at = now()")
    _watch()
    assert _open() == []
