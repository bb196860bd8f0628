"""A file that is ready."""

from __future__ import annotations

from core.ids import EXPORT, public_id
from ops.notices import NOTICES


def test_it_says_how_many_rows_there_are_and_leads_to_its_line() -> None:
    row = {"subject": "export", "subject_id": 7, "data": {"title": "trades", "rows": 12_000}}
    notice = NOTICES["export_ready"]
    assert notice.says(row) == "Your export of trades is ready: 12,000 rows."
    assert notice.leads(row) == f"/exports#{public_id(EXPORT, 7)}"
