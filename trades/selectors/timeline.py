"""One trade: its versions, what was found of it, and everything that happened to it in one line of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from core import sql
from core.as_of import HAPPENED, NOW, AsOf
from trades.lifecycle import SUBJECT, State
from trades.models import Comment, ExceptionItem, Finding, TradeVersion
from trades.selectors.as_of import AS_OF, read_findings
from trades.work_items import About

MAX_EVENTS = 500

# What a version may change, in the order in which people read it, with its words.
FIELDS = {
    "side": "Side",
    "product": "Product",
    "instrument_ref": "Instrument",
    "quantity": "Quantity",
    "price": "Price",
    "currency": "Currency",
    "gross_amount": "Gross amount",
    "net_amount": "Net amount",
    "contra_currency": "Sold currency",
    "contra_amount": "Sold amount",
    "counterparty_ref": "Counterparty",
    "book_ref": "Book",
    "trader": "Trader",
    "trade_date": "Trade date",
    "settlement_date": "Settlement date",
    "fees": "Fees",
    "terms": "Terms",
}


@dataclass(frozen=True)
class Change:
    """One field that a version changed."""

    field: str
    label: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Entry:
    """One line of the timeline: an event of the log or a comment. beside: of which other subject, if of another."""

    at: datetime
    actor: str
    kind: str
    version: int | None
    text: str
    request_id: str
    data: Any
    beside: About | None = None
    event_id: int = 0


_NOW = "trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version"
_TRADE = """
SELECT s.trade_id, s.version, s.state, s.block_id, s.changed_at, v.recorded_at, v.effective_at, v.cause, v.product,
       v.source, v.source_ref, v.source_version, v.side, v.instrument_ref, v.instrument_id, v.counterparty_ref,
       v.counterparty_id, v.book_ref, v.book_id, v.trader, v.quantity, v.price, v.currency, v.gross_amount,
       v.net_amount, v.contra_currency, v.contra_amount, v.base_amount, v.trade_date, v.settlement_date,
       v.executed_at, v.fees, v.terms,
       i.code AS instrument_code, i.name AS instrument_name,
       p.code AS counterparty_code, p.name AS counterparty_name, p.lei AS counterparty_lei,
       b.name AS book_name, b.desk
FROM {source}
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
LEFT JOIN refdata_book b ON b.id = v.book_id
WHERE s.trade_id = %(trade_id)s
"""


def trade(trade_id: int, as_of: AsOf | None = None) -> dict[str, Any] | None:
    """Return a trade's version and state, now or as they were, with the names of what it refers to, or None."""
    found = sql.records(
        _TRADE.format(source=_NOW if as_of is None else AS_OF),
        {**(as_of or NOW).parameters(), "trade_id": trade_id},
    )
    if not found:
        return None
    found[0]["fees"] = sql.json_value(found[0]["fees"]) or []
    found[0]["terms"] = sql.json_value(found[0]["terms"]) or {}
    return found[0]


_PARTS = f"""
SELECT s.trade_id, s.state, v.source_ref, v.counterparty_ref, v.book_ref, v.quantity, v.currency, v.net_amount
FROM {{source}} WHERE {{block}} = %(block_id)s AND s.state <> {State.CANCELLED.value} ORDER BY s.trade_id
"""


def parts(block_id: int, as_of: AsOf | None = None) -> list[dict[str, Any]]:
    """Return the parts of a block that are not cancelled, now or as they were, in the order they were asked for."""
    if as_of is None:
        return sql.records(_PARTS.format(source=_NOW, block="s.block_id"), {"block_id": block_id})
    return sql.records(
        _PARTS.format(source=AS_OF, block="t.block_id"), {**as_of.parameters(), "block_id": block_id}
    )


def versions(trade_id: int, *, last: int) -> list[TradeVersion]:
    """Return the versions of a trade up to a number, the first one first."""
    return list(TradeVersion.objects.filter(trade_id=trade_id, version__lte=last).order_by("version"))


def changes(before: TradeVersion, after: TradeVersion) -> list[Change]:
    """Return what a version changed of the one before it."""
    return [
        Change(name, label, getattr(before, name), getattr(after, name))
        for name, label in FIELDS.items()
        if getattr(before, name) != getattr(after, name)
    ]


