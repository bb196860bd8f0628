"""How figures, dates, references and states look: the one place that formats anything on a page."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.contrib.messages.storage.base import Message
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from core.audit import request_id_var
from core.ids import public_id
from core.money import exact_money, minor_units, round_money
from core.wording import day as day_in_words
from core.wording import figure, say
from core.wording import moment as moment_in_words
from ops.icons import icon as draw
from ops.preferences import Preferences
from settlement.moves.base import Mover
from trades.lifecycle import State

register = template.Library()

NOTHING = "—"
_MIN_PRICE_DIGITS = 2

# Icon and colour of every state that anything can have; the word is always beside them.
_TRADE = {
    State.CAPTURED: ("inbox", "blue"),
    State.VALIDATED: ("check", "blue"),
    State.EXCEPTION: ("alert", "amber"),
    State.INSTRUCTED: ("document", "blue"),
    State.HANDED_OFF: ("send", "blue"),
    State.ACKNOWLEDGED: ("receipt", "blue"),
    State.SETTLED: ("check-circle", "green"),
    State.CANCELLED: ("cancel", "grey"),
    State.ALLOCATED: ("divide", "grey"),
}
WORDS = {
    "UNSEALED": ("clock", "grey", "open"),
    "SEALED": ("lock", "blue", "sealed"),
    "CLAIMED": ("user", "blue", "claimed"),
    "UNRELEASED": ("two-people", "violet", "awaits release"),
    "RECALLED": ("back", "grey", "recalled"),
    "HELD": ("stop", "amber", "held"),
    "REQUESTED": ("clock", "amber", "asked for"),
    "REFUSED": ("stop", "amber", "refused"),
    "ANSWERED": ("receipt", "blue", "answered"),
    "ACCEPTED": ("check", "blue", "accepted"),
    "REJECTED": ("stop", "red", "rejected"),
    "PENDING": ("clock", "grey", "pending"),
    "MISSING": ("stop", "red", "missing"),
    "COST_MISSING": ("stop", "red", "cost missing"),
    "RATE_MISSING": ("stop", "red", "rate missing"),
    "COST_AND_RATE_MISSING": ("stop", "red", "cost and rate missing"),
    "STALE": ("alert", "amber", "stale"),
    "CURRENCY": ("alert", "amber", "other currency"),
    "INTEREST": ("alert", "amber", "coupons not known"),
    "SIGNED": ("check-circle", "green", "signed off"),
    "RESTATED": ("alert", "amber", "told again since"),
    "UNSIGNED": ("clock", "grey", "not signed"),
    "PARTIAL": ("partial", "amber", "partial"),
    "SETTLED": ("check-circle", "green", "settled"),
    "LIMIT_EXCESS": ("limits", "red", "limit excess"),
    "WRONG_FIGURE": ("alert", "amber", "wrong figure"),
    "WRONG_POSITION": ("alert", "amber", "wrong position"),
    "SHORT_SALE": ("alert", "amber", "short sale"),
    "COUNTS_DIFFER": ("alert", "amber", "counts differ"),
    "RECORDS_REJECTED": ("alert", "amber", "records rejected"),
    "BREAK": ("alert", "amber", "break"),
    "DIFFERENT": ("alert", "amber", "the sides differ"),
    "OURS": ("alert", "amber", "only ours"),
    "THEIRS": ("alert", "amber", "only theirs"),
    "NEW": ("alert", "amber", "new"),
    "CHANGED": ("clock", "amber", "changed"),
    "CLEARED": ("check-circle", "green", "cleared"),
    "AGREED": ("check-circle", "green", "both agree"),
    "FORCED": ("two-people", "green", "matched by two"),
    "CHANGE_REFUSED": ("stop", "amber", "change refused"),
    "FAILED": ("stop", "red", "failed"),
    "MATCHED": ("check", "green", "matched"),
    "UNMATCHED": ("alert", "amber", "unmatched"),
    "MISMATCHED": ("alert", "amber", "terms differ"),
    "DISPUTED": ("stop", "red", "disputed"),
    "CANCELLED_BY_BOTH": ("cancel", "grey", "cancelled by both"),
    "DENIED": ("stop", "amber", "denied"),
    "COMPLETED": ("cancel", "grey", "completed"),
    "BLOCK": ("stop", "red", "blocking"),
    "WARN": ("alert", "amber", "warning"),
    "INFO": ("info", "grey", "note"),
    "WITHIN": ("check", "green", "within"),
    "NEAR": ("alert", "amber", "over warning"),
    "OVER": ("stop", "red", "over limit"),
    "APPROVAL": ("two-people", "violet", "awaits approval"),
    "APPROVED": ("check-circle", "green", "approved"),
    "DECLINED": ("cancel", "grey", "declined"),
    "VOID": ("cancel", "grey", "void"),
    "WITHDRAWN": ("cancel", "grey", "withdrawn"),
    "CLOSED": ("check-circle", "grey", "closed"),
    "SSI_SUPERSEDED": ("alert", "amber", "other SSI now"),
    "INVOICE": ("document", "grey", "invoice"),
    "CREDIT_NOTE": ("back", "grey", "credit note"),
    "INVOICE_BREAK": ("alert", "amber", "invoice break"),
    "FEES_BREAK": ("alert", "amber", "charges differ"),
    "COMING": ("clock", "blue", "coming"),
    "OPEN": ("alert", "amber", "open"),
    "OVERDUE": ("stop", "red", "overdue"),
    "ESCALATED": ("alert", "red", "escalated"),
    "SNOOZED": ("clock", "grey", "snoozed"),
    "REOPENED": ("back", "amber", "reopened"),
    "LOOKED_BACK": ("clock", "grey", "looks back"),
    "RESULT_DONE": ("check-circle", "green", "done"),
    "RESULT_TO_DO": ("check", "blue", "would be done"),
    "RESULT_PROPOSED": ("two-people", "violet", "awaits approval"),
    "RESULT_TO_PROPOSE": ("two-people", "violet", "would await approval"),
    "RESULT_LEFT": ("clock", "grey", "not done yet"),
    "RESULT_UNCHANGED": ("dot", "grey", "as before"),
    "RESULT_REFUSED": ("stop", "red", "refused"),
    "RESULT_UNKNOWN": ("help", "grey", "unknown"),
    "STUCK": ("alert", "amber", "stuck"),
    "MISSES": ("alert", "red", "will miss"),
    "IN_TIME": ("check", "green", "in time"),
    "FLOWING": ("check", "green", "flowing"),
    "DELIVERED": ("check-circle", "green", "delivered"),
    "SWITCHED_OFF": ("cancel", "grey", "switched off"),
    "MAY_LOG_IN": ("check", "green", "may log in"),
    "LOCKED": ("lock", "red", "locked"),
    "PROTECTED": ("lock", "green", "set up"),
    "PASSWORD_ONLY": ("alert", "amber", "password only"),
    "RETRYING": ("clock", "amber", "retrying"),
    "DEAD": ("stop", "red", "dead"),
    "WAITING": ("clock", "grey", "waiting"),
    "DONE": ("check-circle", "green", "done"),
    "STOPPED": ("cancel", "grey", "stopped"),
    "RUNNING": ("clock", "blue", "running"),
    "CANCELLED": ("cancel", "grey", "cancelled"),
    "PASS": ("check", "green", "passes"),
    "IN_FORCE": ("check", "green", "in force"),
    "ON": ("check", "green", "on"),
    "OFF": ("cancel", "grey", "off"),
    "REVOKED": ("cancel", "grey", "revoked"),
    "EXPIRED": ("cancel", "grey", "expired"),
    "WIDE": ("alert", "amber", "wide move"),
    "UNREAD": ("bell", "violet", "not read"),
}

# Icon and colour of whoever has a move.
_MOVERS = {
    Mover.OPERATIONS: ("user", "amber"),
    Mover.RISK: ("limits", "amber"),
    Mover.APPROVER: ("two-people", "violet"),
    Mover.FRONT_OFFICE: ("edit", "amber"),
    Mover.REFERENCE_DATA: ("document", "amber"),
    Mover.BACK_OFFICE: ("send", "blue"),
    Mover.COUNTERPARTY: ("user", "blue"),
    Mover.MARKET: ("ssis", "blue"),
    Mover.SYSTEM: ("today", "grey"),
    Mover.TIME: ("clock", "grey"),
}

# Events whose subject or verb is not yet the words that people use.
_SUBJECTS = {"proposal": "The request for approval"}
_VERBS = {
    "trade.confirmation_reminded": "still to be confirmed, and its counterparty reminded",
    "trade.confirmation_link_made": "given a link for its counterparty to answer by",
    "trade.confirmation_waived": "let go without its confirmation",
    "trade.held": "held as an exception",
    "trade.rechecked": "sent to the checks again",
    "trade.rejected": "rejected by the back office",
    "trade.reallocated": "allocated anew",
    "trade.change_refused": "not changed as asked before it came",
    "trade.change_answered": "left as it is: the change asked before it came is answered",
    "trade.enriched": "completed from reference data",
    "break.new": "found",
    "break.forced": "matched by two people",
    "reconciliation.failed": "not run",
    "profit.flag_accepted": "told with a flag that a person accepts",
    "exception.escalated": "escalated, its deadline being near",
    "exception.returned": "back after its snooze",
    "exception.woken": "brought back before its time",
    "exception.root_cause_named": "given its root cause",
}


def pill(name: str, colour: str, word: str) -> SafeString:
    """Return icon, word and colour together."""
    return format_html('<span class="pill {}">{}{}</span>', colour, draw(name), say(word))


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon: `{% icon "search" %}`."""
    return draw(name)


