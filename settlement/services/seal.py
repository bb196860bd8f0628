"""Seal: validated trades become obligations, netted instructions and immutable batches, set-based."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction

from core import sql, work
from core.audit import Actor
from core.wake import wake_on_commit
from settlement.cut_offs import Place
from settlement.models import CHANNEL_OF
from settlement.services import _lanes, _sealing, _shaping
from settlement.services._batch_rows import Written, next_number, write_batch
from settlement.services._holding import keep_back_held
from settlement.services.advance import TASK as ADVANCE
from settlement.services.manifest import write_manifests
from settlement.services.release import hold_for_release
from trades.lifecycle import State, move_trades
from trades.services.guards import held_back

MAX_TRADES = 250_000  # in one transaction
RECHECK_REASON = "no settlement instruction when it was to be sealed"
_LOCK = 0x5EA1  # the advisory lock that lets one seal run at a time
_EVERYONE = (0, (1 << 63) - 1)

_KIND_OF = {channel: kind for kind, channel in CHANNEL_OF.items()}

Progress = Callable[[int], None]


@dataclass(frozen=True)
class _Wanted:
    """What is to be sealed: due on or before a date, of some asset kinds, for a range of counterparty ids.

    reach: where places are sealed up to other dates, the date of each.
    """

    value_date: date
    kinds: list[str]
    first: int
    last: int
    reach: Mapping[Place, date]

    def parameters(self) -> dict[str, Any]:
        return {
            "value_date": self.value_date,
            "kinds": self.kinds,
            "first": self.first,
            "last": self.last,
            "reach_kinds": [_KIND_OF[place.channel] for place in self.reach],
            "reach_markets": [place.market for place in self.reach],
            "reach_currencies": [place.currency for place in self.reach],
            "reach_until": list(self.reach.values()),
            "cash_currencies": self._currencies("CASH"),
            "security_currencies": self._currencies("SECURITIES"),
        }

    def _currencies(self, channel: str) -> list[str]:
        return sorted({place.currency for place in self.reach if place.channel == channel})

    @property
    def by_place(self) -> bool:
        """Tell whether what is due reaches further at some places than at others."""
        return bool(self.reach)


@dataclass(frozen=True)
class _Batch:
    """A batch in the making. `first_id` is the id of the instruction in line 1."""

    id: int
    channel: str
    sequence: int
    value_date: date
    count: int
    first_id: int


def seal_batches(
    *,
    value_date: date,
    channels: Sequence[str],
    actor: Actor,
    now: datetime,
    reach: Mapping[Place, date] | None = None,
    progress: Progress | None = None,
) -> list[int]:
    """Instruct and seal all that is due on or before a value date, and return the ids of the new batches.

    channels: of CASH, SECURITIES and GOODS. There is a batch for each channel and value date. A trade is
    INSTRUCTED once its last due leg is: when only some channels are sealed, it may stay VALIDATED. Legs that
    have a live instruction are never instructed again; where it was rejected or recalled, they are. What was
    recalled is cancelled in the same batches.

    A trade without a settlement instruction for a leg goes back to be checked. Trades that somebody holds
    at this moment are left for the next seal. Each transaction takes at most MAX_TRADES trades, more only
    where one counterparty has more: what nets is never split. One seal runs at a time, others wait for it.
    reach: up to which value date each place of the channels is sealed, `value_date` being the last of them; a trade
    with a leg whose place does not reach so far stays VALIDATED.
    progress: called with the number of trades instructed so far.
    """
    apart = reach if reach and len(set(reach.values())) > 1 else {}
    kinds = [kind for kind, channel in CHANNEL_OF.items() if channel in channels]
    sealed: list[int] = []
    done = 0
    for first, last in _counterparties(value_date):
        batch_ids, moved = _seal(_Wanted(value_date, kinds, first, last, apart), actor, now)
        sealed += batch_ids
        done += moved
        if progress is not None:
            progress(done)
    return sealed


_MORE_THAN = f"""
SELECT count(*) > %s FROM (
    SELECT 1 FROM trades_state WHERE state = {State.VALIDATED.value} LIMIT %s
) AS open
"""
_PER_COUNTERPARTY = f"""
SELECT coalesce(v.counterparty_id, 0), count(*)
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.state = {State.VALIDATED.value} AND v.settlement_date <= %s
GROUP BY 1 ORDER BY 1
"""


def _counterparties(value_date: date) -> Iterator[tuple[int, int]]:
    """Yield ranges of counterparty ids with about MAX_TRADES due trades each; together they are all ids."""
    if sql.row(_MORE_THAN, [MAX_TRADES, MAX_TRADES + 1]) == (False,):
        yield _EVERYONE
        return
    first, taken = _EVERYONE[0], 0
    for counterparty, count in sql.rows(_PER_COUNTERPARTY, [value_date]):
        if taken and taken + count > MAX_TRADES:
            yield first, counterparty - 1
            first, taken = counterparty, 0
        taken += count
    yield first, _EVERYONE[1]


def _seal(wanted: _Wanted, actor: Actor, now: datetime) -> tuple[list[int], int]:
    """Seal one range of counterparties in one transaction; return its batch ids and how many trades moved."""
    with transaction.atomic(), _temporary_tables():
        wait_for_seals()
        found = _expand(wanted)
        _send_back_unresolved(actor, now)
        shaped = _shape()
        batches = _number_batches()
        if batches:
            _write(batches, found, shaped, actor, now)
        whole = [trade_id for (trade_id,) in sql.rows(_sealing.INSTRUCTED_WHOLE)]
        moved = move_trades(
            trade_ids=whole,
            source=State.VALIDATED,
            target=State.INSTRUCTED,
            at=now,
            actor=actor,
            locked=True,
        )
        if moved and found.again:
            _follow_kept()
    return [batch.id for batch in batches], len(moved)


def wait_for_seals() -> None:
    """Wait until no seal is under way, and let none begin before the caller's transaction ends."""
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _follow_kept() -> None:
    """Let trades that are instructed again follow the instructions which they have kept, as far as those are."""
    work.enqueue(ADVANCE, [instruction_id for (instruction_id,) in sql.rows(_sealing.KEPT)])
    wake_on_commit(ADVANCE)


