"""What a person proposed is void: what it was made for is no more."""

from __future__ import annotations

from ops.notices.base import Notice, of_proposal, proposal

PROPOSAL_VOIDED = Notice(
    code="proposal_voided",
    title="A proposal of mine is void, as what it was made for is no more",
    icon="cancel",
    says=lambda row: f"Your proposal {proposal(row)} is void: {row['data']['why']}",
    leads=of_proposal,
)
