"""Confirmations against our trades: matched anew as a whole, a counterparty's day at a time.

Where a confirmation stands follows from what both sides say now and from nothing else, so every order in which
trades, amendments and confirmations come ends in the same state. What is matched together is a block: the deals of one
party and one trade date, and the confirmations that name one of them or, naming none, state that party and date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from core import sql, work
from core.audit import Actor, encode, record, system
from core.matching import Difference, Exact, Level, Pair, Rules, match
from core.money import format_number
from core.wake import wake_on_commit
from trades.lifecycle import State
from trades.models import Confirmation
from trades.products import PRODUCTS
from trades.services.deadlines import DUE_COLUMNS, Due, deadlines_of
from trades.services.exceptions import NewException, close_exceptions, open_exceptions
from trades.work_items import CONFIRMATION, UNCONFIRMED

TASK = "trades.match_confirmations"
SUBJECT = "confirmation"
TRADES_AT_ONCE = 1_000
UNMATCHED_AT_ONCE = 5_000
STANDING = "standing"
Block = tuple[int, date]
Status = Confirmation.Status

_OF_CONFIRMING_PARTIES = """
SELECT DISTINCT v.trade_id FROM trades_version v
WHERE v.trade_id = ANY(%s) AND EXISTS (SELECT FROM trades_confirmation c WHERE c.party_id = v.counterparty_id)
ORDER BY v.trade_id
"""


def queue_matching(trade_ids: Sequence[int], at: datetime, actor: Actor) -> None:
    """Queue trades that have changed, where their party confirms at all; in the caller's transaction."""
    found = [trade_id for (trade_id,) in sql.rows(_OF_CONFIRMING_PARTIES, [list(trade_ids)])]
    if found:
        work.enqueue(TASK, found)
        wake_on_commit(TASK)


_BLOCKS_OF_TRADES = """
SELECT DISTINCT counterparty_id, trade_date FROM trades_version
WHERE trade_id = ANY(%s) AND counterparty_id IS NOT NULL
"""


def match_queued(*, now: datetime) -> int:
    """Match the blocks of queued trades; return how many trades were looked at, zero when none waits."""
    with transaction.atomic():
        claimed = work.claim(TASK, limit=TRADES_AT_ONCE, now=now)
        if not claimed:
            return claimed.put_back
        if claimed.deadly:
            work.set_aside(claimed)
            return len(claimed.subject_ids)
        blocks = sql.rows(_BLOCKS_OF_TRADES, [list(claimed.subject_ids)])
        match_blocks(blocks=blocks, actor=system("confirmations"), now=now)
        work.finish(claimed)
    return len(claimed.subject_ids)


_UNMATCHED = """
SELECT DISTINCT v.party_id, v.trade_date FROM (
    SELECT version_id FROM trades_confirmation WHERE status = 'UNMATCHED' ORDER BY id DESC LIMIT %s
) c JOIN trades_confirmation_version v ON v.id = c.version_id
"""


def match_unmatched(*, now: datetime) -> int:
    """Match the blocks of confirmations that have no trade, the latest first; return how many blocks.

    A trade that was captured in the same moment as its confirmation is found by this.
    """
    with transaction.atomic():
        blocks = sql.rows(_UNMATCHED, [UNMATCHED_AT_ONCE])
        match_blocks(blocks=blocks, actor=system("confirmations"), now=now)
    return len(blocks)


def match_blocks(*, blocks: Iterable[tuple[Any, ...]], actor: Actor, now: datetime) -> None:
    """Match what both sides say in blocks, and store where each confirmation stands, in the caller's transaction.

    One transaction matches a block at a time: the next waits, and sees what this one saw besides what came since.
    """
    wanted = lock_blocks(blocks)
    if not wanted:
        return
    confirmations = sql.records(_CONFIRMATIONS, _asked(wanted))
    if not confirmations:
        return
    trades = sql.records(_TRADES, _asked(wanted))
    found = _match(trades, confirmations)
    _store(confirmations, trades, found, actor, now)


