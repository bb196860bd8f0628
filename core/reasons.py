"""Who changes something in the admin, and why: what its forms and events share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest

from core.audit import Actor, request_id_var

REASON_LENGTH_MAX = 1000


class ReasonForm(forms.ModelForm):
    """A form of the admin that asks why: the answer stands in the log, not in the row."""

    reason = forms.CharField(
        required=False,
        max_length=REASON_LENGTH_MAX,
        widget=forms.TextInput(attrs={"size": 80}),
        help_text="Why this is changed; it stands in the log beside what was before and after.",
    )


def reason_of(form: Any) -> str:
    """Return the reason that was given in a form."""
    return str(form.cleaned_data.get("reason", ""))


def actor_of(request: HttpRequest) -> Actor:
    """Return the person behind a request as the actor of what happens in it."""
    return Actor(f"user:{request.user.get_username()}", request_id_var.get())
