"""The queue of exceptions: by deadline, then by the money at risk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core import sql
from core.as_of import HAPPENED, AsOf
from trades.models import ExceptionItem
from trades.selectors.as_of import AS_OF

COUNT_CAP = 10_000
PAGE_SIZE = 50
MAX_PAGE = 200

VIEWS = ("open", "mine", "team", "unassigned", "overdue", "returned", "snoozed", "closed")
QUEUES = tuple(each for each in VIEWS if each not in {"mine", "team"})  # that mean the same to everybody

# Who snoozed an item does not want to see it for a while; past its moment it is back by itself.
AWAKE = "(e.snoozed_until IS NULL OR e.snoozed_until <= %(now)s)"
_OPEN = f"e.closed_at IS NULL AND {AWAKE}"
_CONDITIONS = {
    "open": _OPEN,
    "mine": f"{_OPEN} AND e.owner_id = %(user)s",
    "team": f"{_OPEN} AND e.team_id IN (SELECT group_id FROM auth_user_groups WHERE user_id = %(user)s)",
    "unassigned": f"{_OPEN} AND e.owner_id IS NULL",
    "overdue": f"{_OPEN} AND e.deadline < %(now)s",
    "returned": f"{_OPEN} AND e.kind IN ('REJECTION', 'FAIL')",
    "snoozed": "e.closed_at IS NULL AND e.snoozed_until > %(now)s",
    "closed": "e.closed_at IS NOT NULL",
}
# What a list can be narrowed to beside its view; as of a moment, only the code.
_NARROWED = {
    "code": "%(code)s = ANY(e.codes)",
    "kind": "e.kind = %(kind)s",
    "move": "e.move = %(move)s",
    "cause": "e.causes @> ARRAY[%(cause)s]",
}


@dataclass(frozen=True)
class Narrowing:
    """What a list is narrowed to beside its view: a code, kind, whose move, or one cause. Empty: not at all."""

    code: str = ""
    kind: str = ""
    move: str = ""
    cause: str = ""

    def sql(self) -> str:
        """Return the conditions over `e`; their parameters are the fields by name."""
        return "".join(f" AND {told}" for name, told in _NARROWED.items() if getattr(self, name))


def condition_of(view: str, narrowing: Narrowing) -> str:
    """Return which items a list shows, as SQL over `e`; its parameters: `user`, `now` and the narrowing's fields."""
    return _CONDITIONS[view] + narrowing.sql()


