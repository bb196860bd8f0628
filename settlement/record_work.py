"""The work that records of other apps are which a back office rejected."""

from __future__ import annotations

from core import sql
from core.as_of import AsOf
from core.contents import content_of
from core.ids import BATCH, public_id
from core.money import format_number
from trades.work_items import About, Facts, WorkKind

RECORDS = "RECORDS_REJECTED"
_SHOWN = 50
_REJECTED = """
SELECT r.channel, r.record_id, r.line, r.asset, r.quantities[1], r.reason, r.answered_at, n.batch_id, n.status
FROM settlement_record r LEFT JOIN LATERAL (
    SELECT batch_id, status FROM settlement_record l
    WHERE l.channel = r.channel AND l.record_id = r.record_id AND l.attempt > r.attempt ORDER BY l.attempt DESC LIMIT 1
) n ON true
WHERE r.batch_id = %(id)s AND r.status = 'REJECTED'
  AND (%(as_at)s::timestamptz IS NULL OR r.answered_at <= %(as_at)s)
ORDER BY r.line LIMIT %(limit)s
"""


def _facts(about: About, as_of: AsOf) -> Facts:
    """Return the first records of a batch that were rejected by then, why, and what became of each since."""
    rows = sql.rows(_REJECTED, {"id": about.subject_id, "as_at": as_of.as_at, "limit": _SHOWN})
    return Facts(
        f"Rejected of {public_id(BATCH, about.subject_id)}",
        ("Record", "Line", "What", "Amount", "Reason", "Answered", "Since then"),
        [
            (
                _reference(channel, record_id),
                f"{line:,}",
                asset,
                format_number(amount) or "",
                reason,
                f"{at:%Y-%m-%d %H:%M} UTC",
                _since(later, batch_id),
            )
            for channel, record_id, line, asset, amount, reason, at, batch_id, later in rows
        ],
    )


def _reference(channel: str, record_id: int) -> str:
    content = content_of(channel)
    return public_id(content.prefix, record_id) if content else str(record_id)


_SINCE = {
    "SEALED": "sealed again in {batch}",
    "ACCEPTED": "accepted in {batch}",
    "REJECTED": "rejected again in {batch}",
    "RECALLED": "recalled with {batch}",
}


def _since(status: str | None, batch_id: int | None) -> str:
    if status is None or batch_id is None:
        return "waits to be sealed again"
    return _SINCE[status].format(batch=public_id(BATCH, batch_id))


KIND = WorkKind(
    code=RECORDS,
    title="records rejected by the back office",
    severity="WARN",
    mark="RECORDS_REJECTED",
    next_action=(
        "Put right what the reason names, in the receiving system or in what accounts are called there. The records"
        " are sealed again the next day."
    ),
    answered="The back office accepts every one of them in a later batch.",
    facts=_facts,
)
