"""Who is limited to which desks, in the admin; every change of it is in the log, with its reason."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from core.admin import ProvedAdmin
from core.reasons import ReasonForm
from ops.models import DeskScope
from refdata.models import Book
from trades.admin import ToldAdmin


class DeskScopeForm(ReasonForm):
    """A person and the desks that there are."""

    desks = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: the person sees no trade at all, until a desk is given. To let the person see every desk"
        " again, delete this.",
    )

    class Meta:
        model = DeskScope
        fields = ("user", "desks")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = set(Book.objects.values_list("desk", flat=True)) | set(self.instance.desks)
        cast(forms.MultipleChoiceField, self.fields["desks"]).choices = [
            (each, each) for each in sorted(known)
        ]


def _is_own(request: HttpRequest, row: Any) -> bool:
    return isinstance(row, DeskScope) and row.user_id == request.user.pk


@admin.register(DeskScope)
class DeskScopeAdmin(ProvedAdmin, ToldAdmin):
    """People who are limited to desks. Roles that are about the whole firm go beyond it."""

    subject = "desk_scope"
    told = ("user_id", "desks")
    form = DeskScopeForm
    list_display = ("user", "of_desks")
    list_select_related = ("user",)
    ordering = ("user__username",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody change the own desks."""
        return not _is_own(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody see every desk by taking the own limits away."""
        return not _is_own(request, obj) and super().has_delete_permission(request, obj)

    @admin.display(description="desks")
    def of_desks(self, row: DeskScope) -> str:
        return ", ".join(row.desks) or "none"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Let the person stay who it is: another has a row of its own."""
        return () if obj is None else ("user",)
