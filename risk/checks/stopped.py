"""STOPPED: a party, trader, book, instrument or source of the deal is stopped."""

from risk.checks.base import Check

# SQL over a stop `s` and a trade `b`: whether the one concerns the other.
CONCERNS = """
s.lifted_at IS NULL AND s.key = CASE s.kind
    WHEN 'PARTY' THEN coalesce(b.party_code, b.counterparty_ref)
    WHEN 'TRADER' THEN b.trader
    WHEN 'BOOK' THEN coalesce(b.book_code, b.book_ref)
    WHEN 'INSTRUMENT' THEN b.instrument_code
    WHEN 'SOURCE' THEN b.source
END
"""

STOPPED = Check(
    code="STOPPED",
    title="Stopped",
    severity="BLOCK",
    precedence=1,
    rows=f"""
        SELECT b.trade_id, lower(s.kind) || ' ' || s.key AS subject, ''::text AS expected, s.reason AS actual
        FROM risk_stop s JOIN batch b ON {CONCERNS}
    """,
    message="The {subject} is stopped ({actual}).",
    fix="Nothing goes on until two people lift the stop; then the trade is checked again by itself.",
    example="A deal of a trader whose system sends orders nobody gave.",
)
