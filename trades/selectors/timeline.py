"""One trade: its versions, what was found of it, and everything that happened to it in one line of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import sql
from trades.models import Comment, ExceptionItem, Finding, TradeVersion

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
    """One line of the timeline: an event of the log or a comment."""

    at: datetime
    actor: str
    kind: str
    version: int | None
    text: str
    request_id: str
    data: Any


_TRADE = """
SELECT s.trade_id, s.version, s.state, s.changed_at, v.recorded_at, v.effective_at, v.cause, v.product, v.source,
       v.source_ref, v.source_version, v.side, v.instrument_ref, v.instrument_id, v.counterparty_ref,
       v.counterparty_id, v.book_ref, v.book_id, v.trader, v.quantity, v.price, v.currency, v.gross_amount,
       v.net_amount, v.contra_currency, v.contra_amount, v.base_amount, v.trade_date, v.settlement_date,
       v.executed_at, v.fees, v.terms,
       i.code AS instrument_code, i.name AS instrument_name,
       p.code AS counterparty_code, p.name AS counterparty_name, p.lei AS counterparty_lei,
       b.name AS book_name, b.desk
FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
LEFT JOIN refdata_book b ON b.id = v.book_id
WHERE s.trade_id = %s
"""


def trade(trade_id: int) -> dict[str, Any] | None:
    """Return a trade's current version and state with the names of what it refers to, or None."""
    found = sql.records(_TRADE, [trade_id])
    if not found:
        return None
    found[0]["fees"] = sql.json_value(found[0]["fees"]) or []
    found[0]["terms"] = sql.json_value(found[0]["terms"]) or {}
    return found[0]


def versions(trade_id: int) -> list[TradeVersion]:
    """Return all versions of a trade, the first one first."""
    return list(TradeVersion.objects.filter(trade_id=trade_id).order_by("version"))


def changes(before: TradeVersion, after: TradeVersion) -> list[Change]:
    """Return what a version changed of the one before it."""
    return [
        Change(name, label, getattr(before, name), getattr(after, name))
        for name, label in FIELDS.items()
        if getattr(before, name) != getattr(after, name)
    ]


def findings(trade_id: int) -> list[Finding]:
    """Return what was found of a trade: open ones first, then the newest."""
    found = list(Finding.objects.filter(trade_id=trade_id).order_by("-id")[:200])
    weight: dict[str, int] = {Finding.Severity.BLOCK: 0, Finding.Severity.WARN: 1}
    return sorted(found, key=lambda each: (each.closed_at is not None, weight.get(each.severity, 2)))


def exceptions(trade_id: int) -> list[ExceptionItem]:
    """Return the exceptions of a trade, open ones first."""
    found = ExceptionItem.objects.filter(trade_id=trade_id).select_related("owner").order_by("-id")
    return sorted(found, key=lambda each: each.closed_at is not None)


def timeline(trade_id: int, *, exception_ids: list[int]) -> list[Entry]:
    """Return the events of a trade and the comments on its exceptions, the newest first.

    A comment's own event is left out: the comment stands there itself.
    """
    entries = [
        Entry(at, actor, kind, version, reason, request_id, sql.json_value(data))
        for at, actor, kind, version, reason, request_id, data in sql.rows(
            "SELECT recorded_at, actor, type, version, reason, request_id, data FROM core_event"
            " WHERE subject_id = %s AND subject = 'trade' AND type <> 'exception.commented'"
            " ORDER BY id DESC LIMIT %s",
            [trade_id, MAX_EVENTS],
        )
    ]
    entries += [
        Entry(each.written_at, each.author, "comment", None, each.text, "", None)
        for each in Comment.objects.filter(exception_id__in=exception_ids).order_by("-id")[:MAX_EVENTS]
    ]
    return sorted(entries, key=lambda each: each.at, reverse=True)
