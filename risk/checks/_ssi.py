"""The legs of the batch whose settlement instructions need a look, on our side or on theirs."""

from refdata.ssi_choice import NARROWINGS

# Legs with the trades they are of, beside what they need: `*` where the party's SSIs do not depend on it.
_SAME_TRADE = " AND ".join(
    f"c.{name} IN (coalesce(b.{'book_code' if name == 'book' else name}, ''), '*')" for name in NARROWINGS
)
_LEGS = f"""JOIN legs l USING (asset_kind, ssi_key, value_date)
        JOIN batch b ON b.trade_id = l.trade_id AND c.party_id IN (b.counterparty_id, b.entity_id)
             AND {_SAME_TRADE}"""


def missing_ssi_rows() -> str:
    """Return the rows of a check over legs without a settlement instruction."""
    return f"""
        SELECT DISTINCT l.trade_id, p.code AS subject, '1' AS expected,
               lower(l.asset_kind) || ' ' || l.ssi_key AS actual
        FROM (SELECT * FROM coverage WHERE ssi_id IS NULL) c
        {_LEGS}
        JOIN refdata_party p ON p.id = c.party_id
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
        {_LEGS}
        JOIN refdata_party p ON p.id = c.party_id
        GROUP BY l.trade_id, p.code, l.asset_kind, l.ssi_key
    """
