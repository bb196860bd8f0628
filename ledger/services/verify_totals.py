"""Nightly: the totals of accounts by day and month compared with the lines they are of; what differs is put right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from core import sql
from core.audit import Actor, record
from ledger.services.posting_journal import lock_journal

SUBJECT = "ledger_period"  # its id is the entity's
_KEY = "entity_id, currency, account, span, starts_on"
_FIGURES = "debit, credit, postings"
_WRONG = f"""
WITH told AS (
    SELECT j.entity_id, j.currency, p.account, s.span,
           CASE s.span WHEN 'D' THEN j.posting_date ELSE date_trunc('month', j.posting_date)::date END AS starts_on,
           sum(p.debit) AS debit, sum(p.credit) AS credit, count(*) AS postings
    FROM ledger_posting p JOIN ledger_journal j ON j.id = p.entry_id CROSS JOIN (VALUES ('D'), ('M')) AS s(span)
    GROUP BY 1, 2, 3, 4, 5
), compared AS (
    SELECT {_KEY}, coalesce(k.debit, 0) AS kept_debit, coalesce(k.credit, 0) AS kept_credit,
           coalesce(k.postings, 0) AS kept_postings, coalesce(t.debit, 0) AS debit, coalesce(t.credit, 0) AS credit,
           coalesce(t.postings, 0) AS postings
    FROM ledger_account_total k FULL JOIN told t USING ({_KEY})
)
SELECT * FROM compared
WHERE (kept_debit, kept_credit, kept_postings) <> (debit, credit, postings)
"""
_PUT_RIGHT = f"""
INSERT INTO ledger_account_total ({_KEY}, {_FIGURES})
SELECT {_KEY}, {_FIGURES} FROM ({_WRONG}) w ORDER BY {_KEY}
ON CONFLICT ({_KEY}) DO UPDATE
SET debit = EXCLUDED.debit, credit = EXCLUDED.credit, postings = EXCLUDED.postings
"""
_NAMED = f"""
SELECT w.entity_id, e.code, w.currency, w.account, w.span, w.starts_on, w.kept_debit - w.kept_credit,
       w.debit - w.credit
FROM ({_WRONG}) w JOIN refdata_party e ON e.id = w.entity_id
ORDER BY e.code, w.currency, w.account, w.span, w.starts_on
"""


@dataclass(frozen=True, slots=True)
class WrongTotal:
    """A total that is not the sum of its lines. span: D, a day, or M, a month. kept, told: debits less credits."""

    entity_id: int
    entity: str
    currency: str
    account: str
    span: str
    starts_on: date
    kept: Decimal
    told: Decimal


def verify_totals(*, now: datetime, actor: Actor, correct: bool) -> list[WrongTotal]:
    """Compare all totals with the sums of their lines and return those that are wrong; `correct` puts them right and
    tells the log. Each is one statement, so that what is posted meanwhile is in both sides or in none."""
    if not correct:
        return [WrongTotal(*row) for row in sql.rows(_NAMED)]
    with transaction.atomic():
        found = [WrongTotal(*row) for row in sql.rows(_NAMED)]
        if found:
            lock_journal()
            sql.run(_PUT_RIGHT)
            record(
                type="journal.totals_corrected",
                subject=SUBJECT,
                ids=sorted({each.entity_id for each in found}),
                actor=actor,
                at=now,
                data={"totals": len(found), "first": f"{found[0]}"},
            )
    return found
