"""FIRST_TRADE: nobody has dealt with this party before."""

from risk.checks.base import Check

FIRST_TRADE = Check(
    code="FIRST_TRADE",
    title="First trade with a party",
    severity="INFO",
    precedence=73,
    rows="""
        SELECT b.trade_id, 'counterparty' AS subject, 'onboarded on ' || b.onboarded_on AS expected,
               b.party_code AS actual
        FROM (SELECT DISTINCT counterparty_id FROM batch WHERE onboarded_on IS NOT NULL) d
        CROSS JOIN LATERAL (
            SELECT v.trade_id FROM trades_version v
            WHERE v.counterparty_id = d.counterparty_id ORDER BY v.trade_id LIMIT 1
        ) earliest
        JOIN batch b ON b.trade_id = earliest.trade_id
    """,
    message="This is the first trade with {actual}, {expected}.",
    fix="Make sure that settlement instructions and contacts of the party are right.",
    example="The first purchase from a broker that was taken on last week.",
)
