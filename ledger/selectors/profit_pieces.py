"""What became of the trades between two snapshots, as SQL: what each version that came or went is made of.

Which version was known in a snapshot follows from facts that never change: each version and each move has an event,
and the event bears its transaction. A trade that nobody has touched since is known by its row of state alone.
"""

from __future__ import annotations

from functools import cache

from trades.lifecycle import State
from trades.products import PRODUCTS
from trades.products._legs import holdings_sql
from trades.products.base import Product

# What is called off makes us nothing, and of a block that is divided its parts do. Neither ever ends.
_DEAD = f"{State.CANCELLED.value}, {State.ALLOCATED.value}"
_ENDINGS = "'trade.cancelled', 'trade.allocated'"

KEY = "book_id, product, instrument_id, currency, trader, counterparty_id, starts_on, accrues_from"


def known_version_sql(which: str) -> str:
    """Return SQL for the version of trade `s` that counted in a snapshot; null where none did.

    which: the prefix of its parameters: `_seen` (the snapshot), `_below` (every lower transaction had ended in it) and
    `_last` (no trade above it was known).
    """
    seen, below, last = (f"%({which}_{each})s" for each in ("seen", "below", "last"))
    return f"""
    CASE WHEN s.trade_id > {last}::bigint THEN NULL
         WHEN s.changed_xid < {below}::bigint OR pg_visible_in_snapshot(s.changed_xid::text::xid8, {seen}::pg_snapshot)
         THEN CASE WHEN s.state NOT IN ({_DEAD}) THEN s.version END
         ELSE (SELECT CASE WHEN NOT bool_or(e.type IN ({_ENDINGS})) THEN max(e.version) END FROM core_event e
               WHERE e.subject_id = s.trade_id AND e.subject = 'trade'
                 AND pg_visible_in_snapshot(e.xid::text::xid8, {seen}::pg_snapshot))
    END"""


def moved_sql(*, where: str = "true") -> str:
    """Return SQL for the trades whose version in the snapshot of the opening (`was`) is not that of the run (`now`).

    Rows: trade_id, before, after (versions; null: none counted).
    """
    return f"""
    SELECT * FROM (
        SELECT s.trade_id, {known_version_sql("was")} AS before, {known_version_sql("now")} AS after
        FROM trades_state s WHERE s.changed_xid >= %(was_below)s::bigint AND {where} OFFSET 0
    ) AS each WHERE before IS DISTINCT FROM after"""


def _of_one_instrument(product: Product) -> bool:
    """Tell whether a product buys or sells a quantity of one instrument against one sum."""
    held = [leg for leg in product.legs if leg.kind != "CASH" and leg.is_held]
    return len(held) == 1 and not held[0].per_line


_ONE = [product for product in PRODUCTS.values() if _of_one_instrument(product)]
_ONE_CODES = ", ".join(f"'{product.code}'" for product in _ONE)
_ON_TOP = ", ".join(f"'{product.code}'" for product in PRODUCTS.values() if product.fees_on_top)
_WHOLE = "b.gross_amount"  # what most products pay
_PAID = " ".join(
    f"WHEN '{product.code}' THEN {product.paid_amount}" for product in _ONE if product.paid_amount != _WHOLE
)
# BUY: 1, SELL: -1, and the other way round for the version that went.
_SIGN = "(CASE b.side WHEN 'BUY' THEN b.sign ELSE -b.sign END)"
_PLACE = """
b.trade_id, b.version, CASE WHEN b.is_first AND b.trade_date > %(opened)s::date THEN 'NEW' ELSE 'AMENDED' END AS bucket,
coalesce(b.book_id, 0) AS book_id, b.product"""
_WHO = """
b.trader, coalesce(b.counterparty_id, 0) AS counterparty_id,
CASE WHEN b.trade_date > %(day)s::date THEN b.trade_date END AS starts_on"""
# What the deal fixes in its currency: paid, or, of a future, what it was dealt at. Bonds: with the interest paid.
_CASH = f"-{_SIGN} * b.gross_amount"
_FEES = f"-{_SIGN} * (b.net_amount - b.paid)"


_SAID = (
    "trade_id", "version", "product", "side", "book_id", "instrument_id", "currency", "trader", "counterparty_id",
    "trade_date", "settlement_date", "quantity", "gross_amount", "net_amount", "fees",
)  # fmt: skip


