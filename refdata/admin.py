"""Reference data in the Django admin: the loader's rules, and every change in the log."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from core.clock import utc_now
from core.reasons import ReasonForm, actor_of, reason_of
from refdata.identifiers import identifier_fault
from refdata.kinds._validity import find_overlaps
from refdata.kinds.base import Kind, Plan, value_faults
from refdata.models import (
    Agreement,
    BillingTerms,
    Book,
    ClosePrice,
    CutOff,
    FxRate,
    Holiday,
    Instrument,
    InstrumentIdentifier,
    Mandate,
    MaximumSize,
    NettingAgreement,
    Party,
    PenaltyRate,
    SettlementCycle,
    Ssi,
    StandardCost,
    WatchEntry,
)
from refdata.services import KINDS, Changed, record_changes

_TEXT = {"widget": AdminTextInputWidget}


class KindForm(ReasonForm):
    """A form that refuses what the loader of its kind refuses."""

    kind: ClassVar[Kind]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        for name, each in self.kind.fields.items():
            if each.default is None and cleaned.get(name) == "":
                cleaned[name] = None
        row = {name: self._value(name) for name in self.kind.fields}
        faults = [
            fault for name, each in self.kind.fields.items() for fault in value_faults(name, each, row[name])
        ]
        for fault in (*faults, *self.kind.check(row)):
            self.add_error(fault.field if fault.field in self.fields else None, fault.detail)
        return cleaned

    def _value(self, name: str) -> Any:
        """Return a field as the loader sees it: another row by its code."""
        if not self.kind.fields[name].sql:
            return self.kind.fields[name].default
        given = self.cleaned_data
        value = given[name] if name in given else getattr(self.instance, name)
        return value.code if isinstance(value, (Party, Instrument)) else value


class RangedForm(KindForm):
    """A form of rows that hold for a range of days: no other one may hold on a day of it."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors:
            row = {name: self._value(name) for name in self.kind.fields}
            plan = Plan(1, id=self.instance.pk or 0, after=row)
            find_overlaps(self.kind, [plan])
            for fault in plan.faults:
                self.add_error(fault.field, fault.detail)
        return cleaned


class ReferenceAdmin(admin.ModelAdmin):
    """Edits rows of one kind; never deletes; logs what was before and after with the change."""

    kind: ClassVar[Kind]
    form = KindForm
    show_full_result_count = False
    formfield_overrides = {models.TextField: _TEXT}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made = super().get_form(request, obj, change, **kwargs)
        return type(made.__name__, (made,), {"kind": self.kind})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A code is given once: front offices and files name the row by it."""
        return ("code",) if obj is not None and self.kind.key == ("code",) else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Say why there is no deletion to whoever may look at the row, and lead back."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        messages.error(
            request,
            "Reference data is never deleted: trades refer to it, and the database refuses it. "
            "Mark the row inactive, restrict the party, or end the SSI's validity.",
        )
        options = self.opts
        return redirect(reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[object_id]))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        self.kind.lock()
        form.stored_before = self.kind.stored([obj.pk])[obj.pk] if change else None
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the inlines too, then log what the whole row was and is, in the same transaction."""
        super().save_related(request, form, formsets, change)
        row_id = form.instance.pk
        after = self.kind.stored([row_id])[row_id]
        if form.stored_before != after:
            record_changes(
                kind=self.kind,
                changes=[Changed(row_id, form.stored_before, after)],
                actor=actor_of(request),
                at=utc_now(),
                reason=reason_of(form),
            )


class TwoPeopleAdmin(ReferenceAdmin):
    """Shows rows that two people change, who see what that comes to: on their screen, or over the API."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Party)
class PartyAdmin(ReferenceAdmin):
    kind = KINDS["parties"]
    list_display = (
        "code",
        "name",
        "role",
        "country",
        "lei",
        "restricted",
        "party_group",
        "kyc_valid_to",
    )
    list_filter = ("role", "restricted", "country")
    search_fields = ("code", "name", "lei", "bic", "party_group")
    ordering = ("code",)


class IdentifierForm(forms.ModelForm):
    """One further identifier, with its check digit right."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and (fault := identifier_fault(scheme=cleaned["scheme"], value=cleaned["value"])):
            self.add_error("value", fault)
        return cleaned


class IdentifierInline(admin.TabularInline):
    model = InstrumentIdentifier
    form = IdentifierForm
    extra = 1
    can_delete = False
    formfield_overrides = {models.TextField: _TEXT}


@admin.register(Instrument)
class InstrumentAdmin(ReferenceAdmin):
    kind = KINDS["instruments"]
    inlines = (IdentifierInline,)
    list_display = (
        "code",
        "name",
        "product_class",
        "currency",
        "market",
        "settlement_cycle",
        "liquidity_class",
        "active",
    )
    list_filter = ("product_class", "market", "currency", "liquidity_class", "active")
    search_fields = ("code", "name", "identifiers__value")
    ordering = ("code",)


@admin.register(Book)
class BookAdmin(ReferenceAdmin):
    kind = KINDS["books"]
    list_display = ("code", "name", "desk", "entity", "active")
    list_filter = ("desk", "active")
    list_select_related = ("entity",)
    search_fields = ("code", "name", "desk")
    autocomplete_fields = ("entity",)
    ordering = ("code",)


