"""OUTSIDE_MANDATE: the trader may not deal in this product, book, market or tenor."""

from risk.checks.base import Check

_LAST = "greatest(settlement_date, (terms->'far'->>'settlement_date')::date, (terms->'contract'->>'expiry')::date)"

OUTSIDE_MANDATE = Check(
    code="OUTSIDE_MANDATE",
    title="Outside of the mandate",
    severity="BLOCK",
    precedence=64,
    rows=f"""
        SELECT outside.trade_id, 'trader ' || d.trader AS subject, 'a mandate' AS expected,
               concat_ws(' ', d.product, d.book_code, nullif(d.market, ''), d.tenor || 'd') AS actual
        FROM (
            SELECT * FROM (
                SELECT trader, product, book_code, coalesce(market, '') AS market, trade_date,
                       {_LAST} - trade_date AS tenor, array_agg(trade_id) AS trade_ids
                FROM batch
                WHERE book_code IS NOT NULL AND EXISTS (SELECT 1 FROM refdata_mandate)
                GROUP BY 1, 2, 3, 4, 5, 6
            ) each
            WHERE EXISTS (
                SELECT 1 FROM refdata_mandate m
                WHERE m.valid_from <= each.trade_date AND (m.valid_to IS NULL OR m.valid_to >= each.trade_date)
            ) AND NOT EXISTS (
                SELECT 1 FROM refdata_mandate m
                WHERE m.trader IN (each.trader, '*') AND m.product IN (each.product, '*')
                  AND m.book IN (each.book_code, '*') AND m.market IN (each.market, '*')
                  AND (m.max_tenor_days IS NULL OR m.max_tenor_days >= each.tenor)
                  AND m.valid_from <= each.trade_date AND (m.valid_to IS NULL OR m.valid_to >= each.trade_date)
            )
        ) d
        CROSS JOIN LATERAL unnest(d.trade_ids) AS outside(trade_id)
    """,
    message="The {subject} has no mandate for {actual}.",
    fix="Ask the head of the desk; correct the trader or the book, or have a second person accept the deal.",
    example="A trader of shares who deals a forward of two years.",
    overridable=True,
)
