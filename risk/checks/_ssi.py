"""The legs of the batch whose settlement instructions need a look, on our side or on theirs."""


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


def changed_ssi_rows(kinds: str) -> str:
    """Return the rows of a check over legs that settle by an SSI that changed within `{days}` days.

    kinds: a condition on `asset_kind`.
    """
    since = "%(today)s::date - {days}::int"
    return f"""
        SELECT l.trade_id, p.code AS subject, 'unchanged since ' || ({since}) AS expected,
               lower(l.asset_kind) || ' ' || l.ssi_key || ' on ' || max(c.day) AS actual
        FROM (SELECT * FROM changes WHERE {kinds} AND day >= {since}) c
        JOIN legs l USING (asset_kind, ssi_key, value_date)
        JOIN refdata_party p ON p.id = c.party_id
        LEFT JOIN refdata_book k ON k.id = l.book_id
        WHERE c.party_id IN (l.counterparty_id, k.entity_id)
        GROUP BY l.trade_id, p.code, l.asset_kind, l.ssi_key
    """
