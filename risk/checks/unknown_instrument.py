"""UNKNOWN_INSTRUMENT: the instrument, or the article of an order line, is not in the reference data."""

from risk.checks.base import Check

UNKNOWN_INSTRUMENT = Check(
    code="UNKNOWN_INSTRUMENT",
    title="Unknown instrument or article",
    severity="BLOCK",
    precedence=12,
    condition=(
        "b.instrument_ref IS NOT NULL AND b.instrument_id IS NULL"
        " OR b.terms @? '$.lines[*] ? (@.instrument_id == null)'"
    ),
    subject="'instrument'",
    actual=(
        "coalesce(b.instrument_ref, (SELECT string_agg(DISTINCT line->>'sku', ', ')"
        " FROM jsonb_array_elements(b.terms->'lines') AS line WHERE line->>'instrument_id' IS NULL))"
    ),
    message="The instrument {actual} is not known.",
    fix="Add the instrument, or correct it in the trade; then re-check.",
    example="An order line for an article that the price list does not have.",
)
