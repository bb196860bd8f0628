"""What there is to bill of trades and what was billed of them, read for many trades at once."""

from __future__ import annotations

from trades.products import PRODUCTS
from trades.products._legs import LINE_LEGS_FROM

# Orders, which whoever sells them bills with all that comes on top.
ORDERS = tuple(sorted(code for code, product in PRODUCTS.items() if product.fees_on_top))
_ORDERS = ", ".join(f"'{code}'" for code in ORDERS)
_SOLD = f"(d.product IN ({_ORDERS}) AND d.side = 'SELL')"

_DEAL = """
deal AS MATERIALIZED (
    SELECT s.trade_id, s.version, s.state, v.product, v.side, v.currency, v.counterparty_id, k.entity_id,
           v.trade_date, v.terms
    FROM trades_state s
    JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
    LEFT JOIN refdata_book k ON k.id = v.book_id
    WHERE s.trade_id = ANY(%(ids)s::bigint[])
)
"""

# The most specific terms hold: by party, then product, then entity.
_TERMS = """
    SELECT * FROM refdata_billing_terms t
    WHERE t.party IN ('*', p.code) AND t.product IN ('*', {product}) AND t.entity IN ('*', e.code)
    ORDER BY t.party = '*', t.product = '*', t.entity = '*' LIMIT 1
"""
DEALS = f"""
WITH {_DEAL}
SELECT d.trade_id, d.version, d.state, d.product, d.currency, d.counterparty_id, d.entity_id, d.trade_date,
       {_SOLD} AS is_sold, t.days, t.end_of_month, t.services, t.fees
FROM deal d
LEFT JOIN refdata_party p ON p.id = d.counterparty_id
LEFT JOIN refdata_party e ON e.id = d.entity_id
LEFT JOIN LATERAL ({_TERMS.format(product="d.product")}) t ON true
ORDER BY d.trade_id
"""

LINES = f"""
WITH {_DEAL}
SELECT d.trade_id, line.n::int AS n, line.item->>'sku' AS sku, line.item->>'description' AS description,
       (line.item->>'quantity')::numeric AS quantity, (line.item->>'unit_price')::numeric AS unit_price,
       (line.item->>'amount')::numeric AS amount, (line.item->>'due_date')::date AS due_date
FROM deal d CROSS JOIN LATERAL jsonb_array_elements(d.terms->'lines') WITH ORDINALITY AS line(item, n)
WHERE {_SOLD}
ORDER BY d.trade_id, line.n
"""

# What was netted against a leg counts as delivered with the whole instruction; of a part, the legs that we deliver
# are served one after the other, in the order of trades and legs, whoever asks.
DELIVERED = f"""
WITH touched AS MATERIALIZED (
    SELECT DISTINCT o.instruction_id
    FROM settlement_obligation o
    JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id
    WHERE o.trade_id = ANY(%(ids)s::bigint[]) AND o.asset_kind = 'GOODS' AND o.direction = 'DELIVER'
      AND s.processing <> 'REJECTED' AND s.settlement IN ('SETTLED', 'PARTIAL')
      AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = o.instruction_id)
), served AS (
    SELECT o.trade_id, o.leg, o.quantity, i.id, i.direction, s.settlement, s.settled_quantity,
           coalesce(sum(o.quantity) OVER (
               PARTITION BY i.id ORDER BY o.trade_id, o.leg, o.attempt, o.part
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ), 0) AS before
    FROM touched t
    JOIN settlement_instruction i ON i.id = t.instruction_id
    JOIN settlement_instruction_state s ON s.instruction_id = i.id
    CROSS JOIN LATERAL (SELECT DISTINCT trade_id FROM unnest(i.trade_ids) AS u(trade_id)) AS behind
    JOIN settlement_obligation o ON o.trade_id = behind.trade_id AND o.instruction_id = i.id
    WHERE o.direction = 'DELIVER'
), given AS (
    SELECT trade_id, leg, id, CASE
        WHEN settlement = 'SETTLED' THEN quantity
        WHEN direction = 'DELIVER' THEN least(quantity, greatest(0, settled_quantity - before))
        ELSE 0 END AS quantity
    FROM served WHERE trade_id = ANY(%(ids)s::bigint[])
)
SELECT g.trade_id, g.leg - {LINE_LEGS_FROM} AS n, sum(g.quantity) AS quantity, max(g.id) AS instruction_id,
       max((SELECT max(r.id) FROM settlement_status_report r
            WHERE r.instruction_id = g.id AND r.kind IN ('SETTLED', 'PARTIAL'))) AS report_id
FROM given g WHERE g.quantity > 0
GROUP BY g.trade_id, g.leg ORDER BY g.trade_id, g.leg
"""

