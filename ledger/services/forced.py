"""Forced matches: what two people say belongs together, for as long as a condition holds, which every run tests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from core import four_eyes, sql
from core.audit import Actor, encode
from core.clock import business_date
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.money import format_number
from core.text import text_faults
from ledger.breaks_work import BREAK_KIND, SUBJECT
from ledger.kinds import KINDS
from ledger.kinds.base import Kind
from ledger.models import ForcedMatch
from ledger.selectors.reconciliations import newest_version, read_break
from ledger.services.breaks import tell_steps, total
from ledger.services.comparison import Record
from trades.services.exceptions import close_exceptions_about

KIND = "forced_match"
BREAKS_MAX = 50
LASTS_MOST = timedelta(days=366)


@dataclass(frozen=True)
class Condition:
    """Until when, and as long as what, a forced match holds. None and False: that is not asked.

    difference_max: how far the two sides may lie apart, in the unit of what is matched.
    """

    until: date
    difference_max: Decimal | None = None
    theirs_unchanged: bool = True

    def content(self) -> dict[str, Any]:
        """Return the condition as data for JSON."""
        return {
            "until": self.until.isoformat(),
            "difference_max": format_number(self.difference_max),
            "theirs_unchanged": self.theirs_unchanged,
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Condition:
        """Return the condition that `content` was made of."""
        most = content["difference_max"]
        return cls(
            date.fromisoformat(content["until"]),
            None if most is None else Decimal(most),
            content["theirs_unchanged"],
        )


@dataclass
class Standing:
    """What a run makes of the forced matches: those that hold, with their records, and why others do no longer."""

    ours: set[str] = field(default_factory=set)
    theirs: set[str] = field(default_factory=set)
    held: list[tuple[list[str], list[str]]] = field(default_factory=list)
    ended: dict[int, str] = field(default_factory=dict)
    because: dict[str, str] = field(default_factory=dict)


def propose_forced_match(
    *,
    break_ids: Sequence[int],
    condition: Condition,
    reason: str,
    actor: Actor,
    now: datetime,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
    typed: str | None = "",
) -> int:
    """Propose that what breaks are about belongs together; return the proposal's id.

    Problem 404 for an unknown break, 409 when one is closed or another proposal waits, 422 with every fault: without a
    reason, for breaks of several reconciliations or units, a condition that does not even hold now.
    """
    breaks = _open_breaks(break_ids)
    content = _content(breaks, condition)
    faults = [
        *_faults(breaks, content, condition, business_date(now)),
        *text_faults(reason, pointer="/reason"),
    ]
    if faults:
        raise Problem(422, "invalid", "These cannot be matched so.", faults=faults)
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=breaks[0]["id"],
        content=content,
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
        typed=typed,
    )


def lock_break(break_id: int) -> None:
    """Lock the reconciliation of a break: no run while it is decided what is matched."""
    sql.run(
        "SELECT 1 FROM ledger_reconciliation r JOIN ledger_break b ON b.reconciliation_id = r.id WHERE b.id = %s"
        " FOR UPDATE OF r",
        [break_id],
    )


_INSERT = """
INSERT INTO ledger_forced_match (reconciliation_id, break_ids, ours, theirs, theirs_hash, condition, reason,
                                 proposal_id, approved_at)
VALUES (%s, %s::bigint[], %s::text[], %s::text[], %s, %s::jsonb, %s, %s, %s)
"""
_CLOSE = "UPDATE ledger_break SET closed_at = %s, closing = 'FORCED' WHERE id = ANY(%s::bigint[])"


def apply_forced_match(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Match what two people want matched; Problem 409 when a break is closed by now, or says something else."""
    content = proposal.content
    breaks, condition = _open_breaks(content["break_ids"]), Condition.read(content["condition"])
    if _content(breaks, condition) != content:
        raise Problem(409, "break-changed", "The break is no longer what it was when this was proposed.")
    ids = [each["id"] for each in breaks]
    about = [breaks[0]["reconciliation_id"], ids, content["ours"], content["theirs"], content["theirs_hash"]]
    sql.run(_INSERT, [*about, encode(content["condition"]), proposal.reason, proposal.id, at])
    sql.run(_CLOSE, [at, ids])
    steps = dict.fromkeys(ids, ("FORCED", proposal.reason))
    tell_steps(steps=steps, run_id=None, code=content["code"], actor=actor, now=at)
    close_exceptions_about(
        subject=SUBJECT,
        subject_ids=ids,
        kind=BREAK_KIND,
        resolution=f"Matched by two people: {proposal.reason}",
        closed_by=actor,
        at=at,
    )


def _open_breaks(break_ids: Sequence[int]) -> list[dict[str, Any]]:
    wanted = sorted(set(break_ids))
    if not 1 <= len(wanted) <= BREAKS_MAX:
        raise Problem(422, "invalid", f"1 to {BREAKS_MAX} breaks can be matched at once.")
    found = [each for break_id in wanted if (each := read_break(break_id)) is not None]
    if len(found) < len(wanted):
        raise not_found("break")
    if any(each["closed_at"] is not None for each in found):
        raise Problem(409, "break-closed", "A break is closed already.")
    return found


