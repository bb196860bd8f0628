"""The desk: one action on many work items, with what becomes of each; previewed by doing it and taking it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from django.contrib.auth.models import Group, User
from django.db import transaction

from core import sql
from core.audit import Actor
from core.http.problem import Fault, Problem
from core.text import MAX_REASON, text_faults
from trades.lifecycle import State
from trades.models import Comment
from trades.services import attention
from trades.services import exceptions as items
from trades.services.comments import MAX_COMMENT, comment_exceptions, untold
from trades.services.recheck import recheck_trades
from trades.services.reject import reject_trades
from trades.services.versions import lock_states

MAX_ITEMS = 2_000
MAX_ROOT_CAUSE = 200
SNOOZE_MAX = timedelta(days=30)
DONE, UNCHANGED, REFUSED, UNKNOWN = "DONE", "UNCHANGED", "REFUSED", "UNKNOWN"
_CLOSED = "It is closed."
_TAKEN = "Somebody else has it."
_BY_ITSELF = "It closes by itself, once what it waits for has happened."
_NO_TRADE = "It is about no trade."
_NO_READER = "It is about no trade, so no front office reads it."


@dataclass(frozen=True)
class Asked:
    """What is asked of items. What an action has no use for stays empty.

    action: one of ACTIONS. reason: for those that need one. text, audience: a comment's. owner, team: a user's
    and a group's name, either or both. until: when a snoozed item is back. user: who claims or releases.
    """

    action: str
    reason: str = ""
    text: str = ""
    audience: str = Comment.Audience.INTERNAL.value
    owner: str = ""
    team: str = ""
    until: datetime | None = None
    root_cause: str = ""
    user: User | None = None


@dataclass(frozen=True)
class Result:
    """What became of one item: DONE, UNCHANGED (it was so already), REFUSED or UNKNOWN, with why in words."""

    exception_id: int
    outcome: str
    detail: str = ""


@dataclass(frozen=True)
class Call:
    """An action's arguments, checked. seen: what whoever asks has seen of each, where that matters."""

    ids: list[int]
    asked: Asked
    owner: User | None
    team: Group | None
    actor: Actor
    now: datetime
    seen: Mapping[int, str]


Told = dict[int, tuple[str, str]]  # outcome and detail by item; what is left out does not exist
_NOTHING_SEEN: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True)
class Action:
    """One thing done to many: its name for people, what it must be told beside them, and what does it."""

    title: str
    act: Callable[[Call], Told]
    fields: tuple[str, ...] = ()
    for_people: bool = False


def act_on_exceptions(
    *,
    exception_ids: Sequence[int],
    asked: Asked,
    actor: Actor,
    now: datetime,
    dry_run: bool = False,
    seen: Mapping[int, str] = _NOTHING_SEEN,
) -> list[Result]:
    """Do one action to up to MAX_ITEMS work items, each once, in one transaction; return a result for each, in order.

    What cannot be done to an item leaves it as it is and stops no other. dry_run: the same results, and nothing
    is kept. seen: by item the version that its trade had when somebody looked; what sends a trade on is refused when
    it has another by now. Problem 422 with every fault of what is asked, 413 for too many items.
    """
    ids = list(dict.fromkeys(exception_ids))
    if len(ids) > MAX_ITEMS:
        raise Problem(413, "too-many-items", f"At most {MAX_ITEMS:,} exceptions, not {len(ids):,}.")
    call = checked_call(ACTIONS, ids, asked, actor, now, seen)
    with transaction.atomic():
        told = ACTIONS[asked.action].act(call)
        if dry_run:
            transaction.set_rollback(True)
    nothing = (UNKNOWN, "There is no such exception.")
    return [Result(each, *told.get(each, nothing)) for each in ids]


