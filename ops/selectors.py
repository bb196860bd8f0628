"""Reads that only the console needs: the cut-offs of the shell, what is stuck, batches as the desk sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.urls import reverse

from core import sql
from core.as_of import HAPPENED, AsOf
from core.sight import is_narrowed
from feed.models import Webhook
from ledger.services import (
    accounts,
    corporate_actions,
    forced,
    lot_policies,
    periods,
    profit_adjustments,
    profit_sign_off,
    valuation,
)
from ledger.services import definitions as reconciliation_definitions
from refdata import changes, fee_rules
from risk.services import excess, parameters, stops, terms
from risk.services.check import CLOSED_AS
from settlement import forecast, holds
from settlement import selectors as settlement
from settlement.cut_offs import CutOffs, cut_offs_around
from settlement.models import Batch
from settlement.services import calendar_change, credit, hold, release, ssi_change
from trades.lifecycle import State
from trades.selectors import as_of as past
from trades.selectors import exceptions
from trades.selectors.blotter import WINDOW_OF_DESKS
from trades.services import confirmation_policy, single_change

COUNT_CAP = 10_000
LOOK_CAP = 3_000  # trades of a state that a question about their terms looks at: each is a look-up

# How long a trade or batch may stay before somebody should look.
EXPECTED_CHECK = timedelta(minutes=2)
EXPECTED_CLAIM = timedelta(minutes=15)


@dataclass(frozen=True)
class CutOff:
    """The next cut-off of a channel, or of a market or currency there, and the value date it closes.

    market and currency: `*` for all that have no cut-off of their own.
    """

    channel: str
    name: str
    market: str
    currency: str
    at: datetime
    value_date: date


def cut_offs(*, now: datetime, known: CutOffs | None = None) -> list[CutOff]:
    """Return the next cut-offs by the firm's calendar, the soonest first. known: they have been read already."""
    known = known or cut_offs_around(now.date())
    return [_cut_off(known, line) for line in forecast.ahead(known, now=now)]


def _cut_off(known: CutOffs, line: forecast.CutOffAhead) -> CutOff:
    channel, market, currency = line.place
    return CutOff(channel, known.names[channel], market, currency, line.at, line.value_date)


_COUNTS = """
SELECT w.state, (SELECT count(*) FROM (
    SELECT 1 FROM trades_state s WHERE s.state = w.state {since} LIMIT %(cap)s) AS counted)
FROM unnest(%(states)s::smallint[]) AS w(state)
"""
# Whoever sees some desks only is told of the trades captured last: no index finds those of a desk among all.
_LATEST = f"AND s.trade_id > (SELECT last_value FROM {past.SEQUENCE}) - {WINDOW_OF_DESKS}"


def state_counts() -> dict[State, int]:
    """Return how many trades are in each state, each count at most COUNT_CAP + 1; of whoever sees some desks only,
    of the last WINDOW_OF_DESKS that were captured."""
    statement = _COUNTS.format(since=_LATEST if is_narrowed() else "")
    found = dict(sql.rows(statement, {"cap": COUNT_CAP + 1, "states": [each.value for each in State]}))
    return {state: found.get(state.value, 0) for state in State}


@dataclass(frozen=True)
class Counted:
    """How many there are; `more`: there were too many to look at all."""

    count: int
    more: bool


@dataclass(frozen=True)
class Stuck:
    """Something that stays longer than expected: how many, since when, and where to see them."""

    title: str
    number: Counted
    since: datetime | None
    target: str


_WAITING = """
    SELECT count(*), min(changed_at) FROM (
        SELECT s.changed_at FROM trades_state s
        JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
        WHERE s.state = {state} AND s.changed_at < {before} AND v.settlement_date <= {settles}
        ORDER BY s.trade_id LIMIT %(cap)s
    ) AS waiting
"""
_UNCLAIMED = """
SELECT count(*), min(b.sealed_at) FROM (
    SELECT b.id, b.sealed_at FROM settlement_batch b ORDER BY b.id DESC LIMIT 2000
) AS b
JOIN settlement_batch_state s ON s.batch_id = b.id
WHERE b.sealed_at < %(unclaimed)s AND s.claimed_at IS NULL AND s.recalled_at IS NULL
"""
_UNCHECKED = _WAITING.format(state=State.CAPTURED.value, before="%(unchecked)s", settles="'infinity'")
_UNSEALED = _WAITING.format(state=State.VALIDATED.value, before="%(now)s", settles="%(settles)s")
_STUCK = f"""
SELECT 1, * FROM ({_UNCHECKED}) AS unchecked
UNION ALL SELECT 2, * FROM ({_UNSEALED}) AS unsealed
UNION ALL SELECT 3, * FROM ({_UNCLAIMED}) AS unclaimed
UNION ALL SELECT 4, count(*), min(opened_at) FROM settlement_attestation_break WHERE closed_at IS NULL
UNION ALL SELECT 5, count(*), min(made_at) FROM settlement_hold WHERE ended_at IS NULL
UNION ALL SELECT 6, count(*), min(created_at) FROM core_work WHERE not_before = 'infinity'
ORDER BY 1
"""


