"""What a bulk action is about: which records of a list were chosen, who may do what to them, how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Problem
from ops.desk import right_for
from ops.lists.base import Listed
from ops.lists.exceptions import EXCEPTIONS
from ops.lists.trades import TRADES
from ops.permissions import Right, may
from ops.shell import person
from ops.visibility import seen_of
from trades.models import BulkRun
from trades.selectors import blotter, chosen, desk, exceptions
from trades.selectors.filters import read_filter
from trades.services.bulk_run import MAX_ITEMS, UNDO
from trades.services.desk import ACTIONS, Action
from trades.services.many_trades import TRADE_ACTIONS
from trades.services.versions import trade_etag

ASSIGN = "assign"
EXPORTS = {"export-csv": "Export as CSV", "export-xlsx": "Export as XLSX", "export-json": "Export as JSON"}
_TRADE_RIGHTS = {"re-check": Right.REPAIR, "cancel": Right.CHANGE}


@dataclass(frozen=True)
class Subject:
    """What an action is done to: trades or exceptions, with the prefix of their references and their actions."""

    code: str
    prefix: str
    actions: Mapping[str, Action]
    right_for: Callable[[str], Right]


OF_TRADES = Subject(BulkRun.Subject.TRADE, ids.TRADE, TRADE_ACTIONS, _TRADE_RIGHTS.__getitem__)
OF_EXCEPTIONS = Subject(BulkRun.Subject.EXCEPTION, ids.EXCEPTION, ACTIONS, right_for)
SUBJECTS = {each.code: each for each in (OF_TRADES, OF_EXCEPTIONS)}
UNDONE = "Take back"


def title_of(run: BulkRun) -> str:
    """Return what a run does, in words."""
    return UNDONE if run.action == UNDO else SUBJECTS[run.subject].actions[run.action].title


def right_of(run: BulkRun) -> Right:
    """Return the right that what a run does needs."""
    return Right.WORK_EXCEPTIONS if run.action == UNDO else SUBJECTS[run.subject].right_for(run.action)


def within_reach(run: BulkRun, numbers: Collection[int]) -> Collection[int] | None:
    """Return which records the person of a run sees; None when the person may not do what it does any more."""
    if not (run.user.is_active and may(run.user, right_of(run))):
        return None
    return seen_of(SUBJECTS[run.subject].prefix, numbers, run.user)


def subject_of(listed: Listed, action: str) -> Subject | None:
    """Return what an action of a list's bar is done to, or None when it has no such action.

    To assign trades is to assign their open exceptions.
    """
    subject = (OF_EXCEPTIONS if action == ASSIGN else OF_TRADES) if listed == TRADES else OF_EXCEPTIONS
    return subject if action in subject.actions else None


def actions_of(request: HttpRequest, listed: Listed) -> list[tuple[str, str]]:
    """Return the actions of a list's bar that a person may do, with their titles."""
    if listed == TRADES:
        offered = [("re-check", OF_TRADES), (ASSIGN, OF_EXCEPTIONS), ("cancel", OF_TRADES)]
    else:
        offered = [(name, OF_EXCEPTIONS) for name in ACTIONS]
    return [
        (name, subject.actions[name].title)
        for name, subject in offered
        if may(request.user, subject.right_for(name))
    ]


@dataclass(frozen=True)
class Chosen:
    """Records that are meant: each with what is seen of it; whether a list has more than can be done at once.

    without: how many chosen trades have no open exception, where these are assigned.
    """

    seen: Mapping[int, str]
    more: bool = False
    without: int = 0

    def tokens(self, subject: Subject) -> str:
        """Return the records as a form keeps them."""
        return " ".join(f"{ids.public_id(subject.prefix, each)}:{seen}" for each, seen in self.seen.items())


def kept(request: HttpRequest, subject: Subject) -> Chosen | None:
    """Return the records that a form keeps, as they were seen when it was shown; None when it keeps none."""
    given = request.POST.get("chosen", "").split()
    pairs = (each.partition(":")[::2] for each in given)
    found = {ids.database_id(subject.prefix, reference): seen[:64] for reference, seen in pairs}
    return Chosen({each: seen for each, seen in found.items() if each is not None}) if given else None


def ticked(request: HttpRequest, listed: Listed, subject: Subject) -> Chosen:
    """Return the records that were ticked in a list, or all that it shows, as they are now.

    Problem 422 when the list looks through too many records.
    """
    if request.POST.get("which") == "all":
        if listed == TRADES:
            return _all_trades(request, subject)
        return _all_exceptions(request)
    numbers = _numbers(request.POST.getlist("ids"), ids.TRADE if listed == TRADES else ids.EXCEPTION)
    if listed == TRADES:
        return _of(chosen.trades_seen(numbers), subject)
    return Chosen(chosen.items_seen(numbers))


def as_now(subject: Subject, numbers: Sequence[int]) -> Chosen:
    """Return records as they are now."""
    if subject == OF_TRADES:
        return _of(chosen.trades_seen(numbers), subject)
    return Chosen(chosen.items_seen(numbers))


def _numbers(references: Sequence[str], prefix: str) -> list[int]:
    found = (ids.database_id(prefix, each) for each in references[: MAX_ITEMS + 1])
    return [each for each in found if each is not None]


def _all_trades(request: HttpRequest, subject: Subject) -> Chosen:
    wanted, _ = read_filter({name: request.POST.get(name, "").replace("\0", "") for name in TRADES.filters})
    try:
        seen, more = chosen.trades_matching(wanted, most=MAX_ITEMS)
    except blotter.TooBroad:
        raise Problem(
            422,
            "too-broad",
            "This looks through too many trades.",
            detail="Narrow the filter, and choose again.",
        ) from None
    return _of(seen, subject, more=more)


def _of(found: Mapping[int, chosen.Standing | None], subject: Subject, *, more: bool = False) -> Chosen:
    """Return trades, or their open exceptions where these are what an action is done to."""
    if subject == OF_TRADES:
        return Chosen({each: trade_etag(*at).strip('"') if at else "" for each, at in found.items()}, more)
    items = chosen.open_items_of(found)
    with_items = {row["trade_id"] for row in desk.items_of(list(items)).values()}
    return Chosen(dict(list(items.items())[:MAX_ITEMS]), more, len(found) - len(with_items))


def _all_exceptions(request: HttpRequest) -> Chosen:
    given = {name: request.POST.get(name, "").replace("\0", "") for name in EXCEPTIONS.filters}
    view = given.pop("view")
    found, more = desk.ids_of(
        view=view if view in exceptions.VIEWS else "open",
        narrowing=exceptions.Narrowing(**given),
        user_id=person(request).id,
        now=utc_now(),
        most=MAX_ITEMS,
    )
    return Chosen(chosen.items_seen(found), more)


def shown(subject: Subject, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return what a page tells of records, by id: what each is about, its amount and currency, and its trade."""
    if subject == OF_TRADES:
        return {
            number: {
                "about": f"{row['counterparty_name'] or row['counterparty_ref']} · {row['source_ref']}",
                "state": row["state"],
                "amount": row["net_amount"],
                "currency": row["currency"],
                "address": reverse("trade", args=[ids.public_id(ids.TRADE, number)]),
                "trade_id": None,
            }
            for number, row in chosen.shown_trades(numbers).items()
        }
    return {
        number: {
            "about": row["summary"],
            "base_amount": row["amount_at_risk"],
            "address": reverse("exception", args=[ids.public_id(ids.EXCEPTION, number)]),
            "trade_id": row["trade_id"],
        }
        for number, row in desk.items_of(numbers).items()
    }
