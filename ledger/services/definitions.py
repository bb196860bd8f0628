"""What is reconciled, and how: versions of definitions, each made by two people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, encode, record
from core.http.problem import Fault, Problem
from core.models import Proposal
from core.text import text_faults
from ledger.kinds import KINDS
from ledger.kinds.base import Kind
from ledger.selectors.reconciliations import newest_version

KIND = "reconciliation"
SUBJECT = "reconciliation"
LEVELS_MAX = 5
WINDOW_MAX = 366
CARDINALITIES = ("ONE_TO_ONE", "ONE_TO_MANY", "MANY_TO_ONE", "MANY_TO_MANY")
TOLERANCES = {
    "decimal": ("ABSOLUTE", "RELATIVE"),
    "date": ("DAYS",),
    "text": ("TEXT",),
    "currency": ("TEXT",),
    "instruction": ("TEXT",),
}
_CODE = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,39}")
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_SCHEDULE = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_LIMIT_END = Decimal("1e12")
_DAYS_MAX = 366


@dataclass(frozen=True)
class Terms:
    """All that one version of a reconciliation says.

    levels: the rules of matching, tried one after the other, as data: `keys`, fields that must be equal; `compare`, by
    field a `type` (ABSOLUTE, RELATIVE, DAYS, TEXT) and, but for texts, a `limit`; `cardinality`. window_days: how many
    days before the last one a run looks at. schedule: HH:MM in the operator's zone, or empty: with every statement.
    owner: the team that works its breaks, or empty. basis: since when our side counts, one of the kind's; empty: the
    first of them, or that it has no choice.
    """

    title: str
    kind: str
    source: str
    levels: Sequence[Mapping[str, Any]]
    window_days: int = 5
    schedule: str = ""
    owner: str = ""
    is_active: bool = True
    basis: str = ""

    def content(self) -> dict[str, Any]:
        """Return what the version says as data for JSON."""
        return {
            **{name: getattr(self, name) for name in _NAMES},
            "levels": [_level_content(each) for each in self.levels],
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Terms:
        """Return the terms that a version, or its content, says."""
        said = {name: content[name] for name in (*_NAMES, "levels") if name in content}
        return cls(**said)  # what was proposed before there was a basis says none


_NAMES = ("title", "kind", "source", "window_days", "schedule", "owner", "is_active", "basis")


def _level_content(level: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "keys": list(level["keys"]),
        "compare": {name: dict(told) for name, told in sorted(level.get("compare", {}).items())},
        "cardinality": level.get("cardinality", CARDINALITIES[0]),
    }


def propose_reconciliation(
    *,
    code: str,
    terms: Terms,
    reason: str,
    actor: Actor,
    now: datetime,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> int:
    """Propose a new reconciliation, or the next version of the one of this code; return the proposal's id.

    Problem 422 with every fault, 409 when nothing would change or another proposal for it waits.
    """
    before = newest_version(code)
    faults = [*_faults(code, terms, before), *text_faults(reason, pointer="/reason")]
    if faults:
        raise Problem(422, "invalid", "This cannot be a reconciliation.", faults=faults)
    told = Terms.read(before).content() if before else None
    if told == terms.content():
        raise Problem(409, "nothing-changes", "The reconciliation says so already.")
    with transaction.atomic():
        return four_eyes.propose(
            kind=KIND,
            subject=SUBJECT,
            subject_id=_registered(code),
            content={"code": code, "before": told, "after": terms.content()},
            user=user,
            client_id=client_id,
            reason=reason,
            now=now,
            actor=actor,
        )


def lock_reconciliation(reconciliation_id: int) -> None:
    """Lock a reconciliation, in the caller's transaction: one run, or one change of it, at a time."""
    sql.run("SELECT 1 FROM ledger_reconciliation WHERE id = %s FOR UPDATE", [reconciliation_id])


_VERSION = """
INSERT INTO ledger_reconciliation_version (reconciliation_id, version, title, kind, source, levels, window_days,
                                           schedule, owner, is_active, basis, proposal_id, approved_at)
SELECT %(id)s, 1 + coalesce(max(version), 0), %(title)s, %(kind)s, %(source)s, %(levels)s::jsonb, %(window_days)s,
       %(schedule)s, %(owner)s, %(is_active)s, %(basis)s, %(proposal)s, %(at)s
FROM ledger_reconciliation_version WHERE reconciliation_id = %(id)s
RETURNING version
"""


