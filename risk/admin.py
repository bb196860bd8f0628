"""Limits and their running figures in the admin, to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from risk.models import Limit, Utilisation


@admin.register(Limit)
class LimitAdmin(admin.ModelAdmin[Limit]):
    """To read only: limits are made and changed by two people, on the screen of limits or through the API."""

    list_display = ("code", "name", "measure", "dimensions", "warn", "hard", "valid_from", "valid_to")
    list_filter = ("measure",)
    search_fields = ("code", "name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
