"""Limits in the admin; their running figures to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from risk.models import Limit, Utilisation


@admin.register(Limit)
class LimitAdmin(admin.ModelAdmin[Limit]):
    list_display = ("code", "name", "measure", "dimensions", "warn", "hard", "valid_from", "valid_to")
    list_filter = ("measure",)
    search_fields = ("code", "name")

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