def findings(trade_id: int, as_of: AsOf | None = None) -> list[Finding]:
    """Return what was found of a trade, now or as it was then: open ones first, by severity, then the newest."""
    if as_of is None:
        found = list(Finding.objects.filter(trade_id=trade_id).order_by("-id")[:200])
    else:
        found = [
            Finding(**{**row, "inputs": sql.json_value(row["inputs"])})
            for row in read_findings(trade_id, as_of)[:200]
        ]
    weight: dict[str, int] = {Finding.Severity.BLOCK: 0, Finding.Severity.WARN: 1}
    return sorted(found, key=lambda each: (each.closed_at is not None, weight.get(each.severity, 2)))


def exceptions(trade_id: int) -> list[ExceptionItem]:
    """Return the exceptions of a trade, open ones first."""
    found = ExceptionItem.objects.filter(trade_id=trade_id).select_related("owner").order_by("-id")
    return sorted(found, key=lambda each: each.closed_at is not None)


_EVENTS = f"""
SELECT id, recorded_at, actor, type, version, reason, request_id, data FROM core_event e
WHERE subject_id = %(subject_id)s AND subject = %(subject)s {{only}}
  AND type NOT IN ('exception.commented', 'exception.asked', 'exception.answered')
  AND core_known(e.xid, e.recorded_at, {HAPPENED})
ORDER BY id DESC LIMIT %(limit)s
"""


def timeline(trade_id: int, *, exception_ids: list[int], as_of: AsOf | None = None) -> list[Entry]:
    """Return the events of a trade and the comments on its exceptions, those of then if asked, the newest first.

    A comment's own event is left out: the comment stands there itself.
    """
    return _entries(_EVENTS.format(only=""), About(SUBJECT, trade_id), exception_ids, as_of)


_BESIDE = f"""
SELECT id, recorded_at, actor, type, reason, request_id, data, subject_id FROM core_event e
WHERE subject_id = ANY(%(ids)s) AND subject = %(subject)s AND core_known(e.xid, e.recorded_at, {HAPPENED})
ORDER BY id DESC LIMIT %(limit)s
"""


def events_beside(*, subject: str, ids: Sequence[int], as_of: AsOf | None = None) -> list[Entry]:
    """Return the events of other subjects, such as the batches that a trade is in, for its line of time."""
    told = {**(as_of or NOW).parameters(), "subject": subject, "ids": list(ids), "limit": MAX_EVENTS}
    return [
        Entry(at, actor, kind, None, reason, request_id, sql.json_value(data), About(subject, about), number)
        for number, at, actor, kind, reason, request_id, data, about in sql.rows(_BESIDE, told)
    ]


_OF_ITEM = "AND (data->>'exception_id')::bigint = %(exception_id)s"


def timeline_of_item(item: ExceptionItem, *, as_of: AsOf | None = None) -> list[Entry]:
    """Return the events and comments of one exception alone, those of then if asked, the newest first."""
    about = About(item.subject, item.subject_id)
    return _entries(_EVENTS.format(only=_OF_ITEM), about, [item.id], as_of)


def _entries(statement: str, about: About, exception_ids: list[int], as_of: AsOf | None) -> list[Entry]:
    parameters = {
        **(as_of or NOW).parameters(),
        "subject": about.subject,
        "subject_id": about.subject_id,
        "exception_id": exception_ids[0] if exception_ids else None,
        "limit": MAX_EVENTS,
    }
    entries = [
        Entry(at, actor, kind, version, reason, request_id, sql.json_value(data), event_id=number)
        for number, at, actor, kind, version, reason, request_id, data in sql.rows(statement, parameters)
    ]
    entries += [
        Entry(each.written_at, each.author, "comment", None, each.text, "", {"audience": each.audience})
        for each in _comments(exception_ids, as_of).order_by("-id")[:MAX_EVENTS]
    ]
    return sorted(entries, key=lambda each: each.at, reverse=True)


def _comments(exception_ids: list[int], as_of: AsOf | None) -> QuerySet[Comment]:
    found = Comment.objects.filter(exception_id__in=exception_ids)
    return found if as_of is None or as_of.as_at is None else found.filter(written_at__lte=as_of.as_at)
