"""The admin: channels can be edited, what is sealed can only be looked at."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from settlement.models import Batch, BatchClaim, Channel


class _ReadOnly:
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ChannelForm(forms.ModelForm[Channel]):
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
    list_display = ("code", "name", "cut_off_time", "cut_off_zone", "lead_days", "last_sequence")
    readonly_fields = ("code", "last_sequence")

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
