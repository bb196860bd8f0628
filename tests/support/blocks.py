"""Blocks and their parts: allocated by the service or over the interface, and read back."""

from __future__ import annotations

from typing import Any

from core import sql
from core.ids import TRADE, public_id
from refdata.models import Book
from tests.support.api import Api
from tests.support.factories import world
from tests.support.records import CLERK, LATER, state_of, version_of
from trades.services.change import Change
from trades.services.single_change import Answered, change_trade

TWO = [{"book": "BOOK-1", "quantity": "60"}, {"counterparty": "CUST-01", "quantity": "40"}]


def other_book() -> None:
    made = world()
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=made.ours)


def ref(trade_id: int) -> str:
    return public_id(TRADE, trade_id)


def etag(api: Api, trade_id: int) -> str:
    return str(api.get(f"/trades/{ref(trade_id)}")["ETag"])


def post(
    api: Api, trade_id: int, items: Any, *, what: str = "allocations", query: str = "", **how: Any
) -> Any:
    """Ask for an allocation, having just seen the trade."""
    headers = {"If-Match": etag(api, trade_id)}
    body = {"reason": "as the client asks", **({} if items is None else {"items": items}), **how}
    return api.post(f"/trades/{ref(trade_id)}/{what}{query}", body, headers=headers)


def allocate(trade_id: int, *items: dict[str, Any], dry_run: bool = False, **how: Any) -> Answered:
    change = Change("ALLOCATE", trade_id, "as agreed", items=list(items or TWO), **how)
    return change_trade(change=change, actor=CLERK, now=LATER, dry_run=dry_run)


def change(kind: Any, trade_id: int, **how: Any) -> Answered:
    return change_trade(change=Change(kind, trade_id, "as agreed", **how), actor=CLERK, now=LATER)


def parts_of(block_id: int) -> list[int]:
    """Return every part that a block has ever had."""
    rows = sql.rows("SELECT trade_id FROM trades_state WHERE block_id = %s ORDER BY trade_id", [block_id])
    return [trade_id for (trade_id,) in rows]


def terms_of(trade_id: int) -> dict[str, Any]:
    return version_of(trade_id, state_of(trade_id)[1])