def lock_blocks(blocks: Iterable[tuple[Any, ...]]) -> list[Block]:
    """Lock blocks for the caller's transaction, in one order, and return them: before any confirmation is locked."""
    wanted = sorted({(int(party_id), day) for party_id, day in blocks})
    if wanted:
        sql.rows(_LOCK, _asked(wanted))
    return wanted


_LOCK = """
SELECT pg_advisory_xact_lock(hashtextextended('confirmations ' || party_id || ' ' || day, 0))
FROM (SELECT * FROM unnest(%(parties)s::bigint[], %(days)s::date[]) AS b(party_id, day) ORDER BY 1, 2) b
"""
_FIELDS = (
    "quantity", "price", "currency", "net_amount", "contra_currency", "contra_amount", "trade_date", "settlement_date",
)  # fmt: skip
_BLOCK = """
WITH block AS MATERIALIZED (
    SELECT * FROM unnest(%(parties)s::bigint[], %(days)s::date[]) AS b(party_id, day)
), deal AS MATERIALIZED (
    SELECT v.* FROM block b
    JOIN trades_version v ON v.counterparty_id = b.party_id AND v.trade_date = b.day
    JOIN trades_state s ON s.trade_id = v.trade_id AND s.version = v.version
)
"""
# A deal keeps its source and reference for ever. Who names a deal belongs to the block of the deal.
_CONFIRMATIONS = f"""{_BLOCK}, mine AS MATERIALIZED (
    SELECT c.id FROM block b
    JOIN trades_confirmation_version c ON c.party_id = b.party_id AND c.trade_date = b.day
    UNION
    SELECT c.id FROM deal d JOIN trades_confirmation_version c ON c.named_trade_id = d.trade_id
    UNION
    SELECT c.id FROM deal d
    JOIN trades_confirmation_version c ON c.source = d.source AND c.source_ref = d.source_ref
)
SELECT c.id AS version_id, c.version, c.party_id, c.reference, c.action, c.product, c.side,
       coalesce(i.code, c.instrument_ref) AS instrument, {", ".join(f"c.{each}" for each in _FIELDS)},
       s.trade_id AS named, c.named_trade_id IS NULL AND c.source IS NULL AS names_none,
       x.id, x.status, x.trade_id AS was_trade_id, x.trade_version AS was_trade_version,
       x.differences AS was_differences
FROM mine m
JOIN trades_confirmation x ON x.version_id = m.id
JOIN trades_confirmation_version c ON c.id = m.id
LEFT JOIN trades_version f ON f.source = c.source AND f.source_ref = c.source_ref AND f.version = 1
LEFT JOIN trades_state s ON s.trade_id = coalesce(c.named_trade_id, f.trade_id)
LEFT JOIN refdata_instrument i ON i.id = c.instrument_id
WHERE s.trade_id IS NULL OR s.trade_id IN (SELECT trade_id FROM deal)
ORDER BY c.id
"""
_TRADES = f"""{_BLOCK}
SELECT v.trade_id AS id, v.version, v.product, v.side, coalesce(i.code, v.instrument_ref) AS instrument,
       v.counterparty_id, {", ".join(f"v.{each}" for each in _FIELDS)}, v.instrument_id, v.base_amount, s.state
FROM deal v
JOIN trades_state s ON s.trade_id = v.trade_id AND s.state <> {State.ALLOCATED.value}
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
ORDER BY v.trade_id
"""


def _asked(blocks: Sequence[Block]) -> dict[str, Any]:
    return {"parties": [party_id for party_id, _ in blocks], "days": [day for _, day in blocks]}


def _rules(confirmed: Mapping[str, Exact]) -> Rules:
    """Return how deals of a product are matched: whom a confirmation names, then by terms who is not named."""
    terms = {name: each for name, each in confirmed.items() if name not in {*_TERMS, "instrument"}}
    named = {"party": Exact(), **confirmed, STANDING: Exact()}
    by_terms = (*_TERMS, "asset", "party", "open")
    return Rules(
        levels=(
            Level(keys=("named",), compared=named, name="named"),
            Level(keys=by_terms, tolerances=terms, compared={STANDING: Exact()}, name="terms"),
            Level(keys=by_terms, compared={**terms, STANDING: Exact()}, name="nearest"),
        ),
        near_max=0,
    )


