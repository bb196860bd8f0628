"""A flagged price or rate is accepted by a person, who says why; the run keeps both."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.http.problem import Problem, not_found
from core.text import text_faults
from ledger.services.profit_run import SUBJECT

_FLAG = """
SELECT p.id, r.id, r.kind, i.code, p.currency, p.flag FROM ledger_profit_price p
JOIN ledger_profit_run r ON r.id = p.run_id LEFT JOIN refdata_instrument i ON i.id = p.instrument_id
WHERE p.id = %s AND r.day = %s AND p.flag <> ''
"""
_ACCEPT = """
INSERT INTO ledger_profit_flag_acceptance (price_id, reason, actor, accepted_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (price_id) DO NOTHING RETURNING price_id
"""


def accept_flag(*, day: date, price_id: int, reason: str, now: datetime, actor: Actor) -> None:
    """Accept one flagged price or rate of the end of a day, for that run alone.

    Problem 422 without a reason, 404 for no such flag of the day, 409 for a flag of an intraday run, which gives way
    to the next, and for one that is accepted already.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "This cannot be done like this.", faults=faults)
    with transaction.atomic():
        found = sql.row(_FLAG, [price_id, day])
        if found is None:
            raise not_found("flag")
        _, run_id, kind, instrument, currency, flag = found
        if kind != "CLOSE":
            raise Problem(409, "day-not-ended", "Flags are accepted once the day has been told to its end.")
        if not sql.rows(_ACCEPT, [price_id, reason.strip(), actor.name, now]):
            raise Problem(409, "flag-accepted", "This flag is accepted already.")
        record(
            type="profit.flag_accepted",
            subject=SUBJECT,
            ids=[run_id],
            actor=actor,
            at=now,
            reason=reason.strip(),
            data={"instrument": instrument, "currency": currency, "flag": flag},
        )
