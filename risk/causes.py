"""What the findings of checks and limits wait for, and whose move they are (see trades/work_items.py).

A check that has no row here is the move of operations, and no reference data ends it by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from risk.checks import CHECKS
from trades.work_items import Cause, Move

_SSI = Cause(
    "",
    move=Move.REFERENCE_DATA,
    subject="f.subject || ' ' || f.actual",
    # One for the very currency or market ends it, and so does one for any.
    waits="ARRAY['ssis:' || f.subject || ':' || f.actual,"
    " 'ssis:' || f.subject || ':' || split_part(f.actual, ' ', 1) || ' *']",
)
_INSTRUMENT = Cause(
    "",
    move=Move.REFERENCE_DATA,
    subject="f.actual",
    waits="ARRAY['instruments:' || v.instrument_ref, 'instruments:#' || v.instrument_id]",
)
_OF_CHECKS = {
    "UNKNOWN_PARTY": Cause(
        "",
        move=Move.REFERENCE_DATA,
        subject="v.counterparty_ref",
        waits="ARRAY['parties:' || v.counterparty_ref]",
    ),
    "RESTRICTED_PARTY": Cause("", move=Move.RISK, subject="f.actual", waits="ARRAY['parties:' || f.actual]"),
    "UNKNOWN_BOOK": Cause(
        "", move=Move.REFERENCE_DATA, subject="v.book_ref", waits="ARRAY['books:' || v.book_ref]"
    ),
    "UNKNOWN_INSTRUMENT": Cause(
        "",
        move=Move.REFERENCE_DATA,
        subject="f.actual",
        waits="(SELECT array_agg('instruments:' || x) FROM unnest(string_to_array(f.actual, ', ')) AS x)",
    ),
    "INCOMPLETE_INSTRUMENT": _INSTRUMENT,
    "INSTRUMENT_EXPIRED": _INSTRUMENT,
    "SSI_MISSING": _SSI,
    "SSI_AMBIGUOUS": _SSI,
    "NO_FX_RATE": Cause(
        "",
        move=Move.REFERENCE_DATA,
        subject="f.actual",
        waits="ARRAY['fx-rates:' || v.currency, 'fx-rates:' || v.contra_currency]",
    ),
    "OFF_MARKET_PRICE": Cause(
        "",
        subject="v.instrument_ref",
        waits="ARRAY['close-prices:' || v.instrument_id, 'instruments:#' || v.instrument_id]",
    ),
    "NOT_BUSINESS_DAY": Cause("", subject="f.actual", waits="ARRAY['holidays:' || f.actual]"),
}
_OF_LIMITS = (
    Cause(
        "LIMIT_BREACH",
        move=Move.RISK,
        next_action="Have the excess accepted by a second person, or have the deal made smaller.",
    ),
)


def causes() -> Iterator[Cause]:
    """Return what each code found in this app means; what to do next is what its check says."""
    for code, check in CHECKS.items():
        yield replace(_OF_CHECKS.get(code, Cause(code)), code=code, next_action=check.fix)
    yield from _OF_LIMITS