_TERMS = ("side", "currency", "trade_date")
_STANDINGS = {"CONFIRM": "LIVE", "CANCEL": "CANCELLED", "DENY": "DENIED"}


def _match(trades: Sequence[dict[str, Any]], confirmations: Sequence[dict[str, Any]]) -> dict[int, Pair]:
    """Return for confirmations, by the id of their version, the trade they belong to and what differs."""
    taken = {each["named"] for each in confirmations if each["named"]}
    found: dict[int, Pair] = {}
    for code in sorted({each["product"] for each in confirmations}):
        product = PRODUCTS[code]
        ours = [
            {
                **each,
                "named": each["id"],
                "party": each["counterparty_id"],
                "open": None if each["id"] in taken else True,
                "asset": each["instrument"] or each["contra_currency"] or "",
                STANDING: "CANCELLED" if each["state"] == State.CANCELLED else "LIVE",
            }
            for each in trades
            if each["product"] == code
        ]
        theirs = [
            {
                **each,
                "id": each["version_id"],
                "party": each["party_id"],
                "open": True if each["names_none"] else None,
                "asset": each["instrument"] or each["contra_currency"] or "",
                STANDING: _STANDINGS[each["action"]],
            }
            for each in confirmations
            if each["product"] == code
        ]
        rules = _rules(product.confirmed)
        outcome = match(ours=_columns(ours, rules), theirs=_columns(theirs, rules), rules=rules)
        found.update((pair.theirs, pair) for pair in outcome.pairs)
    return found


def _columns(rows: Sequence[Mapping[str, Any]], rules: Rules) -> dict[str, list[Any]]:
    names = {"id", *(name for level in rules.levels for name in (*level.keys, *level.fields))}
    return {name: [row[name] for row in rows] for name in sorted(names)}


_STORE = """
UPDATE trades_confirmation c
SET status = n.status, trade_id = n.trade_id, trade_version = n.trade_version, differences = n.differences,
    changed_at = %(at)s,
    matched_at = CASE WHEN n.status = 'MATCHED' THEN %(at)s::timestamptz END
FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS n(id bigint, status text, trade_id bigint, trade_version int, differences jsonb)
WHERE c.id = n.id
"""
_RELEASE = """
UPDATE trades_confirmation SET status = 'UNMATCHED', trade_id = NULL, trade_version = NULL, matched_at = NULL
WHERE id = ANY(%s) AND trade_id IS NOT NULL
"""


def _store(
    confirmations: Sequence[dict[str, Any]],
    trades: Sequence[dict[str, Any]],
    found: Mapping[int, Pair],
    actor: Actor,
    now: datetime,
) -> None:
    by_id = {each["id"]: each for each in trades}
    after = {each["id"]: _standing(each, found.get(each["version_id"]), by_id) for each in confirmations}
    changed = [each for each in confirmations if _told(after[each["id"]]) != _before(each)]
    if not changed:
        return
    ids = [each["id"] for each in changed]
    sql.run(_RELEASE, [ids])  # two may change places
    sql.run(_STORE, {"rows": encode([after[each] for each in ids]), "at": now})
    record_standings([after[each] for each in ids], actor, now)
    _open_items(after, by_id, changed, actor, now)


def record_standings(standings: Sequence[Mapping[str, Any]], actor: Actor, now: datetime) -> None:
    """Tell the log where confirmations stand: `confirmation.matched` and the like."""
    by_status: dict[str, list[Mapping[str, Any]]] = {}
    for each in standings:
        by_status.setdefault(each["status"], []).append(each)
    for status, told in sorted(by_status.items()):
        record(
            type=f"confirmation.{status.lower()}",
            subject=SUBJECT,
            ids=[each["id"] for each in told],
            versions=[each["version"] for each in told],
            actor=actor,
            at=now,
            each=[
                {name: each[name] for name in ("trade_id", "trade_version", "differences")} for each in told
            ],
        )


