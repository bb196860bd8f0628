"""The next version of trades: locked, read, restated as messages and stored, any number in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from core import sql
from core.audit import Actor, encode
from core.http.problem import Problem, not_found
from trades.lifecycle import State, lock_trades
from trades.products import PRODUCTS
from trades.products._reading import read_message
from trades.products.base import COLUMNS, Message, Terms
from trades.services.capture import VERSION_COLUMNS, version_row

STATED_AMOUNTS = ("gross_amount", "net_amount")
_JSON = ("fees", "terms")


@dataclass(frozen=True, slots=True)
class Revision:
    """What changes from the current version of a trade to its next.

    changed: columns of `trades_version` with their new values; told: what the event says of it.
    """

    trade_id: int
    version: int
    changed: Mapping[str, Any]
    told: Mapping[str, Any] = field(default_factory=dict)


class NextVersion(msgspec.Struct, frozen=True, gc=False):
    """A version to be stored whole. `terms`: None where it repeats those of the version before, `after`: when that one
    was recorded."""

    trade_id: int
    version: int
    after: datetime
    effective_at: datetime
    source_version: int | None
    terms: Terms | None


def lock_states(*, trade_ids: Sequence[int]) -> dict[int, tuple[int, State]]:
    """Lock trades in the order of id; return the current version and state of those that exist."""
    ids = sorted(set(trade_ids))
    lock_trades(ids)
    found = sql.rows(
        "SELECT trade_id, version, state FROM trades_state WHERE trade_id = ANY(%s) ORDER BY trade_id", [ids]
    )
    return {trade_id: (version, State(state)) for trade_id, version, state in found}


def lock_held(*, trade_id: int, version: int | None) -> int:
    """Lock one trade that somebody decides on, having seen it at a version, and return its version.

    version: None when it does not matter. Problem 404 for an unknown trade, 412 when it has another version
    by now, 409 when it is not held.
    """
    found = lock_states(trade_ids=[trade_id]).get(trade_id)
    if found is None:
        raise not_found("trade")
    current, state = found
    if version not in {None, current}:
        raise Problem(
            412,
            "stale-version",
            "The trade has changed in the meantime.",
            detail=f"You have seen version {version}; the current one is {current}.",
            extra={"version": current},
        )
    if state != State.EXCEPTION:
        raise Problem(
            409,
            "not-held",
            "The trade is not held as an exception.",
            detail=f"It is {state.label}.",
            extra={"status": state.name},
        )
    return current


def current_versions(*, trade_ids: Sequence[int], condition: str = "true") -> list[dict[str, Any]]:
    """Return the current versions of trades as rows of `trades_version` with their block, in the order of id.

    condition: SQL over a row `v`, declared by the caller.
    """
    return _rows(
        f"s.trade_id = ANY(%s) AND v.version = s.version AND ({condition}) ORDER BY v.trade_id",
        [list(trade_ids)],
    )


def versions_since(*, trade_id: int, version: int) -> list[dict[str, Any]]:
    """Return a version of a trade and all later ones as rows of `trades_version`, the first one first."""
    return _rows("s.trade_id = %s AND v.version >= %s ORDER BY v.version", [trade_id, version])


def _rows(condition: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
    columns = ", ".join(f"v.{name}" for name in COLUMNS)
    found = sql.records(
        f"SELECT v.trade_id, v.version, s.block_id, {columns} FROM trades_state s"
        f" JOIN trades_version v ON v.trade_id = s.trade_id WHERE {condition}",
        parameters,
    )
    for row in found:
        for name in _JSON:
            row[name] = sql.json_value(row[name])
    return found


def restate(row: Mapping[str, Any]) -> Message:
    """Return the message that says what a stored version says: enriching it gives the same terms again."""
    message = read_message(encode(PRODUCTS[row["product"]].restate(row)).encode())
    state_amounts(message, row)
    return message


def state_amounts(message: Message, row: Mapping[str, Any], names: Sequence[str] = STATED_AMOUNTS) -> None:
    """Let a message state amounts of a stored version, so that enrichment does not derive them anew.

    They are set past the message's own reading, which allows fewer digits than a product of two numbers has.
    """
    for name in names:
        if hasattr(message, name):
            setattr(message, name, row[name])


def trade_etag(version: int, changed_at: datetime) -> str:
    """Return the strong ETag of a trade: it differs after every change of terms or state."""
    return f'"{version}-{int(changed_at.timestamp() * 1_000_000)}"'


# The next version is the current row with the changed columns laid over it: what is not named cannot change.
# It is recorded after the one before, also when the clock was read before somebody else's version was stored.
_ADD = """
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(revisions)s::jsonb)
    AS g(trade_id bigint, version integer, changed jsonb, told jsonb)
), added AS (
    INSERT INTO trades_version
    SELECT r.* FROM given g
    JOIN trades_version v ON v.trade_id = g.trade_id AND v.version = g.version
    CROSS JOIN LATERAL jsonb_populate_record(v, g.changed || jsonb_build_object(
        'version', g.version + 1,
        'recorded_at', greatest(%(at)s::timestamptz, v.recorded_at + interval '1 microsecond'),
        'cause', %(cause)s::text)) AS r
    ORDER BY g.trade_id
    RETURNING trade_id, version
), pointed AS (
    UPDATE trades_state s
    SET version = added.version, changed_at = %(at)s, changed_xid = pg_current_xact_id()::text::bigint
    FROM added WHERE s.trade_id = added.trade_id
)
INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason, data)
SELECT %(at)s, pg_current_xact_id()::text::bigint, %(event)s, 'trade', added.trade_id, added.version,
       %(actor)s, %(request_id)s, %(reason)s, given.told
