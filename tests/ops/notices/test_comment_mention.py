"""A comment that mentions somebody."""

from __future__ import annotations

from core.ids import EXCEPTION, public_id
from ops.notices import NOTICES

NOTICE = NOTICES["comment_mention"]
REFERENCE = public_id(EXCEPTION, 7)


def test_it_leads_to_the_exception_or_the_first_of_them() -> None:
    row = {"subject": "exception", "subject_id": 7, "data": {"by": "sue", "count": 1}}
    assert NOTICE.says(row) == f"sue mentioned you in a comment on {REFERENCE}."
    many = {**row, "data": {"by": "sue", "count": 12}}
    assert NOTICE.says(many) == (
        f"sue mentioned you in a comment on 12 exceptions; the first is {REFERENCE}."
    )
    assert NOTICE.leads(row) == NOTICE.leads(many) == f"/exceptions/{REFERENCE}"