def _standing(
    row: Mapping[str, Any], pair: Pair | None, trades: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return where a confirmation stands after matching."""
    told: dict[str, Any] = {"id": row["id"], "version": row["version"]}
    if pair is None:
        return {
            **told,
            "status": Status.UNMATCHED,
            "trade_id": None,
            "trade_version": None,
            "differences": [],
        }
    trade = trades[pair.ours]
    # Who does not agree with a deal and who takes it for cancelled say nothing of its terms.
    cancels = row["action"] != "CONFIRM"
    differences = [each for each in pair.differences if each.field == STANDING or not cancels]
    if row["action"] == "DENY" and trade["state"] == State.CANCELLED:
        differences = []
    if any(not each.within for each in differences):
        status = Status.MISMATCHED
        was = (row["status"], row["was_trade_id"], row["was_trade_version"])
        if was == (Status.DISPUTED, pair.ours, trade["version"]):
            status = Status.DISPUTED  # until either side says something else
    else:
        status = Status.CANCELLED if cancels else Status.MATCHED
    return {
        **told,
        "status": status,
        "trade_id": pair.ours,
        "trade_version": trade["version"],
        "differences": [_document(each) for each in differences],
    }


def _document(difference: Difference) -> dict[str, Any]:
    told = {**difference._asdict(), "reason": difference.reason.name}
    return {**{name: _text(value) for name, value in told.items()}, "within": difference.within}


def _text(value: Any) -> str | None:
    if isinstance(value, Decimal):
        return format_number(value)
    return None if value is None else str(value)


def _told(standing: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        standing["status"],
        standing["trade_id"],
        standing["trade_version"],
        standing["differences"],
    )


def _before(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["status"],
        row["was_trade_id"],
        row["was_trade_version"],
        sql.json_value(row["was_differences"]),
    )


_OPEN_STATUSES = frozenset({Status.MISMATCHED, Status.DISPUTED})


def _open_items(
    after: Mapping[int, Mapping[str, Any]],
    trades: Mapping[int, Mapping[str, Any]],
    changed: Sequence[Mapping[str, Any]],
    actor: Actor,
    now: datetime,
) -> None:
    """Open a work item for each trade of which its counterparty says otherwise, and close those of the others."""
    differing = {each["trade_id"]: each for each in after.values() if each["status"] in _OPEN_STATUSES}
    touched = {each["was_trade_id"] for each in changed} | {after[each["id"]]["trade_id"] for each in changed}
    touched.discard(None)
    close_exceptions(
        trade_ids=sorted(touched - differing.keys()),
        kinds=[CONFIRMATION.code],
        resolution="confirmed",
        closed_by=actor,
        at=now,
    )
    standing = {each["trade_id"] for each in after.values()} - {None}
    close_exceptions(
        trade_ids=sorted(touched & standing),
        kinds=[UNCONFIRMED.code],
        resolution="the counterparty says something of it",
        closed_by=actor,
        at=now,
    )
    dues = {
        trade_id: Due(*(trades[trade_id][name] for name in DUE_COLUMNS))
        for trade_id in touched & differing.keys()
    }
    deadlines = deadlines_of(set(dues.values()))
    items = []
    for trade_id in sorted(dues):
        out = [each["field"] for each in differing[trade_id]["differences"] if not each["within"]]
        items.append(
            NewException(
                trade_id=trade_id,
                kind=CONFIRMATION.code,
                codes=["CONFIRMATION_MISMATCH"],
                summary=f"The counterparty says otherwise: {', '.join(out)}.",
                amount_at_risk=trades[trade_id]["base_amount"],
                deadline=deadlines.get(dues[trade_id], now),
                causes=[f"CONFIRMATION_MISMATCH {each}" for each in out],
            )
        )
    open_exceptions(items=items, at=now, actor=actor)