@contextmanager
def _temporary_tables() -> Iterator[None]:
    """Have the tables of `_sealing` gone before and after, also within a caller's longer transaction."""
    drop = f"DROP TABLE IF EXISTS {', '.join(f'pg_temp.{name}' for name in _sealing.TABLES)}"
    sql.run(drop)
    sql.run(_sealing.SETTINGS)
    yield
    sql.run(f"{drop}; {_sealing.DEFAULTS}")


@dataclass(frozen=True)
class _Found:
    """What is unusual of what is to be sealed: legs of trades that were instructed before, legs that have waited
    as obligations, instructions to be cancelled."""

    again: bool
    waited: bool
    recalled: bool


def _expand(wanted: _Wanted) -> _Found:
    """Take the due trades, make their legs and group what is netted together, beside what is to be cancelled."""
    sql.run(_sealing.take_sql(), wanted.parameters())
    if stopped := held_back("seal_trade"):
        sql.run("DELETE FROM seal_trade WHERE trade_id = ANY(%s)", [stopped])
    sql.run(_sealing.legs_of_trades_sql(wanted.by_place), wanted.parameters())
    again = sql.run(_sealing.EARLIER) > 0
    if again:
        sql.run(_sealing.DROP_INSTRUCTED)
        sql.run(_sealing.COUNT_ATTEMPTS)
    waited = sql.run(_sealing.waiting_legs_sql(wanted.by_place), wanted.parameters()) > 0
    if waited and (stopped := held_back("(SELECT DISTINCT trade_id FROM seal_leg WHERE waited)")):
        sql.run("DELETE FROM seal_leg WHERE waited AND trade_id = ANY(%s)", [stopped])
    keep_back_held()
    if again or waited:
        sql.run(_sealing.UNPAIR)
    _choose_lanes()
    _group()
    recalled = sql.run(_sealing.RECALLED, wanted.parameters()) > 0
    return _Found(again, waited, recalled)


def _choose_lanes() -> None:
    """Choose the SSIs of legs for which the asset and the day alone do not."""
    if sql.row(_lanes.ANY_NARROWED) == (True,):
        sql.run(_lanes.LANES, {"part": _sealing.NOW})
        sql.run(_lanes.TAKE_LANES)


def _group() -> None:
    with_lanes = sql.row("SELECT to_regclass('pg_temp.seal_lane') IS NOT NULL") == (True,)
    with _without("enable_sort"):  # hashing the legs into groups is twice as quick as sorting them
        sql.run(_sealing.group_sql(with_lanes=with_lanes))
    sql.run(_sealing.COUNT_GROUPS)


@contextmanager
def _without(way: str) -> Iterator[None]:
    """Keep the planner from a way that it would choose for want of statistics of temporary tables."""
    sql.run(f"SET LOCAL {way} = off")
    yield
    sql.run(f"SET LOCAL {way} TO DEFAULT")


_ASKED_BEFORE = """
SELECT e.subject_id FROM core_event e JOIN seal_trade t ON t.trade_id = e.subject_id AND t.version = e.version
WHERE e.subject_id = ANY(%s) AND e.subject = 'trade' AND e.type = 'trade.rechecked' AND e.reason = %s
"""


