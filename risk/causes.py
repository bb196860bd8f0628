"""What the findings of checks wait for, and whose move they are (see trades/work_items.py).

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
# What a party is dealt with under: the deal may name it by its code or by its LEI.
_PARTY = Cause(
    "", move=Move.REFERENCE_DATA, subject="f.actual", waits="ARRAY['parties:' || v.counterparty_ref]"
)
_PRICE = Cause(
    "",
    subject="v.instrument_ref",
    waits="ARRAY['close-prices:' || v.instrument_id, 'instruments:#' || v.instrument_id]",
)
# The account changed on a day: `cash SEK on 2026-11-20`. Taking the new one out of force ends it.
_ACCOUNT = "split_part(f.actual, ' on ', 1)"
_CHANGED_SSI = Cause(
    "",
    subject=f"f.subject || ' ' || {_ACCOUNT}",
    waits=_SSI.waits.replace("f.actual", _ACCOUNT),
)
# A party's country or LEI may be corrected, and it is on the list no longer.
_LISTED = Cause(
    "", move=Move.RISK, waits="ARRAY['watch-lists:' || f.subject, 'parties:' || v.counterparty_ref]"
)
# The article that is furthest from its price, by the name that close prices have for it.
_ARTICLE = (
    "SELECT 'close-prices:' || (line->>'instrument_id') FROM jsonb_array_elements(v.terms->'lines') AS line"
    " WHERE 'lines ' || (line->>'sku') = f.subject"
)
_OF_INSTRUMENT = Cause("", waits="ARRAY['instruments:#' || v.instrument_id]")
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
    "NO_FX_RATE": Cause(
        "",
        move=Move.REFERENCE_DATA,
        subject="f.actual",
        waits="ARRAY['fx-rates:' || v.currency, 'fx-rates:' || v.contra_currency]",
    ),
    "OFF_MARKET_PRICE": _PRICE,
    "PRICE_OUTSIDE_RANGE": _PRICE,
    "STALE_PRICE": replace(_PRICE, move=Move.REFERENCE_DATA),
    "OFF_PRICE_LIST": Cause("", waits=f"ARRAY({_ARTICLE})"),
    "OVER_DISCOUNT": Cause("", waits=f"ARRAY({_ARTICLE}) || ('parties:' || v.counterparty_ref)"),
    "AMOUNT_MISMATCH": _OF_INSTRUMENT,
    "ACCRUED_MISMATCH": _OF_INSTRUMENT,
    "UNITS_NOTIONAL_SWAP": _OF_INSTRUMENT,
    "SSI_CHANGED": _CHANGED_SSI,
    "NEW_DELIVERY_ADDRESS": _CHANGED_SSI,
    "RESTRICTED_LIST": _LISTED,
    "WATCH_LIST": _LISTED,
    "OUTSIDE_MANDATE": Cause(
        "",
        waits="ARRAY['mandates:' || v.trader, 'mandates:*', 'instruments:#' || v.instrument_id]",
    ),
    "AGREEMENT_MISSING": Cause(
        "",
        move=Move.REFERENCE_DATA,
        # When the last one ended is the same for all days of dealing but not part of what is missing.
        subject="split_part(f.actual, ' lapsed on ', 1) || ' ' || v.product",
        waits="ARRAY['agreements:' || v.counterparty_id || ' ' || v.product,"
        " 'agreements:' || v.counterparty_id || ' *']",
    ),
    "KYC_EXPIRED": _PARTY,
    "LEI_LAPSED": _PARTY,
    "OVER_CREDIT": replace(_PARTY, move=Move.RISK, subject="v.counterparty_ref"),
    "FIRST_TRADE": Cause("", subject="f.actual"),
    "REVERSING_PAIR": Cause("", subject="v.counterparty_ref"),
    "CANCELLED_UNCONFIRMED": Cause("", move=Move.RISK, subject="v.trader"),
    "SELF_TRADE": Cause("", subject="f.actual", waits="ARRAY['books:' || v.book_ref]"),
    "GROUP_TRADE": replace(
        _PARTY, move=None, waits="ARRAY['parties:' || v.counterparty_ref, 'books:' || v.book_ref]"
    ),
    "INACTIVE_REFERENCE": Cause(
        "",
        subject="f.subject || ' ' || f.actual",
        waits="ARRAY['books:' || v.book_ref, 'instruments:#' || v.instrument_id]",
    ),
    "FEE_MISMATCH": Cause(
        "", subject="f.subject || ' ' || f.actual", waits="ARRAY['fee-rules:' || f.subject]"
    ),
    "OFF_CYCLE": Cause("", waits="ARRAY['settlement-cycles:' || v.product]"),
    "NOT_BUSINESS_DAY": Cause("", subject="f.actual", waits="ARRAY['holidays:' || f.actual]"),
}


def causes() -> Iterator[Cause]:
    """Return what the code of each check means; what to do next is what the check says."""
    for code, check in CHECKS.items():
        yield replace(_OF_CHECKS.get(code, Cause(code)), code=code, next_action=check.fix)
