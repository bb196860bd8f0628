"""The statements of a seal that choose SSIs where they depend on more than the asset (see _sealing.py)."""

from __future__ import annotations

from refdata.ssi_choice import NARROWED, NARROWINGS, chosen_sql

_ALIKE = ", ".join(("asset_kind", "ssi_key", "value_date", *NARROWINGS))
# The SSIs of legs whose party or entity has one that is narrowed, as one number for each pair: by the asset alone
# they are not known. Whoever has none pays nothing for it. Both legs that settle against each other have one number.
LANES = f"""
CREATE TEMPORARY TABLE seal_lane ON COMMIT DROP AS
WITH narrowing AS MATERIALIZED (SELECT DISTINCT party_id FROM ({NARROWED}) AS n), need AS MATERIALIZED (
    SELECT l.trade_id, l.leg, l.counterparty_id, l.entity_id, l.asset_kind, l.against, l.ssi_key, l.value_date,
           v.product, v.currency, coalesce(i.market, '') AS market, coalesce(k.code, '') AS book
    FROM seal_leg l
    JOIN trades_version v ON v.trade_id = l.trade_id AND v.version = l.version
    LEFT JOIN refdata_book k ON k.id = v.book_id
    LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
    WHERE l.part = %(part)s AND (l.counterparty_id IN (SELECT party_id FROM narrowing)
                              OR l.entity_id IN (SELECT party_id FROM narrowing))
), chosen AS MATERIALIZED (
    SELECT n.*, {chosen_sql("n")} AS ssi_id
    FROM (SELECT counterparty_id AS party_id, {_ALIKE} FROM need UNION SELECT entity_id, {_ALIKE} FROM need) AS n
), settled AS MATERIALIZED (
    SELECT trade_id, leg, asset_kind, against, ours.ssi_id AS our_ssi_id, theirs.ssi_id AS their_ssi_id
    FROM need
    LEFT JOIN (SELECT party_id AS entity_id, {_ALIKE}, ssi_id FROM chosen) AS ours USING (entity_id, {_ALIKE})
    LEFT JOIN (SELECT party_id AS counterparty_id, {_ALIKE}, ssi_id FROM chosen) AS theirs
        USING (counterparty_id, {_ALIKE})
), paired AS (
    SELECT s.*, max(our_ssi_id) FILTER (WHERE asset_kind = 'SECURITY' AND against <> '') OVER trade AS security_our,
           max(their_ssi_id) FILTER (WHERE asset_kind = 'SECURITY' AND against <> '') OVER trade AS security_their,
           max(our_ssi_id) FILTER (WHERE asset_kind = 'CASH' AND against <> '') OVER trade AS cash_our,
           max(their_ssi_id) FILTER (WHERE asset_kind = 'CASH' AND against <> '') OVER trade AS cash_their
    FROM settled s WINDOW trade AS (PARTITION BY trade_id)
)
SELECT trade_id, leg, asset_kind, our_ssi_id, their_ssi_id, dense_rank() OVER (
    ORDER BY CASE WHEN against <> '' THEN ROW(security_our, security_their, cash_our, cash_their)
                  ELSE ROW(our_ssi_id, their_ssi_id, NULL::bigint, NULL::bigint) END
) AS lane
FROM paired
"""
ANY_NARROWED = f"SELECT EXISTS ({NARROWED})"
TAKE_LANES = """
UPDATE seal_leg l SET lane = n.lane FROM seal_lane n WHERE n.trade_id = l.trade_id AND n.leg = l.leg
"""
