"""Limits in the admin, every change in the log; their running figures to read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from core.audit import record
from core.clock import utc_now
from core.reasons import ReasonForm, actor_of, reason_of
from core.wake import wake_on_commit
from risk.checks._composition import DIMENSIONS
from risk.measures import MEASURES
from risk.models import Limit, Utilisation
from risk.services.recompute import TASK as RECOMPUTE

_FIELDS = ("code", "name", "measure", "dimensions", "members", "warn", "hard", "valid_from", "valid_to")


class LimitForm(ReasonForm):
    """Refuses what the checks could not decide: one such limit in force would fail them for every trade."""

    measure = forms.ChoiceField(choices=lambda: [(code, code) for code in MEASURES])

    class Meta:
        model = Limit
        fields = _FIELDS
        widgets = {"code": forms.TextInput, "name": forms.TextInput}
        help_texts = {
            "dimensions": f"Comma-separated, of {', '.join(DIMENSIONS)}.",
            "members": "Codes in the order of the dimensions, comma-separated; empty: all.",
        }

    def clean_dimensions(self) -> list[str]:
        """Refuse names that are no dimension, or stand twice."""
        dimensions: list[str] = self.cleaned_data["dimensions"]
        if unknown := [name for name in dimensions if name not in DIMENSIONS]:
            raise forms.ValidationError(f"There is no dimension {', '.join(unknown)}.")
        if len(set(dimensions)) < len(dimensions):
            raise forms.ValidationError("A dimension stands here twice.")
        return dimensions

    def clean(self) -> dict[str, Any]:
        """Refuse more members than dimensions, and marks or days in the wrong order."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if len(cleaned.get("members") or ()) > len(cleaned.get("dimensions") or ()):
            self.add_error("members", "There are more members than dimensions.")
        for earlier, later in (("warn", "hard"), ("valid_from", "valid_to")):
            first, last = cleaned.get(earlier), cleaned.get(later)
            if first is not None and last is not None and first > last:
                self.add_error(
                    earlier, f"This lies above {later}." if later == "hard" else "This lies after it ends."
                )
        return cleaned


@admin.register(Limit)
class LimitAdmin(admin.ModelAdmin[Limit]):
    form = LimitForm
    list_display = ("code", "name", "measure", "dimensions", "warn", "hard", "valid_from", "valid_to")
    list_filter = ("measure",)
    search_fields = ("code", "name")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store the limit, and what was before and after in the log, in the admin's one transaction."""
        before = Limit.objects.filter(pk=obj.pk).values(*_FIELDS).first() if change else None
        super().save_model(request, obj, form, change)
        record(
            type="limit.changed" if change else "limit.made",
            subject="limit",
            ids=[obj.pk],
            actor=actor_of(request),
            at=utc_now(),
            reason=reason_of(form),
            data={"before": before, "after": {name: getattr(obj, name) for name in _FIELDS}},
        )
        wake_on_commit(RECOMPUTE)  # the trades that live already count in it too

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a limit ends by its `valid_to`; its history stays


@admin.register(Utilisation)
class UtilisationAdmin(admin.ModelAdmin[Utilisation]):
    list_display = ("limit", "key", "used")
    search_fields = ("limit__code", "key")
    list_select_related = ("limit",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