FROM added JOIN given USING (trade_id) ORDER BY added.trade_id
"""


def add_versions(
    *,
    revisions: Sequence[Revision],
    cause: str,
    event: str,
    reason: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Store the next version of trades that the caller has locked, point their state at it, and tell the log."""
    if not revisions:
        return
    sql.run(
        _ADD,
        {
            "revisions": encode(revisions),
            "at": at,
            "cause": cause,
            "event": event,
            "actor": actor.name,
            "request_id": actor.request_id,
            "reason": reason,
        },
    )


_MOMENT = timedelta(microseconds=1)


def copy_versions(*, versions: Sequence[NextVersion], cause: str, at: datetime) -> None:
    """Store versions with their own terms by COPY, one of a trade, after the one before. The caller has locked the
    trades, and points their states."""
    rows = []
    for each in sorted(versions, key=attrgetter("trade_id")):
        if each.terms is None:
            raise ValueError(f"the version {each.version} of {each.trade_id} has no terms")
        rows.append(
            version_row(
                each.trade_id,
                each.terms,
                max(at, each.after + _MOMENT),
                version=each.version,
                effective_at=each.effective_at,
                cause=cause,
            )
        )
    if rows:
        sql.copy_rows("trades_version", VERSION_COLUMNS, rows)


_SAME = [name for name in COLUMNS if name != "source_version"]
_REPEAT = f"""
INSERT INTO trades_version (trade_id, version, recorded_at, effective_at, cause, source_version, {", ".join(_SAME)})
SELECT v.trade_id, g.version, g.recorded_at, g.effective_at, %(cause)s, g.source_version,
       {", ".join(f"v.{name}" for name in _SAME)}
FROM unnest(%(ids)s::bigint[], %(versions)s::int[], %(counts)s::int[], %(recorded)s::timestamptz[],
            %(effective)s::timestamptz[]) AS g(trade_id, version, source_version, recorded_at, effective_at)
JOIN trades_version v ON v.trade_id = g.trade_id AND v.version = g.version - 1
WHERE v.trade_id = ANY(%(ids)s::bigint[])  -- looked up, at any number of versions
"""


def repeat_versions(*, versions: Sequence[NextVersion], cause: str, at: datetime) -> None:
    """Store versions that say what the ones before say. The caller has locked the trades, and points their states."""
    if versions:
        sql.run(
            _REPEAT,
            {
                "cause": cause,
                "ids": [each.trade_id for each in versions],
                "versions": [each.version for each in versions],
                "recorded": [max(at, each.after + _MOMENT) for each in versions],
                "counts": [each.source_version for each in versions],
                "effective": [each.effective_at for each in versions],
            },
        )


def base_amount_of(trade_id: int) -> Decimal | None:
    """Return the amount of a trade as it stands, in base currency; None when it is not known."""
    found = sql.row(
        "SELECT v.base_amount FROM trades_state s JOIN trades_version v USING (trade_id, version)"
        " WHERE s.trade_id = %s",
        [trade_id],
    )
    return found[0] if found else None
