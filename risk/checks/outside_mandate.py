"""OUTSIDE_MANDATE: the trader may not deal in this product, book, market or tenor."""

from risk.checks.base import Check

_LAST = "greatest(settlement_date, (terms->'far'->>'settlement_date')::date, (terms->'contract'->>'expiry')::date)"

OUTSIDE_MANDATE = Check(
    code="OUTSIDE_MANDATE",
    title="Outside of the mandate",
    severity="BLOCK",
    precedence=64,
    rows=f"""
        SELECT b.trade_id, 'trader ' || b.trader AS subject, 'a mandate' AS expected,
               concat_ws(' ', d.product, d.book_code, nullif(d.market, ''), d.tenor || 'd') AS actual
        FROM (
            SELECT DISTINCT trader, product, book_code, coalesce(market, '') AS market, trade_date,
                   {_LAST} - trade_date AS tenor
            FROM batch
            WHERE book_code IS NOT NULL AND EXISTS (SELECT 1 FROM refdata_mandate)
        ) d
        JOIN batch b ON b.trader = d.trader AND b.product = d.product AND b.book_code = d.book_code
            AND coalesce(b.market, '') = d.market AND b.trade_date = d.trade_date
            AND {_LAST.replace("(settlement", "(b.settlement").replace("(terms", "(b.terms")} - b.trade_date = d.tenor
        WHERE EXISTS (
            SELECT 1 FROM refdata_mandate m
            WHERE m.valid_from <= d.trade_date AND (m.valid_to IS NULL OR m.valid_to >= d.trade_date)
        ) AND NOT EXISTS (
            SELECT 1 FROM refdata_mandate m
            WHERE m.trader IN (d.trader, '*') AND m.product IN (d.product, '*')
              AND m.book IN (d.book_code, '*') AND m.market IN (d.market, '*')
              AND (m.max_tenor_days IS NULL OR m.max_tenor_days >= d.tenor)
              AND m.valid_from <= d.trade_date AND (m.valid_to IS NULL OR m.valid_to >= d.trade_date)
        )
    """,
    message="The {subject} has no mandate for {actual}.",
    fix="Ask the head of the desk; correct the trader or the book, or have a second person accept the deal.",
    example="A trader of shares who deals a forward of two years.",
    overridable=True,
)
