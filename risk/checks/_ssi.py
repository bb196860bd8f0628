"""How many standing settlement instructions each leg of the batch has, on our side and on theirs."""


def ssi_rows(wrong: str) -> str:
    """Return the rows of a check over legs whose count of matching SSIs is `wrong`, e.g. `= 0`.

    An SSI for the exact currency or market goes before one for `*`.
    """
    return f"""
        WITH needed AS (
            SELECT DISTINCT party_id, asset_kind, ssi_key, value_date
            FROM (
                SELECT counterparty_id AS party_id, asset_kind, ssi_key, value_date FROM legs
                UNION ALL
                SELECT k.entity_id, asset_kind, ssi_key, value_date FROM legs JOIN refdata_book k ON k.id = book_id
            ) AS sides
            WHERE party_id IS NOT NULL
        ), counted AS MATERIALIZED (
            SELECT n.*, s.found
            FROM needed n CROSS JOIN LATERAL (
                SELECT CASE WHEN count(*) FILTER (WHERE s.key = n.ssi_key) > 0
                            THEN count(*) FILTER (WHERE s.key = n.ssi_key) ELSE count(*) END AS found
                FROM refdata_ssi s
                WHERE s.party_id = n.party_id AND s.kind = n.asset_kind AND s.key IN (n.ssi_key, '*')
                  AND s.valid_from <= n.value_date AND (s.valid_to IS NULL OR s.valid_to >= n.value_date)
            ) s
            WHERE s.found {wrong}
        )
        SELECT DISTINCT l.trade_id, p.code AS subject, '1' AS expected,
               lower(l.asset_kind) || ' ' || l.ssi_key AS actual
        FROM counted c
        JOIN legs l USING (asset_kind, ssi_key, value_date)
        JOIN refdata_party p ON p.id = c.party_id
        LEFT JOIN refdata_book k ON k.id = l.book_id
        WHERE c.party_id IN (l.counterparty_id, k.entity_id)
    """
