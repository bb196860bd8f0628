"""The admin: channels and what is sealed can only be looked at."""

from __future__ import annotations

from typing import Any

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


@admin.register(Channel)
class ChannelAdmin(_ReadOnly, admin.ModelAdmin[Channel]):
    """Shows channels; two people change them on the screen of calendars."""

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
