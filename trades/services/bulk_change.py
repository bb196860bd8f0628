"""Many changes at once, of deals by whatever name the front office has for them, whether they have come or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from core import sql
from core.audit import Actor
from core.http.authentication import Client
from core.http.problem import Problem, not_found
from trades.services.amendment import patch_faults
from trades.services.change import Change, Changed, Outcome, change_trades
from trades.services.early import EarlyChange, keep_early

WAITING = "WAITING"


class Named(Struct, frozen=True, gc=False):
    """A change with the name of its deal: the trade's id (0: not given), or the source and its reference."""

    change: Change
    source: str = ""
    source_ref: str = ""


class Answer(Struct, frozen=True, gc=False):
    """What became of one change. outcome: of `Outcome`, or WAITING for a deal that has not come."""

    outcome: str
    changed: Changed | None = None
    problem: Problem | None = None


def change_deals(*, named: Sequence[Named], client: Client, actor: Actor, at: datetime) -> list[Answer]:
    """Make changes in the caller's transaction and return one answer each, in their order.

    A change of a deal that is not there is kept until it comes, if it has the front office's count of versions.
    A client of certain sources changes only theirs. What needs two people is refused here.
    """
    answers: dict[int, Answer] = {}
    found = _resolve(named)
    going: dict[int, Change] = {}
    early: dict[int, EarlyChange] = {}
    for place, each in enumerate(named):
        if each.change.kind == "AMEND" and (faults := patch_faults(each.change.changes)):
            answers[place] = _refused(Problem(422, "invalid", "This cannot be amended.", faults=faults))
            continue
        trade_id, source = found.get(place, (0, each.source))
        if not client.may_use(source) or (not trade_id and each.change.source_version is None):
            answers[place] = _refused(not_found("trade"))
        elif trade_id:
            same = each.change.trade_id == trade_id
            going[place] = each.change if same else replace(each.change, trade_id=trade_id)
        elif each.source_ref:
            early[place] = EarlyChange(each.source, each.source_ref, each.change)
        else:
            answers[place] = _refused(not_found("trade"))
    results = change_trades(changes=list(going.values()), actor=actor, at=at)
    for place, changed in zip(going, results, strict=True):
        answers[place] = Answer(changed.outcome.value, changed, changed.problem)
    for place, problem in zip(
        early, keep_early(changes=list(early.values()), actor=actor, at=at), strict=True
    ):
        answers[place] = Answer(WAITING) if problem is None else _refused(problem)
    return [answers[place] for place in range(len(named))]


def _refused(problem: Problem) -> Answer:
    return Answer(Outcome.REFUSED.value, None, problem)


_BY_REFERENCE = """
SELECT w.n, v.trade_id FROM unnest(%s::text[], %s::text[], %s::int[]) AS w(source, source_ref, n)
JOIN trades_version v ON v.source = w.source AND v.source_ref = w.source_ref AND v.version = 1
"""
_SOURCES = "SELECT trade_id, source FROM trades_version WHERE trade_id = ANY(%s) AND version = 1"


def _resolve(named: Sequence[Named]) -> dict[int, tuple[int, str]]:
    """Return the trades that are named, with their sources, by place."""
    by_reference = {place: each for place, each in enumerate(named) if not each.change.trade_id}
    sources = dict(sql.rows(_SOURCES, [sorted({each.change.trade_id for each in named} - {0})]))
    found = {
        place: (each.change.trade_id, sources[each.change.trade_id])
        for place, each in enumerate(named)
        if each.change.trade_id in sources
    }
    if by_reference:
        given = by_reference.values()
        for place, trade_id in sql.rows(
            _BY_REFERENCE,
            [[each.source for each in given], [each.source_ref for each in given], list(by_reference)],
        ):
            found[place] = (trade_id, named[place].source)
    return found
