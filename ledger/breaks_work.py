"""The work items of reconciliation: breaks, each until the sides agree or two people match it."""

from __future__ import annotations

from typing import Any

from core.as_of import AsOf
from core.ids import BREAK, public_id
from ledger.kinds import KINDS as RECONCILED
from ledger.models import Break
from ledger.selectors.reconciliations import read_break
from trades.work_items import About, Cause, Facts, Move, WorkKind

SUBJECT = "break"
BREAK_KIND = "BREAK"


def code_of(kind: str, outcome: str) -> str:
    """Return the code of an item: what is reconciled, and which side has it."""
    return f"{kind}_{outcome}"


def _facts(about: About, as_of: AsOf) -> Facts:
    """Return both sides of a break, field by field, as it stands now."""
    found = read_break(about.subject_id)
    heads = ("Field", "Ours", "Theirs", "Tolerance")
    if found is None:
        return Facts("A break", heads, [], (SUBJECT, ""))
    tolerances = {each["field"]: each["tolerance"] or "exactly" for each in found["differences"]}
    rows = [(name, own, other, tolerances.get(name, "")) for name, own, other in side_by_side(found)]
    return Facts(
        f"{found['code']} · {Break.Outcome(found['outcome']).label}",
        heads,
        rows,
        (SUBJECT, public_id(BREAK, about.subject_id)),
    )


def side_by_side(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the fields of a break with what each side says of them, several records after one another."""
    names = list(dict.fromkeys(name for each in (*found["ours"], *found["theirs"]) for name in each))
    return [
        (name, *(", ".join(str(each.get(name, "")) for each in found[side]) for side in ("ours", "theirs")))
        for name in names
    ]


KINDS = (
    WorkKind(
        code=BREAK_KIND,
        title="break of a reconciliation",
        severity="WARN",
        mark="BREAK",
        next_action="Find out which side is right and have it corrected, or have two people match it.",
        answered="Both sides agree in a later run, or two people match it.",
        facts=_facts,
    ),
)
_ELSEWHERE = {"CASH", "HANDOFFS", "POSITIONS"}  # what only we have there, the back office must look for
CAUSES = tuple(
    Cause(
        code_of(kind, outcome),
        move=Move.BACK_OFFICE if outcome == Break.Outcome.OURS and kind in _ELSEWHERE else Move.OPERATIONS,
    )
    for kind in RECONCILED
    for outcome in Break.Outcome.values
)
