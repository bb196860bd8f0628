"""NOT_BUSINESS_DAY: a settlement date is a weekend or a holiday of a currency, the market or the firm."""

from risk.checks.base import Check

NOT_BUSINESS_DAY = Check(
    code="NOT_BUSINESS_DAY",
    title="Settlement on a closed day",
    severity="BLOCK",
    precedence=41,
    rows="""
        SELECT b.trade_id, 'settlement_date' AS subject, 'a business day' AS expected,
               b.settlement_date AS actual
        FROM (
            SELECT d.* FROM (
                SELECT DISTINCT settlement_date, currency, contra_currency, market FROM alike
            ) d
            WHERE extract(isodow FROM d.settlement_date) > 5 OR EXISTS (
                SELECT 1 FROM refdata_holiday h WHERE h.date = d.settlement_date
                AND h.calendar IN (d.currency, d.contra_currency, d.market, 'FIRM'))
        ) closed
        JOIN batch b ON b.settlement_date = closed.settlement_date AND b.currency = closed.currency
            AND b.contra_currency IS NOT DISTINCT FROM closed.contra_currency
            AND b.market IS NOT DISTINCT FROM closed.market
        UNION ALL
        SELECT DISTINCT l.trade_id, 'settlement_date', 'a business day', l.value_date
        FROM apart b JOIN legs l USING (trade_id)
        WHERE l.value_date <> b.settlement_date
          AND (extract(isodow FROM l.value_date) > 5 OR EXISTS (
            SELECT 1 FROM refdata_holiday h WHERE h.date = l.value_date
            AND h.calendar IN (b.currency, b.contra_currency, b.market, 'FIRM')))
    """,
    message="The settlement date {actual} is not a business day.",
    fix="Correct the settlement date to the next business day.",
    example="A settlement date on a Saturday, or on a TARGET holiday for euro.",
    overridable=True,
)
