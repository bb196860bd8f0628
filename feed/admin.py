"""Webhooks in the Django admin: set up for a client, turned off and on. Everything goes through the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from core.audit import Actor, request_id_var
from core.clock import utc_now
from core.models import ApiClient
from feed.models import Webhook
from feed.services.webhooks import change_webhook, create_webhook, faults_of


class WebhookForm(forms.ModelForm):
    """Where to send, and what."""

    # One that is limited to desks is told nothing: what is told is not looked at by desk.
    client = forms.ModelChoiceField(ApiClient.objects.filter(desks=[]))

    class Meta:
        model = Webhook
        fields = ("client", "url", "types")
        widgets = {"url": forms.TextInput(attrs={"size": 80})}
        help_texts = {"types": "Comma-separated: trade.captured, or trade.* for a family; empty: everything."}

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for fault in faults_of(url=given.get("url"), types=given.get("types")):
            self.add_error(fault.pointer.split("/")[1], fault.detail)
        return given


@admin.register(Webhook)
class WebhookAdmin(admin.ModelAdmin):
    """A webhook belongs to a client for ever and is never deleted; it is turned off."""

    form = WebhookForm
    list_display = ("url", "client", "types", "is_active", "stopped_because", "created_at")
    list_filter = ("is_active", "client")
    ordering = ("id",)
    actions = ("turn_on", "turn_off")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_turn_permission(self, request: HttpRequest) -> bool:
        """Whoever may change webhooks may turn them off and on."""
        return super().has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return WebhookForm.Meta.fields
        return (*WebhookForm.Meta.fields, "is_active", "stopped_because", "created_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        made, obj.secret = create_webhook(
            client_id=obj.client_id,
            sources=obj.client.sources,
            url=obj.url,
            types=obj.types,
            actor=Actor(f"user:{request.user.get_username()}", request_id_var.get()),
            now=utc_now(),
        )
        obj.pk = made.pk

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> Any:
        """Show the secret in this answer only: the database never holds it."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Webhook set up",
            "opts": self.opts,
            "webhook": obj,
        }
        answer = TemplateResponse(request, "admin/feed/webhook/made.html", context)
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.action(description="Turn the selected webhooks on", permissions=["turn"])
    def turn_on(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        self._turn(request, queryset, on=True)

    @admin.action(description="Turn the selected webhooks off", permissions=["turn"])
    def turn_off(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        self._turn(request, queryset, on=False)

    def _turn(self, request: HttpRequest, queryset: QuerySet[Webhook], *, on: bool) -> None:
        actor = Actor(f"user:{request.user.get_username()}", request_id_var.get())
        for webhook in queryset:
            change_webhook(
                client_id=None,
                webhook_id=webhook.id,
                revision=None,
                is_active=on,
                actor=actor,
                now=utc_now(),
            )
        messages.success(request, f"{len(queryset)} turned {'on' if on else 'off'}.")
