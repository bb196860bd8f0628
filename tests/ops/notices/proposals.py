"""What the notices of what became of a proposal share: what is told of it, and where they lead."""

from __future__ import annotations

from typing import Any

import pytest

from core.ids import BATCH, PROPOSAL, TRADE, public_id
from ops.notices import NOTICES

REFERENCE = public_id(PROPOSAL, 3)
of_every_subject = pytest.mark.parametrize(
    ("subject", "leads"),
    [
        ("trade", f"/trades/{public_id(TRADE, 7)}"),
        ("batch", f"/batches/{public_id(BATCH, 7)}"),
        ("limit", "/approvals"),
    ],
)


def said(code: str, subject: str) -> tuple[str, str]:
    """Return what a notice says of a proposal about a subject, and where it leads."""
    told = {"proposal_id": 3, "by": "bob", "why": "not yet"}
    row: dict[str, Any] = {"subject": subject, "subject_id": 7, "data": told}
    return NOTICES[code].says(row), NOTICES[code].leads(row)
