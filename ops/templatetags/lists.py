"""The heads and rows of lists whose columns people choose."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.wording import say
from ops.arrangement import Arrangement
from ops.lists.base import Column
from ops.templatetags.console import query

register = template.Library()


@register.simple_tag(takes_context=True)
def heads(context: template.Context, arranged: Arrangement) -> SafeString:
    """Show the heads of a list's columns; those that it can be sorted by lead there."""
    return format_html_join("", "{}", ((_head(context, arranged, each),) for each in arranged.shown))


def _head(context: template.Context, arranged: Arrangement, column: Column) -> SafeString:
    title = say(column.title)
    if column.zoned:
        title = f"{title} ({context['zone_name']})"
    elif column.base:
        title = f"{title} ({settings.BASE_CURRENCY})"
    css = " ".join(each for each in column.css.split() if each in {"n", "spare"})
    up = column.sort or column.code
    down = f"-{up}"
    ways = {up: SafeString(' aria-sort="ascending"'), down: SafeString(' aria-sort="descending"')}
    sorted_ = ways.get(arranged.sort, "")
    if not column.sort or down not in context["sorts"]:
        return format_html('<th scope="col" class="{}"{}>{}</th>', css, sorted_, title)
    to = query(arranged.parameters, sort=up if arranged.sort == down else down)
    return format_html(
        '<th scope="col" class="{}"{}><a href="{}" title="{}">{}</a></th>',
        css,
        sorted_,
        to,
        say(f"Sort by {column.title.lower()}"),
        title,
    )


@register.simple_tag(takes_context=True)
def cells(
    context: template.Context, arranged: Arrangement, row: dict[str, Any], pick: str = ""
) -> SafeString:
    """Show a row's cells. pick: the reference under which it can be chosen, where it can."""
    first, *others = arranged.shown
    box = (
        format_html(
            '<label class="pick"><input type="checkbox" form="chosen" name="ids" value="{0}" data-choose>'
            '<span class="hidden">{1}</span></label>',
            pick,
            say(f"Choose {pick}"),
        )
        if pick
        else ""
    )
    record = format_html('<th scope="row">{}{}</th>', box, first.cell.show(row, context))
    return record + format_html_join("", "{}", ((_cell(context, each, row),) for each in others))


def _cell(context: template.Context, column: Column, row: dict[str, Any]) -> SafeString:
    shown = column.cell.show(row, context)
    if column.cell.hint is not None:
        return format_html('<td class="{}" title="{}">{}</td>', column.css, column.cell.hint(row), shown)
    if column.css:
        return format_html('<td class="{}">{}</td>', column.css, shown)
    return format_html("<td>{}</td>", shown)
