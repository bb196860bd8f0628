"""The record of trades in the admin: to be looked at, never changed. Terms are shown with the trade's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from core.audit import Actor, record, request_id_var
from core.clock import utc_now
from trades.lifecycle import LIVE_STATES, State
from trades.models import ChangePolicy, Comment, ExceptionItem, Finding, Override, TradeState, TradeVersion

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

    list_display = ("trade_id", "state_name", "version", "checked_version", "block_id", "changed_at")
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


_POLICY = ("kind", "states", "base_amount")


class ChangePolicyForm(forms.ModelForm):
    """A policy with its states by name."""

    states = forms.TypedMultipleChoiceField(
        choices=[(state.value, state.label) for state in (*LIVE_STATES, State.ALLOCATED)],
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: in every state.",
    )

    class Meta:
        model = ChangePolicy
        fields = _POLICY


@admin.register(ChangePolicy)
class ChangePolicyAdmin(admin.ModelAdmin[ChangePolicy]):
    """Which changes need two people; every change of it in the log."""

    form = ChangePolicyForm
    list_display = ("id", "kind", "in_states", "base_amount")

    @admin.display(description="states")
    def in_states(self, row: ChangePolicy) -> str:
        return ", ".join(State(each).label for each in row.states) or "every"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store the policy, and what was before and after in the log, in the admin's one transaction."""
        before = ChangePolicy.objects.filter(pk=obj.pk).values(*_POLICY).first() if change else None
        super().save_model(request, obj, form, change)
        self._tell(request, obj, "change_policy.changed" if change else "change_policy.made", before)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete the policy, and say so in the log."""
        self._tell(request, obj, "change_policy.ended", {name: getattr(obj, name) for name in _POLICY})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete policies one by one: there are few."""
        for each in queryset:
            self.delete_model(request, each)

    def _tell(self, request: HttpRequest, obj: Any, event: str, before: Any) -> None:
        ended = event.endswith("ended")
        record(
            type=event,
            subject="change_policy",
            ids=[obj.pk],
            actor=Actor(f"user:{request.user.get_username()}", request_id_var.get()),
            at=utc_now(),
            data={
                "before": before,
                "after": None if ended else {name: getattr(obj, name) for name in _POLICY},
            },
        )
