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
    """Return the rows of a check over legs that settle by an SSI that took another's place within `{days}` days.

    kinds: a condition on `asset_kind`. A party's first SSI is no change. Three things are: an SSI that begins
    to hold after another one of the same key; one that is loaded beside another that covers the same; and one
    whose account, agent, place or address was edited. What was loaded and edited stands in the log.
    """
    since = "%(today)s::date - {days}::int"
    return f"""
        SELECT l.trade_id, p.code AS subject, 'unchanged since ' || ({since}) AS expected,
               lower(l.asset_kind) || ' ' || l.ssi_key || ' on ' || max(changed.day) AS actual
        FROM (
            SELECT c.*, taken.day
            FROM (SELECT DISTINCT party_id, asset_kind, ssi_key, value_date FROM coverage WHERE {kinds} AND found > 0) c
            CROSS JOIN LATERAL ({_TAKEN.format(since=since)}) taken
            OFFSET 0  -- the few changes first: every side of every leg would be looked at for each of the others
        ) changed
        JOIN legs l USING (asset_kind, ssi_key, value_date)
        JOIN refdata_party p ON p.id = changed.party_id
        LEFT JOIN refdata_book k ON k.id = l.book_id
        WHERE changed.party_id IN (l.counterparty_id, k.entity_id)
        GROUP BY l.trade_id, p.code, l.asset_kind, l.ssi_key
    """


_TAKEN = """
SELECT s.valid_from AS day FROM refdata_ssi s
WHERE s.party_id = c.party_id AND s.kind = c.asset_kind AND s.key IN (c.ssi_key, '*')
  AND s.valid_from <= c.value_date AND (s.valid_to IS NULL OR s.valid_to >= c.value_date)
  AND s.valid_from > {since} AND EXISTS (
      SELECT 1 FROM refdata_ssi o
      WHERE o.party_id = s.party_id AND o.kind = s.kind AND o.key = s.key AND o.valid_from < s.valid_from)
UNION ALL
SELECT (e.recorded_at AT TIME ZONE 'UTC')::date FROM refdata_ssi s
CROSS JOIN LATERAL (
    SELECT * FROM core_event e WHERE e.subject_id = s.id AND e.subject = 'ssi' AND e.recorded_at >= {since} OFFSET 0
) e
WHERE s.party_id = c.party_id AND s.kind = c.asset_kind AND s.key IN (c.ssi_key, '*')
  AND s.valid_from <= c.value_date AND (s.valid_to IS NULL OR s.valid_to >= c.value_date)
  AND (e.type = 'ssi.changed'
       AND e.data->'before' ?| '{{account,agent_bic,place_of_settlement,delivery_address}}'::text[]
       OR e.type = 'ssi.created' AND EXISTS (
           SELECT 1 FROM refdata_ssi o
           WHERE o.party_id = s.party_id AND o.kind = s.kind AND o.key IN (s.key, '*') AND o.id < s.id))
"""
