"""Exceptions, as the queue lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.ids import EXCEPTION, TRADE, public_id
from core.wording import say
from ops.lists import _cells as cells
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from ops.templatetags import console
from trades.selectors import exceptions as queue
from trades.work_items import kind_of

PERSONAL = ("mine", "team")  # tabs that mean whoever looks


def _record(row: cells.Row, context: Context) -> SafeString:
    reference = public_id(EXCEPTION, row["id"])
    address = context["place"].url("exception", reference)
    peek = reverse("exception_peek", args=[reference])
    return format_html(
        '<a class="code" data-row-link data-peek="{}" href="{}">{}</a>', peek, address, reference
    )


def _due(row: cells.Row, context: Context) -> SafeString:
    shown = format_html("{}", console.due(context, row["deadline"]))
    if row["escalated_at"]:
        shown += format_html(
            ' <span class="escalated" title="{}">{}<span class="hidden">{}</span></span>',
            say("Escalated"),
            console.icon("alert"),
            say("escalated"),
        )
    return shown


def _why(row: cells.Row, context: Context) -> SafeString:
    shown = SafeString("")
    if row["snoozed_until"] and row["snoozed_until"] > context["now"] and not row["closed_at"]:
        shown += format_html(
            '<span class="muted" title="{}">{} {}</span> ',
            row["snooze_reason"] or "",
            say("until"),
            console.moment(context, row["snoozed_until"]),
        )
    if row["reopenings"] and not row["closed_at"]:
        shown += format_html("{} ", console.mark("REOPENED"))
    if kind_of(row["kind"]).mark:
        shown += format_html("{} ", console.mark(kind_of(row["kind"]).mark))
    return shown + format_html("{}", say(row["summary"]))


def _party(row: cells.Row) -> cells.Value:
    if not row["trade_id"]:
        return row["member"] or None
    return row["counterparty_name"] if row["counterparty_code"] else row["counterparty_ref"]


def _party_shown(row: cells.Row, _: Context) -> str:
    if row["trade_id"] and not row["counterparty_code"]:
        return format_html('<span class="unknown">{}</span>', row["counterparty_ref"])
    return str(_party(row) or console.NOTHING)


def _about(row: cells.Row, context: Context) -> str:
    if row["trade_id"]:
        return _TRADE.show(row, context)
    return format_html('<span class="muted">a {}</span>', console.words(row["subject"]))


_TRADE = cells.link(TRADE, "trade_id", "trade")


def _usual(filtered: Mapping[str, str]) -> tuple[str, ...]:
    if filtered.get("view") == "closed":
        return ("closed", "closed_by", "resolution", "why", "at_risk", "counterparty", "product", "about")
    return ("due", "move", "why", "at_risk", "counterparty", "product", "about", "open_for", "owner")


def _api(filtered: Mapping[str, str]) -> dict[str, str] | None:
    given = dict(filtered)
    queue = given.pop("view", "open")
    return None if queue in PERSONAL else {**given, "queue": queue}


def _owner(row: cells.Row) -> cells.Value:
    return row["owner"] or row["team"] or None


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    given = asked.parameters
    view = given.get("view", "")
    return queue.whole_queue(
        view=view if view in queue.VIEWS else "open",
        narrowing=queue.Narrowing(*(given.get(each.name, "") for each in fields(queue.Narrowing))),
        user_id=asked.user_id,
        now=asked.now,
        most=asked.most + 1,
    )


EXCEPTIONS = Listed(
    code="exceptions",
    title="exceptions",
    screen="exceptions",
    right=Right.READ_EXCEPTIONS,
    columns=(
        Column("exception", "Exception", cells.Cell(lambda row: public_id(EXCEPTION, row["id"]), _record)),
        Column("due", "Due", cells.Cell(lambda row: row["deadline"], _due)),
        Column(
            "move",
            "Whose move",
            cells.told(lambda row: console.words(row["move"] or "").capitalize() or None),
            present=True,
        ),
        Column(
            "why",
            "Why",
            cells.Cell(lambda row: row["summary"], _why, "clip broad", lambda row: say(str(row["summary"]))),
        ),
        Column("at_risk", "At risk", cells.base_money("amount_at_risk"), base=True),
        Column(
            "counterparty",
            "Counterparty",
            cells.Cell(_party, _party_shown, "clip", lambda row: str(_party(row) or "")),
        ),
        Column("product", "Product", cells.words("product", css="clip narrow"), spare=True),
        Column("about", "Trade", cells.Cell(_TRADE.value, _about), spare=True),
        Column("open_for", "Open for", cells.age("opened_at"), spare=True),
        Column("owner", "Owner", cells.told(_owner, css="clip")),
        Column("team", "Team", cells.text("team", css="clip"), present=True),
        Column("kind", "Kind", cells.words("kind")),
        Column("root_cause", "Root cause", cells.text("root_cause", css="clip"), present=True),
        Column("opened", "Opened", cells.moment("opened_at"), zoned=True),
        Column("closed", "Closed", cells.moment("closed_at"), zoned=True),
        Column("closed_by", "By", cells.who("closed_by")),
        Column("resolution", "Resolution", cells.text("resolution", css="clip")),
    ),
    filters=("view", "code", "kind", "move", "cause"),
    pages=_pages,
    usual=_usual,
    api=_api,
)