_LIST = """
WITH page AS MATERIALIZED (
    SELECT e.* FROM {items} e
    WHERE {condition}
    ORDER BY {order}
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT e.id, e.kind, e.trade_id, e.subject, e.subject_id, e.member,
       e.codes, e.summary, e.amount_at_risk, e.deadline, e.owner_id, e.claimed_at,
       e.opened_at, e.closed_at, e.closed_by, e.resolution, e.move, e.causes, e.root_cause, e.snoozed_until,
       e.snooze_reason, e.escalated_at, e.reopenings, t.name AS team, u.username AS owner, v.product, v.source_ref,
       v.counterparty_ref, p.code AS counterparty_code, p.name AS counterparty_name, v.currency, v.net_amount
FROM page e
LEFT JOIN auth_user u ON u.id = e.owner_id
LEFT JOIN auth_group t ON t.id = e.team_id
{terms}
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
ORDER BY {order}
"""
_NOW = {
    "items": "trades_exception",
    "terms": "LEFT JOIN trades_state s ON s.trade_id = e.trade_id"
    " LEFT JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version",
}
# Who owned an item then is told by the events of what it is about; what it said, by the first change after it, if
# there is one.
ITEMS_THEN = f"""(
        SELECT i.id, i.kind, i.trade_id, i.subject, i.subject_id, i.member, u.id AS owner_id,
               CASE WHEN b.id IS NULL THEN i.codes ELSE b.codes END AS codes,
               CASE WHEN b.id IS NULL THEN i.summary ELSE b.summary END AS summary,
               CASE WHEN b.id IS NULL THEN i.amount_at_risk ELSE b.amount_at_risk END AS amount_at_risk,
               CASE WHEN b.id IS NULL THEN i.deadline ELSE b.deadline END AS deadline,
               o.recorded_at AS claimed_at, i.opened_at,
               CASE WHEN c.closed THEN i.closed_at ELSE k.closed_at END AS closed_at,
               CASE WHEN c.closed THEN i.closed_by ELSE coalesce(k.closed_by, '') END AS closed_by,
               CASE WHEN c.closed THEN i.resolution ELSE coalesce(k.resolution, '') END AS resolution,
               NULL::text AS move, NULL::text[] AS causes, NULL::text AS root_cause, NULL::int AS team_id,
               NULL::timestamptz AS snoozed_until, NULL::text AS snooze_reason,
               NULL::timestamptz AS escalated_at, NULL::int AS reopenings
        FROM trades_exception i
        CROSS JOIN LATERAL (
            SELECT core_known(coalesce(i.closed_xid, i.xid), i.closed_at, {HAPPENED}) AS closed
        ) c
        LEFT JOIN LATERAL (
            SELECT x.closed_at, x.closed_by, x.resolution FROM trades_exception_closing x
            WHERE x.exception_id = i.id AND core_known(coalesce(x.closed_xid, x.xid), x.closed_at, {HAPPENED})
              AND NOT core_known(x.xid, x.reopened_at, {HAPPENED})
            ORDER BY x.id LIMIT 1
        ) k ON true
        LEFT JOIN LATERAL (
            SELECT t.type, t.actor, t.recorded_at, t.data->>'owner' AS owner FROM core_event t
            WHERE t.subject_id = i.subject_id AND t.subject = i.subject
              AND t.type IN ('exception.claimed', 'exception.assigned', 'exception.released')
              AND (t.data->>'exception_id')::bigint = i.id AND core_known(t.xid, t.recorded_at, {HAPPENED})
            ORDER BY t.id DESC LIMIT 1
        ) o ON true
        LEFT JOIN LATERAL (
            SELECT * FROM trades_exception_before x
            WHERE x.exception_id = i.id AND NOT core_known(x.xid, x.until, {HAPPENED})
            ORDER BY x.id LIMIT 1
        ) b ON true
        LEFT JOIN auth_user u ON o.type = 'exception.claimed' AND o.actor = 'user:' || u.username
            OR o.type = 'exception.assigned' AND o.owner = u.username
        WHERE core_known(i.xid, i.opened_at, {HAPPENED})
    )"""
_THEN = {
    "items": ITEMS_THEN,
    "terms": f"LEFT JOIN LATERAL (SELECT v.* FROM {AS_OF} WHERE t.trade_id = e.trade_id) v ON true",
}
_BY_URGENCY = "e.deadline, e.amount_at_risk DESC NULLS LAST, e.id"
_BY_CLOSING = "e.closed_at DESC, e.id DESC"


def queue(
    *,
    view: str,
    user_id: int,
    now: datetime,
    narrowing: Narrowing = Narrowing(),
    number: int = 1,
    size: int = PAGE_SIZE,
    as_of: AsOf | None = None,
) -> tuple[list[dict[str, Any]], bool]:
    """Return one page of the queue, now or as it was, and whether more follow. view: one of VIEWS."""
    parameters = {
        **(as_of.parameters() if as_of else {}),
        "user": user_id,
        "now": now,
        **asdict(narrowing),
        "limit": size + 1,
        "offset": (min(number, MAX_PAGE) - 1) * size,
    }
    rows = sql.records(_list(view, narrowing, _NOW if as_of is None else _THEN), parameters)
    return rows[:size], len(rows) > size


def whole_queue(
    *, view: str, user_id: int, now: datetime, narrowing: Narrowing, most: int
) -> Iterator[list[dict[str, Any]]]:
    """Yield the queue as `queue` returns it, some rows at a time, up to `most`."""
    parameters = {"user": user_id, "now": now, **asdict(narrowing), "limit": most, "offset": 0}
    return sql.chunks(_list(view, narrowing, _NOW), parameters)


def _list(view: str, narrowing: Narrowing, where: Mapping[str, str]) -> str:
    order = _BY_CLOSING if view == "closed" else _BY_URGENCY
    return _LIST.format(condition=condition_of(view, narrowing), order=order, **where)