def _send_back_unresolved(actor: Actor, now: datetime) -> None:
    """Take out the trades with a leg that has no SSI, and ask for a re-check, which holds them with a finding.

    Once for each version: if the checks let it pass again, it waits in sight as overdue instead of going
    to and fro at every seal.
    """
    unresolved = [trade_id for (trade_id,) in sql.rows(_sealing.UNRESOLVED)]
    if not unresolved:
        return
    asked = {trade_id for (trade_id,) in sql.rows(_ASKED_BEFORE, [unresolved, RECHECK_REASON])}
    taken = {trade_id for (trade_id,) in sql.rows("SELECT trade_id FROM seal_trade")}
    move_trades(
        trade_ids=[each for each in unresolved if each in taken and each not in asked],
        source=State.VALIDATED,
        target=State.CAPTURED,
        at=now,
        actor=actor,
        reason=RECHECK_REASON,
    )
    sql.run("DELETE FROM seal_trade WHERE trade_id = ANY(%s)", [unresolved])
    sql.run("DELETE FROM seal_leg WHERE trade_id = ANY(%s)", [unresolved])
    sql.run("DROP TABLE pg_temp.seal_group")
    _group()


def _shape() -> bool:
    """Cut what is over the maximum size of an instruction; tell whether anything was."""
    if sql.row(_shaping.ANY) == (False,) or not sql.run(_shaping.shapes_sql()):
        return False
    sql.run(_shaping.PIECES)
    sql.run(_shaping.CUT_LEGS)
    sql.run(_shaping.CUT_GROUPS)
    return True


# Nobody else takes ids from the sequence while the seal holds its lock, so a run of them can be taken at once.
_NEXT_INSTRUCTIONS = """
SELECT setval(sequence, nextval(sequence) + %(n)s - 1) - %(n)s + 1
FROM pg_get_serial_sequence('settlement_instruction', 'id') AS sequence
"""


def _number_batches() -> list[_Batch]:
    """Give every channel and value date its batch, with the channel's next sequence number."""
    counts = sorted((CHANNEL_OF[kind], *rest) for kind, *rest in sql.rows(_sealing.COUNTS))
    if not counts:
        return []
    first = sql.row(_NEXT_INSTRUCTIONS, {"n": sum(count for _, _, count in counts)})
    assert first is not None  # noqa: S101 - a sequence always answers
    first_id = int(first[0])
    batches = []
    for channel, value_date, count in counts:
        sequence, batch_id = next_number(channel)
        batches.append(_Batch(batch_id, channel, sequence, value_date, count, first_id))
        first_id += count
    return batches


def _write(batches: list[_Batch], found: _Found, shaped: bool, actor: Actor, now: datetime) -> None:
    """Write the instructions, the legs behind them, the batches' bytes and the batches themselves."""
    parameters = {
        "kinds": [_KIND_OF[batch.channel] for batch in batches],
        "channels": [batch.channel for batch in batches],
        "value_dates": [batch.value_date for batch in batches],
        "batch_ids": [batch.id for batch in batches],
        "firsts": [batch.first_id for batch in batches],
    }
    sql.run(_sealing.nets_sql(), parameters)
    sql.run(_sealing.LINK_PAIRS)
    if found.recalled:
        sql.run(_sealing.cancellations_sql(), parameters)
    if shaped:
        sql.run(_shaping.SHAPED_WITH)
    if found.again or found.waited:
        sql.run(_sealing.REPLACES)
    sql.run(_sealing.BY_LINE)
    sql.run(_sealing.INSTRUCTIONS)
    sql.run(_sealing.INSTRUCTION_STATES, {"now": now})
    sql.run(_sealing.OBLIGATIONS)
    if found.waited:
        sql.run(_sealing.WAITING_OBLIGATIONS)
    if found.recalled:
        sql.run(_sealing.LINK_RECALLS)
    with _without("enable_nestloop"):  # a page's lines meet what they have in common by hash
        sql.run(_sealing.PAGES, parameters)
    trade_counts = dict(sql.rows(_sealing.TRADE_COUNTS, parameters))
    _write_batches(batches, trade_counts, actor, now)
    hold_for_release(batch_ids=[batch.id for batch in batches], actor=actor, now=now)
    write_manifests(channels=sorted({batch.channel for batch in batches}), now=now)


def _write_batches(batches: list[_Batch], trade_counts: dict[int, int], actor: Actor, now: datetime) -> None:
    totals = _control_totals()
    for batch in batches:
        numbers = (batch.sequence, batch.value_date, batch.count, trade_counts[batch.id])
        write_batch(Written(batch.id, batch.channel, *numbers, totals[batch.id]), actor=actor, now=now)


def _control_totals() -> dict[int, dict[str, dict[str, dict[str, Any]]]]:
    """Return each batch's totals: asset → direction → {"count", "sum"}, sums as decimal strings."""
    totals: dict[int, dict[str, dict[str, dict[str, Any]]]] = {}
    for batch_id, asset, direction, count, total in sql.rows(_sealing.TOTALS):
        by_direction = totals.setdefault(batch_id, {}).setdefault(asset, {})
        by_direction[direction] = {"count": count, "sum": total}
    return totals
