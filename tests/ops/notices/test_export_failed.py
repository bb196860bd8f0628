"""A file that could not be made."""

from __future__ import annotations

from core.ids import EXPORT, public_id
from ops.notices import NOTICES


def test_it_says_why_and_leads_to_its_line() -> None:
    row = {"subject": "export", "subject_id": 7, "data": {"title": "trades", "why": "It took too long."}}
    notice = NOTICES["export_failed"]
    assert notice.says(row) == "Your export of trades failed. It took too long."
    assert notice.leads(row) == f"/exports#{public_id(EXPORT, 7)}"
