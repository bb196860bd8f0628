"""One exception that was given to somebody, or many."""

from __future__ import annotations

from core.ids import EXCEPTION, public_id
from ops.notices import NOTICES

NOTICE = NOTICES["exception_assigned"]


def test_of_one_it_leads_to_it() -> None:
    row = {"subject": "exception", "subject_id": 7, "data": {"by": "sue", "count": 1}}
    reference = public_id(EXCEPTION, 7)
    assert NOTICE.says(row) == f"sue assigned {reference} to you."
    assert NOTICE.leads(row) == f"/exceptions/{reference}"


def test_of_many_it_leads_to_those_of_the_person() -> None:
    row = {"subject": "exception", "subject_id": 7, "data": {"by": "sue", "count": 1_200}}
    assert NOTICE.says(row) == "sue assigned 1,200 exceptions to you."
    assert NOTICE.leads(row) == "/exceptions?view=mine"
