"""The trades of the batch that an entry of a watch list names."""


def entry_rows(measure: str) -> str:
    """Return the rows of a check over watch lists whose entries have a measure."""
    return f"""
        SELECT b.trade_id, lower(w.subject) || ' ' || w.key AS subject, 'not listed' AS expected,
               string_agg(DISTINCT w.list, ', ') AS actual
        FROM (SELECT * FROM entries WHERE measure = '{measure}') w
        JOIN batch b ON CASE w.subject
            WHEN 'PARTY' THEN w.key IN (b.party_code, b.party_lei)
            WHEN 'COUNTRY' THEN w.key = b.party_country
            ELSE w.key = b.instrument_code END
        GROUP BY b.trade_id, w.subject, w.key
    """
