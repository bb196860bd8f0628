"""Somebody declined what a person proposed."""

from __future__ import annotations

from ops.notices.base import Notice, of_proposal, proposal

PROPOSAL_DECLINED = Notice(
    code="proposal_declined",
    title="A proposal of mine is declined",
    icon="cancel",
    says=lambda row: f"{row['data']['by']} declined your proposal {proposal(row)}: {row['data']['why']}",
    leads=of_proposal,
)