def apply_reconciliation(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store the version of an approved proposal; Problem 409 when it can no longer say so."""
    content = proposal.content
    code, terms = content["code"], Terms.read(content["after"])
    before = newest_version(code)
    if faults := list(_faults(code, terms, before)):
        raise Problem(409, "no-longer-possible", "The reconciliation can no longer say so.", faults=faults)
    was = Terms.read(content["before"]).content() if content["before"] else None
    if (Terms.read(before).content() if before else None) != was:
        raise Problem(409, "reconciliation-changed", "It is no longer what it was when this was proposed.")
    said = terms.content()
    found = sql.row(
        _VERSION,
        {
            **said,
            "levels": encode(said["levels"]),
            "id": proposal.subject_id,
            "proposal": proposal.id,
            "at": at,
        },
    )
    record(
        type="reconciliation.set",
        subject=SUBJECT,
        ids=[proposal.subject_id],
        versions=[found[0] if found else None],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={"code": code, "proposal_id": proposal.id, **said},
    )


def _registered(code: str) -> int:
    """Return the id of a reconciliation, given to its code when somebody first proposes something for it."""
    sql.run("INSERT INTO ledger_reconciliation (code) VALUES (%s) ON CONFLICT (code) DO NOTHING", [code])
    found = sql.row("SELECT id FROM ledger_reconciliation WHERE code = %s", [code])
    assert found is not None  # noqa: S101 - it was just made, or was there
    return int(found[0])


# --- what may be proposed


def _faults(code: str, terms: Terms, before: Mapping[str, Any] | None) -> Iterator[Fault]:
    if not _CODE.fullmatch(code):
        yield Fault(
            "/code", "1 to 40 capital letters, digits, dots and dashes, such as CASH-HOUSE-BANK.", "format"
        )
    yield from text_faults(terms.title, pointer="/title", most=200)
    if not _SOURCE.fullmatch(terms.source):
        yield Fault("/source", "1 to 40 letters, digits, dots, dashes and underscores.", "format")
    for name in ("kind", "source"):
        if before is not None and before[name] != getattr(terms, name):
            yield Fault(f"/{name}", "A reconciliation keeps it: its breaks are about that.", "fixed")
    if not 0 <= terms.window_days <= WINDOW_MAX:
        yield Fault("/window_days", f"0 to {WINDOW_MAX} days.", "range")
    if terms.schedule and not _SCHEDULE.fullmatch(terms.schedule):
        yield Fault("/schedule", "A time such as 18:30, or nothing: with every statement.", "format")
    if terms.owner and not Group.objects.filter(name=terms.owner).exists():
        yield Fault("/owner", "There is no such team.", "unknown")
    if terms.kind not in KINDS:
        yield Fault("/kind", f"One of {', '.join(KINDS)}.", "unknown")
        return
    if terms.basis and terms.basis not in KINDS[terms.kind].bases:
        said = (
            f"One of {', '.join(KINDS[terms.kind].bases)}."
            if KINDS[terms.kind].bases
            else "Only positions have one."
        )
        yield Fault("/basis", said, "unknown")
    if not 1 <= len(terms.levels) <= LEVELS_MAX:
        yield Fault("/levels", f"1 to {LEVELS_MAX} levels.", "length")
    for at, level in enumerate(terms.levels[:LEVELS_MAX]):
        yield from _level_faults(f"/levels/{at}", level, KINDS[terms.kind])


def _level_faults(pointer: str, level: Any, kind: Kind) -> Iterator[Fault]:
    if not isinstance(level, Mapping):
        yield Fault(pointer, "An object with keys and compare.", "type")
        return
    for name in level.keys() - {"keys", "compare", "cardinality"}:
        yield Fault(f"{pointer}/{name}", "There is no such field.", "unknown-field")
    keys, compare = level.get("keys"), level.get("compare", {})
    if not isinstance(keys, (list, tuple)) or not keys or len(set(map(str, keys))) < len(keys):
        yield Fault(f"{pointer}/keys", "At least one field, each once.", "missing")
        keys = []
    for at, name in enumerate(keys):
        if name not in kind.names:
            yield Fault(f"{pointer}/keys/{at}", f"One of {', '.join(kind.names)}.", "unknown")
    if level.get("cardinality", CARDINALITIES[0]) not in CARDINALITIES:
        yield Fault(f"{pointer}/cardinality", f"One of {', '.join(CARDINALITIES)}.", "unknown")
    if not isinstance(compare, Mapping):
        yield Fault(f"{pointer}/compare", "An object: by field, how near is near enough.", "type")
        return
    for name, tolerance in compare.items():
        if name not in kind.names or name in keys:
            yield Fault(f"{pointer}/compare/{name}", "A field of the kind that is no key.", "unknown")
        else:
            yield from _tolerance_faults(f"{pointer}/compare/{name}", tolerance, kind.field(name).type)


def _tolerance_faults(pointer: str, tolerance: Any, of: str) -> Iterator[Fault]:
    types = TOLERANCES[of]
    if not isinstance(tolerance, Mapping) or tolerance.get("type") not in types:
        yield Fault(f"{pointer}/type", f"One of {', '.join(types)}.", "unknown")
        return
    for name in tolerance.keys() - {"type", "limit"}:
        yield Fault(f"{pointer}/{name}", "There is no such field.", "unknown-field")
    if tolerance["type"] == "TEXT":
        if tolerance.get("limit") is not None:
            yield Fault(f"{pointer}/limit", "Texts are the same or not.", "unknown-field")
        return
    limit = _decimal(tolerance.get("limit"))
    whole = tolerance["type"] == "DAYS"
    end = Decimal(_DAYS_MAX + 1) if whole else _LIMIT_END
    if limit is None or not 0 <= limit < end or (whole and limit != int(limit)):
        said = f"A whole number of days, 0 to {_DAYS_MAX}" if whole else "A decimal from 0 on"
        yield Fault(f"{pointer}/limit", f"{said}, as a text.", "range")


def _decimal(value: Any) -> Decimal | None:
    try:
        found = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None
