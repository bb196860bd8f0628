"""A proposal that was made void."""

from __future__ import annotations

from tests.ops.notices.proposals import REFERENCE, of_every_subject, said


@of_every_subject
def test_it_leads_to_what_it_was_about(subject: str, leads: str) -> None:
    assert said("proposal_voided", subject) == (f"Your proposal {REFERENCE} is void: not yet", leads)