def stuck(*, now: datetime, today: date) -> list[Stuck]:
    """Return what waits longer than expected: unchecked trades, trades past their day, unclaimed batches."""
    told = {
        "now": now,
        "unchecked": now - EXPECTED_CHECK,
        "unclaimed": now - EXPECTED_CLAIM,
        "settles": today - timedelta(days=1),
        "cap": LOOK_CAP + 1,
    }
    unchecked, unsealed, unclaimed, breaks, held, set_aside = (
        tuple(row) for _, *row in sql.rows(_STUCK, told)
    )
    return [
        _stuck("captured, not checked within 2 min", unchecked, "blotter", "status=captured"),
        _stuck("validated, past the settlement date", unsealed, "blotter", "status=validated"),
        _stuck("batches sealed, not claimed within 15 min", unclaimed, "batches", "view=unclaimed"),
        _stuck("counts of a day that a back office contradicts", breaks, "batches"),
        _stuck("held by hand", held, "holds"),
        _stuck("work set aside because it ends its worker", set_aside, "batches"),
    ]


@dataclass(frozen=True)
class Day:
    """The day as it stood at a moment: trades by state, what stood before each cut-off, what was stuck.

    window: how many trades it looks at, the last captured by then; None: all there were.
    """

    counts: dict[State, int]
    open: list[Ahead]
    stuck: list[Stuck]
    window: int | None


_GROUPS_THEN = f"""
SELECT s.state, {forecast.GROUP_COLUMNS}, count(*), count(*) FILTER (WHERE s.changed_at < %(before)s),
       min(s.changed_at) FILTER (WHERE s.changed_at < %(before)s)
FROM {past.AS_OF} LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
WHERE t.trade_id > %(first)s AND t.trade_id <= %(last)s
GROUP BY s.state, {forecast.GROUP_COLUMNS}
"""
_UNCLAIMED_THEN = f"""
SELECT count(*), min(b.sealed_at) FROM settlement_batch b {settlement.THEN}
  AND b.id > %(highest)s - 2000 AND b.sealed_at < %(before)s AND s.claimed_at IS NULL
  AND s.recalled_at IS NULL
"""


def day_then(as_of: AsOf, *, now: datetime, today: date) -> Day:
    """Return the day as it stood, by the last trades captured by then. Which work was set aside is not kept."""
    last = past.last_trade(as_of)
    first = max(0, last - past.WINDOW)
    told = {**as_of.parameters(), "before": now - EXPECTED_CHECK, "first": first, "last": last}
    groups = sql.rows(_GROUPS_THEN, told)
    counts = dict.fromkeys(State, 0)
    for state, *_, count, _, _ in groups:
        counts[State(state)] += count
    unchecked = [(old, since) for state, *_, old, since in groups if state == State.CAPTURED and old]
    unsealed = [
        (old, since)
        for state, _, settles, *_, old, since in groups
        if state == State.VALIDATED and old and settles < today
    ]
    batches_then = {**settlement.then_parameters(as_of), "before": now - EXPECTED_CLAIM}
    return Day(
        counts,
        _ahead_then([group[:8] for group in groups], now),
        [
            _stuck("captured, not checked within 2 min", _sum(unchecked), "blotter", "status=captured"),
            _stuck("validated, past the settlement date", _sum(unsealed), "blotter", "status=validated"),
            _stuck(
                "batches sealed, not claimed within 15 min",
                sql.row(_UNCLAIMED_THEN, batches_then),
                "batches",
                "view=unclaimed",
            ),
            _stuck("held by hand", holds.holds_in_force(as_of=as_of), "holds"),
        ],
        past.WINDOW if first else None,
    )


