"""The products' obligation shapes as one SQL query: what each trade of a batch obliges whom to deliver."""

from __future__ import annotations

from functools import cache

from trades.products import PRODUCTS
from trades.products.base import Leg, Product

LINE_LEGS_FROM = 1_000  # legs of order lines are numbered from here, by line


@cache
def legs_sql(batch: str = "batch") -> str:
    """Return SQL for the legs of the trades in relation `batch`.

    `batch` has the columns of trades_version and `market` (of the instrument, may be null). The query's rows:
    trade_id, version, leg (stable number), asset_kind (CASH, SECURITY, GOODS), asset (currency, ISIN, SKU),
    direction (DELIVER or RECEIVE, seen from us), quantity (as agreed; never netted), value_date,
    counterparty_id, book_id, ssi_key (currency, market or `*`; null while the instrument is not known).
    """
    parts = [
        _leg_sql(product, number, leg, batch)
        for product in PRODUCTS.values()
        for number, leg in enumerate(product.legs, start=1)
    ]
    return "\nUNION ALL\n".join(parts)


def _leg_sql(product: Product, number: int, leg: Leg, batch: str) -> str:
    giver_is_us = "b.side = 'BUY'" if leg.giver == "BUYER" else "b.side = 'SELL'"
    direction = f"CASE WHEN {giver_is_us} THEN 'DELIVER' ELSE 'RECEIVE' END"
    if leg.each is None:
        source, asset, quantity, numbered = "", f"b.{leg.asset}", f"b.{leg.quantity}", str(number)
    else:
        source = f", jsonb_array_elements(b.terms->'{leg.each}') WITH ORDINALITY AS line(item, n)"
        asset = f"line.item->>'{leg.asset}'"
        quantity = f"(line.item->>'{leg.quantity}')::numeric"
        numbered = f"{LINE_LEGS_FROM} + line.n::int"
    return (
        f"SELECT b.trade_id, b.version, {numbered} AS leg, '{leg.kind}' AS asset_kind, {asset} AS asset,"
        f" {direction} AS direction, {quantity} AS quantity, b.{leg.date} AS value_date,"
        f" b.counterparty_id, b.book_id, {_ssi_key(leg)} AS ssi_key"
        f" FROM {batch} b{source} WHERE b.product = '{product.code}'"
    )


@cache
def settling_sql(places: str) -> str:
    """Return SQL for what SSIs the legs of trades in relation `places` need.

    `places` has `party_id`, `product` and the columns of `settling_columns()`: any number of trades that are
    alike in them need the same. The query's rows: party_id, asset_kind, ssi_key, value_date.
    """
    parts = {
        f"SELECT b.party_id, '{leg.kind}' AS asset_kind, {_ssi_key(leg)} AS ssi_key, b.{leg.date} AS value_date"
        f" FROM {places} b WHERE b.product = '{product.code}'"
        for product in PRODUCTS.values()
        for leg in product.legs
    }
    return "\nUNION ALL\n".join(sorted(parts))


@cache
def settling_columns() -> tuple[str, ...]:
    """Return the columns of a trade that decide which SSIs its legs need."""
    legs = [leg for product in PRODUCTS.values() for leg in product.legs]
    assets = {leg.asset for leg in legs if leg.kind == "CASH"}
    return tuple(sorted({"market", *assets, *(leg.date for leg in legs)}))


def _ssi_key(leg: Leg) -> str:
    return {"CASH": f"b.{leg.asset}", "SECURITY": "b.market", "GOODS": "'*'"}[leg.kind]