def checked_call(
    actions: Mapping[str, Action],
    ids: list[int],
    asked: Asked,
    actor: Actor,
    now: datetime,
    seen: Mapping[int, str] = _NOTHING_SEEN,
) -> Call:
    """Return the arguments of one of some actions; Problem 422 with every fault of what is asked."""
    action = actions.get(asked.action)
    if action is None:
        known = ", ".join(actions)
        raise _invalid([Fault("/action", f"Use one of {known}.", "unknown")])
    faults: list[Fault] = []
    if not ids:
        faults.append(Fault("/ids", "At least one.", "empty"))
    if action.for_people and asked.user is None:
        faults.append(Fault("/action", "Only a person can do this.", "people-only"))
    for name, most in (
        ("reason", MAX_REASON),
        ("text", MAX_COMMENT),
        ("root_cause", MAX_ROOT_CAUSE),
    ):
        if name in action.fields:
            faults += text_faults(getattr(asked, name), pointer=f"/{name}", most=most)
    owner, team = _whom(asked, faults) if "owner" in action.fields else (None, None)
    if "audience" in action.fields and asked.audience not in Comment.Audience.values:
        faults.append(Fault("/audience", f"Use one of {', '.join(Comment.Audience.values)}.", "unknown"))
    if "until" in action.fields and not (asked.until and now < asked.until <= now + SNOOZE_MAX):
        detail = f"A moment to come, at most {SNOOZE_MAX.days} days away."
        faults.append(Fault("/until", detail, "range" if asked.until else "missing"))
    if faults:
        raise _invalid(faults)
    return Call(ids, asked, owner, team, actor, now, seen)


def _invalid(faults: Sequence[Fault]) -> Problem:
    return Problem(422, "invalid", "This cannot be done like this.", faults=faults)


def _whom(asked: Asked, faults: list[Fault]) -> tuple[User | None, Group | None]:
    bent = [
        fault
        for name in ("owner", "team")
        for fault in text_faults(getattr(asked, name), pointer=f"/{name}", most=150, required=False)
    ]
    if bent:
        faults += bent
        return None, None
    owner = User.objects.filter(username=asked.owner, is_active=True).first() if asked.owner else None
    team = Group.objects.filter(name=asked.team).first() if asked.team else None
    if asked.owner and owner is None:
        faults.append(Fault("/owner", "There is no such active user.", "unknown"))
    if asked.team and team is None:
        faults.append(Fault("/team", "There is no such team.", "unknown"))
    if not asked.owner and not asked.team:
        faults.append(Fault("/owner", "A user, a team, or both.", "missing"))
    return owner, team


_WORDS = {
    items.CLAIMED: (DONE, ""),
    items.RELEASED: (DONE, ""),
    items.TAKEN: (REFUSED, _TAKEN),
    items.CLOSED: (REFUSED, _CLOSED),
    items.ANSWERED: (DONE, ""),
    items.HELD: (REFUSED, _BY_ITSELF),
    DONE: (DONE, ""),
    UNCHANGED: (UNCHANGED, ""),
}


def _worded(became: dict[int, str]) -> Told:
    return {each: _WORDS[outcome] for each, outcome in became.items()}


def _claim(call: Call) -> Told:
    assert call.asked.user is not None  # noqa: S101 - checked above
    return _worded(
        items.claim_exceptions(exception_ids=call.ids, user=call.asked.user, actor=call.actor, now=call.now)
    )


def _release(call: Call) -> Told:
    assert call.asked.user is not None  # noqa: S101 - checked above
    return _worded(
        items.release_exceptions(exception_ids=call.ids, user=call.asked.user, actor=call.actor, now=call.now)
    )


def _assign(call: Call) -> Told:
    return _worded(
        attention.assign_exceptions(
            exception_ids=call.ids,
            owner=call.owner,
            team=call.team,
            reason=call.asked.reason.strip(),
            actor=call.actor,
            now=call.now,
        )
    )


def _comment(call: Call) -> Told:
    written = comment_exceptions(
        exception_ids=call.ids,
        text=call.asked.text,
        audience=call.asked.audience,
        actor=call.actor,
        now=call.now,
    )
    missed = (
        {} if call.asked.audience == Comment.Audience.FRONT_OFFICE else untold(call.asked.text, list(written))
    )
    return {
        each: (REFUSED, _NO_READER) if number is None else (DONE, worded_untold(missed.get(each, ())))
        for each, number in written.items()
    }


