"""API clients and the log in the Django admin."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, User
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from core.audit import record
from core.clock import utc_now
from core.four_eyes import kinds_with_stakes
from core.http.authentication import SCOPES, issue_client, revoke_client, unknown_desks
from core.models import ApiClient, ApprovalPolicy, Event
from core.people import group_facts, record_facts, record_password, user_facts
from core.reasons import REASON_LENGTH_MAX, ReasonForm, actor_of, reason_of
from core.sessions import confirm_first, must_confirm

COUNT_MAX = 10_001


class ApiClientForm(forms.ModelForm):
    """What a new client may do."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {meaning}") for scope, meaning in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = ApiClient
        fields = ("name", "scopes", "sources", "desks", "expires_at")
        widgets = {"name": forms.TextInput}
        help_texts = {
            "sources": "Front-office systems, comma-separated; empty: every source.",
            "desks": "Desks whose trades it reads, captures and changes, comma-separated; empty: every desk. Of desks"
            " it may do what the page of permissions says, and nothing about the whole firm.",
        }

    def clean_desks(self) -> list[str]:
        """Return the desks; a fault for one of which there is no book."""
        desks: list[str] = self.cleaned_data["desks"]
        unknown = unknown_desks(desks)
        if unknown:
            raise forms.ValidationError(f"No book is of the desk {', '.join(unknown)}.")
        return desks


@admin.register(ApiClient)
class ApiClientAdmin(admin.ModelAdmin):
    """Issues and revokes tokens. A client is never edited or deleted: issue another and revoke this one."""

    form = ApiClientForm
    list_display = ("name", "key", "scopes", "sources", "desks", "expires_at", "revoked_at", "last_used_at")
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

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask whoever issues a token who they are, where it is some time since they said so."""
        if self.has_add_permission(request) and must_confirm(request):
            return confirm_first(request)
        return super().add_view(request, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        client, obj.token = issue_client(
            name=obj.name,
            scopes=obj.scopes,
            sources=obj.sources,
            desks=obj.desks,
            expires_at=obj.expires_at,
            actor=actor_of(request),
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
                revoke_client(client=client, actor=actor_of(request), at=utc_now())
        messages.success(request, f"{len(live)} revoked; their next request is refused.")


class ApprovalPolicyForm(ReasonForm):
    """A policy, and why it is made or changed."""

    kind = forms.ChoiceField(choices=lambda: [(kind, kind) for kind in kinds_with_stakes()])
    reason = forms.CharField(max_length=REASON_LENGTH_MAX, widget=forms.TextInput(attrs={"size": 80}))

    class Meta:
        model = ApprovalPolicy
        fields = ("kind", "typed_from")


@admin.register(ApprovalPolicy)
class ApprovalPolicyAdmin(admin.ModelAdmin[ApprovalPolicy]):
    """From which amount on a decision takes it typed in; every change is in the log, with its reason.

    A policy is never deleted: an amount that nothing reaches ends it, and its event says why.
    """

    form = ApprovalPolicyForm
    list_display = ("kind", "typed_from")
    ordering = ("kind",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store the policy, and what was before and after in the log, in the admin's one transaction."""
        names = ("kind", "typed_from")
        before = ApprovalPolicy.objects.filter(pk=obj.pk).values(*names).first() if change else None
        super().save_model(request, obj, form, change)
        record(
            type="approval_policy.changed" if change else "approval_policy.made",
            subject="approval_policy",
            ids=[obj.pk],
            actor=actor_of(request),
            at=utc_now(),
            reason=reason_of(form),
            data={"before": before, "after": {name: getattr(obj, name) for name in names}},
        )


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


class ProvedAdmin(admin.ModelAdmin):
    """Asks whoever may change who may do what to prove who they are, where it is some time since they did."""

    def must_prove(self, request: HttpRequest) -> bool:
        """Tell whether somebody who could change something here has proved nothing lately."""
        may = self.has_add_permission(request) or self.has_change_permission(request)
        return (may or self.has_delete_permission(request)) and must_confirm(request)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show and store one, once it is clear who asks."""
        if self.must_prove(request):
            return confirm_first(request)
        return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Delete one, once it is clear who asks."""
        if self.must_prove(request):
            return confirm_first(request)
        return super().delete_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """List them; what is done to several at once waits until it is clear who asks."""
        if request.method == "POST" and self.must_prove(request):
            return confirm_first(request)
        return super().changelist_view(request, *args, **kwargs)


class _FactsAdmin(ProvedAdmin):
    """Tells the log what a user or group was before and is after, in the admin's one transaction."""

    subject: str
    facts: Callable[[int], dict[str, Any]]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        form.before = type(self).facts(obj.pk) if change else None
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        record_facts(
            subject=self.subject,
            id=form.instance.pk,
            before=form.before,
            after=type(self).facts(form.instance.pk),
            actor=actor_of(request),
            reason=reason_of(form),
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_queryset(request, self.model._default_manager.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for id in queryset.order_by("pk").values_list("pk", flat=True):
                record_facts(
                    subject=self.subject,
                    id=id,
                    before=type(self).facts(id),
                    after=None,
                    actor=actor_of(request),
                )
            super().delete_queryset(request, queryset)


class PersonForm(ReasonForm, UserChangeForm):
    """Django's form of a user, and why."""


admin.site.unregister(User)
admin.site.unregister(Group)
# The library's own pages would change second factors and sessions without a line in the log.
for _model in (Authenticator, EmailAddress, UserSession):
    admin.site.unregister(_model)


@admin.register(User)
class PersonAdmin(_FactsAdmin, UserAdmin):
    """Users: every change of theirs, of their roles and of their password is in the log."""

    subject = "user"
    facts = staticmethod(user_facts)
    form = PersonForm
    fieldsets = (*(UserAdmin.fieldsets or ()), ("Why", {"fields": ("reason",)}))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody change the own account: roles are given by another."""
        return obj != request.user and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody delete the own account."""
        return obj != request.user and super().has_delete_permission(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Set another's password, and say so in the log."""
        if self.must_prove(request):
            return confirm_first(request)
        with transaction.atomic():
            before = User.objects.select_for_update().filter(pk=id).values_list("password", flat=True).first()
            answer = super().user_change_password(request, id, form_url)
            found = User.objects.filter(pk=id).values_list("pk", "password").first()
            if found is not None and found[1] != before:
                record_password(user_id=found[0], actor=actor_of(request))
        return answer


class RoleForm(ReasonForm):
    """A group's name and permissions, and why they are changed."""

    class Meta:
        model = Group
        fields = ("name", "permissions")


@admin.register(Group)
class RoleAdmin(_FactsAdmin, GroupAdmin):
    """Groups carry the roles of the console; every change is in the log."""

    subject = "group"
    facts = staticmethod(group_facts)
    form = RoleForm