def _sum(found: list[tuple[int, datetime]]) -> tuple[int, datetime | None]:
    return sum(count for count, _ in found), min((since for _, since in found), default=None)


def _stuck(title: str, found: tuple[Any, ...] | None, screen: str, query: str = "") -> Stuck:
    count, since = found or (0, None)
    target = reverse(screen) + (f"?{query}" if query else "")
    return Stuck(title, Counted(min(count, LOOK_CAP), count > LOOK_CAP), since, target)


@dataclass(frozen=True)
class Ahead:
    """A cut-off with what is open against it: trades to check, held and to seal.

    Beside them, of the present only: instructions sealed and not claimed, how many held trades come free in an hour,
    and how many trades will miss it at the present pace.
    """

    cut: CutOff
    open: list[Counted]
    unclaimed: int | None = None
    worked_per_hour: int | None = None
    will_miss: int | None = None


def cut_offs_ahead(*, now: datetime, known: CutOffs | None = None) -> list[Ahead]:
    """Return the next cut-offs with what is open against them, and what will miss them, the soonest first.

    known: the cut-offs, where they have been read already.
    """
    known = known or cut_offs_around(now.date())
    return [
        Ahead(
            _cut_off(known, line),
            _counted(line, line.capped),
            line.open[forecast.UNCLAIMED],
            forecast.done_per_hour(line.worked),
            line.expected_to_miss(now),
        )
        for line in forecast.next_cut_offs(now=now, cap=LOOK_CAP, cut_offs=known)
    ]


def _counted(line: forecast.CutOffAhead, more: bool) -> list[Counted]:
    return [Counted(min(line.open[name], LOOK_CAP), more) for name in forecast.OPEN.values()]


def _ahead_then(groups: list[tuple[Any, ...]], now: datetime) -> list[Ahead]:
    known = cut_offs_around(now.date())
    lines = forecast.ahead(known, now=now)
    open_then = [forecast.Group(*each) for each in groups if State(each[0]) in forecast.OPEN]
    forecast.count_open(lines, open_then, known, now)
    return [Ahead(_cut_off(known, line), _counted(line, False)) for line in lines]


BATCH_VIEWS = ("all", *settlement.BATCH_STANDINGS)
BATCH_PAGE = 50
_BATCHES = """
SELECT b.id, b.channel_id AS channel, b.sequence, b.value_date, b.sealed_at, b.sealed_by, b.instruction_count,
       b.trade_count, b.sha256, b.accepted, b.rejected, b.settled, b.claimed_at, b.recalled_at,
       b.waits, c.client_name, c.expires_at
FROM (
    SELECT b.*, s.accepted, s.rejected, s.settled, s.claimed_at, s.recalled_at,
           s.released_at IS NULL AND EXISTS (SELECT FROM settlement_release r WHERE r.batch_id = b.id) AS waits
    FROM settlement_batch b {states}
      AND (%(channel)s = '' OR b.channel_id = %(channel)s)
      AND (%(value_date)s::date IS NULL OR b.value_date = %(value_date)s::date) {condition}
    ORDER BY b.id DESC LIMIT %(limit)s OFFSET %(offset)s
) AS b
LEFT JOIN settlement_batch_claim c ON c.batch_id = b.id AND {held}
ORDER BY b.id DESC
"""
_STATES_NOW = "JOIN settlement_batch_state s ON s.batch_id = b.id WHERE true"
_BATCH_CONDITIONS = {"all": "", **{name: f"AND {told}" for name, told in settlement.BATCH_STANDINGS.items()}}


def batches(
    *,
    view: str,
    channel: str,
    value_date: date | None,
    now: datetime,
    number: int = 1,
    size: int = BATCH_PAGE,
    as_of: AsOf | None = None,
) -> tuple[list[dict[str, Any]], bool]:
    """Return one page of batches, the last sealed first, and whether more follow. view: one of BATCH_VIEWS.

    as_of: as they were; `now` is its moment then.
    """
    held, states = (
        (settlement.HELD_NOW, _STATES_NOW) if as_of is None else (settlement.HELD_THEN, settlement.THEN)
    )
    rows = sql.records(
        _batches(view, held, states),
        {
            **(settlement.then_parameters(as_of) if as_of else {}),
            "channel": channel,
            "value_date": value_date,
            "now": now,
            "limit": size + 1,
            "offset": (number - 1) * size,
        },
    )
    return [_with_status(row) for row in rows[:size]], len(rows) > size


