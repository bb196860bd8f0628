"""INCOMPLETE_INSTRUMENT: the instrument is known, but not what the deal's amounts rest on."""

from risk.checks.base import Check

INCOMPLETE_INSTRUMENT = Check(
    code="INCOMPLETE_INSTRUMENT",
    title="Incomplete instrument",
    severity="BLOCK",
    precedence=15,
    condition="b.instrument_id IS NOT NULL AND b.terms @? '$.contract ? (@ == null)'",
    subject="'instrument'",
    actual="b.instrument_ref",
    message="The reference data of {actual} lack what its amounts rest on: its coupons, or its expiry.",
    fix="Complete the instrument; then re-check. The amounts that rest on it follow.",
    example="A bond whose day count nobody has entered yet.",
)
