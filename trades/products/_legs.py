"""The products' obligation shapes as one SQL query: what each trade of a batch obliges whom to deliver."""

from __future__ import annotations

from functools import cache

from refdata.ssi_choice import NARROWINGS
from trades.products import PRODUCTS
from trades.products.base import LINES, Leg, Product

LINE_LEGS_FROM = 1_000  # legs of order lines are numbered from here, by line
LINE_LEGS_APART = 10_000  # the next leg that is one for each line; an order has fewer lines


@cache
def legs_sql(batch: str = "batch") -> str:
    """Return SQL for the legs of the trades in relation `batch`.

    `batch` has the columns of trades_version and `market` (of the instrument, may be null). The query's rows:
    trade_id, version, leg (stable number), asset_kind (CASH, SECURITY, GOODS), asset (currency, ISIN, SKU),
    direction (DELIVER or RECEIVE, seen from us), quantity (as agreed; never netted), value_date,
    counterparty_id, book_id, ssi_key (currency, market or `*`; null while the instrument is not known), against (the
    asset of the leg that it is settled against; null where there is none).
    """
    alike: dict[tuple[str, Leg], list[str]] = {}
    for product in PRODUCTS.values():
        for number, leg in enumerate(product.legs, start=1):
            alike.setdefault((_numbered(product, number, leg), leg), []).append(product.code)
    return "\nUNION ALL\n".join(
        _leg_sql(numbered, leg, products, batch) for (numbered, leg), products in alike.items()
    )


def _leg_sql(numbered: str, leg: Leg, products: list[str], batch: str) -> str:
    """Return SQL for one leg of all the products that have it under the same number: one pass over the batch."""
    giver_is_us = "b.side = 'BUY'" if leg.giver == "BUYER" else "b.side = 'SELL'"
    quantity = _value(leg.quantity, "numeric")
    codes = ", ".join(f"'{code}'" for code in products)
    condition = f"b.product IN ({codes})"
    if leg.signed:
        giver_is_us = f"({giver_is_us}) = ({quantity} > 0)"
        condition += f" AND {quantity} <> 0"
        quantity = f"abs({quantity})"
    direction = f"CASE WHEN {giver_is_us} THEN 'DELIVER' ELSE 'RECEIVE' END"
    return (
        f"SELECT b.trade_id, b.version, {numbered} AS leg, '{leg.kind}' AS asset_kind,"
        f" {_value(leg.asset)} AS asset, {direction} AS direction, {quantity} AS quantity,"
        f" {_value(leg.date, 'date')} AS value_date, b.counterparty_id, b.book_id, {_ssi_key(leg)} AS ssi_key,"
        f" {_value(leg.against) if leg.against else 'NULL::text'} AS against"
        f" FROM {batch} b{_lines(leg)} WHERE {condition}"
    )


@cache
def holdings_sql(batch: str = "batch") -> str:
    """Return SQL for what the trades in relation `batch` (columns of trades_version) make us hold: a row a leg.

    The query's rows: trade_id, version, leg (as in `legs_sql`), book_id, instrument_id (0: cash; null while it is not
    known), currency (of the cash, or in which the rest is paid), counterparty_id, quantity (above zero: we get it),
    amount and fees (what the quantity costs without them, and they; 0 of cash; what is returned costs what is paid
    back for it), value_date. Fees in other currencies
    and those of orders, which are billed beside their lines, are in no position but that of cash.
    """
    return "\nUNION ALL\n".join(
        _holding_sql(product, number, leg, batch)
        for product in PRODUCTS.values()
        for number, leg in enumerate(product.legs, start=1)
        if leg.is_held
    )


def _holding_sql(product: Product, number: int, leg: Leg, batch: str) -> str:
    quantity = _value(leg.quantity, "numeric")
    instrument, currency, amount, fees = "0::bigint", _value(leg.asset), "0", "0"
    if leg.kind != "CASH":
        of_line = leg.asset.startswith(f"{LINES}.")
        instrument = "(line.item->>'instrument_id')::bigint" if of_line else "b.instrument_id"
        currency, amount = "b.currency", leg.worth
        if not leg.per_line:
            paid = f"({product.paid_amount})"
            fees = f"CASE b.side WHEN 'BUY' THEN b.net_amount - {paid} ELSE {paid} - b.net_amount END"
    giver = "BUY" if leg.giver == "BUYER" else "SELL"
    return (
        f"SELECT b.trade_id, b.version, {_numbered(product, number, leg)} AS leg, b.book_id,"
        f" {instrument} AS instrument_id, {currency} AS currency, coalesce(b.counterparty_id, 0) AS counterparty_id,"
        f" CASE b.side WHEN '{giver}' THEN -{quantity} ELSE {quantity} END AS quantity,"
        f" sign({quantity}) * ({amount})::numeric AS amount, ({fees})::numeric AS fees,"
        f" {_value(leg.date, 'date')} AS value_date"
        f" FROM {batch} b{_lines(leg)} WHERE b.product = '{product.code}' AND {quantity} <> 0"
    )


