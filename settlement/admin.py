"""The admin: channels can be edited, what is sealed can only be looked at."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from core.audit import record
from core.clock import utc_now
from core.reasons import ReasonForm, actor_of, reason_of
from settlement.models import CHANNELS, Batch, BatchClaim, Channel

_CHANNEL_FIELDS = ("name", "cut_off_zone", "cut_off_time", "lead_days", "release_from", "hold_release_from")


class _ReadOnly:
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ChannelForm(ReasonForm):
    """Refuses a zone that nobody knows: the seal would find out at the cut-off."""

    def clean_cut_off_zone(self) -> str:
        zone = str(self.cleaned_data["cut_off_zone"])
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise forms.ValidationError("An IANA zone, such as Europe/London.") from None
        return zone


@admin.register(Channel)
class ChannelAdmin(admin.ModelAdmin[Channel]):
    """Cut-offs are the operator's to set; the sequence is the seal's."""

    form = ChannelForm
    list_display = (
        "code",
        "name",
        "cut_off_time",
        "cut_off_zone",
        "lead_days",
        "release_from",
        "hold_release_from",
        "last_sequence",
    )
    readonly_fields = ("code", "last_sequence")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store the channel, and what was before and after in the log, in the admin's one transaction."""
        before = Channel.objects.filter(pk=obj.pk).values(*_CHANNEL_FIELDS).first()
        after = {name: getattr(obj, name) for name in _CHANNEL_FIELDS}
        # Only what the form has: the seal counts the sequence up at the same time.
        Channel.objects.filter(pk=obj.pk).update(**after)
        if before != after:
            record(
                type="channel.changed",
                subject="channel",
                ids=[CHANNELS.index(obj.code) + 1],
                actor=actor_of(request),
                at=utc_now(),
                reason=reason_of(form),
                data={"key": {"code": obj.code}, "before": before, "after": after},
            )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Batch)
class BatchAdmin(_ReadOnly, admin.ModelAdmin[Batch]):
    """Sealed batches."""

    list_display = (
        "id",
        "channel",
        "sequence",
        "value_date",
        "sealed_at",
        "instruction_count",
        "trade_count",
    )
    list_filter = ("channel", "value_date")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(BatchClaim)
class BatchClaimAdmin(_ReadOnly, admin.ModelAdmin[BatchClaim]):
    """Who had which batch, and when."""

    list_display = ("id", "batch", "client_name", "claimed_at", "expires_at", "ended_at")
    ordering = ("-id",)
    show_full_result_count = False
