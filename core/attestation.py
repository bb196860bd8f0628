"""A signed statement of how far the log went on a day: against it, a tail that was cut off shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from core import sql
from core.seals import json_text
from core.signing import public_key, sign

FORMAT = 1


def attest(*, day: date) -> dict[str, Any] | None:
    """Return the signed statement of the last seal made before the end of a day in UTC; None without one.

    Made again it is the same to the byte, whatever was sealed since.
    """
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    found = sql.row(
        "SELECT sequence, hash, root, last_id, total_count, sealed_at FROM core_audit_seal"
        " WHERE sealed_at < %s ORDER BY sequence DESC LIMIT 1",
        [end],
    )
    if found is None:
        return None
    sequence, seal_hash, root, last_id, total_count, sealed_at = found
    statement = {
        "format": FORMAT,
        "date": day.isoformat(),
        "sequence": sequence,
        "seal_hash": seal_hash,
        "root": root,
        "last_id": last_id,
        "total_count": total_count,
        "sealed_at": sealed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return {"statement": statement, "signature": sign(json_text(statement)).value, "public_key": public_key()}