def worded_untold(names: Sequence[str]) -> str:
    """Return the sentence that says who is mentioned and told nothing; empty for nobody."""
    return f"Not told, as they do not see it: {', '.join(names)}." if names else ""


def _close(call: Call) -> Told:
    return _worded(
        items.close_by_hand(
            exception_ids=call.ids, resolution=call.asked.reason.strip(), actor=call.actor, now=call.now
        )
    )


def _snooze(call: Call) -> Told:
    assert call.asked.until is not None  # noqa: S101 - checked above
    return _worded(
        attention.snooze_exceptions(
            exception_ids=call.ids,
            until=call.asked.until,
            reason=call.asked.reason.strip(),
            actor=call.actor,
            now=call.now,
        )
    )


def _wake(call: Call) -> Told:
    return _worded(attention.wake_exceptions(exception_ids=call.ids, actor=call.actor, now=call.now))


def _name_root_cause(call: Call) -> Told:
    return _worded(
        attention.name_root_cause(
            exception_ids=call.ids, root_cause=call.asked.root_cause.strip(), actor=call.actor, now=call.now
        )
    )


def moved_since(seen: str, version: int) -> str:
    """Return why nothing is done to a trade of another version than somebody has seen."""
    return f"The trade has changed since you saw it: you have seen version {seen}, it has version {version}."


def _open_trades(call: Call) -> tuple[Told, dict[int, int]]:
    """Return what is refused of items that are closed, about no trade, or whose trade has another version than was
    seen, and the trades of the others, which are locked."""
    found = sql.rows(
        "SELECT id, trade_id, closed_at IS NULL FROM trades_exception WHERE id = ANY(%s) ORDER BY id",
        [call.ids],
    )
    told = {each: (REFUSED, _NO_TRADE if is_open else _CLOSED) for each, _, is_open in found}
    trades = {each: trade_id for each, trade_id, is_open in found if is_open and trade_id is not None}
    states = lock_states(trade_ids=list(trades.values()))
    for each, trade_id in trades.items():
        del told[each]
        version, seen = states[trade_id][0], call.seen.get(each, "")
        if seen and seen != str(version):
            told[each] = (REFUSED, moved_since(seen, version))
    return told, {each: trade_id for each, trade_id in trades.items() if each not in told}


def _recheck(call: Call) -> Told:
    told, trades = _open_trades(call)
    held = {
        trade_id
        for (trade_id,) in sql.rows(
            "SELECT trade_id FROM trades_state WHERE trade_id = ANY(%s) AND state + 0 = %s",
            [list(trades.values()), State.EXCEPTION.value],
        )
    }
    reason = call.asked.reason.strip()
    moved = set(recheck_trades(trade_ids=sorted(held), reason=reason, actor=call.actor, now=call.now))
    for each, trade_id in trades.items():
        told[each] = (DONE, "") if trade_id in moved else (REFUSED, "The trade is not held any more.")
    return told


def _reject(call: Call) -> Told:
    told, trades = _open_trades(call)
    refused = reject_trades(
        trade_ids=sorted(set(trades.values())), reason=call.asked.reason, actor=call.actor, now=call.now
    )
    for each, trade_id in trades.items():
        told[each] = (REFUSED, refused[trade_id]) if trade_id in refused else (DONE, "")
    return told


ACTIONS: dict[str, Action] = {
    "claim": Action("Assign to me", _claim, for_people=True),
    "release": Action("Release", _release, for_people=True),
    "assign": Action("Assign", _assign, ("owner", "team", "reason")),
    "comment": Action("Comment", _comment, ("text", "audience")),
    "snooze": Action("Snooze", _snooze, ("until", "reason")),
    "wake": Action("Bring back", _wake),
    "root-cause": Action("Name the root cause", _name_root_cause, ("root_cause",)),
    "close": Action("Close with an explanation", _close, ("reason",)),
    "re-check": Action("Re-check", _recheck, ("reason",)),
    "reject": Action("Reject", _reject, ("reason",)),
}
