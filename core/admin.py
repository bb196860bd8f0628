"""API clients and the log in the Django admin."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from core.audit import Actor, request_id_var
from core.clock import utc_now
from core.http.authentication import SCOPES, issue_client, revoke_client
from core.models import ApiClient, Event

COUNT_MAX = 10_001


def _actor(request: HttpRequest) -> Actor:
    return Actor(f"user:{request.user.get_username()}", request_id_var.get())


class ApiClientForm(forms.ModelForm):
    """What a new client may do."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {meaning}") for scope, meaning in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = ApiClient
        fields = ("name", "scopes", "sources", "expires_at")
        widgets = {"name": forms.TextInput}
        help_texts = {"sources": "Front-office systems, comma-separated; empty: every source."}


@admin.register(ApiClient)
class ApiClientAdmin(admin.ModelAdmin):
    """Issues and revokes tokens. A client is never edited or deleted: issue another and revoke this one."""

    form = ApiClientForm
    list_display = ("name", "key", "scopes", "sources", "expires_at", "revoked_at", "last_used_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "key")
    ordering = ("name",)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change clients may revoke them."""
        return super().has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ApiClientForm.Meta.fields
        return (*ApiClientForm.Meta.fields, "key", "created_at", "revoked_at", "last_used_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        client, obj.token = issue_client(
            name=obj.name,
            scopes=obj.scopes,
            sources=obj.sources,
            expires_at=obj.expires_at,
            actor=_actor(request),
            at=utc_now(),
        )
        obj.pk = client.pk

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the token in this answer only: neither a message nor the database ever holds it."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API client issued",
            "opts": self.opts,
            "client": obj,
            "token": obj.token,
        }
        answer = TemplateResponse(request, "admin/core/apiclient/issued.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.action(description="Revoke the selected clients", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiClient]) -> None:
        live = list(queryset.filter(revoked_at=None))
        with transaction.atomic():
            for client in live:
                revoke_client(client=client, actor=_actor(request), at=utc_now())
        messages.success(request, f"{len(live)} revoked; their next request is refused.")


class CappedPaginator(Paginator):
    """Counts no further than COUNT_MAX: the log has many millions of lines."""

    @cached_property
    def count(self) -> int:
        found: Any = self.object_list
        return len(found.values_list("pk")[:COUNT_MAX])


@admin.register(Event)
class EventAdmin(admin.ModelAdmin):
    """The log, newest first, to be read only."""

    list_display = ("id", "recorded_at", "type", "subject", "subject_id", "version", "actor", "reason")
    search_fields = ("=subject_id", "=type", "=actor", "=request_id")
    search_help_text = "A whole subject id, type, actor or request id."
    ordering = ("-id",)
    show_full_result_count = False
    paginator = CappedPaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
