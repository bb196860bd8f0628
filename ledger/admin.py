"""Corporate actions and how books count their lots in the admin, to read: two people set them elsewhere."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from ledger.models import CorporateActionVersion, LotPolicy


class _SetByTwo(admin.ModelAdmin[Any]):
    """To read only: each row is a version that one person proposed and another approved."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(CorporateActionVersion)
class CorporateActionAdmin(_SetByTwo):
    list_display = (
        "action",
        "version",
        "type",
        "ex_date",
        "record_date",
        "pay_date",
        "currency",
        "rate",
        "is_cancelled",
    )
    list_filter = ("type", "is_cancelled")
    search_fields = ("action__reference",)
    list_select_related = ("action",)


@admin.register(LotPolicy)
class LotPolicyAdmin(_SetByTwo):
    list_display = ("book_id", "version", "valid_from", "method", "opens_short", "with_fees", "approved_at")
    list_filter = ("method",)
