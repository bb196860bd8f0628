"""The record of trades in the admin: to be looked at, never changed. Terms are shown with the trade's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from core.audit import Actor, record, request_id_var
from core.clock import utc_now
from core.reasons import reason_of
from trades.lifecycle import LIVE_STATES, State
from trades.models import (
    AssignmentRule,
    ChangePolicy,
    Comment,
    ExceptionItem,
    Finding,
    Override,
    TradeState,
    TradeVersion,
)
from trades.work_items import kinds

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


class ToldAdmin(admin.ModelAdmin[Any]):
    """Rows that people change; what was before and after is in the log, under `subject`, in the same transaction."""

    subject: str
    told: tuple[str, ...]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store the row, and what was before and after in the log, in the admin's one transaction."""
        before = self.model.objects.filter(pk=obj.pk).values(*self.told).first() if change else None
        super().save_model(request, obj, form, change)
        event = f"{self.subject}.changed" if change else f"{self.subject}.made"
        self._tell(request, obj, event, before, reason_of(form))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete the row, and say so in the log."""
        self._tell(request, obj, f"{self.subject}.ended", {name: getattr(obj, name) for name in self.told})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete rows one by one: there are few."""
        for each in queryset:
            self.delete_model(request, each)

    def _tell(self, request: HttpRequest, obj: Any, event: str, before: Any, reason: str = "") -> None:
        ended = event.endswith("ended")
        record(
            type=event,
            subject=self.subject,
            ids=[obj.pk],
            actor=Actor(f"user:{request.user.get_username()}", request_id_var.get()),
            at=utc_now(),
            reason=reason,
            data={
                "before": before,
                "after": None if ended else {name: getattr(obj, name) for name in self.told},
            },
        )


@admin.register(ChangePolicy)
class ChangePolicyAdmin(ToldAdmin):
    """Which changes need two people; every change of it in the log."""

    subject = "change_policy"
    told = _POLICY
    form = ChangePolicyForm
    list_display = ("id", "kind", "in_states", "base_amount")

    @admin.display(description="states")
    def in_states(self, row: ChangePolicy) -> str:
        return ", ".join(State(each).label for each in row.states) or "every"


class AssignmentRuleForm(forms.ModelForm):
    """A rule with the kinds that work items have."""

    kind = forms.ChoiceField(required=False)

    class Meta:
        model = AssignmentRule
        fields = ("position", "kind", "code", "source", "book", "owner", "team")
        widgets = dict.fromkeys(("code", "source", "book"), AdminTextInputWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        told = [(code, each.title) for code, each in kinds().items()]
        cast(forms.ChoiceField, self.fields["kind"]).choices = [("", "any"), *told]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not cleaned.get("owner") and not cleaned.get("team"):
            self.add_error("owner", "Name an owner, a team, or both.")
        return cleaned


@admin.register(AssignmentRule)
class AssignmentRuleAdmin(ToldAdmin):
    """To whom new exceptions go; every change of it in the log."""

    subject = "assignment_rule"
    told = ("position", "kind", "code", "source", "book", "owner_id", "team_id")
    form = AssignmentRuleForm
    list_display = ("position", "kind", "code", "source", "book", "owner", "team")
    list_select_related = ("owner", "team")
    ordering = ("position", "id")
