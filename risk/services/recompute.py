"""Recomputation: the running figures of every limit, told again from the trades and reservations alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from core import sql
from core.audit import Actor, record
from core.clock import business_date
from core.money import ZERO
from risk.measures import MEASURES
from risk.services.decision import NOTHING, Held, LimitTerms, Member, decide
from risk.services.limits import exposures_of, limits_kept
from risk.work_kinds import FIGURES, LIMIT
from trades.lifecycle import LIVE_STATES, State
from trades.services.exceptions import NewException, open_exceptions
from trades.work_items import About

TASK = "risk.recompute_limits"
CHUNK = 50_000
# A window of trades that settled since is told again from those captured lately; what is older is over.
_WINDOW = timedelta(days=1)
_CAPTURED_BEFORE = timedelta(days=7)
WRONG = "WRONG_FIGURE"
EXPLAINED_WITHIN = timedelta(days=1)  # by then all figures are told again


@dataclass(frozen=True, slots=True)
class Difference:
    """A running figure that the trades, or the reservations (`held`), do not add up to."""

    limit_id: int
    key: str
    running: Decimal
    recomputed: Decimal
    held: Held = NOTHING


def recompute_limits(
    *, now: datetime, actor: Actor, correct: bool, told_stale: bool = False
) -> list[Difference]:
    """Recompute every running figure and return what differs and should not.

    A limit that is stale (it is new or changed, or what places trades in it did) differs for a reason: its figures
    are put right and it is not told, unless `told_stale`. `correct` puts the other figures right as well; each
    difference is then in the log, and work for somebody until it is explained. Checks wait meanwhile: the table of
    figures is locked against change, so that the answer belongs to one moment.
    """
    with transaction.atomic():
        sql.run("LOCK TABLE risk_utilisation IN SHARE ROW EXCLUSIVE MODE")
        stale = {each for (each,) in sql.rows("SELECT id FROM risk_limit WHERE stale ORDER BY id FOR UPDATE")}
        differences = _differences(now)
        restated = [each for each in differences if each.limit_id in stale]
        wrong = [each for each in differences if each.limit_id not in stale]
        _put_right(restated)
        sql.run("UPDATE risk_limit SET stale = false WHERE id = ANY(%s)", [sorted(stale)])
        if correct:
            _put_right(wrong)
            _tell(wrong, actor, now)
            _forget_windows(now)
    return differences if told_stale else wrong


def restate_limits(*, now: datetime, actor: Actor) -> bool:
    """Tell the figures again if a limit is stale; tell whether one was. What else differs is left for the night."""
    if not sql.row("SELECT 1 FROM risk_limit WHERE stale LIMIT 1"):
        return False
    recompute_limits(now=now, actor=actor, correct=False)
    return True


def _differences(now: datetime) -> list[Difference]:
    running, holding = _running(now)
    told, held = _from_trades(now), _from_reservations()
    return [
        Difference(
            *member,
            running.get(member, ZERO),
            told.get(member, ZERO),
            held.get(member, NOTHING) - holding.get(member, NOTHING),
        )
        for member in sorted({*running, *told, *held, *holding})
        if running.get(member, ZERO) != told.get(member, ZERO)
        or holding.get(member, NOTHING) != held.get(member, NOTHING)
    ]


def _closed(now: datetime) -> str:
    """Return the first day whose windows are told again."""
    return (business_date(now) - _WINDOW).isoformat()


def _windowed(limits: Sequence[LimitTerms]) -> set[int]:
    return {limit.id for limit in limits if limit.declared.until == "CANCELLED"}


def _is_over(key: str, now: datetime) -> bool:
    return key.rpartition("|")[2] < _closed(now)


def _running(now: datetime) -> tuple[dict[Member, Decimal], dict[Member, Held]]:
    limits = limits_kept(at=now)
    kept, windowed = {limit.id for limit in limits}, _windowed(limits)
    used: dict[Member, Decimal] = {}
    held: dict[Member, Held] = {}
    for limit_id, key, each, up, down in sql.rows(
        "SELECT limit_id, key, used, held_up, held_down FROM risk_utilisation"
    ):
        if limit_id not in kept or (limit_id in windowed and _is_over(key, now)):
            continue
        used[limit_id, key] = each
        held[limit_id, key] = Held(up, down)
    return used, held


def _from_trades(now: datetime) -> dict[Member, Decimal]:
    limits = [limit for limit in limits_kept(at=now) if limit.accumulates]
    windowed = _windowed(limits)
    figures: dict[Member, Decimal] = {}
    for trade_ids in _live():
        _add(figures, limits, trade_ids)
    windows = [limit for limit in limits if limit.id in windowed]
    for trade_ids in _settled_lately(now) if windows else ():
        _add(figures, windows, trade_ids)
    return {
        (limit_id, key): used
        for (limit_id, key), used in figures.items()
        if limit_id not in windowed or not _is_over(key, now)
    }


def _add(figures: dict[Member, Decimal], limits: Sequence[LimitTerms], trade_ids: Sequence[int]) -> None:
    exposures = exposures_of(trade_ids, limits, version="checked_version")
    for member, size in decide(limits, exposures, {}).deltas.items():
        figures[member] = figures.get(member, ZERO) + size


_LIVE = """
SELECT trade_id FROM trades_state WHERE trade_id > %s AND state = ANY(%s) AND checked_version IS NOT NULL
ORDER BY trade_id LIMIT %s
"""


def _live() -> Iterator[list[int]]:
    after, states = 0, [state.value for state in LIVE_STATES]
    while ids := [trade_id for (trade_id,) in sql.rows(_LIVE, [after, states, CHUNK])]:
        yield ids
        after = ids[-1]


_SETTLED = """
SELECT s.trade_id, v.recorded_at FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = 1
WHERE s.trade_id < %s AND s.state = %s AND s.checked_version IS NOT NULL ORDER BY s.trade_id DESC LIMIT %s
"""


def _settled_lately(now: datetime) -> Iterator[list[int]]:
    """Yield the settled trades captured in the last days, the latest first: ids grow with time."""
    before, since = (1 << 63) - 1, now - _CAPTURED_BEFORE
    while rows := sql.rows(_SETTLED, [before, State.SETTLED.value, CHUNK]):
        if lately := [trade_id for trade_id, recorded_at in rows if recorded_at >= since]:
            yield sorted(lately)
        if len(lately) < len(rows):
            return
        before = rows[-1][0]


_HOLDING = """
SELECT u.limit_id, u.key, sum(u.up), sum(u.down) FROM risk_reservation r
JOIN risk_reserved_use u ON u.reservation_id = r.id WHERE r.state = 'HELD' GROUP BY 1, 2
"""


def _from_reservations() -> dict[Member, Held]:
    return {(limit_id, key): Held(up, down) for limit_id, key, up, down in sql.rows(_HOLDING)}


_PUT = """
INSERT INTO risk_utilisation (limit_id, key, used, held_up, held_down)
SELECT limit_id, key, used, up, down
FROM unnest(%s::bigint[], %s::text[], %s::numeric[], %s::numeric[], %s::numeric[]) AS d(limit_id, key, used, up, down)
ON CONFLICT (limit_id, key) DO UPDATE SET used = excluded.used,
    held_up = risk_utilisation.held_up + excluded.held_up, held_down = risk_utilisation.held_down + excluded.held_down