def _numbered(product: Product, number: int, leg: Leg) -> str:
    return f"{_line_legs_from(product, leg)} + line.n::int" if leg.per_line else str(number)


def _line_legs_from(product: Product, leg: Leg) -> int:
    of_lines = [each for each in product.legs if each.per_line]
    return LINE_LEGS_FROM + LINE_LEGS_APART * of_lines.index(leg)


def _value(place: str, sql_type: str = "") -> str:
    """Return SQL for what stands at a place of the terms (see `Leg`), in a type where it is not a text."""
    part, dot, key = place.rpartition(".")
    if not dot:
        return f"b.{place}"
    value = f"line.item->>'{key}'" if part == LINES else f"b.terms->'{part}'->>'{key}'"
    return f"({value})::{sql_type}" if sql_type else value


def _lines(leg: Leg) -> str:
    if not leg.per_line:
        return ""
    return f", jsonb_array_elements(b.terms->'{LINES}') WITH ORDINALITY AS line(item, n)"


@cache
def settling_sql(places: str, batch: str) -> str:
    """Return SQL for what SSIs the legs of trades need, as refdata/ssi_choice.py takes it.

    Relation `places` has `party_id`, `product`, `book`, `narrowed` and the columns of `settling_columns()`: any number
    of trades that are alike in them need the same. Legs with a date of their own are read from `batch`, which has the
    columns of trades_version, `entity_id` and `book_code`. Relation `narrowing` has the parties whose SSIs may depend
    on more than the asset. The query's rows: party_id, asset_kind, ssi_key, value_date, product, currency, market,
    book; the last four are `*` where the party's SSIs do not depend on them.
    """
    parts = {
        _settling_alike(product, leg, places) if "." not in leg.date else _settling_apart(product, leg, batch)
        for product in PRODUCTS.values()
        for leg in product.legs
    }
    return "\nUNION ALL\n".join(sorted(parts))


def _settling_alike(product: Product, leg: Leg, places: str) -> str:
    return (
        f"SELECT b.party_id, '{leg.kind}' AS asset_kind, {_ssi_key(leg)} AS ssi_key, b.{leg.date} AS value_date,"
        f" {_narrowed_by('b.narrowed', 'b.book')}"
        f" FROM {places} b WHERE b.product = '{product.code}'"
    )


def _settling_apart(product: Product, leg: Leg, batch: str) -> str:
    return (
        f"SELECT side.party_id, '{leg.kind}' AS asset_kind, {_ssi_key(leg)} AS ssi_key,"
        f" {_value(leg.date, 'date')} AS value_date, {_narrowed_by('w.party_id IS NOT NULL', 'b.book_code')}"
        f" FROM {batch} b{_lines(leg)}"
        " CROSS JOIN LATERAL (VALUES (b.counterparty_id), (b.entity_id)) AS side(party_id)"
        " LEFT JOIN narrowing w ON w.party_id = side.party_id"
        f" WHERE b.product = '{product.code}' AND side.party_id IS NOT NULL"
    )


def _narrowed_by(narrowed: str, book: str) -> str:
    """Return SQL for what the choice of an SSI may depend on besides the asset."""
    return ", ".join(
        f"CASE WHEN {narrowed} THEN coalesce({value}, '') ELSE '*' END AS {name}"
        for name in NARROWINGS
        for value in (book if name == "book" else f"b.{name}",)
    )


@cache
def settling_columns() -> tuple[str, ...]:
    """Return the columns of a trade that decide which SSIs its legs need."""
    legs = [leg for product in PRODUCTS.values() for leg in product.legs]
    assets = {leg.asset for leg in legs if leg.kind == "CASH"}
    dates = {leg.date for leg in legs if "." not in leg.date}
    return tuple(sorted({"market", "currency", *assets, *dates}))


def _ssi_key(leg: Leg) -> str:
    return {"CASH": f"b.{leg.asset}", "SECURITY": "b.market", "GOODS": "'*'"}[leg.kind]
