"""Somebody approved what a person proposed."""

from __future__ import annotations

from ops.notices.base import Notice, of_proposal, proposal

PROPOSAL_APPROVED = Notice(
    code="proposal_approved",
    title="A proposal of mine is approved",
    icon="check-circle",
    says=lambda row: f"{row['data']['by']} approved your proposal {proposal(row)}.",
    leads=of_proposal,
)
