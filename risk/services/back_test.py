"""Back-tests: what a check, set otherwise, would have said of the trades of the last days. They change no record.

A back-test goes over the trades in the order of capture, a chunk a transaction, and keeps its figures and how far it
has come in its own row. So it can be killed, cancelled and gone on with at any point, and nothing counts twice. Each
trade is looked at as it stands now, on the business date on which that version was recorded, by the very statement
of the checks, once as the check is set and once as it would be. Reference data are those of now. Of an allocated
block its parts are looked at: the checks never see the block again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from core import sql, work
from core.audit import Actor
from core.clock import business_date
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.money import ZERO
from core.wake import wake_on_commit
from risk.checks._settings import Setting
from risk.models import BackTest, BackTestTrade
from risk.services.check import findings_under
from risk.services.parameters import (
    KIND,
    Draft,
    content_setting,
    drafted,
    setting_content,
    settings_in_force,
)
from trades.lifecycle import State
from trades.services.findings import NewFinding

TASK = "risk.back_test"
CHUNK = 2_000  # trades of one transaction
DAYS_MAX = 366
DEFAULT_DAYS = 30
WAITING_MAX = 10  # back-tests that have not ended
KEPT_MAX = 20_000  # trades of another outcome that one back-test names; all are counted
_LOOKED_THROUGH = 500  # back-tests, when those of proposals are looked for
NAMED_DAYS = 90  # after its end a back-test names its trades for so long; the figures stay
_FORGOTTEN_AT_ONCE = 100  # back-tests
PASS = "PASS"  # noqa: S105 - an outcome
GOING_ON = (BackTest.State.WAITING, BackTest.State.RUNNING)


# --- asking for one


def start_back_test(
    *,
    actor: Actor,
    now: datetime,
    days: int,
    proposal_id: int | None = None,
    code: str = "",
    draft: Draft | None = None,
) -> int:
    """Start a back-test of a proposal, or of a check set as a draft says, and return its id.

    Problem 404 for an unknown check or proposal, 409 while WAITING_MAX others go on, and 422 for the days and as
    `drafted` refuses.
    """
    if not 1 <= days <= DAYS_MAX:
        fault = Fault("/days", f"1 to {DAYS_MAX} days.", "range")
        raise Problem(422, "invalid", "The back-test cannot be started.", faults=[fault])
    today = business_date(now)
    with transaction.atomic():
        # One at a time, so that the count holds.
        sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [TASK])
        if BackTest.objects.filter(state__in=GOING_ON).count() >= WAITING_MAX:
            raise Problem(409, "too-many-back-tests", f"{WAITING_MAX} back-tests have not ended yet.")
        if proposal_id is not None:
            code, after = _proposed(proposal_id)
        else:
            after = setting_content(drafted(code=code, draft=draft or Draft(), today=today)[1])
        before = settings_in_force(on=today)[code]
        made = BackTest.objects.create(
            code=code,
            version=before.version,
            before=setting_content(before),
            after=after,
            proposal_id=proposal_id,
            days=days,
            since=now - timedelta(days=days),
            asked_by=actor.name,
            asked_at=now,
        )
        work.enqueue(TASK, [made.id])
        wake_on_commit(TASK)
    return made.id


def _proposed(proposal_id: int) -> tuple[str, dict[str, Any]]:
    """Return which check a proposal is about and how it would set it."""
    found = Proposal.objects.filter(id=proposal_id, kind=KIND).first()
    if found is None:
        raise not_found("proposal")
    return found.content["code"], found.content["after"]


def cancel_back_test(*, back_test_id: int, now: datetime) -> BackTest:
    """Stop a back-test after the chunk it is at; return it. Problem 404, and 409 when it has ended."""
    with transaction.atomic():
        found = BackTest.objects.select_for_update().filter(id=back_test_id).first()
        if found is None:
            raise not_found("back-test")
        if found.state not in GOING_ON:
            raise Problem(
                409, "back-test-ended", "The back-test has ended.", detail=f"It is {found.state.lower()}."
            )
        _end(found, BackTest.State.CANCELLED, now)
    return found


# --- reading it


def find_back_test(back_test_id: int | None) -> BackTest:
    """Return a back-test; Problem 404 when there is none."""
    found = BackTest.objects.filter(id=back_test_id).first() if back_test_id is not None else None
    if found is None:
        raise not_found("back-test")
    return found


def back_tests_of(code: str, *, most: int) -> list[BackTest]:
    """Return the last back-tests of a check, the newest first."""
    return list(BackTest.objects.filter(code=code).order_by("-id")[:most])


def back_tests_of_contents(
    contents: Sequence[tuple[str, Mapping[str, Any]]], *, most: int
) -> list[list[BackTest]]:
    """Return, for each check and how it would be set, the last back-tests of just that, the newest first.

    Whoever asked for them, and whether for the proposal or before it, among the last _LOOKED_THROUGH of the checks.
    """
    codes = {code for code, _ in contents}
    found = list(BackTest.objects.filter(code__in=codes).order_by("-id")[:_LOOKED_THROUGH]) if codes else []
    return [
        [each for each in found if each.code == code and each.after == after][:most]
        for code, after in contents
    ]


def affected_trades(back_test_id: int, *, after: int, limit: int) -> list[BackTestTrade]:
    """Return trades of another outcome after a trade id, in the order of capture."""
    found = BackTestTrade.objects.filter(back_test_id=back_test_id, trade_id__gt=after)
    return list(found.order_by("trade_id")[:limit])


def share_done(found: BackTest) -> Decimal:
    """Return how much of its way a back-test has gone, 0 to 1."""
    if found.state == BackTest.State.DONE:
        return Decimal(1)
    span = found.until_id - found.first_id + 1
    gone = max(found.position_id - found.first_id + 1, 0)
    return (
        Decimal(0)
        if not found.first_id
        else (Decimal(gone) / Decimal(max(span, 1))).quantize(Decimal("0.001"))
    )


# --- going on with it


def advance_back_tests(*, now: datetime) -> bool:
    """Do the next chunk of the back-test that waits longest; return whether there was one.

    A chunk that fails is tried again later; what fails to the end, or ends its worker again and again, is FAILED.
    """
    return work.do_next(
        TASK,
        step=lambda back_test_id: _advance(back_test_id, now),
        give_up=lambda back_test_id: _give_up(back_test_id, now),
        now=now,
    )


def _give_up(back_test_id: int, now: datetime) -> None:
    found = BackTest.objects.select_for_update().get(id=back_test_id)
    if found.state in GOING_ON:
        _end(found, BackTest.State.FAILED, now)


def _end(found: BackTest, state: BackTest.State, now: datetime) -> None:
    found.state = state
    found.finished_at = now
    found.save(update_fields=["state", "finished_at"])


@dataclass(frozen=True, slots=True)
class _Trade:
    """One trade of a chunk: its version and the business date of that, its size, and whether another rule held it."""

    trade_id: int
    version: int
    recorded_at: datetime
    captured_at: datetime
    base_amount: Decimal | None
    held_otherwise: bool


def _advance(back_test_id: int, now: datetime) -> bool:
    """Look at the next chunk of a back-test; return whether more is left."""
    found = BackTest.objects.select_for_update().get(id=back_test_id)
    if found.state not in GOING_ON:
        return False
    if found.state == BackTest.State.WAITING:
        _begin(found)
    chunk = _chunk(found)
    if chunk:
        _count(found, [each for each in chunk if each.captured_at >= found.since])
        found.position_id = chunk[-1].trade_id
    if len(chunk) < CHUNK:
        found.state = BackTest.State.DONE
        found.finished_at = now
    found.save()
    return found.state == BackTest.State.RUNNING


_NEXT = """
SELECT trade_id, recorded_at FROM trades_version WHERE trade_id >= %s AND version = 1 ORDER BY trade_id LIMIT 1
"""


def _begin(found: BackTest) -> None:
    """Find the trades to look at: from the first captured in the time to the last there is now.

    Ids are in the order of capture, so the first is found by halves.
    """
    row = sql.row("SELECT max(trade_id) FROM trades_state")
    last = (row[0] if row else None) or 0
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        here = sql.row(_NEXT, [middle])
        if here is None or here[1] >= found.since:
            high = middle
        else:
            low = here[0] + 1
    first = sql.row(_NEXT, [low])
    found.first_id = first[0] if first else last + 1
    found.until_id, found.position_id = last, found.first_id - 1
    found.state = BackTest.State.RUNNING


_CHUNK = """
SELECT s.trade_id, s.version, v.recorded_at, f.recorded_at, v.base_amount,
       EXISTS (SELECT 1 FROM trades_finding o
               WHERE o.trade_id = s.trade_id AND o.severity = 'BLOCK' AND o.code <> %(code)s)
