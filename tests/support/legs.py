"""The obligations of trades, as the products' shapes give them."""

from __future__ import annotations

from typing import Any

from core import sql
from trades.products._legs import legs_sql


def legs_of(*trade_ids: int) -> list[tuple[Any, ...]]:
    """Return (leg, kind, asset, direction, quantity, value date, counterparty, book, SSI key) in order."""
    return sql.rows(
        "WITH batch AS (SELECT v.*, i.market FROM trades_version v"
        " LEFT JOIN refdata_instrument i ON i.id = v.instrument_id WHERE v.trade_id = ANY(%s)),"
        f" legs AS ({legs_sql('batch')})"
        " SELECT leg, asset_kind, asset, direction, quantity, value_date, counterparty_id, book_id, ssi_key"
        " FROM legs ORDER BY trade_id, leg",
        [list(trade_ids)],
    )
