"""Somebody mentioned a person in a comment among ourselves."""

from __future__ import annotations

from django.urls import reverse

from core import ids
from ops.notices.base import Notice, Row


def _reference(row: Row) -> str:
    return ids.public_id(ids.EXCEPTION, row["subject_id"])


def _says(row: Row) -> str:
    by, count = row["data"]["by"], row["data"]["count"]
    if count > 1:
        return f"{by} mentioned you in a comment on {count:,} exceptions; the first is {_reference(row)}."
    return f"{by} mentioned you in a comment on {_reference(row)}."


COMMENT_MENTION = Notice(
    code="comment_mention",
    title="Somebody mentions me in a comment",
    icon="comment",
    says=_says,
    leads=lambda row: reverse("exception", args=[_reference(row)]),
)
