"""What corporate actions come to in positions: entered as the history of each position says, and reversed with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from core import sql
from core.audit import encode
from core.money import ZERO
from ledger.actions import CASH, Action, Consequences, Dealt, Effect, consequences
from ledger.models import Basis
from ledger.services.entries import ADD_UP, REVERSED, SAID, STANDING


class Held(NamedTuple):
    """What actions are told for: a book's holding of an instrument."""

    book_id: int
    instrument_id: int


_PLACES = "unnest(%(books)s::bigint[], %(instruments)s::bigint[]) AS t(book_id, instrument_id)"
_DEALT = f"""
SELECT e.book_id, e.instrument_id, e.currency, e.effective_date, e.settles_on, e.quantity, EXISTS (
           SELECT FROM ledger_position_entry s
           WHERE s.trade_id = e.trade_id AND s.leg = e.leg AND s.basis = '{Basis.SETTLED.value}' AND s.reverses IS NULL
             AND NOT EXISTS (SELECT FROM ledger_position_entry r WHERE r.reverses = s.id))
FROM {_PLACES} JOIN ledger_position_entry e USING (book_id, instrument_id)
WHERE e.basis = '{Basis.TRADED.value}' AND e.trade_id IS NOT NULL AND {STANDING}
"""


def tell_actions(
    *, held: Sequence[Held], actions: Mapping[int, Sequence[Action]], now: datetime, today: date
) -> dict[Held, Consequences]:
    """Return what actions come to for holdings, having entered it, in the caller's transaction."""
    if not held:
        return {}
    places = {"books": [each.book_id for each in held], "instruments": [each.instrument_id for each in held]}
    dealt: dict[Held, dict[str, list[Dealt]]] = {each: defaultdict(list) for each in held}
    for book_id, instrument_id, currency, *terms in sql.rows(_DEALT, places):
        dealt[Held(book_id, instrument_id)][currency].append(Dealt(*terms))
    told = {
        each: consequences(dealt=dealt[each], actions=actions[each.instrument_id], today=today)
        for each in held
    }
    _enter(places, told, now)
    return told


_KEPT = f"""
SELECT e.id, e.book_id, e.action_id, e.leg, e.basis, e.instrument_id, e.currency, e.quantity, e.effective_date,
       e.settles_on
FROM {_PLACES} JOIN ledger_position_entry e ON e.book_id = t.book_id
JOIN ledger_corporate_action_version a ON a.action_id = e.action_id AND a.version = 1
WHERE e.action_id IS NOT NULL AND a.instrument_id = t.instrument_id AND {STANDING}
"""
_ENTER = f"""
WITH posted AS (
    INSERT INTO ledger_position_entry (action_id, version, {SAID}, reverses, recorded_at)
    SELECT lines.*, %(at)s::timestamptz FROM (
        SELECT a.action_id, a.version, {REVERSED}, a.id AS reverses
        FROM ledger_position_entry a WHERE a.id = ANY(%(gone)s::bigint[])
        UNION ALL
        SELECT n.action_id, n.version, n.leg, n.basis, n.book_id, n.instrument_id, n.currency, 0, n.quantity, 0, 0,
               n.effective_date, n.settles_on, 'epoch'::timestamptz, NULL
        FROM jsonb_to_recordset(%(new)s::jsonb) AS n(action_id bigint, version int, leg int, basis text, book_id bigint,
             instrument_id bigint, currency text, quantity numeric, effective_date date, settles_on date)
    ) AS lines ORDER BY action_id, reverses NULLS LAST, book_id, leg, basis DESC
    RETURNING *
), {ADD_UP} SELECT count(*) FROM posted
"""
_Said = tuple[int, int, int, str, int, str, Decimal, date, date]


def _enter(places: Mapping[str, Any], told: Mapping[Held, Consequences], now: datetime) -> None:
    """Reverse what no longer holds and enter what is new; what is the same stays."""
    wanted = {
        _said(each.book_id, each.instrument_id, effect): effect
        for each, found in told.items()
        for effect in found.effects
    }
    kept: dict[_Said, int] = {tuple(said): entry_id for entry_id, *said in sql.rows(_KEPT, dict(places))}
    new = [
        dict(zip(_NAMES, said, strict=True)) | {"version": effect.version}
        for said, effect in wanted.items()
        if said not in kept
    ]
    gone = sorted(entry_id for said, entry_id in kept.items() if said not in wanted)
    if new or gone:
        sql.row(_ENTER, {"new": encode(new), "gone": gone, "at": now})


_NAMES = (
    "book_id", "action_id", "leg", "basis", "instrument_id", "currency", "quantity", "effective_date", "settles_on",
)  # fmt: skip


def _said(book_id: int, instrument_id: int, effect: Effect) -> _Said:
    basis = Basis.SETTLED if effect.is_settled else Basis.TRADED
    return (
        book_id,
        effect.action_id,
        effect.leg,
        basis.value,
        0 if effect.leg == CASH else instrument_id,
        effect.currency,
        effect.quantity + ZERO,
        effect.effective_date,
        effect.settles_on,
    )
