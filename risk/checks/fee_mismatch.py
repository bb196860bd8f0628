"""FEE_MISMATCH: the front office states another charge than the rules make, or none."""

from risk.checks.base import Check
from trades.fees import expected_fees_sql, stated_fees_sql

# A part of a block has its share of the block's charges, which a rule with a minimum would not make.
FEE_MISMATCH = Check(
    code="FEE_MISMATCH",
    title="Fees do not agree with the rules",
    severity="BLOCK",
    precedence=39,
    rows=f"""
        SELECT e.trade_id, e.type AS subject, e.amount::text || ' ' || e.currency || ' (' || e.rule || ')' AS expected,
               coalesce(s.amount::text || ' ' || s.currency, 'nothing') AS actual
        FROM ({expected_fees_sql("batch")}) e
        LEFT JOIN ({stated_fees_sql("batch")}) s USING (trade_id, type, currency)
        JOIN batch b ON b.trade_id = e.trade_id
        WHERE e.is_stated AND b.block_id IS NULL AND abs(e.amount - coalesce(s.amount, 0)) > {{tolerance}}
    """,
    message="{subject} comes to {expected}, and the front office states {actual}.",
    fix="Correct the charge as the front office confirms it, or have the rule changed where the rule is wrong.",
    example="A commission of 1.95 USD where the rule of the market makes 19.50 USD.",
    parameters={"tolerance": "0.01"},
    meanings={"tolerance": "by how much a charge may be off, in its own currency"},
    bounds={"tolerance": ("0", "1000000")},
    overridable=True,
)