FROM (
    SELECT trade_id, version FROM trades_state
    WHERE trade_id > %(after)s AND trade_id <= %(until)s AND state <> ALL(%(over)s)
    ORDER BY trade_id LIMIT %(limit)s
) s
CROSS JOIN LATERAL (
    SELECT recorded_at, base_amount FROM trades_version WHERE trade_id = s.trade_id AND version = s.version OFFSET 0
) v
CROSS JOIN LATERAL (
    SELECT recorded_at FROM trades_version WHERE trade_id = s.trade_id AND version = 1 OFFSET 0
) f
ORDER BY s.trade_id
"""


def _chunk(found: BackTest) -> list[_Trade]:
    rows = sql.rows(
        _CHUNK,
        {
            "code": found.code,
            "after": found.position_id,
            "until": found.until_id,
            "over": [State.CANCELLED.value, State.ALLOCATED.value],
            "limit": CHUNK,
        },
    )
    return [_Trade(*row) for row in rows]


def _count(found: BackTest, trades: Sequence[_Trade]) -> None:
    """Add what the check says of trades, as it was set and as it would be, to the figures."""
    before = _said(content_setting(found.code, found.before, version=found.version), trades)
    after = _said(content_setting(found.code, found.after, version=found.version + 1), trades)
    found.looked_at += len(trades)
    changed = []
    for trade in trades:
        was, would_be = _outcome(before, trade), _outcome(after, trade)
        found.straight_before += not trade.held_otherwise and was != "BLOCK"
        found.straight_after += not trade.held_otherwise and would_be != "BLOCK"
        if was != would_be:
            changed.append(trade)
            _add(found, trade, was, would_be)
    _keep(found, changed, before, after)


def _said(setting: Setting, trades: Iterable[_Trade]) -> dict[int, list[NewFinding]]:
    """Return what a check so set says of trades, each on the business date of its version."""
    days: dict[date, dict[int, int]] = {}
    for trade in trades:
        days.setdefault(business_date(trade.recorded_at), {})[trade.trade_id] = trade.version
    said: dict[int, list[NewFinding]] = {}
    for day, versions in days.items():
        said |= findings_under(setting, versions, day)
    return said


def _outcome(said: Mapping[int, Sequence[NewFinding]], trade: _Trade) -> str:
    return said[trade.trade_id][0].severity if trade.trade_id in said else PASS


def _add(found: BackTest, trade: _Trade, was: str, would_be: str) -> None:
    """Count a trade of another outcome: newly failing or passing, and newly held or let through."""
    amount = trade.base_amount or ZERO
    found.unmeasured += trade.base_amount is None
    if was == PASS:
        found.failing += 1
        found.failing_amount += amount
    if would_be == PASS:
        found.passing += 1
        found.passing_amount += amount
    if would_be == "BLOCK":
        found.held += 1
        found.held_amount += amount
    if was == "BLOCK":
        found.freed += 1
        found.freed_amount += amount


_KEEP = """
INSERT INTO risk_back_test_trade (back_test_id, trade_id, version, before, after, message, base_amount)
SELECT %s, t.* FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::numeric[]) AS t
"""


def _keep(
    found: BackTest,
    changed: Sequence[_Trade],
    before: Mapping[int, Sequence[NewFinding]],
    after: Mapping[int, Sequence[NewFinding]],
) -> None:
    """Count the trades of another outcome, and name them as long as there is room."""
    kept = changed[: max(KEPT_MAX - found.changed, 0)]
    found.changed += len(changed)
    if kept:
        sql.run(
            _KEEP,
            [
                found.id,
                [each.trade_id for each in kept],
                [each.version for each in kept],
                [_outcome(before, each) for each in kept],
                [_outcome(after, each) for each in kept],
                [(after.get(each.trade_id) or before[each.trade_id])[0].message for each in kept],
                [each.base_amount for each in kept],
            ],
        )


_FORGET = """
DELETE FROM risk_back_test_trade WHERE back_test_id IN (
    SELECT b.id FROM risk_back_test b WHERE b.finished_at < %s
      AND EXISTS (SELECT 1 FROM risk_back_test_trade t WHERE t.back_test_id = b.id)
    ORDER BY b.id LIMIT %s
)
"""


def forget_named_trades(*, now: datetime) -> int:
    """Delete the trades that back-tests name which ended NAMED_DAYS ago, of some of them; return how many."""
    return sql.run(_FORGET, [now - timedelta(days=NAMED_DAYS), _FORGOTTEN_AT_ONCE])