def all_batches(
    *, view: str, channel: str, value_date: date | None, now: datetime, most: int
) -> Iterator[list[dict[str, Any]]]:
    """Yield batches as `batches` returns them, some at a time, up to `most`."""
    asked = {"channel": channel, "value_date": value_date, "now": now, "limit": most, "offset": 0}
    for rows in sql.chunks(_batches(view, settlement.HELD_NOW, _STATES_NOW), asked):
        yield [_with_status(row) for row in rows]


def _batches(view: str, held: str, states: str) -> str:
    condition = _BATCH_CONDITIONS[view].format(held=held)
    return _BATCHES.format(condition=condition, held=held, states=states)


def _with_status(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "status": _batch_status(row)}


def _batch_status(row: dict[str, Any]) -> str:
    if row["recalled_at"]:
        return "RECALLED"
    if row["waits"]:
        return "UNRELEASED"
    if row["rejected"]:
        return "REJECTED"
    if row["settled"] >= row["instruction_count"]:
        return "SETTLED"
    if row["accepted"] >= row["instruction_count"]:
        return "ACCEPTED"
    if row["client_name"]:
        return "CLAIMED"
    return "ANSWERED" if row["accepted"] else "SEALED"


def batch(batch_id: int, as_of: AsOf | None = None) -> Batch | None:
    """Return a batch with its channel, or None: when there is none, or none was sealed by then."""
    if as_of is not None and settlement.read_batch(batch_id, as_of=as_of) is None:
        return None
    return Batch.objects.select_related("channel").filter(id=batch_id).first()


def claims(batch_id: int, as_of: AsOf | None = None) -> list[dict[str, Any]]:
    """Return the last claims on a batch, the latest first; as they were, without what came later."""
    found = settlement.claims_of(batch_id, limit=CLAIMS_SHOWN)
    if as_of is None or as_of.as_at is None:
        return found
    for row in found:
        if row["ended_at"] is not None and row["ended_at"] > as_of.as_at:
            row["ended_at"] = None
    return [row for row in found if row["claimed_at"] <= as_of.as_at]


CLAIMS_SHOWN = 20
LEGS_SHOWN = 20