def _sides(moved: str) -> str:
    """Return SQL for the versions that came (sign 1) and went (-1), with what their pieces are made of."""
    said = ", ".join(f"b.{name}" for name in _SAID) + f", CASE b.product {_PAID} ELSE {_WHOLE} END AS paid"
    dealt_ahead = (
        "(SELECT o.trade_date > %(opened)s::date FROM trades_version o"
        " WHERE o.trade_id = m.trade_id AND o.version = m.before)"
    )
    return f"""
        SELECT {said}, 1 AS sign, CASE WHEN m.before IS NULL THEN true ELSE {dealt_ahead} END AS is_first
        FROM {moved} m JOIN trades_version b ON b.trade_id = m.trade_id AND b.version = m.after
        UNION ALL
        SELECT {said}, -1, true
        FROM (SELECT * FROM {moved} WHERE before IS NOT NULL) m
        JOIN trades_version b ON b.trade_id = m.trade_id AND b.version = m.before
    """


@cache
def pieces_sql(moved: str = "moved") -> str:
    """Return SQL for what the versions that came and went between two snapshots are made of.

    moved: a relation as of `moved_sql()`. Parameters: `day`, and `opened` (the day told before). Rows: trade_id,
    version, bucket (NEW: dealt since `opened`; AMENDED), the columns of KEY, quantity, cash and fees, all above zero
    where we get it. Cash has no fees in it. What is dealt in another currency than the instrument's is two rows.
    """
    same = "coalesce(i.currency, b.currency) = b.currency"
    accrues = "CASE WHEN i.product_class = 'BOND' THEN b.settlement_date END"
    return f"""
    WITH sides AS MATERIALIZED ({_sides(moved)})
    SELECT {_PLACE}, coalesce(b.instrument_id, -1) AS instrument_id, coalesce(i.currency, b.currency) AS currency,
           {_WHO}, {accrues} AS accrues_from, {_SIGN} * b.quantity AS quantity,
           CASE WHEN {same} THEN {_CASH} ELSE 0 END AS cash, CASE WHEN {same} THEN {_FEES} ELSE 0 END AS fees
    FROM sides b LEFT JOIN refdata_instrument i ON i.id = b.instrument_id WHERE b.product IN ({_ONE_CODES})
    UNION ALL
    SELECT {_PLACE}, b.instrument_id, b.currency, {_WHO}, NULL, 0, {_CASH}, {_FEES}
    FROM sides b JOIN refdata_instrument i ON i.id = b.instrument_id AND i.currency <> b.currency
    WHERE b.product IN ({_ONE_CODES})
    UNION ALL {_others()}
    UNION ALL
    SELECT {_PLACE}, 0, fee->>'currency', {_WHO}, NULL, 0, 0,
           (fee->>'amount')::numeric * CASE WHEN b.product IN ({_ON_TOP}) THEN -{_SIGN} ELSE -b.sign END
    FROM sides b CROSS JOIN LATERAL jsonb_array_elements(b.fees) AS fee
    WHERE b.fees IS NOT NULL
      AND (fee->>'currency' <> b.currency OR b.product NOT IN ({_ONE_CODES}, {_ON_TOP}))
    """


def _others() -> str:
    """Return SQL for the pieces of exchanges and orders: by leg, what each line of an order is sold for beside it."""
    charges = f"CASE WHEN b.product IN ({_ON_TOP}) THEN -{_SIGN} * (b.net_amount - b.gross_amount) ELSE 0 END"
    return f"""(
    WITH others AS MATERIALIZED (
        SELECT v.*, s.sign, s.is_first FROM sides s
        JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
        WHERE s.product NOT IN ({_ONE_CODES})
    ),
    held AS MATERIALIZED (
        SELECT h.*, b.sign * h.quantity AS got, b.sign * sign(h.quantity) * h.amount AS worth, i.currency AS quoted_in
        FROM ({holdings_sql("others")}) h JOIN others b USING (trade_id, version)
        LEFT JOIN refdata_instrument i ON i.id = h.instrument_id
    )
    SELECT {_PLACE}, piece.instrument_id, piece.currency, {_WHO}, NULL::date, piece.quantity, piece.cash, 0
    FROM held h JOIN others b USING (trade_id, version)
    CROSS JOIN LATERAL (
        SELECT 0::bigint AS instrument_id, h.currency, 0::numeric AS quantity, h.got AS cash WHERE h.instrument_id = 0
        UNION ALL
        SELECT coalesce(h.instrument_id, -1), coalesce(h.quoted_in, h.currency), h.got, 0
        WHERE h.instrument_id IS DISTINCT FROM 0
        UNION ALL
        SELECT coalesce(h.instrument_id, -1), h.currency, 0, -h.worth WHERE h.instrument_id IS DISTINCT FROM 0
        UNION ALL
        SELECT 0, h.currency, 0, h.worth WHERE h.instrument_id IS DISTINCT FROM 0
    ) AS piece
    UNION ALL
    SELECT {_PLACE}, 0, b.currency, {_WHO}, NULL::date, 0, -({charges}), {charges}
    FROM others b WHERE ({charges}) <> 0
    )"""