def _content(breaks: Sequence[Mapping[str, Any]], condition: Condition) -> dict[str, Any]:
    """Return what is proposed: the breaks, their records, how far these lie apart, and the condition."""
    ours = [record_of(each) for found in breaks for each in found["ours"]]
    theirs = [record_of(each) for found in breaks for each in found["theirs"]]
    version = newest_version(breaks[0]["code"])
    apart, unit = _apart(KINDS[version["kind"]], ours, theirs) if version else (None, "")
    money = [each["base_amount"] for each in breaks]
    return {
        "code": breaks[0]["code"],
        "break_ids": [each["id"] for each in breaks],
        "ours": [each.id for each in ours],
        "theirs": [each.id for each in theirs],
        "theirs_hash": hash_of(theirs),
        "difference": format_number(apart),
        "unit": unit,
        "condition": condition.content(),
        "amount": None if None in money else four_eyes.amount_text(sum(money, Decimal(0))),
    }


def record_of(content: Mapping[str, Any]) -> Record:
    """Return the record that a break has kept."""
    fields = {name: value for name, value in content.items() if name not in ("id", "day")}
    return Record(content["id"], date.fromisoformat(content["day"]), fields)


def hash_of(records: Iterable[Record]) -> str:
    """Return the SHA-256, in hex, of what records say."""
    told = sorted((each.id, sorted(each.fields.items())) for each in records)
    return hashlib.sha256(encode(told).encode()).hexdigest()


def _apart(kind: Kind, ours: Sequence[Record], theirs: Sequence[Record]) -> tuple[Decimal | None, str]:
    """Return how far two sides lie apart, and in which unit; None where they have several."""
    of, unit = kind.money
    units = {each.fields.get(unit, "") for each in (*ours, *theirs)}
    return (abs(total(ours, of) - total(theirs, of)), units.pop()) if len(units) == 1 else (None, "")


def _faults(
    breaks: Sequence[Mapping[str, Any]], content: Mapping[str, Any], condition: Condition, today: date
) -> Iterable[Fault]:
    if len({each["reconciliation_id"] for each in breaks}) > 1:
        yield Fault("/breaks", "All breaks are of one reconciliation.", "several")
    if not today <= condition.until <= today + LASTS_MOST:
        yield Fault("/until", f"From today on, and for at most {LASTS_MOST.days} days.", "range")
    if condition.difference_max is None:
        return
    if content["difference"] is None:
        yield Fault("/difference_max", "They are of several units: there is no one difference.", "several")
    elif condition.difference_max < 0 or Decimal(content["difference"]) > condition.difference_max:
        said = f"The two sides lie {content['difference']} {content['unit']} apart already."
        yield Fault("/difference_max", said, "range")


# --- tested by every run

_ACTIVE = """
SELECT f.*, (SELECT min(b.business_date) FROM ledger_break b WHERE b.id = ANY(f.break_ids)) AS since,
       (SELECT array_agg(b.key) FROM ledger_break b WHERE b.id = ANY(f.break_ids)) AS keys
FROM ledger_forced_match f WHERE f.reconciliation_id = %s AND f.ended_at IS NULL ORDER BY f.id
"""


def active_matches(reconciliation_id: int) -> list[dict[str, Any]]:
    """Return the forced matches that hold so far, each with the first day of its breaks (`since`)."""
    return sql.records(_ACTIVE, [reconciliation_id])


def tested_matches(
    *,
    matches: Sequence[Mapping[str, Any]],
    kind: Kind,
    ours: Mapping[str, Record],
    theirs: Mapping[str, Record],
    through: date,
) -> Standing:
    """Return which forced matches hold for the records of a run through a day, and why others do not."""
    standing = Standing()
    for each in matches:
        condition = Condition.read(sql.json_value(each["condition"]))
        why = _why_not(each, condition, kind, ours, theirs, through)
        if why:
            standing.ended[each["id"]] = why
            standing.because |= dict.fromkeys(each["keys"], why)
        else:
            standing.ours |= set(each["ours"])
            standing.theirs |= set(each["theirs"])
            standing.held.append((each["ours"], each["theirs"]))
    return standing


def _why_not(
    match: Mapping[str, Any],
    condition: Condition,
    kind: Kind,
    ours: Mapping[str, Record],
    theirs: Mapping[str, Record],
    through: date,
) -> str:
    """Return why a forced match holds no longer, empty when it does."""
    gone = [each for each in match["ours"] if each not in ours] + [
        each for each in match["theirs"] if each not in theirs
    ]
    if gone:
        return f"{gone[0]} is not there any more."
    if through > condition.until:
        return f"It was matched until {condition.until}."
    own, other = [ours[each] for each in match["ours"]], [theirs[each] for each in match["theirs"]]
    if condition.theirs_unchanged and hash_of(other) != match["theirs_hash"]:
        return "They say something else now."
    apart, unit = _apart(kind, own, other)
    if condition.difference_max is not None and (apart is None or apart > condition.difference_max):
        told = "in several units" if apart is None else f"{format_number(apart)} {unit}"
        return f"The sides lie {told} apart now, and not at most {format_number(condition.difference_max)}."
    return ""


def end_matches(*, ended: Mapping[int, str], now: datetime) -> None:
    """Note which forced matches hold no longer, and why, in the caller's transaction."""
    for match_id, why in sorted(ended.items()):
        ForcedMatch.objects.filter(id=match_id, ended_at__isnull=True).update(ended_at=now, ended_because=why)
