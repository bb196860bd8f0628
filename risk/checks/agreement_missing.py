"""AGREEMENT_MISSING: there is no agreement in force with the party for this product."""

from risk.checks.base import Check

AGREEMENT_MISSING = Check(
    code="AGREEMENT_MISSING",
    title="No agreement in force",
    severity="BLOCK",
    precedence=70,
    rows="""
        SELECT b.trade_id, 'counterparty' AS subject, 'an agreement for ' || b.product AS expected,
               b.party_code || coalesce(' lapsed on ' || uncovered.lapsed, '') AS actual
        FROM (
            SELECT d.trade_ids, known.lapsed
            FROM (
                SELECT counterparty_id, product, trade_date, array_agg(trade_id) AS trade_ids FROM batch
                WHERE counterparty_id IS NOT NULL
                  AND EXISTS (SELECT 1 FROM refdata_agreement a WHERE a.product = batch.product)
                GROUP BY 1, 2, 3
            ) d
            CROSS JOIN LATERAL (
                SELECT coalesce(bool_or(a.valid_from <= d.trade_date
                                        AND (a.valid_to IS NULL OR a.valid_to >= d.trade_date)), false) AS covered,
                       max(a.valid_to) AS lapsed
                FROM refdata_agreement a
                WHERE a.party_id = d.counterparty_id AND a.product IN (d.product, '*')
            ) known
            WHERE NOT known.covered OFFSET 0
        ) uncovered
        CROSS JOIN LATERAL unnest(uncovered.trade_ids) AS each(trade_id)
        JOIN batch b ON b.trade_id = each.trade_id
    """,
    message="There is not {expected} in force with {actual}.",
    fix="Ask legal; add or renew the agreement and re-check, or have a second person accept the deal.",
    example="A forward with a party whose ISDA agreement ended last month.",
    overridable=True,
)
