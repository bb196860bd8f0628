"""The legs of the batch whose count of standing settlement instructions is wrong, on our side or on theirs."""


def ssi_rows(wrong: str) -> str:
    """Return the rows of a check over legs whose count of matching SSIs is `wrong`, e.g. `= 0`.

    An SSI for the exact currency or market goes before one for `*`; that is how `coverage` counts.
    """
    return f"""
        SELECT DISTINCT l.trade_id, p.code AS subject, '1' AS expected,
               lower(l.asset_kind) || ' ' || l.ssi_key AS actual
        FROM (SELECT * FROM coverage WHERE found {wrong}) c
        JOIN legs l USING (asset_kind, ssi_key, value_date)
        JOIN refdata_party p ON p.id = c.party_id
        LEFT JOIN refdata_book k ON k.id = l.book_id
        WHERE c.party_id IN (l.counterparty_id, k.entity_id)
    """