@register.filter
def trade_state(value: int) -> SafeString:
    """Show the state of a trade: `{{ trade.state|trade_state }}`."""
    state = State(value)
    name, colour = _TRADE[state]
    return pill(name, colour, str(state.label))


@register.filter
def mark(value: str) -> SafeString:
    """Show any other state by its code: `{{ finding.severity|mark }}`."""
    return pill(*WORDS.get(value, ("dot", "grey", value.lower().replace("_", " "))))


@register.filter
def mover_mark(name: str) -> SafeString:
    """Show who has a move: `{{ row.mover.name|mover_mark }}`."""
    mover = Mover[name]
    return pill(*_MOVERS[mover], mover.value)


@register.filter
def ref(number: int | None, prefix: str) -> str:
    """Show a database id as its public id: `{{ trade.trade_id|ref:"trd" }}`."""
    return NOTHING if number is None else public_id(prefix, number)


@register.filter
def money(amount: Decimal | None, currency: str) -> str:
    """Show an amount with its currency's digits, or all of its own if it is finer: `{{ amount|money:"JPY" }}`."""
    return NOTHING if amount is None else figure(f"{exact_money(amount, currency):,f}")


@register.filter
def base_money(amount: Decimal | None) -> str:
    """Show an amount in base currency, rounded, without the currency, which stands beside it."""
    return NOTHING if amount is None else figure(f"{round_money(amount, settings.BASE_CURRENCY):,f}")


