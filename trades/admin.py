"""The record of trades in the admin: to be looked at, never changed. Terms are shown with the trade's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from trades.lifecycle import State
from trades.models import Comment, ExceptionItem, Finding, Override, TradeState, TradeVersion

COUNT_CAP = 10_000


class CappedPaginator(Paginator[Any]):
    """Pages of a table that is too long to be counted: more than COUNT_CAP rows count as so many."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNT_CAP].count())


class RecordAdmin(admin.ModelAdmin[Any]):
    """Rows that only the services write."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(TradeState)
class TradeStateAdmin(RecordAdmin):
    """A trade by its id, with all of its versions."""

    list_display = ("trade_id", "state_name", "version", "checked_version", "changed_at")
    readonly_fields = ("state_name", "versions")
    search_fields = ("=trade_id",)

    @admin.display(description="state")
    def state_name(self, row: TradeState) -> str:
        return str(State(row.state).label)

    @admin.display(description="versions")
    def versions(self, row: TradeState) -> SafeString:
        found = TradeVersion.objects.filter(trade_id=row.trade_id).order_by("version").values()
        return format_html_join("", "<pre>{}</pre>", ((_lines(version),) for version in found))


def _lines(version: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in version.items() if value is not None)


@admin.register(Finding)
class FindingAdmin(RecordAdmin):
    """What was found of trades."""

    list_display = ("id", "trade_id", "version", "code", "severity", "subject", "found_at", "closing")
    list_filter = ("severity", "closing")
    search_fields = ("=trade_id", "=code")


@admin.register(Override)
class OverrideAdmin(RecordAdmin):
    """What two people accepted."""

    list_display = ("id", "trade_id", "version", "code", "subject", "proposal_id", "made_at")
    search_fields = ("=trade_id",)


@admin.register(ExceptionItem)
class ExceptionItemAdmin(RecordAdmin):
    """The work items of trades that were or are held."""

    list_display = ("id", "kind", "trade_id", "summary", "owner", "deadline", "opened_at", "closed_at")
    list_filter = ("kind",)
    list_select_related = ("owner",)
    search_fields = ("=trade_id",)


@admin.register(Comment)
class CommentAdmin(RecordAdmin):
    """What people wrote on exceptions."""

    list_display = ("id", "exception_id", "author", "written_at", "text")
    search_fields = ("=exception__trade_id",)
