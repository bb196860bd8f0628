"""BAD_IDENTIFIER: an ISIN or LEI whose check digits are wrong."""

from stdnum import isin, lei

from risk.checks.base import Check

BAD_IDENTIFIER = Check(
    code="BAD_IDENTIFIER",
    title="Identifier with a wrong check digit",
    severity="BLOCK",
    precedence=13,
    rows="""
        SELECT b.trade_id, x.subject, 'a valid ' || x.scheme AS expected, x.reference AS actual
        FROM batch b CROSS JOIN LATERAL (VALUES
            ('instrument', 'ISIN', b.instrument_ref, b.instrument_id, '^[A-Z]{2}[A-Z0-9]{9}[0-9]$'),
            ('counterparty', 'LEI', b.counterparty_ref, b.counterparty_id, '^[A-Z0-9]{18}[0-9]{2}$')
        ) AS x(subject, scheme, reference, resolved, pattern)
        WHERE (b.instrument_id IS NULL AND b.instrument_ref IS NOT NULL OR b.counterparty_id IS NULL)
          AND x.resolved IS NULL AND x.reference ~ x.pattern
    """,
    message="{actual} is not {expected}: its check digit is wrong.",
    fix="Ask the front office which identifier is meant and correct it in the trade.",
    example="US0378331006 instead of US0378331005.",
    confirm=lambda reference: not (isin.is_valid(reference) or lei.is_valid(reference)),
)
