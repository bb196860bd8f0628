"""A proposal that was made void."""

from __future__ import annotations

from typing import Any

import pytest

from core.ids import BATCH, PROPOSAL, TRADE, public_id
from ops.notices import NOTICES


@pytest.mark.parametrize(
    ("subject", "leads"),
    [
        ("trade", f"/trades/{public_id(TRADE, 7)}"),
        ("batch", f"/batches/{public_id(BATCH, 7)}"),
        ("limit", "/approvals"),
    ],
)
def test_it_leads_to_what_it_was_about(subject: str, leads: str) -> None:
    told = {"proposal_id": 3, "by": "bob", "why": "not yet"}
    row: dict[str, Any] = {"subject": subject, "subject_id": 7, "data": told}
    notice = NOTICES["proposal_voided"]
    assert notice.says(row) == f"Your proposal {public_id(PROPOSAL, 3)} is void: not yet"
    assert notice.leads(row) == leads
