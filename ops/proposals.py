"""Every kind of proposal as Approvals has it: who decides, what they are told, what is shown, and where it leads.

A kind more is one row of KINDS here, with a template of its own in templates/ops/proposals/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from core import four_eyes, ids
from core.models import Proposal
from ledger.services.accounts import KIND as ACCOUNTS
from ledger.services.corporate_actions import KIND as ACTION
from ledger.services.definitions import KIND as RECONCILIATION
from ledger.services.forced import KIND as FORCED
from ledger.services.lot_policies import KIND as POLICY
from ledger.services.periods import KIND as PERIOD
from ledger.services.profit_adjustments import KIND as ADJUSTMENT
from ledger.services.profit_sign_off import KIND as SIGN_OFF
from ledger.services.valuation import COSTS
from ledger.services.valuation import KIND as VALUATION
from ops import utilisations
from ops.permissions import Right
from refdata.changes import KIND as REFERENCE
from refdata.fee_rules import KIND as FEE
from risk.services.excess import KIND as EXCESS
from risk.services.excess import approve_excess, decline_excess, withdraw_excess
from risk.services.parameters import KIND as CHECK
from risk.services.parameters import approve_parameters, decline_parameters, withdraw_parameters
from settlement.services.calendar_change import KIND as CALENDAR
from settlement.services.calendar_change import approve_calendar_change
from settlement.services.credit import KIND as CREDIT
from settlement.services.hold import KIND as HOLD
from settlement.services.release import KIND as RELEASE
from settlement.services.release import approve_release
from settlement.services.ssi_change import KIND as SSI
from settlement.services.ssi_change import approve_ssi_change
from trades.services.confirmation_policy import KIND as CONFIRMATION
from trades.services.single_change import PROPOSAL_KIND as CHANGE
from trades.services.single_change import approve_change, decline_change, withdraw_change


@dataclass(frozen=True)
class Decision:
    """What becomes of a proposal: the right it needs, what it calls, what the person is told."""

    right: Right
    service: Callable[..., Proposal]
    told: str


@dataclass(frozen=True)
class Subject:
    """Where a proposal leads: an address, and the name of what is there."""

    address: str
    name: str


def _nowhere(proposal: Mapping[str, Any]) -> Subject | None:
    return None


@dataclass(frozen=True)
class Kind:
    """A kind of proposal.

    approve, propose: the rights to decide on one and to make (and withdraw) one. approved, stays: what a person is
    told, and what becomes of it where it is declined or withdrawn. services: other ones than those of `four_eyes`.
    part: the template that shows what is proposed. subject: where one leads that is about no trade and no batch.
    """

    code: str
    approve: Right
    propose: Right
    approved: str
    stays: str
    part: str = ""
    subject: Callable[[Mapping[str, Any]], Subject | None] = _nowhere
    services: Mapping[str, Callable[..., Proposal]] = field(default_factory=dict)

    @property
    def decisions(self) -> dict[str, Decision]:
        """Return what can be decided, by its name in an address."""

        def service(name: str, common: Callable[..., Proposal]) -> Callable[..., Proposal]:
            return self.services.get(name) or partial(common, kind=self.code)

        return {
            "approve": Decision(self.approve, service("approve", four_eyes.approve), self.approved),
            "decline": Decision(
                self.approve, service("decline", four_eyes.decline), f"Declined; {self.stays}."
            ),
            "withdraw": Decision(
                self.propose, service("withdraw", four_eyes.withdraw), f"Withdrawn; {self.stays}."
            ),
        }


def _coded(
    page: str, *, by_address: bool = False, parameter: str = ""
) -> Callable[[Mapping[str, Any]], Subject]:
    """Return what leads to a page from the code in a proposal: `by_address` one of its own, or as a `parameter`."""

    def subject(proposal: Mapping[str, Any]) -> Subject:
        code = proposal["content"]["code"]
        address = reverse(page, args=[code] if by_address else [])
        return Subject(f"{address}?{urlencode({parameter: code})}" if parameter else address, code)

    return subject


def _party(proposal: Mapping[str, Any]) -> Subject:
    party = proposal["content"]["party"]
    return Subject(f"{reverse('ssis')}?{urlencode({'party': party})}", party)


def _confirmed(proposal: Mapping[str, Any]) -> Subject:
    product, party = (proposal["content"][each] for each in ("product", "party"))
    return Subject(reverse("confirmation_policies"), f"{product or 'any product'}, {party or 'any party'}")


def _break(proposal: Mapping[str, Any]) -> Subject:
    reference = ids.public_id(ids.BREAK, proposal["content"]["break_ids"][0])
    return Subject(reverse("break", args=[reference]), reference)


def _calendar(proposal: Mapping[str, Any]) -> Subject:
    content = proposal["content"]
    where = urlencode({"kind": content["of_kind"], "of": content["of"]})
    return Subject(f"{reverse('calendars')}?{where}", content["of"])


def _adjusted(proposal: Mapping[str, Any]) -> Subject:
    return Subject(reverse("profit_adjustments"), proposal["content"]["book"])


def _signed_off(proposal: Mapping[str, Any]) -> Subject:
    """Lead to the very run that would be signed."""
    content = proposal["content"]
    where = urlencode({name: content[name] for name in ("day", "run") if name in content})
    return Subject(f"{reverse('profit')}?{where}", f"P&L of {content['book']}")


def _valued(proposal: Mapping[str, Any]) -> Subject:
    content = proposal["content"]
    where = f"?{urlencode({'article': content['of']})}" if content["of_kind"] == COSTS else ""
    return Subject(f"{reverse('valuation')}{where}", content["of"])


def _reference(proposal: Mapping[str, Any]) -> Subject:
    content = proposal["content"]
    reference = ids.public_id(ids.PROPOSAL, proposal["id"])
    return Subject(reverse("reference_proposal", args=[reference]), content["of_kind"].replace("-", " "))


def _hold(proposal: Mapping[str, Any]) -> Subject:
    held = proposal["content"]["hold"]
    return Subject(f"{reverse('holds')}?view=all#{held}", held)


def _invoice(proposal: Mapping[str, Any]) -> Subject:
    reference = ids.public_id(ids.INVOICE, proposal["invoice_id"])
    return Subject(reverse("invoice", args=[reference]), proposal["content"]["invoice"])


_ALL = (
    *(
        Kind(code, Right.APPROVE_LIMIT, Right.PROPOSE_LIMIT, "Approved.", "nothing changes")
        for code in utilisations.KINDS
    ),
    Kind(
        EXCESS,
        Right.APPROVE_EXCESS,
        Right.PROPOSE_EXCESS,
        "Approved; the trade goes on unless something else holds it.",
        "the trade stays held",
        part="excess",
        services={"approve": approve_excess, "decline": decline_excess, "withdraw": withdraw_excess},
    ),
    Kind(
        CHANGE,
        Right.APPROVE_CHANGE,
        Right.CHANGE,
        "Approved; the trade is changed.",
        "the trade stays as it is",
        part="change",
        services={"approve": approve_change, "decline": decline_change, "withdraw": withdraw_change},
    ),
    Kind(
        CHECK,
        Right.APPROVE_CHECK,
        Right.PROPOSE_CHECK,
        "Approved; the check is set so.",
        "the check stays as it is",
        part="check",
        subject=_coded("check", by_address=True),
        services={
            "approve": approve_parameters, "decline": decline_parameters, "withdraw": withdraw_parameters,
        },
    ),
    Kind(
        FEE,
        Right.APPROVE_FEE,
        Right.PROPOSE_FEE,
        "Approved; the rule says so.",
        "the rule stays as it is",
        part="fee",
        subject=_coded("fees"),
    ),
    Kind(
        CREDIT,
        Right.APPROVE_CREDIT,
        Right.CREDIT,
        "Approved; the invoice is credited.",
        "the invoice stays as it is",
        part="credit",
        subject=_invoice,
    ),
    Kind(
        ACTION,
        Right.APPROVE_POSITION,
        Right.PROPOSE_POSITION,
        "Approved; positions are told again.",
        "positions stay as they are",
        part="position",
        subject=_coded("corporate_actions"),
    ),
    Kind(
        POLICY,
        Right.APPROVE_POSITION,
        Right.PROPOSE_POSITION,
        "Approved; positions are told again.",
        "positions stay as they are",
        part="position",
        subject=_coded("positions", parameter="book"),
    ),
    Kind(
        PERIOD,
        Right.APPROVE_JOURNAL,
        Right.PROPOSE_JOURNAL,
        "Approved; the books are closed.",
        "the books stay open",
        part="books",
        subject=_coded("journal", parameter="entity"),
    ),
    Kind(
        ACCOUNTS,
        Right.APPROVE_JOURNAL,
        Right.PROPOSE_JOURNAL,
        "Approved; the accounts are called so.",
        "the accounts are called as before",
        part="books",
        subject=_coded("journal", parameter="entity"),
    ),
    Kind(
        RECONCILIATION,
        Right.APPROVE_RECONCILIATION,
        Right.PROPOSE_RECONCILIATION,
        "Approved; the reconciliation says so.",
        "the reconciliation stays as it is",
        part="reconciliation",
        subject=_coded("reconciliations"),
    ),
    Kind(
        FORCED,
        Right.APPROVE_RECONCILIATION,
        Right.PROPOSE_MATCH,
        "Approved; it is matched for as long as the condition holds.",
        "the break stays open",
        part="forced_match",
        subject=_break,
    ),
    Kind(
        ADJUSTMENT,
        Right.SIGN_PROFIT,
        Right.PREPARE_PROFIT,
        "Approved; the next run of a day has it.",
        "nothing is adjusted",
        part="profit_adjustment",
        subject=_adjusted,
    ),
    Kind(
        SIGN_OFF,
        Right.SIGN_PROFIT,
        Right.PREPARE_PROFIT,
        "Signed off.",
        "the day stays unsigned",
        part="profit_sign_off",
        subject=_signed_off,
    ),
    Kind(
        VALUATION,
        Right.SIGN_PROFIT,
        Right.PREPARE_PROFIT,
        "Approved; what is told from now on goes by it.",
        "things are valued as before",
        part="valuation",
        subject=_valued,
    ),
    Kind(
        RELEASE,
        Right.APPROVE_RELEASE,
        Right.PROPOSE_RELEASE,
        "Released; the back office can claim it.",
        "the batch waits on",
        part="release",
        services={"approve": approve_release},
    ),
    Kind(
        HOLD,
        Right.APPROVE_RELEASE,
        Right.HOLD,
        "Approved; what was held is sealed with the next batch.",
        "it stays held",
        part="hold",
        subject=_hold,
    ),
    Kind(
        SSI,
        Right.APPROVE_SSI,
        Right.PROPOSE_SSI,
        "Approved; the SSIs are changed.",
        "the SSIs stay as they are",
        part="ssi",
        subject=_party,
        services={"approve": approve_ssi_change},
    ),
    Kind(
        REFERENCE,
        Right.APPROVE_REFERENCE,
        Right.PROPOSE_REFERENCE,
        "Approved; it is stored so.",
        "what is stored stays as it is",
        part="reference",
        subject=_reference,
    ),
    Kind(
        CALENDAR,
        Right.APPROVE_CALENDAR,
        Right.PROPOSE_CALENDAR,
        "Approved; it holds from now on.",
        "it stays as it is",
        part="calendar",
        subject=_calendar,
        services={"approve": approve_calendar_change},
    ),
    Kind(
        CONFIRMATION,
        Right.APPROVE_CONFIRMATION,
        Right.PROPOSE_CONFIRMATION,
        "Approved; the policy holds.",
        "the policy stays as it is",
        part="confirmation",
        subject=_confirmed,
    ),
)  # fmt: skip
KINDS = {kind.code: kind for kind in _ALL}
DECISIONS = {kind.code: kind.decisions for kind in _ALL}


def subject_of(proposal: Mapping[str, Any]) -> Subject | None:
    """Return where a proposal leads, by its kind; to its trade or its batch where it is about one."""
    for name, page, prefix in (("trade_id", "trade", ids.TRADE), ("batch_id", "batch", ids.BATCH)):
        if number := proposal.get(name):
            reference = ids.public_id(prefix, number)
            return Subject(reverse(page, args=[reference]), reference)
    kind = KINDS.get(proposal["kind"])
    return kind.subject(proposal) if kind else None