@dataclass(frozen=True)
class Summary:
    """The open queue in figures; counts above COUNT_CAP mean "more than". Money in base currency, a trade's once."""

    open: int
    mine: int
    unassigned: int
    overdue: int
    due_soon: int
    older_than_a_day: int
    at_risk: Decimal
    at_risk_overdue: Decimal
    rejected: int
    failed: int
    last_closed_at: datetime | None
    last_closed_by: str


_SUMMARY = f"""
SELECT count(*), count(*) FILTER (WHERE owner_id = %(user)s), count(*) FILTER (WHERE owner_id IS NULL),
       count(*) FILTER (WHERE deadline < %(now)s),
       count(*) FILTER (WHERE deadline >= %(now)s AND deadline < %(soon)s),
       count(*) FILTER (WHERE opened_at < %(yesterday)s),
       coalesce(sum(amount_at_risk), 0), coalesce(sum(amount_at_risk) FILTER (WHERE deadline < %(now)s), 0),
       count(*) FILTER (WHERE kind = 'REJECTION'), count(*) FILTER (WHERE kind = 'FAIL')
FROM (
    SELECT owner_id, deadline, opened_at, kind,
           CASE WHEN row_number() OVER (PARTITION BY subject, subject_id, coalesce(trade_id, id)
                                        ORDER BY amount_at_risk DESC NULLS LAST, deadline, id) = 1
                THEN amount_at_risk END AS amount_at_risk
    FROM (SELECT * FROM {{items}} e WHERE {_OPEN} ORDER BY deadline, id LIMIT %(cap)s) AS urgent
) AS open
"""
_LAST_CLOSED = """
SELECT closed_at, closed_by FROM {items} e WHERE closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT 1
"""


def summary(*, user_id: int, now: datetime, as_of: AsOf | None = None) -> Summary:
    """Return the open queue in figures, now or as it was, looking at no more than COUNT_CAP + 1 exceptions."""
    items = "trades_exception" if as_of is None else ITEMS_THEN
    then = as_of.parameters() if as_of else {}
    figures = sql.row(
        _SUMMARY.format(items=items),
        {
            **then,
            "user": user_id,
            "now": now,
            "soon": now + timedelta(hours=1),
            "yesterday": now - timedelta(days=1),
            "cap": COUNT_CAP + 1,
        },
    )
    assert figures is not None  # noqa: S101 - an aggregate always returns one row
    return Summary(*(*figures, *last_closed(as_of)))


def last_closed(as_of: AsOf | None = None) -> tuple[datetime | None, str]:
    """Return when an exception was closed last, and by whom; None while none has been."""
    items = "trades_exception" if as_of is None else ITEMS_THEN
    found = sql.row(_LAST_CLOSED.format(items=items), as_of.parameters() if as_of else {})
    return (found[0], found[1]) if found else (None, "")


def exception_then(exception_id: int, as_of: AsOf) -> ExceptionItem | None:
    """Return one exception as it was, with its owner, or None when it was not open yet. It is not to be saved."""
    found = sql.records(
        f"SELECT e.* FROM {ITEMS_THEN} e WHERE e.id = %(id)s", {**as_of.parameters(), "id": exception_id}
    )
    return ExceptionItem(**found[0]) if found else None


_OF_TRADE = (
    "SELECT e.* FROM {items} e WHERE e.trade_id = %(trade_id)s ORDER BY e.closed_at IS NOT NULL, e.id DESC"
)


def exceptions_of(trade_id: int, as_of: AsOf) -> list[ExceptionItem]:
    """Return the exceptions that a trade had, those open then first. They are not to be saved."""
    found = sql.records(_OF_TRADE.format(**_THEN), {**as_of.parameters(), "trade_id": trade_id})
    return [ExceptionItem(**row) for row in found]


def exception(exception_id: int) -> ExceptionItem | None:
    """Return one exception with its owner and team, or None."""
    return ExceptionItem.objects.select_related("owner", "team").filter(id=exception_id).first()


def codes() -> list[tuple[str, int]]:
    """Return the finding codes among the open exceptions with how many carry each, the commonest first."""
    return sql.rows(
        "SELECT code, count(*) FROM (SELECT codes FROM trades_exception WHERE closed_at IS NULL"
        " ORDER BY deadline, id LIMIT %s) AS open, unnest(open.codes) AS code"
        " GROUP BY code ORDER BY count(*) DESC, code LIMIT 12",
        [COUNT_CAP],
    )
