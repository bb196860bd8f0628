"""GROUP_TRADE: both sides of the deal belong to one group of companies."""

from risk.checks.base import Check

GROUP_TRADE = Check(
    code="GROUP_TRADE",
    title="Trade within the group",
    severity="WARN",
    precedence=66,
    rows="""
        SELECT b.trade_id, 'counterparty' AS subject, 'a party outside of ' || b.party_group AS expected,
               b.party_code AS actual
        FROM (SELECT DISTINCT entity_id FROM alike WHERE entity_id IS NOT NULL) d
        CROSS JOIN LATERAL (
            SELECT party_group FROM refdata_party e WHERE e.id = d.entity_id AND e.party_group <> '' OFFSET 0
        ) ours
        JOIN batch b ON b.entity_id = d.entity_id AND b.party_group = ours.party_group
        WHERE b.counterparty_id <> b.entity_id
    """,
    message="{actual} belongs to our own group, and is not {expected}.",
    fix="Make sure that the price is that of strangers, and that the deal is not counted as a client's.",
    example="A share sold by one entity of the group to another.",
    overridable=True,
)