# An order's invoice has all that comes on top of it. Of other deals, what they state is netted in what is paid.
BILLABLE_CHARGE = (
    f"({_SOLD} AND (a.is_stated OR a.amount > 0)) OR (NOT {_SOLD} AND a.amount > 0 AND NOT a.is_stated)"
)
CHARGES = f"""
WITH {_DEAL}
SELECT a.trade_id, a.type, a.currency, sum(a.amount) AS amount, max(a.id) AS accrual_id,
       max(a.rule_version_id) AS rule_version_id, max(r.rate) FILTER (WHERE r.basis = 'BPS' AND r.tiers IS NULL) AS rate
FROM deal d
JOIN settlement_fee_accrual a ON a.trade_id = d.trade_id
LEFT JOIN refdata_fee_rule_version r ON r.id = a.rule_version_id
WHERE a.reverses IS NULL AND NOT EXISTS (SELECT FROM settlement_fee_accrual x WHERE x.reverses = a.id)
  AND ({BILLABLE_CHARGE})
GROUP BY a.trade_id, a.type, a.currency HAVING sum(a.amount) <> 0
ORDER BY a.trade_id, a.type, a.currency
"""

# Lines that still count as billed, and what was credited of each by hand.
_STANDING = """
SELECT l.id, l.line, l.invoice_id, l.trade_id, l.version, l.item, l.part, l.leg, l.instruction_id, l.report_id,
       l.accrual_id, l.text, l.quantity, l.unit_price, l.net, l.tax_rate, l.tax_rule_version_id, l.tax, i.entity_id,
       i.customer_id, i.currency, i.reference, i.trade_id AS invoice_trade_id,
       c.quantity AS credited_quantity, c.net AS credited_net, c.tax AS credited_tax, c.count AS credit_count
FROM settlement_invoice_line l
JOIN settlement_invoice i ON i.id = l.invoice_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.quantity), 0) AS quantity, coalesce(sum(c.net), 0) AS net, coalesce(sum(c.tax), 0) AS tax,
           count(*)::int AS count, coalesce(bool_or(c.is_closing), false) AS closed
    FROM settlement_invoice_line c WHERE c.credits = l.id
) c
WHERE {which} AND l.credits IS NULL AND NOT c.closed
ORDER BY l.trade_id, l.item, l.part
"""
STANDING = _STANDING.format(which="l.trade_id = ANY(%(ids)s::bigint[])")
STANDING_OF_INVOICE = _STANDING.format(which="l.invoice_id = %(invoice_id)s")
PARTS = """
SELECT trade_id, item, max(part) FROM settlement_invoice_line
WHERE trade_id = ANY(%(ids)s::bigint[]) AND credits IS NULL GROUP BY trade_id, item
"""

# What one person may credit alone of an invoice, in its currency: less than this.
ALONE_BELOW = f"""
SELECT coalesce(min(t.credit_alone_below), 0)
FROM settlement_invoice i
JOIN refdata_party p ON p.id = i.customer_id
JOIN refdata_party e ON e.id = i.entity_id
CROSS JOIN LATERAL (
    SELECT DISTINCT v.product FROM settlement_invoice_line l
    JOIN trades_version v ON v.trade_id = l.trade_id AND v.version = l.version WHERE l.invoice_id = i.id
) v
LEFT JOIN LATERAL ({_TERMS.format(product="v.product")}) t ON true
WHERE i.id = %s
"""
