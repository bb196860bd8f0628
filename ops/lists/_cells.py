"""The kinds of cells that lists have: each shows a value on a page, and tells it plainly for an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from django.conf import settings
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html

from core.ids import public_id
from core.money import exact_money, round_money
from core.wording import say
from ops.templatetags import console

Row: TypeAlias = Mapping[str, Any]
Value: TypeAlias = str | int | Decimal | date | datetime | None


@dataclass(frozen=True)
class Cell:
    """How a value of a row is told: `value` with all its digits, `show` as a page has it, escaped.

    css: classes of its cell. hint: what a page shows of it on hover, where the cell may be clipped.
    """

    value: Callable[[Row], Value]
    show: Callable[[Row, Context], str]
    css: str = ""
    hint: Callable[[Row], str] | None = None


def text(field: str, *, css: str = "", said: bool = False) -> Cell:
    """Tell a text as it is; in the reader's language where it is words of ours."""
    return told(lambda row: row[field] or None, css=css, said=said)


def told(value: Callable[[Row], Value], *, css: str = "", said: bool = False) -> Cell:
    """Tell a value that is made of several fields. said: it is words of ours, shown in the reader's language."""

    def show(row: Row) -> str:
        return say(_or_nothing(value(row))) if said else _or_nothing(value(row))

    hint = None if "clip" not in css else lambda row: show(row) if value(row) else ""
    return Cell(value, lambda row, _: show(row), css, hint)


def _or_nothing(value: Value) -> str:
    return console.NOTHING if value is None else str(value)


def words(field: str, *, css: str = "") -> Cell:
    """Tell a code, and show it as words."""
    return Cell(
        lambda row: row[field] or None,
        lambda row, _: console.words(row[field]) if row[field] else console.NOTHING,
        css,
        (lambda row: console.words(row[field] or "")) if "clip" in css else None,
    )


def mark(field: str) -> Cell:
    """Tell a state by its code, and show it with icon and colour."""
    return Cell(lambda row: row[field], lambda row, _: console.mark(row[field]))


def money(field: str, currency: str) -> Cell:
    """Tell an amount in the currency of another field."""

    def value(row: Row) -> Value:
        return None if row[field] is None else exact_money(row[field], row[currency])

    return Cell(value, lambda row, _: console.money(row[field], row[currency]), "n")


def base_money(field: str) -> Cell:
    """Tell an amount in base currency."""

    def value(row: Row) -> Value:
        return None if row[field] is None else round_money(row[field], settings.BASE_CURRENCY)

    return Cell(value, lambda row, _: console.base_money(row[field]), "n")


def number(field: str) -> Cell:
    """Tell a quantity or a count."""
    return Cell(lambda row: row[field], lambda row, _: console.number(row[field]), "n")


def price(field: str) -> Cell:
    """Tell a price with all its digits."""
    return Cell(lambda row: row[field], lambda row, _: console.price(row[field]), "n")


def day(field: str) -> Cell:
    """Tell a business date."""
    return Cell(lambda row: row[field], lambda row, _: console.day(row[field]), "figure")


def moment(field: str) -> Cell:
    """Tell a moment, shown in the zone that a person chose."""
    return Cell(lambda row: row[field], lambda row, context: console.moment(context, row[field]), "figure")


def age(field: str, *, css: str = "figure") -> Cell:
    """Tell since when, shown as for how long."""
    return Cell(lambda row: row[field], lambda row, context: console.age(context, row[field]), css)


def who(field: str) -> Cell:
    """Tell who did something."""
    return Cell(lambda row: row[field] or None, lambda row, _: console.who(row[field] or console.NOTHING))


def link(prefix: str, field: str, screen: str, *, css: str = "") -> Cell:
    """Tell a reference, and lead to its page."""

    def show(row: Row, _: Context) -> str:
        if row[field] is None:
            return console.NOTHING
        reference = public_id(prefix, row[field])
        return format_html('<a class="code" href="{}">{}</a>', reverse(screen, args=[reference]), reference)

    return Cell(lambda row: None if row[field] is None else public_id(prefix, row[field]), show, css)