@admin.register(Ssi)
class SsiAdmin(TwoPeopleAdmin):
    """Shows SSIs; they are changed on a screen of their own."""

    kind = KINDS["ssis"]
    list_display = (
        "party",
        "kind",
        "key",
        "product",
        "book",
        "account",
        "agent_bic",
        "place_of_settlement",
        "valid_from",
        "valid_to",
    )
    list_filter = ("kind", "key")
    list_select_related = ("party",)
    search_fields = ("party__code", "party__name", "account")
    autocomplete_fields = ("party",)
    ordering = ("party__code", "kind", "key")


@admin.register(Holiday)
class HolidayAdmin(TwoPeopleAdmin):
    """Shows holidays; those, cycles and cut-offs are changed on the screen of calendars."""

    kind = KINDS["holidays"]
    list_display = ("calendar", "date", "name")
    list_filter = ("calendar",)
    search_fields = ("calendar", "name")
    date_hierarchy = "date"
    ordering = ("-date", "calendar")


@admin.register(ClosePrice)
class ClosePriceAdmin(ReferenceAdmin):
    kind = KINDS["close-prices"]
    list_display = ("instrument", "date", "price", "currency", "low", "high")
    list_filter = ("currency",)
    list_select_related = ("instrument",)
    search_fields = ("instrument__code", "instrument__name")
    autocomplete_fields = ("instrument",)
    date_hierarchy = "date"
    ordering = ("-date", "instrument__code")


@admin.register(FxRate)
class FxRateAdmin(ReferenceAdmin):
    kind = KINDS["fx-rates"]
    list_display = ("currency", "date", "rate")
    list_filter = ("currency",)
    search_fields = ("currency",)
    date_hierarchy = "date"
    ordering = ("-date", "currency")


@admin.register(Mandate)
class MandateAdmin(ReferenceAdmin):
    kind = KINDS["mandates"]
    list_display = ("trader", "product", "book", "market", "max_tenor_days", "valid_from", "valid_to")
    list_filter = ("product", "book")
    search_fields = ("trader", "book")
    ordering = ("trader", "product", "book", "market")


@admin.register(SettlementCycle)
class SettlementCycleAdmin(TwoPeopleAdmin):
    kind = KINDS["settlement-cycles"]
    list_display = ("product", "market", "days", "valid_from", "valid_to")
    list_filter = ("product",)
    search_fields = ("product", "market")
    ordering = ("product", "market", "valid_from")


@admin.register(CutOff)
class CutOffAdmin(TwoPeopleAdmin):
    kind = KINDS["cut-offs"]
    list_display = ("channel", "market", "currency", "time", "zone", "lead_days", "valid_from", "valid_to")
    list_filter = ("channel", "currency")
    search_fields = ("market", "currency", "zone")
    ordering = ("channel", "market", "currency", "valid_from")


@admin.register(WatchEntry)
class WatchEntryAdmin(ReferenceAdmin):
    kind = KINDS["watch-lists"]
    list_display = ("list", "subject", "key", "measure", "note", "valid_from", "valid_to")
    list_filter = ("list", "subject", "measure")
    search_fields = ("list", "key", "note")
    ordering = ("list", "subject", "key")


@admin.register(Agreement)
class AgreementAdmin(ReferenceAdmin):
    kind = KINDS["agreements"]
    list_display = ("party", "product", "reference", "valid_from", "valid_to")
    list_filter = ("product",)
    list_select_related = ("party",)
    search_fields = ("party__code", "party__name", "reference")
    autocomplete_fields = ("party",)
    ordering = ("party__code", "product", "reference")


@admin.register(NettingAgreement)
class NettingAgreementAdmin(ReferenceAdmin):
    kind = KINDS["netting-agreements"]
    form = RangedForm
    list_display = (
        "party",
        "entity",
        "reference",
        "payments",
        "securities",
        "goods",
        "valid_from",
        "valid_to",
    )
    list_filter = ("payments", "securities", "goods")
    list_select_related = ("party",)
    search_fields = ("party__code", "party__name", "entity", "reference")
    autocomplete_fields = ("party",)
    ordering = ("party__code", "entity", "valid_from")


@admin.register(BillingTerms)
class BillingTermsAdmin(ReferenceAdmin):
    kind = KINDS["billing-terms"]
    list_display = (
        "entity",
        "party",
        "product",
        "days",
        "end_of_month",
        "services",
        "fees",
        "credit_alone_below",
    )
    list_filter = ("product", "fees")
    search_fields = ("entity", "party")
    ordering = ("entity", "party", "product")


@admin.register(PenaltyRate)
class PenaltyRateAdmin(ReferenceAdmin):
    kind = KINDS["penalty-rates"]
    form = RangedForm
    list_display = (
        "asset_class",
        "liquidity",
        "currency",
        "basis_points",
        "source",
        "valid_from",
        "valid_to",
    )
    list_filter = ("asset_class", "liquidity")
    search_fields = ("asset_class", "currency", "source")
    ordering = ("asset_class", "liquidity", "currency", "valid_from")


@admin.register(MaximumSize)
class MaximumSizeAdmin(ReferenceAdmin):
    kind = KINDS["maximum-sizes"]
    form = RangedForm
    list_display = ("asset_kind", "asset", "maximum", "valid_from", "valid_to")
    list_filter = ("asset_kind",)
    search_fields = ("asset",)
    ordering = ("asset_kind", "asset", "valid_from")


@admin.register(StandardCost)
class StandardCostAdmin(TwoPeopleAdmin):
    kind = KINDS["standard-costs"]
    list_display = ("instrument", "valid_from", "cost", "currency")
    search_fields = ("instrument__code",)
    list_select_related = ("instrument",)
    autocomplete_fields = ("instrument",)
    ordering = ("instrument", "valid_from")