def gross_legs(instruction_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the first LEGS_SHOWN legs behind each instruction."""
    found: dict[int, list[dict[str, Any]]] = {each: [] for each in instruction_ids}
    for row in settlement.gross_legs(instruction_ids, limit=LEGS_SHOWN):
        legs = found[row["instruction_id"]]
        if len(legs) < LEGS_SHOWN:
            legs.append(row)
    return found


_DECIDED_OF = """
SELECT state, count(*) FROM (
    SELECT state, decided_at FROM core_proposal WHERE maker_id = %(maker)s ORDER BY id DESC LIMIT %(looked)s
) AS own WHERE decided_at >= %(since)s AND state IN ('APPROVED', 'REJECTED') GROUP BY 1 ORDER BY 1
"""
_OWN_LOOKED_AT = 200


def decided_of(*, maker_id: int, since: datetime) -> dict[str, int]:
    """Return how many of a person's last proposals others have approved and declined since a moment, by state."""
    told = {"maker": maker_id, "since": since, "looked": _OWN_LOOKED_AT}
    return dict(sql.rows(_DECIDED_OF, told))


_PROPOSALS = """
SELECT r.id, r.kind, r.subject, CASE WHEN r.subject = 'trade' THEN r.subject_id END AS trade_id,
       CASE WHEN r.subject = 'batch' THEN r.subject_id END AS batch_id,
       CASE WHEN r.subject = 'invoice' THEN r.subject_id END AS invoice_id,
       CASE WHEN r.kind = 'reference_change' THEN r.content - 'rows' ELSE r.content END AS content, r.maker_id,
       coalesce(m.username, a.name) AS maker, r.reason, r.made_at, r.state,
       c.username AS checker, r.decided_at, r.decision_note,
       e.id AS exception_id, e.summary, e.deadline, e.amount_at_risk,
       v.product, v.currency, v.net_amount, v.counterparty_ref, p.code AS counterparty_code,
       p.name AS counterparty_name
FROM (
    SELECT * FROM core_proposal r WHERE r.kind = ANY(%(of)s) AND {condition} ORDER BY {order} LIMIT %(limit)s
) AS r
LEFT JOIN auth_user m ON m.id = r.maker_id
LEFT JOIN core_api_client a ON a.id = r.maker_client_id
LEFT JOIN auth_user c ON c.id = r.checker_id
LEFT JOIN LATERAL (
    SELECT * FROM {items} i WHERE r.subject = 'trade' AND i.trade_id = r.subject_id AND i.kind = ANY(%(kinds)s)
      AND i.closed_at IS NULL ORDER BY i.deadline, i.id LIMIT 1
) e ON true
{version}
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
ORDER BY {order}
"""
PROPOSALS_SHOWN = 200
_OF_REST = (
    ssi_change.KIND,
    excess.KIND,
    single_change.PROPOSAL_KIND,
    parameters.KIND,
    fee_rules.KIND,
    corporate_actions.KIND,
    lot_policies.KIND,
    periods.KIND,
    accounts.KIND,
    release.KIND,
    hold.KIND,
    credit.KIND,
    confirmation_policy.KIND,
    reconciliation_definitions.KIND,
    forced.KIND,
    calendar_change.KIND,
    profit_adjustments.KIND,
    profit_sign_off.KIND,
    valuation.KIND,
    changes.KIND,
)
_OF_LIMITS = (
    *terms.KINDS,
    stops.KIND,
)  # they are told apart, with what they would change (ops/utilisations.py)
_PROPOSAL_NOW = {
    "items": "trades_exception",
    "version": "LEFT JOIN trades_state s ON r.subject = 'trade' AND s.trade_id = r.subject_id"
    " LEFT JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version",
}
# What was proposed then was about the version that its content names.
_PROPOSAL_THEN = {
    "items": exceptions.ITEMS_THEN,
    "version": "LEFT JOIN trades_version v ON r.subject = 'trade' AND v.trade_id = r.subject_id"
    " AND v.version = (r.content->>'version')::int",
}
_MADE = f"core_known(r.xid, r.made_at, {HAPPENED})"
_DECIDED = f"core_known(coalesce(r.decided_xid, r.xid), r.decided_at, {HAPPENED})"


def pending_proposals(as_of: AsOf | None = None) -> list[dict[str, Any]]:
    """Return what awaits a second person, or did, the oldest first."""
    condition = "r.state = 'PENDING'" if as_of is None else f"{_MADE} AND NOT {_DECIDED}"
    return _proposals(condition, order="r.made_at, r.id", limit=PROPOSALS_SHOWN, as_of=as_of, of=_OF_REST)


def proposal_kind(proposal_id: int) -> str | None:
    """Return of which kind a proposal is, or None when there is none."""
    found = sql.row("SELECT kind FROM core_proposal WHERE id = %s", [proposal_id])
    return str(found[0]) if found else None


def decided_proposals(as_of: AsOf | None = None) -> list[dict[str, Any]]:
    """Return what was decided last, or had been."""
    condition = "r.state <> 'PENDING'" if as_of is None else f"{_MADE} AND {_DECIDED}"
    return _proposals(condition, order="r.id DESC", limit=20, as_of=as_of, of=(*_OF_REST, *_OF_LIMITS))


_REFERENCE_CHANGE = """
SELECT r.state, r.content, r.reason, r.made_at, coalesce(m.username, a.name) AS maker
FROM core_proposal r
LEFT JOIN auth_user m ON m.id = r.maker_id
LEFT JOIN core_api_client a ON a.id = r.maker_client_id
WHERE r.id = %s AND r.kind = %s
"""


def reference_change(proposal_id: int) -> dict[str, Any] | None:
    """Return a proposed change of reference data with all of its rows, or None when there is none."""
    found = sql.records(_REFERENCE_CHANGE, [proposal_id, changes.KIND])
    return {**found[0], "content": sql.json_value(found[0]["content"])} if found else None


def pending_proposal_of(trade_id: int) -> dict[str, Any] | None:
    """Return the excess of a trade that awaits a second person, or None."""
    found = _proposals(
        "r.kind = 'excess' AND r.state = 'PENDING' AND r.subject_id = %(trade)s",
        order="r.id",
        limit=1,
        trade=trade_id,
        of=_OF_REST,
    )
    return found[0] if found else None


def pending_release_of(batch_id: int) -> dict[str, Any] | None:
    """Return the release of a batch that awaits a second person, or None."""
    found = _proposals(
        "r.kind = 'release_batch' AND r.state = 'PENDING' AND r.subject_id = %(batch)s",
        order="r.id",
        limit=1,
        batch=batch_id,
        of=_OF_REST,
    )
    return found[0] if found else None


def pending_hold_releases() -> set[int]:
    """Return the holds whose release awaits a second person."""
    found = sql.rows(
        "SELECT subject_id FROM core_proposal WHERE kind = %s AND state = 'PENDING' LIMIT %s",
        [hold.KIND, PROPOSALS_SHOWN],
    )
    return {hold_id for (hold_id,) in found}


def pending_credit_of(invoice_id: int) -> dict[str, Any] | None:
    """Return the credit of an invoice that awaits a second person, or None."""
    found = _proposals(
        "r.kind = 'credit_invoice' AND r.state = 'PENDING' AND r.subject_id = %(invoice)s",
        order="r.id",
        limit=1,
        invoice=invoice_id,
        of=_OF_REST,
    )
    return found[0] if found else None


def _proposals(
    condition: str,
    *,
    order: str,
    limit: int,
    of: Sequence[str],
    as_of: AsOf | None = None,
    **parameters: Any,
) -> list[dict[str, Any]]:
    sources = _PROPOSAL_NOW if as_of is None else _PROPOSAL_THEN
    statement = _PROPOSALS.format(condition=condition, order=order, **sources)
    if as_of is not None:
        parameters |= as_of.parameters()
    rows = sql.records(statement, {"limit": limit, "kinds": list(CLOSED_AS), "of": list(of), **parameters})
    for row in rows:
        row["content"] = sql.json_value(row["content"])
    return rows


INTEGRATIONS_SHOWN = 200
_CLIENTS = """
SELECT * FROM (
    SELECT id, name, scopes, sources, desks, created_at, expires_at, last_used_at,
           CASE WHEN revoked_at IS NOT NULL THEN 'REVOKED' WHEN expires_at <= %(now)s THEN 'EXPIRED' ELSE 'ON' END
               AS state
    FROM core_api_client
) c ORDER BY state <> 'ON', last_used_at DESC NULLS LAST, name LIMIT %(limit)s
"""


def api_clients(*, now: datetime) -> list[dict[str, Any]]:
    """Return API clients with their state, the live ones first, each used last on top."""
    return sql.records(_CLIENTS, {"now": now, "limit": INTEGRATIONS_SHOWN})


@dataclass(frozen=True)
class WebhookFigures:
    """What waits for a webhook and what is dead (both counted no further than the cap), and its last answer."""

    waiting: int = 0
    retrying: int = 0
    dead: int = 0
    delivered_at: datetime | None = None


_FIGURES = """
SELECT w.id, p.waiting, p.retrying, d.dead, l.at
FROM unnest(%(ids)s::bigint[]) AS w(id)
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting, count(*) FILTER (WHERE attempts > 0) AS retrying FROM (
        SELECT attempts FROM feed_delivery WHERE webhook_id = w.id AND state = 'PENDING' LIMIT %(cap)s) x
) p
CROSS JOIN LATERAL (
    SELECT count(*) AS dead FROM (
        SELECT 1 FROM feed_delivery WHERE webhook_id = w.id AND state = 'DEAD' LIMIT %(cap)s) x
) d
CROSS JOIN LATERAL (
    SELECT max(finished_at) AS at FROM (
        SELECT finished_at FROM feed_delivery WHERE webhook_id = w.id AND state = 'DELIVERED'
        ORDER BY id DESC LIMIT 100) x
) l
"""


def webhook_figures(webhook_ids: list[int]) -> dict[int, WebhookFigures]:
    """Return the figures of webhooks by id."""
    found = sql.rows(_FIGURES, {"ids": webhook_ids, "cap": COUNT_CAP + 1})
    return {webhook_id: WebhookFigures(*figures) for webhook_id, *figures in found}


def webhooks() -> list[tuple[Webhook, WebhookFigures]]:
    """Return webhooks with their figures, the active ones first."""
    found = list(
        Webhook.objects.select_related("client").order_by("-is_active", "client__name", "id")[
            :INTEGRATIONS_SHOWN
        ]
    )
    figures = webhook_figures([each.id for each in found])
    return [(each, figures[each.id]) for each in found]
