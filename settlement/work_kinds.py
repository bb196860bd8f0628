"""The work items of settlement: what the back office rejected, what failed to settle, what is pinned to an SSI that is
no longer the choice, and charges and invoices that do not tie out."""

from __future__ import annotations

from functools import partial

from core import sql
from core.as_of import AsOf
from core.ids import INSTRUCTION, public_id
from core.money import format_amount, format_number
from settlement.penalties import penalties_of
from settlement.tie_out_breaks import (
    FEES,
    GAP,
    INVOICE,
    NOT_BILLED,
    NOT_OWED,
    WORDS,
    breaks_of,
    format_side,
)
from trades.work_items import About, Cause, Facts, Move, WorkKind

ATTESTATION = "ATTESTATION"
_BREAK = """
SELECT b.day, b.client_name, b.channel, b.measure, b.ours, b.theirs FROM settlement_attestation_break b
WHERE b.id = %(id)s AND (%(as_at)s::timestamptz IS NULL OR b.opened_at <= %(as_at)s)
"""


def _facts(about: About, as_of: AsOf) -> Facts:
    """Return both sides' counts of the instructions on which they differ, as the back office told them last."""
    rows = sql.rows(_BREAK, {"id": about.subject_id, "as_at": as_of.as_at})
    return Facts(
        f"Instructions of {rows[0][2]}, {rows[0][0]} (UTC), by {rows[0][1]}" if rows else "",
        ("Count", "Ours", "Theirs", "Difference"),
        [(measure, f"{ours:,}", f"{theirs:,}", f"{theirs - ours:+,}") for *_, measure, ours, theirs in rows],
    )


_GAPS = {"NO_RATE": "no penalty rate", "NO_PRICE": "no close price"}
_PAYERS = {"US": "we pay", "COUNTERPARTY": "the counterparty pays"}


def _costs(about: About, as_of: AsOf) -> Facts:
    """Return what the fails of a trade cost, day by day, as it was known at a moment."""
    found = penalties_of(about.subject_id, as_of=as_of)
    return Facts(
        "What it costs",
        ("Day", "Instruction", "Not settled", "Price", "Basis points", "Amount", "Who pays"),
        [
            (
                f"{each['day']}",
                public_id(INSTRUCTION, each["instruction_id"]),
                format_number(each["quantity"]) or "",
                format_number(each["price"]) or "—",
                format_number(each["basis_points"]) or "—",
                _GAPS.get(each["gap"])
                or f"{format_amount(each['amount'], each['currency'])} {each['currency']}",
                _PAYERS[each["payer"]],
            )
            for each in found
        ],
    )


def _breaks(kind: str, sides: tuple[str, str], about: About, as_of: AsOf) -> Facts:
    """Return what does not tie out of a trade or of a series of numbers: what there is, and what there should be."""
    found = breaks_of(kind, about, as_of=as_of)
    return Facts(
        "What does not tie out",
        ("What", *sides, "Difference", "Currency", "Found"),
        [
            (
                f"{each['about']}: {WORDS[each['code']]}",
                *(format_side(each[name], each["currency"]) for name in ("recorded", "expected")),
                format_side(each["recorded"] - each["expected"], each["currency"]),
                each["currency"] or "—",
                f"{each['opened_at']:%Y-%m-%d %H:%M} UTC",
            )
            for each in found
        ],
    )


KINDS = (
    WorkKind(
        code="REJECTION",
        title="rejected by the back office",
        severity="BLOCK",
        mark="REJECTED",
        next_action="Correct what the back office names, then re-check: the rejected legs are instructed again.",
        answered="Somebody sends the trade to the checks again, or it is cancelled.",
    ),
    WorkKind(
        code="FAIL",
        title="settlement failed",
        severity="WARN",
        mark="FAILED",
        move=Move.BACK_OFFICE,
        next_action="Chase the settlement with the back office; a later report that it settled closes this.",
        answered="The back office reports that every failed instruction of the trade has settled.",
        facts=_costs,
    ),
    WorkKind(
        code="STALE_SSI",
        title="sealed with an SSI that is no longer the choice",
        severity="WARN",
        mark="SSI_SUPERSEDED",
        rechecks=True,
        next_action="Have the back office settle as sealed, or amend the trade so that it is instructed anew.",
        answered="The SSI is the choice again, or every such instruction is recalled, rejected or settled.",
    ),
    WorkKind(
        code=FEES,
        title="charges that do not tie out",
        severity="WARN",
        mark="FEES_BREAK",
        next_action="Find out why the accruals do not add up to what the deal is charged, and have them put right.",
        answered="The nightly tie-out finds that what is accrued of the trade is what it is charged.",
        facts=partial(_breaks, FEES, ("Accrued", "Charged")),
    ),
    WorkKind(
        code=INVOICE,
        title="invoices that do not tie out",
        severity="WARN",
        mark="INVOICE_BREAK",
        next_action="Find out why the documents do not add up, and credit or have billed what is wrong.",
        answered="The nightly tie-out finds that what is billed, or numbered, adds up.",
        facts=partial(_breaks, INVOICE, ("Billed", "Expected")),
    ),
    WorkKind(
        code=ATTESTATION,
        title="a back office counts otherwise",
        severity="WARN",
        mark="COUNTS_DIFFER",
        next_action=(
            "Find the instructions on which the two sides differ. Have the back office count again, or say on the"
            " screen of batches what was found."
        ),
        answered="Later counts of the back office agree with ours, or a person says what was found.",
        facts=_facts,
    ),
)
_BY_THE_NIGHT = "Find in the worker's log why it could not be, and put that right: the next night does it."
# The back office's reason is what rejections have in common.
CAUSES = (
    Cause("SETTLEMENT_REJECTED", subject="f.actual"),
    Cause("CANCELLATION_REJECTED", subject="f.actual"),
    Cause(NOT_BILLED, next_action=f"It should have been billed. {_BY_THE_NIGHT}"),
    Cause(NOT_OWED, next_action=f"It should have been credited. {_BY_THE_NIGHT}"),
    Cause(
        GAP,
        next_action="Find out which documents were lost, or who changed the count past the product, and restore them.",
    ),
)