@register.filter
def profit(amount: Decimal | None, currency: str = "") -> SafeString | str:
    """Show a profit or loss, always signed; in base currency unless another is named: `{{ row.total|profit }}`."""
    if amount is None:
        return NOTHING
    rounded = round_money(amount, currency or settings.BASE_CURRENCY)
    if not rounded:
        return figure(f"{abs(rounded):,f}")
    return format_html(
        '<span class="{}">{}</span>', "gain" if rounded > 0 else "loss", figure(f"{rounded:+,f}")
    )


@register.filter
def short_profit(amount: Decimal) -> str:
    """Show a profit or loss at a glance, signed, for drawings that have a table beside them: `+1.2m`."""
    return f"+{short_money(amount)}" if amount > 0 else short_money(amount)


@register.filter
def short_money(amount: Decimal | None) -> str:
    """Show an amount in base currency at a glance, for tiles only: `1.2m`."""
    if amount is None:
        return NOTHING
    for unit, letter in ((Decimal(10**9), "bn"), (Decimal(10**6), "m"), (Decimal(10**3), "k")):
        if abs(amount) >= unit:
            return figure(f"{amount / unit:.1f}") + say(letter)
    return figure(f"{round_money(amount, settings.BASE_CURRENCY):,f}")


@register.filter
def asset_quantity(quantity: Decimal | None, asset: str) -> str:
    """Show a quantity of an asset: by minor units when it is a currency, else as a number."""
    return money(quantity, asset) if minor_units(asset) is not None else number(quantity)


@register.filter
def number(value: Decimal | int | None) -> str:
    """Show a quantity with all its digits, grouped."""
    if value is None:
        return NOTHING
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,d}"
    return figure(text.rstrip("0").rstrip(".") if "." in text else text)


@register.filter
def price(value: Decimal | None) -> str:
    """Show a price: all its digits, and never fewer than two decimals."""
    if value is None:
        return NOTHING
    whole, _, digits = f"{value:,f}".partition(".")
    return figure(f"{whole}.{digits.rstrip('0').ljust(_MIN_PRICE_DIGITS, '0')}")


