"""What a kind of notification declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.urls import reverse

from core import ids

# A notification as it is kept: `subject`, `subject_id`, and what its kind says more, `data`.
Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Notice:
    """A kind of notification.

    code: as in `core.notifications.notify`. title: when it comes, for whoever chooses among the kinds. icon: of
    `ops.icons`. says: the sentence that a person reads. leads: the address of what it is about.
    """

    code: str
    title: str
    icon: str
    says: Callable[[Row], str]
    leads: Callable[[Row], str]


def proposal(row: Row) -> str:
    """Return the reference of a notification's proposal."""
    return ids.public_id(ids.PROPOSAL, row["data"]["proposal_id"])


def of_proposal(row: Row) -> str:
    """Return where a notification of a proposal leads: to its trade or batch, else to the approvals."""
    for subject, prefix in (("trade", ids.TRADE), ("batch", ids.BATCH)):
        if row["subject"] == subject:
            return reverse(subject, args=[ids.public_id(prefix, row["subject_id"])])
    return reverse("approvals")


def of_exports(row: Row) -> str:
    """Return where a notification of an export leads: to its line among the person's exports."""
    return f"{reverse('exports')}#{ids.public_id(ids.EXPORT, row['subject_id'])}"
