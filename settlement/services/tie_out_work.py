"""What a tie-out could not put right is kept, and is work until the sides agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from core import sql
from core.audit import Actor
from core.clock import business_date
from core.money import ZERO, round_money
from refdata.selectors import resolve
from trades.lifecycle import SUBJECT as TRADE
from trades.services.exceptions import (
    NewException,
    close_exceptions,
    close_exceptions_about,
    open_exceptions,
)
from trades.work_items import About

WORKED_WITHIN = timedelta(days=1)
AGREED = "ties out"
_SAID = 3  # breaks that the summary of an item names


@dataclass(frozen=True)
class Left:
    """A break that is left, of a trade or of a series of numbers. `words` say it whole.

    recorded and expected are amounts of the currency, or counts where there is none.
    """

    subject_id: int
    code: str
    about: str
    currency: str
    recorded: Decimal
    expected: Decimal
    words: str


_COLUMNS = "subject_id, code, about, currency, recorded, expected"
_GIVEN = f"""
given AS MATERIALIZED (
    SELECT DISTINCT * FROM unnest(%(ids)s::bigint[], %(codes)s::text[], %(abouts)s::text[], %(currencies)s::text[],
                                  %(recorded)s::numeric[], %(expected)s::numeric[]) AS g({_COLUMNS})
)"""
_CLOSE = f"""
WITH {_GIVEN}
UPDATE settlement_tie_out_break b SET closed_at = %(at)s, closed_xid = pg_current_xact_id()::text::bigint
WHERE b.kind = %(kind)s AND b.subject = %(subject)s AND b.subject_id = ANY(%(looked_at)s::bigint[])
  AND b.closed_at IS NULL AND ({_COLUMNS}) NOT IN (SELECT {_COLUMNS} FROM given)
"""
_OPEN = f"""
WITH {_GIVEN}
INSERT INTO settlement_tie_out_break (kind, subject, {_COLUMNS}, opened_at)
SELECT %(kind)s, %(subject)s, {_COLUMNS}, %(at)s FROM given ORDER BY {_COLUMNS}
ON CONFLICT (kind, subject, {_COLUMNS}) WHERE closed_at IS NULL DO NOTHING
"""
_SINCE = """
SELECT subject_id, coalesce(reopened_at, opened_at) FROM trades_exception
WHERE kind = %s AND subject = %s AND subject_id = ANY(%s) AND closed_at IS NULL
"""


def keep_what_is_left(
    *,
    kind: str,
    title: str,
    subject: str = TRADE,
    looked_at: Sequence[int],
    left: Sequence[Left],
    now: datetime,
    actor: Actor,
) -> None:
    """Have a work item of the kind open on each of the subjects with breaks, and on no other that was looked at.

    In the caller's transaction, which has locked the trades. The same again changes nothing; an item that stays keeps
    its age and its deadline. title: what the summary begins with.
    """
    _store(kind, subject, looked_at, left, now)
    by_subject: dict[int, list[Left]] = {}
    for each in left:
        by_subject.setdefault(each.subject_id, []).append(each)
    since = dict(sql.rows(_SINCE, [kind, subject, list(by_subject)])) if by_subject else {}
    rates = _rates(left, now)
    items = [
        NewException(
            trade_id=subject_id if subject == TRADE else None,
            about=None if subject == TRADE else About(subject, subject_id),
            kind=kind,
            codes=sorted({each.code for each in breaks}),
            summary=f"{title}: {'; '.join(each.words for each in breaks[:_SAID])}",
            amount_at_risk=_at_risk(breaks, rates),
            deadline=since.get(subject_id, now) + WORKED_WITHIN,
        )
        for subject_id, breaks in by_subject.items()
    ]
    open_exceptions(items=items, at=now, actor=actor)
    whole = [each for each in looked_at if each not in by_subject]
    if subject == TRADE:
        close_exceptions(trade_ids=whole, kinds=[kind], resolution=AGREED, closed_by=actor, at=now)
    else:
        close_exceptions_about(
            subject=subject, subject_ids=whole, kind=kind, resolution=AGREED, closed_by=actor, at=now
        )


def _store(kind: str, subject: str, looked_at: Sequence[int], left: Sequence[Left], now: datetime) -> None:
    parameters = {
        "kind": kind,
        "subject": subject,
        "looked_at": list(looked_at),
        "at": now,
        "ids": [each.subject_id for each in left],
        "codes": [each.code for each in left],
        "abouts": [each.about for each in left],
        "currencies": [each.currency for each in left],
        "recorded": [each.recorded for each in left],
        "expected": [each.expected for each in left],
    }
    sql.run(_CLOSE, parameters)
    if left:
        sql.run(_OPEN, parameters)


def _rates(left: Sequence[Left], now: datetime) -> Mapping[str, Decimal]:
    """Return the rates to base currency that are known of the currencies of breaks."""
    currencies = {each.currency for each in left} - {""}
    if not currencies:
        return {}
    return resolve(parties=(), instruments=(), books=(), currencies=currencies, on=business_date(now)).rates


def _at_risk(breaks: Sequence[Left], rates: Mapping[str, Decimal]) -> Decimal | None:
    """Return by how much the sides differ, in base currency; None where a part of it has no value."""
    if any(each.currency not in rates for each in breaks):
        return None
    values = (abs(each.recorded - each.expected) * rates[each.currency] for each in breaks)
    return round_money(sum(values, ZERO), settings.BASE_CURRENCY)