@register.filter
def exact(text: str | None) -> Decimal | None:
    """Read a number of a trade's terms, which JSON keeps as text: `{{ far.rate|exact|price }}`."""
    return None if text is None else Decimal(text)


@register.filter
def capped(count: int) -> str:
    """Show a count that stops at ten thousand: `10,000+`."""
    return figure("10,000+" if count > 10_000 else f"{count:,d}")


@register.filter
def day(value: date | None) -> str:
    """Show a business date, never shifted by a zone."""
    return NOTHING if value is None else day_in_words(value)


@register.simple_tag(takes_context=True)
def moment(context: template.Context, value: datetime | None, style: str = "minute") -> SafeString | str:
    """Show a moment in the chosen zone. style: minute, second, or time (today's, without the date)."""
    if value is None:
        return NOTHING
    preferences: Preferences = context.get("preferences") or Preferences()
    shown = value.astimezone(preferences.tzinfo)
    clocks = {"minute": "%H:%M", "second": "%H:%M:%S", "time": "%H:%M:%S", "clock": "%H:%M"}
    dated = style in {"minute", "second"}
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        moment_in_words(shown, "%H:%M:%S %Z"),
        moment_in_words(shown, clocks[style]) if dated else shown.strftime(clocks[style]),
    )


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: `2 d 3 h`, `1 h 12 min`, `15 min`, `40 s`."""
    seconds = int(length.total_seconds())
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    if days:
        return say(f"{days} d {hours} h")
    if hours:
        return say(f"{hours} h {minutes} min")
    return say(f"{minutes} min" if minutes else f"{rest} s")


@register.simple_tag(takes_context=True)
def age(context: template.Context, value: datetime | None) -> SafeString | str:
    """Show how long ago a moment was."""
    if value is None:
        return NOTHING
    now: datetime = context["now"]
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        moment_in_words(value, "%H:%M:%S %Z"),
        span(max(now - value, timedelta())),
    )


@register.simple_tag(takes_context=True)
def due(context: template.Context, deadline: datetime | None) -> SafeString | str:
    """Show a deadline as what is left of it: `in 1 h 12 min`, `-15 min overdue`."""
    if deadline is None:
        return NOTHING
    now: datetime = context["now"]
    left = deadline - now
    late = left < timedelta()
    colour = "red" if late else "amber" if left < timedelta(hours=1) else "plain"
    words = say(f"-{span(-left)} overdue" if late else f"in {span(left)}")
    return format_html(
        '<time class="due {}" datetime="{}" title="{}">{}{}</time>',
        colour,
        deadline.isoformat(),
        moment_in_words(deadline, "%H:%M:%S %Z"),
        draw("stop" if late else "clock") if colour != "plain" else "",
        words,
    )


@register.filter
def who(actor: str) -> str:
    """Show an actor without its kind where that says nothing: `user:jdoe` is jdoe."""
    kind, _, name = actor.partition(":")
    return name if kind == "user" else actor.replace(":", " ", 1)


# Where what happens comes from, by the kind of its actor or its very name: the icon, and in words.
_ORIGINS = {
    "comment": ("comment", "A comment"),
    "user": ("user", "From a person"),
    "client": ("integrations", "From the API"),
    "system:checks": ("checks", "From the checks"),
    "system:cut-off": ("batches", "From the batches"),
    "system:seal": ("batches", "From the batches"),
    "system:settlement": ("batches", "From the batches"),
    "system": ("clock", "From the system"),
}


@register.filter
def origin_mark(entry: Any) -> SafeString:
    """Show where a line of the timeline comes from: a person, the API, the checks, the batches."""
    kind = entry.actor.partition(":")[0]
    names = ("comment",) if entry.kind == "comment" else (entry.actor, kind)
    icon_name, told = next((_ORIGINS[each] for each in names if each in _ORIGINS), _ORIGINS["system"])
    return format_html(
        '<span class="origin" title="{}">{}<span class="hidden">{}</span></span>',
        say(told),
        draw(icon_name),
        say(told),
    )


@register.filter
def event_words(kind: str) -> str:
    """Show the type of an event as a sentence: `trade.handed_off` is "The trade was handed off"."""
    subject, _, verb = kind.rpartition(".")
    return say(f"{_SUBJECTS.get(subject, f'The {subject}')} was {_VERBS.get(kind, verb.replace('_', ' '))}")


_ABBREVIATIONS = {"fx", "ssi", "lei", "isin", "kyc", "bic"}


def spelled(code: str) -> str:
    """Return a code as words, in English: `FX_SPOT` is "FX spot"."""
    parts = code.replace("_", " ").lower().split()
    return " ".join(part.upper() if part in _ABBREVIATIONS else part for part in parts)


@register.filter
def words(code: str) -> str:
    """Show a code as words: `FX_SPOT` is "FX spot"."""
    return say(spelled(code))


# What a pointer leads through that says nothing to people.
_AROUND = {"changes", "terms", "items", "lines", "milestones", "parameters", "scope", "rows"}


@register.filter
def cause_words(cause: str) -> str:
    """Show the key of a cause: its code as words, and what it is about: "SSI missing: ISLANDSB cash SEK"."""
    code, _, subject = cause.partition(" ")
    told = capfirst(words(code))
    if subject.islower():  # the name of a field
        subject = say(subject.replace("_", " "))
    return f"{told}: {subject}" if subject else told


@register.filter
def field_words(pointer: str) -> str:
    """Show a pointer as words: `/changes/settlement_date` is "Settlement date", `/terms/sold/amount` "Sold amount"."""
    parts = pointer.rpartition(":")[2].split("/")
    of = [each for each in parts[1:-1] if each not in _AROUND and not each.isdigit()]
    named = of if of and parts[-1].isdigit() else [*of, parts[-1]]
    return capfirst(words(" ".join(named).replace(".", " ")))


@register.filter(name="say")
def say_(text: Any) -> Any:
    """Show what the code said, or each of a list, in the reader's language: `{{ problem.title|say }}`."""
    if isinstance(text, (list, tuple)):
        return [say_(each) for each in text]
    return "" if text is None else say(text if isinstance(text, str) else str(text))