"""


def _put_right(differences: Sequence[Difference]) -> None:
    if differences:
        rows = [
            (each.limit_id, each.key, each.recomputed, each.held.up, each.held.down) for each in differences
        ]
        sql.run(_PUT, [list(column) for column in zip(*rows, strict=True)])


_KEEP = """
INSERT INTO risk_wrong_figure (limit_id, key, running, recomputed, found_at)
SELECT limit_id, key, running, recomputed, %s
FROM unnest(%s::bigint[], %s::text[], %s::numeric[], %s::numeric[]) AS d(limit_id, key, running, recomputed)
"""


def _tell(differences: Sequence[Difference], actor: Actor, now: datetime) -> None:
    if differences:
        rows = [(each.limit_id, each.key, each.running, each.recomputed) for each in differences]
        sql.run(_KEEP, [now, *(list(column) for column in zip(*rows, strict=True))])
    record(
        type="limit.corrected",
        subject="limit",
        ids=[each.limit_id for each in differences],
        actor=actor,
        at=now,
        each=[
            {"key": each.key, "running": each.running, "recomputed": each.recomputed,
             "reserved_more": each.held.up, "reserved_more_down": each.held.down}
            for each in differences
        ],
    )  # fmt: skip
    limits = {limit.id: limit for limit in limits_kept(at=now)}
    items = [_item(each, limits[each.limit_id], now) for each in differences]
    open_exceptions(items=items, at=now, actor=actor)


def _item(wrong: Difference, limit: LimitTerms, now: datetime) -> NewException:
    """Return the work that a wrong figure is; its money is what the figure was wrong by."""
    by = max(abs(wrong.running - wrong.recomputed), abs(wrong.held.up), abs(wrong.held.down))
    if wrong.running != wrong.recomputed:
        said = f"was {wrong.running:,.2f} where the trades add up to {wrong.recomputed:,.2f}"
    else:
        said = f"had {by:,.2f} of room reserved that the reservations do not add up to"
    return NewException(
        trade_id=None,
        about=About(LIMIT, wrong.limit_id, wrong.key),
        kind=FIGURES,
        codes=[WRONG],
        summary=f"The use of {limit.code} by {wrong.key or 'all'} {said}.",
        amount_at_risk=by if limit.declared.unit == "MONEY" else None,
        deadline=now + EXPLAINED_WITHIN,
        causes=[f"{WRONG} {limit.code}"],
    )


def _forget_windows(now: datetime) -> None:
    """Delete the figures of windows that are over: of a day or minute, once it has passed; of a value date, once
    nothing is left to settle."""
    windowed = [code for code, measure in MEASURES.items() if measure.until == "CANCELLED" and measure.per]
    dated = [code for code, measure in MEASURES.items() if measure.per == "value_date"]
    sql.run(
        "DELETE FROM risk_utilisation u USING risk_limit l WHERE l.id = u.limit_id"
        " AND u.held_up = 0 AND u.held_down = 0 AND substring(u.key FROM '[^|]*$') < %s"
        " AND (l.measure = ANY(%s) OR (l.measure = ANY(%s) AND u.used = 0))",
        [_closed(now), windowed, dated],
    )
