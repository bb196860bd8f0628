"""Somebody assigned one exception, or several at once, to a person."""

from __future__ import annotations

from django.urls import reverse

from core import ids
from ops.notices.base import Notice, Row


def _reference(row: Row) -> str:
    return ids.public_id(ids.EXCEPTION, row["subject_id"])


def _says(row: Row) -> str:
    by, count = row["data"]["by"], row["data"]["count"]
    if count > 1:
        return f"{by} assigned {count:,} exceptions to you."
    return f"{by} assigned {_reference(row)} to you."


def _leads(row: Row) -> str:
    if row["data"]["count"] > 1:
        return f"{reverse('exceptions')}?view=mine"
    return reverse("exception", args=[_reference(row)])


EXCEPTION_ASSIGNED = Notice(
    code="exception_assigned",
    title="Somebody assigns an exception to me",
    icon="exceptions",
    says=_says,
    leads=_leads,
)