@register.filter(name="figure")
def figure_(text: str) -> str:
    """Show a figure that is text already as the reader's language writes it: `{{ share|floatformat:1|figure }}`."""
    return figure(text)


@register.filter
def item(mapping: dict[Any, Any], key: Any) -> Any:
    """Look a key up that is only known here."""
    return mapping.get(key, "")


@register.filter
def plain(value: Any) -> str:
    """Show the value of any field of a version, as a comparison of versions does; what has parts, part by part."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {plain(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(map(plain, value))
    return str(value)


@register.filter
def told(change: dict[str, Any], side: str) -> str:
    """Show one side (`before`, `after`) of what a change says of a field; an amount with its currency."""
    value, currency = change.get(side), change.get(f"{side}_currency")
    if value is None or not currency:
        return plain(value)
    amount = Decimal(value)
    figure = base_money(amount) if currency == settings.BASE_CURRENCY else money(amount, currency)
    return f"{figure} {currency}"


@register.simple_tag
def query(parameters: dict[str, str], **changes: str | int | None) -> str:
    """Return the query string of parameters with some changed; None or empty ones are left out."""
    merged = {**parameters, **changes}
    kept = {name: value for name, value in merged.items() if value not in (None, "")}
    return f"?{urlencode(kept)}" if kept else "?"


# What of an address says how its list is shown, and not what is on it.
_HOW = {"view", "page", "size", "sort", "after", "before", "columns", "density", "saved", "count"}
_FILTERS = {"q": "text"}


@register.simple_tag(takes_context=True)
def narrowed_by(context: template.Context, *, tab: str = "") -> str:
    """Return what a list that shows nothing is narrowed by: `channel “CASH” and value date “2026-11-24”`.

    tab: the parameter by which the tabs of the list are chosen, where it is not `view`.
    """
    given = {name: text for name, text in context["request"].GET.items() if text.strip()}
    named = [
        f"{_FILTERS.get(name) or words(name)} “{text[:80]}”"
        for name, text in given.items()
        if name not in _HOW and name != tab
    ]
    return " and ".join([", ".join(named[:-1]), named[-1]] if named[1:] else named) or "this view"


@register.filter
def undo_run(message: Message) -> str:
    """Return the reference of the run that a message offers to take back, if it does."""
    return next((tag[5:] for tag in (message.extra_tags or "").split() if tag.startswith("undo-")), "")


@register.simple_tag
def request_id() -> str:
    """Return the id of the present request, to be quoted to whoever looks after the system."""
    return request_id_var.get()
