"""What orders for goods and services earn: revenue, cost and margin, as known at any moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.conf import settings

from core import sql
from core.as_of import NOW, AsOf
from core.ids import TRADE, public_id
from core.money import round_money_sql
from trades.lifecycle import State
from trades.products import PRODUCTS
from trades.selectors.as_of import AS_OF, SEQUENCE

ORDERS = tuple(code for code, product in PRODUCTS.items() if product.fees_on_top)
# What margins are told by: the id of each, and how it is called.
GROUPS = {
    "order": ("l.trade_id", "''"),
    "customer": ("l.counterparty_id", "(SELECT code FROM refdata_party c WHERE c.id = g.id)"),
    "article": ("l.instrument_id", "(SELECT code FROM refdata_instrument i WHERE i.id = g.id)"),
    "product": ("l.product_number", "(%(products)s::text[])[g.id]"),
    "book": ("l.book_id", "(SELECT code FROM refdata_book b WHERE b.id = g.id)"),
}
# What they can be sorted by, downwards and upwards; what is not known comes last.
_SORTED = ("revenue", "cost", "margin", "orders", "missing_costs")
SORTS = tuple(f"{sign}{name}" for name in _SORTED for sign in ("-", ""))
_BASE = f"'{settings.BASE_CURRENCY}'"
_NOW = """
trades_state t JOIN trades_version v ON v.trade_id = t.trade_id AND v.version = t.version
CROSS JOIN LATERAL (SELECT t.state) s
"""
_RATE = f"""CASE WHEN {{currency}} = {_BASE} THEN 1 ELSE (
    SELECT r.rate FROM refdata_fx_rate r WHERE r.currency = {{currency}} AND r.date <= {{day}}
    ORDER BY r.date DESC LIMIT 1) END"""


def _in_base(amount: str, currency: str) -> str:
    return round_money_sql(f"{amount} * {_RATE.format(currency=currency, day='o.trade_date')}", _BASE)


_REVENUE = _in_base("(line.item->>'amount')::numeric", "o.currency")
_COST = _in_base("(line.item->>'quantity')::numeric * c.cost", "c.currency")


@dataclass(frozen=True)
class Wanted:
    """Which orders: with trade dates of a span, and only those of a book, customer or product, lines of an article."""

    first: date
    last: date
    book: str = ""
    customer: str = ""
    article: str = ""
    product: str = ""


def _sql(trades: str, by_id: str, name: str, order: str) -> str:
    return f"""
WITH orders AS MATERIALIZED (
    SELECT v.trade_id, v.version, v.product, v.counterparty_id, v.book_id, v.currency, v.trade_date, v.terms
    FROM {trades}
    WHERE t.trade_id <= %(highest)s AND t.trade_id IN (
        SELECT trade_id FROM trades_version
        WHERE trade_date BETWEEN %(first)s AND %(last)s AND product = ANY(%(products)s))
      AND v.trade_date BETWEEN %(first)s AND %(last)s AND v.product = ANY(%(products)s) AND v.side = 'SELL'
      AND s.state NOT IN ({State.CANCELLED.value}, {State.ALLOCATED.value})
      AND (%(book)s = '' OR v.book_id = (SELECT id FROM refdata_book WHERE code = %(book)s))
      AND (%(customer)s = '' OR v.counterparty_id = (SELECT id FROM refdata_party WHERE code = %(customer)s))
      AND (%(product)s = '' OR v.product = %(product)s)
), lines AS MATERIALIZED (
    SELECT o.trade_id, o.version, coalesce(o.counterparty_id, 0) AS counterparty_id,
           coalesce(o.book_id, 0) AS book_id, array_position(%(products)s::text[], o.product) AS product_number,
           coalesce((line.item->>'instrument_id')::bigint, 0) AS instrument_id, {_REVENUE} AS revenue, {_COST} AS cost
    FROM orders o CROSS JOIN LATERAL jsonb_array_elements(o.terms->'lines') AS line(item)
    LEFT JOIN LATERAL (
        SELECT c.cost, c.currency FROM refdata_standard_cost c
        WHERE c.instrument_id = (line.item->>'instrument_id')::bigint AND c.valid_from <= o.trade_date
        ORDER BY c.valid_from DESC LIMIT 1
    ) c ON true
    WHERE %(article)s = '' OR (line.item->>'instrument_id')::bigint = (
        SELECT id FROM refdata_instrument WHERE code = %(article)s)
), grouped AS (
    SELECT {by_id} AS id, max(l.version) AS version, count(DISTINCT l.trade_id) AS orders, count(*) AS lines,
           sum(l.revenue) AS revenue, sum(l.cost) AS cost, count(*) FILTER (WHERE l.cost IS NULL) AS missing_costs,
           count(*) FILTER (WHERE l.revenue IS NULL) AS missing_rates
    FROM lines l GROUP BY 1
), told AS (
    SELECT g.*, coalesce({name}, '') AS name,
           CASE WHEN g.missing_costs = 0 AND g.missing_rates = 0 THEN g.revenue - g.cost END AS margin
    FROM grouped g WHERE g.id > %(after)s
)
SELECT * FROM told g ORDER BY {order} LIMIT %(limit)s
"""


def margins(
    *, by: str, wanted: Wanted, as_of: AsOf = NOW, after: int = -1, limit: int, sort: str = ""
) -> list[dict[str, Any]]:
    """Return what the orders that we sold earn, by one of GROUPS, after an id; by id, or by one of SORTS.

    In base currency at the rates of each order's trade date, without charges on top. An article costs what its
    standard cost says that holds on that day: as it is kept now, also for what was known of orders at a moment.
    missing_costs, missing_rates: the lines of which that is not known; cost: of the others, None where there are
    none; margin: None while anything is missing. version: of an order, its version that is told.
    """
    by_id, name = GROUPS[by]
    found = _read(by_id, name, _order(sort), wanted, as_of, after=after, limit=limit)
    return [{**row, "name": public_id(TRADE, row["id"])} for row in found] if by == "order" else found


def margin_total(*, wanted: Wanted, as_of: AsOf = NOW) -> dict[str, Any] | None:
    """Return what all of the orders earn together, as `margins` tells groups; None where there are none."""
    found = _read("0", "''", "g.id", wanted, as_of, after=-1, limit=1)
    return found[0] if found else None


def _order(sort: str) -> str:
    if sort not in SORTS:
        return "g.id"
    return f"g.{sort.removeprefix('-')} {'DESC' if sort.startswith('-') else 'ASC'} NULLS LAST, g.id"


def _read(
    by_id: str, name: str, order: str, wanted: Wanted, as_of: AsOf, *, after: int, limit: int
) -> list[dict[str, Any]]:
    parameters = {
        **as_of.parameters(),
        **asdict(wanted),
        "highest": as_of.highest(SEQUENCE),
        "products": list(ORDERS),
        "after": after,
        "limit": limit,
    }
    trades = _NOW if as_of.as_at is None else AS_OF
    return sql.records(_sql(trades, by_id, name, order), parameters)
