"""What the rules charge for deals, as SQL: the checks compare it with what the front office states, settlement
accrues it.
"""

from __future__ import annotations

from core.money import round_money_sql

_RATE = """coalesce((
    SELECT (tier->>'rate')::numeric FROM jsonb_array_elements(r.tiers) AS tier
    WHERE (tier->>'from')::numeric <= abs(k.gross_amount) ORDER BY (tier->>'from')::numeric DESC LIMIT 1
), r.rate)"""
_CHARGE = f"""CASE r.basis WHEN 'BPS' THEN abs(k.gross_amount) * {_RATE} / 10000
    WHEN 'PER_UNIT' THEN abs(coalesce(k.quantity, 0)) * {_RATE} ELSE {_RATE} END"""
_WITHIN = f"least(greatest({_CHARGE}, r.minimum), r.maximum)"

# Deals that the same rules are for are few kinds, however many deals: rules are chosen once for each kind.
_ALIKE = "product, side, currency, market, trade_date, party_id"
_BY_SPECIFICITY = (
    "f.type, f.party_id IS NULL, f.market = '*', f.product = '*', f.currency = '*', f.side = '*', f.code"
)


def expected_fees_sql(relation: str) -> str:
    """Return SQL for what the rules charge for the deals of a relation, one row for each deal and type of charge.

    relation: has trade_id, product, side, currency, market, trade_date, counterparty_id, gross_amount and quantity.
    Columns: trade_id, type, currency, amount (rounded to the currency's minor units), rule (its code),
    rule_version_id, is_stated, direction. Of several rules for one type the most specific charges: by party, then
    market, product, currency and side.
    """
    return f"""
        WITH deal AS MATERIALIZED (
            SELECT b.trade_id, b.product, b.side, b.currency, coalesce(b.market, '') AS market, b.trade_date,
                   coalesce((SELECT v.party_id FROM refdata_fee_rule_version v
                             WHERE v.party_id = b.counterparty_id LIMIT 1), 0) AS party_id,
                   b.gross_amount, b.quantity
            FROM {relation} b WHERE EXISTS (SELECT 1 FROM refdata_fee_rule_version)
        ), ruled AS MATERIALIZED (
            SELECT d.*, r.code, r.rule_version_id, r.type, r.basis, r.rate, r.tiers, r.minimum, r.maximum,
                   r.is_stated, r.direction
            FROM (SELECT DISTINCT {_ALIKE} FROM deal) d
            CROSS JOIN LATERAL (
                SELECT DISTINCT ON (f.type) f.* FROM (
                    SELECT DISTINCT ON (v.rule_id) v.*, v.id AS rule_version_id, n.code
                    FROM refdata_fee_rule_version v JOIN refdata_fee_rule n ON n.id = v.rule_id
                    WHERE v.valid_from <= d.trade_date ORDER BY v.rule_id, v.version DESC
                ) f
                WHERE f.is_active AND f.product IN ('*', d.product) AND f.market IN ('*', d.market)
                  AND f.currency IN ('*', d.currency) AND f.side IN ('*', d.side)
                  AND coalesce(f.party_id, d.party_id) = d.party_id
                ORDER BY {_BY_SPECIFICITY}
            ) r
        )
        SELECT k.trade_id, r.type, k.currency, {round_money_sql(_WITHIN, "k.currency")} AS amount,
               r.code AS rule, r.rule_version_id, r.is_stated, r.direction
        FROM deal k JOIN ruled r USING ({_ALIKE})
    """


def stated_fees_sql(relation: str) -> str:
    """Return SQL for what the front office states of the deals of a relation (trade_id, fees).

    Columns: trade_id, type, currency, amount: the sum of what stands under one type in one currency.
    """
    return f"""
        SELECT b.trade_id, fee->>'type' AS type, fee->>'currency' AS currency,
               sum((fee->>'amount')::numeric) AS amount
        FROM {relation} b CROSS JOIN LATERAL jsonb_array_elements(b.fees) AS fee
        WHERE b.fees IS NOT NULL
        GROUP BY b.trade_id, fee->>'type', fee->>'currency'
    """
