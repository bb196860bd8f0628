"""The queue of exceptions and the desk on which one of them is worked."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse

from core import ids
from core.as_of import NOW, AsOf
from core.clock import utc_now
from core.http.problem import Problem
from ops import selectors
from ops.arrangement import KEPT, arrange, seen_first
from ops.as_of import clock, where
from ops.bulk import actions_of
from ops.desk import asked_of, choices
from ops.lists.exceptions import EXCEPTIONS
from ops.live import answer, is_asked, mark_of
from ops.permissions import Right, may
from ops.repair_form import RepairForm, form_context, version_of
from ops.shell import Shown, actor, chooses, denied, needs, person, posted, show
from ops.views.trade import ENDED, steps
from risk.services.excess import excess_to_type, is_overridable, propose_excess
from trades.lifecycle import SUBJECT, State
from trades.models import BulkRun, Comment, ExceptionItem, Finding
from trades.selectors import chosen, desk, timeline
from trades.selectors import exceptions as queue
from trades.selectors.exceptions import Narrowing
from trades.selectors.marks import exception_mark
from trades.services import exceptions as services
from trades.services.bulk_run import start_run
from trades.services.comments import comment, untold
from trades.services.desk import ACTIONS as DESK_ACTIONS
from trades.services.desk import REFUSED, UNCHANGED, Asked, worded_untold
from trades.services.recheck import recheck_trades
from trades.services.refused import answer_refused
from trades.services.reject import reject_trade
from trades.services.repair import repair_trade
from trades.services.undo import UNDOABLE
from trades.work_items import CHANGE, MAX_CAUSE, About, Facts, Move, kind_of, next_action

TABS = (
    ("open", "Open"),
    ("mine", "Mine"),
    ("team", "My team"),
    ("unassigned", "Unassigned"),
    ("overdue", "Overdue"),
    ("returned", "Returned"),
    ("snoozed", "Snoozed"),
    ("closed", "Closed"),
)
_NARROWINGS = [each.name for each in fields(Narrowing)]


@dataclass(frozen=True)
class Place:
    """Where in the queue somebody is: the view, what it is narrowed to, the page."""

    view: str
    narrowing: Narrowing
    number: int
    kept: tuple[tuple[str, str], ...] = ()  # how the list is arranged

    @classmethod
    def of(cls, parameters: Any) -> Place:
        """Read the place out of an address or a form."""
        view, number = parameters.get("view", ""), parameters.get("page", "1")
        return cls(
            view if view in queue.VIEWS else "open",
            Narrowing(*(parameters.get(name, "").replace("\0", "")[:MAX_CAUSE] for name in _NARROWINGS)),
            min(queue.MAX_PAGE, max(1, int(number[:6]))) if number.isdecimal() else 1,
            tuple((name, parameters[name]) for name in KEPT if parameters.get(name)),
        )

    @property
    def narrowed(self) -> bool:
        """Tell whether the list shows less than its view."""
        return self.narrowing != Narrowing()

    @property
    def previous(self) -> int:
        """Return the number of the page before."""
        return self.number - 1

    @property
    def following(self) -> int:
        """Return the number of the page after."""
        return self.number + 1

    def parameters(self) -> dict[str, str]:
        """Return the place as parameters of an address."""
        page = str(self.number) if self.number > 1 else ""
        kept = {
            "view": "" if self.view == "open" else self.view,
            **asdict(self.narrowing),
            "page": page,
            **dict(self.kept),
        }
        return {name: value for name, value in kept.items() if value}

    def url(self, name: str, *args: str) -> str:
        """Return the address of a screen at this place."""
        found = self.parameters()
        return reverse(name, args=args) + (f"?{urlencode(found)}" if found else "")


@needs(Right.READ_EXCEPTIONS)
def exceptions(request: HttpRequest) -> HttpResponse:
    """Show the queue."""
    now, as_of = clock(request), where(request)
    place = Place.of(request.GET)
    arranged = arrange(request, EXCEPTIONS, sort="-closed" if place.view == "closed" else "due")
    if (first := seen_first(request, arranged)) is not None:
        return first
    rows, more = queue.queue(
        view=place.view,
        narrowing=place.narrowing if as_of is None else Narrowing(code=place.narrowing.code),
        user_id=person(request).id,
        now=now,
        number=place.number,
        as_of=as_of,
    )
    context = {
        "arranged": arranged,
        "rows": rows,
        "more": more,
        "place": place,
        "parameters": place.parameters(),
        "tabs": TABS,
    }
    if as_of is None:  # the counts are of the present
        context["actions"] = [] if place.view == "closed" else actions_of(request, EXCEPTIONS)
        context["summary"] = queue.summary(user_id=person(request).id, now=now)
        context["matching"] = desk.count(
            view=place.view, narrowing=place.narrowing, user_id=person(request).id, now=now
        )
        context["mark"] = mark = mark_of(rows, context["summary"], context["matching"])
        if is_asked(request):
            return answer(request, "ops/parts/exceptions_live.html", context, mark=mark, now=now)
        context["codes"] = queue.codes()
        context["moves"] = Move.choices
    return show(request, "ops/exceptions.html", context, screen="exceptions", now=now)


@needs(Right.READ_EXCEPTIONS)
def exception(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one exception, with the queue at its left; as of a moment, the trade that it is about, if any."""
    item, as_of = _item(ref), where(request)
    if as_of is not None and item.trade_id is not None:
        return redirect("trade", ref=ids.public_id(ids.TRADE, item.trade_id))
    then = item if as_of is None else queue.exception_then(item.id, as_of)
    if then is None:
        raise Http404
    return _show(request, then, Place.of(request.GET))


@posted("exceptions")
@needs(Right.WORK_EXCEPTIONS)
def take(request: HttpRequest) -> HttpResponse:
    """Claim the most urgent exception that nobody has, and go to it."""
    return _take_next(request, Place.of(request.POST))


@posted("exception")
@needs(Right.READ_EXCEPTIONS)
def act(request: HttpRequest, ref: str, action: str) -> HttpResponse:
    """Do one of ACTIONS to an exception; what fails is shown beside the form, with what was typed."""
    asked = ACTIONS.get(action)
    if asked is None:
        raise Http404
    if not may(request.user, asked.right):
        return denied(request, asked.right)
    item, place = _item(ref), Place.of(request.POST)
    try:
        asked.act(request, item, utc_now())
    except Problem as problem:
        return _show(request, item, place, problem=problem, failed=action)
    if asked.resolves and request.POST.get("then") == "next" and may(request.user, Right.WORK_EXCEPTIONS):
        return _take_next(request, place, after=item.id)
    return HttpResponseRedirect(place.url("exception", ref), status=303)


def _take_next(request: HttpRequest, place: Place, *, after: int = 0) -> HttpResponse:
    found = services.take_next(user=person(request), actor=actor(request), now=utc_now(), after=after)
    if found is None:
        messages.success(
            request,
            "Nothing is left to take: every open exception has an owner, is snoozed or waits for an answer.",
        )
        return HttpResponseRedirect(place.url("exceptions"), status=303)
    return HttpResponseRedirect(place.url("exception", ids.public_id(ids.EXCEPTION, found)), status=303)


def _item(ref: str) -> ExceptionItem:
    number = ids.database_id(ids.EXCEPTION, ref)
    found = None if number is None else queue.exception(number)
    if found is None:
        raise Http404
    return found


def _trade(item: ExceptionItem) -> int:
    """Return the trade that an exception is about; what is about none cannot be repaired, rejected and so on."""
    if item.trade_id is None:
        raise Http404
    return item.trade_id


def _one(request: HttpRequest, item: ExceptionItem, asked: Asked, now: datetime, *, done: str) -> None:
    """Do an action of the desk to one exception, and say what became of it: `done`, with the way to take it back."""
    run = start_run(
        subject=BulkRun.Subject.EXCEPTION,
        seen={item.id: ""},
        asked=asked,
        key=secrets.token_urlsafe(12),
        actor=actor(request),
        now=now,
    )
    (result,) = chosen.results(run, limit=1)
    if result.outcome == REFUSED:
        messages.error(request, result.detail)
    elif result.outcome == UNCHANGED:
        messages.success(request, "It was so already.")
    else:
        undo = f"undo-{ids.public_id(ids.BULK_RUN, run.id)}" if asked.action in UNDOABLE else ""
        messages.success(request, done, extra_tags=undo)


def _claim(request: HttpRequest, item: ExceptionItem, now: datetime) -> None:
    _one(request, item, Asked("claim", user=person(request)), now, done="It is yours.")


def _release(request: HttpRequest, item: ExceptionItem, now: datetime) -> None:
    _one(request, item, Asked("release", user=person(request)), now, done="It is back in the queue.")


def _comment(request: HttpRequest, item: ExceptionItem, now: datetime) -> None:
    audience = request.POST.get("audience", Comment.Audience.INTERNAL)
    if audience not in Comment.Audience.values:
        audience = Comment.Audience.INTERNAL
    comment(
        exception_id=item.id,
        text=request.POST.get("text", ""),
        audience=audience,
        actor=actor(request),
        now=now,
    )
    if audience == Comment.Audience.FRONT_OFFICE:
        messages.success(request, "The front office is asked; its answer brings the exception back.")
    else:
        messages.success(request, "The comment is stored.")
        missed = untold(request.POST.get("text", ""), [item.id])[item.id]
        if missed:
            messages.warning(request, worded_untold(missed))


def _on_desk(action: str) -> Callable[[HttpRequest, ExceptionItem, datetime], None]:
    """Return what does an action of the desk to one exception."""

    def act(request: HttpRequest, item: ExceptionItem, now: datetime) -> None:
        _one(request, item, asked_of(request, action), now, done=f"{DESK_ACTIONS[action].title}: done.")

    return act


def _repair(request: HttpRequest, item: ExceptionItem, now: datetime) -> None:
    form = RepairForm.of(request.POST.dict(), _trade(item), version_of(request))
    changes = {name: value for name, value in form.typed.items() if value != form.seen.get(name)}
    version = repair_trade(
        trade_id=_trade(item),
        version=form.version,
        changes=changes,
        reason=request.POST.get("reason", ""),
        actor=actor(request),
        now=now,
    )
    messages.success(request, f"Stored as version {version}; the checks look at it again.")


def _recheck(request: HttpRequest, item: ExceptionItem, now: datetime) -> None:
    moved = recheck_trades(
        trade_ids=[_trade(item)], reason=request.POST.get("reason", ""), actor=actor(request), now=now
    )
    if moved:
        messages.success(request, "The checks look at it again.")
    else:
        messages.error(request, "The trade has moved on meanwhile and was not re-checked.")


def _request_excess(request: HttpRequest, item: ExceptionItem, now: datetime) -> None:
    propose_excess(
        trade_id=_trade(item),
        version=version_of(request),
        codes=request.POST.getlist("codes"),
        reason=request.POST.get("reason", ""),
        typed=request.POST.get("amount", ""),
        user=person(request),
        actor=actor(request),
        now=now,
    )
    messages.success(request, "The request awaits a second person’s approval.")


def _reject(request: HttpRequest, item: ExceptionItem, now: datetime) -> None:
    reject_trade(
        trade_id=_trade(item),
        version=version_of(request),
        reason=request.POST.get("reason", ""),
        actor=actor(request),
        now=now,
    )
    messages.success(request, "The trade is rejected and cancelled.")


def _answer(request: HttpRequest, item: ExceptionItem, now: datetime) -> None:
    answer_refused(
        trade_id=_trade(item), reason=request.POST.get("reason", ""), actor=actor(request), now=now
    )
    messages.success(request, "It is answered; the trade stays as it is.")


@dataclass(frozen=True)
class Action:
    """Something done to an exception: the right it needs, what it calls, whether it resolves."""

    right: Right
    act: Callable[[HttpRequest, ExceptionItem, datetime], None]
    resolves: bool = False


ACTIONS = {
    "claim": Action(Right.WORK_EXCEPTIONS, _claim),
    "release": Action(Right.WORK_EXCEPTIONS, _release),
    "comment": Action(Right.WORK_EXCEPTIONS, _comment),
    **{
        name: Action(Right.WORK_EXCEPTIONS, _on_desk(name))
        for name in ("assign", "snooze", "wake", "root-cause")
    },
    "close": Action(Right.WORK_EXCEPTIONS, _on_desk("close"), resolves=True),
    "repair": Action(Right.REPAIR, _repair, resolves=True),
    "re-check": Action(Right.REPAIR, _recheck, resolves=True),
    "excess": Action(Right.PROPOSE_EXCESS, _request_excess, resolves=True),
    "reject": Action(Right.REJECT, _reject, resolves=True),
    "answer": Action(Right.CHANGE, _answer, resolves=True),
}
chooses("action", {name: (each.right,) for name, each in ACTIONS.items()}, act)


def _show(
    request: HttpRequest,
    item: ExceptionItem,
    place: Place,
    *,
    problem: Problem | None = None,
    failed: str = "",
) -> HttpResponse:
    now, as_of = clock(request), where(request)
    rows, more = queue.queue(
        view=place.view,
        narrowing=place.narrowing if as_of is None else Narrowing(code=place.narrowing.code),
        user_id=person(request).id,
        now=now,
        number=place.number,
        as_of=as_of,
    )
    kind = kind_of(item.kind)
    of_trade = _of_trade(request, item, failed) if item.trade_id is not None else _of_other(item, as_of)
    context = {
        "item": item,
        "reference": ids.public_id(ids.EXCEPTION, item.id),
        "record_mark": exception_mark(item.id),
        "rows": rows,
        "more": more,
        "place": place,
        "parameters": place.parameters(),
        "kind": kind,
        "next_action": next_action(kind=item.kind, codes=item.codes, move=item.move or kind.move),
        "mine": item.owner_id == person(request).id,
        "facts": _facts(item, as_of),
        **of_trade,
        **choices(),
        "desk_fields": {name: each.fields for name, each in DESK_ACTIONS.items()},
        "snoozed": item.snoozed_until is not None and item.snoozed_until > now,
        "problem": Shown.of(problem) if problem else None,
        "problem_of": {failed: Shown.of(problem)} if problem else {},
        "typed_of": {failed: request.POST},
        "failed": failed,
        "typed": {**request.POST.dict(), "codes": request.POST.getlist("codes")} if failed else {},
    }
    status = problem.status if problem else 200
    return show(request, "ops/exception.html", context, screen="exception", now=now, status=status)


def _of_trade(request: HttpRequest, item: ExceptionItem, failed: str) -> dict[str, Any]:
    """Return what is shown of the trade that an exception is about, and what can be done with it."""
    trade_id = _trade(item)
    shown = timeline.trade(trade_id)
    if shown is None:
        raise Http404
    findings = timeline.findings(trade_id)
    held = item.closed_at is None and shown["state"] == State.EXCEPTION
    return {
        "trade": shown,
        "steps": steps(State(shown["state"])),
        "held": held,
        "refused": item.closed_at is None and item.kind == CHANGE.code,
        "changeable": State(shown["state"]) not in ENDED,
        "findings": findings,
        "overridable": _overridable(findings),
        "proposal": selectors.pending_proposal_of(trade_id),
        "to_type": excess_to_type(trade_id),
        "seen_version": shown["version"],
        "entries": timeline.timeline(trade_id, exception_ids=[item.id]),
        **(
            _repairable(request, trade_id, failed, findings)
            if held and may(request.user, Right.REPAIR)
            else {}
        ),
    }


def _repairable(request: HttpRequest, trade_id: int, failed: str, findings: list[Finding]) -> dict[str, Any]:
    """Return the form of a repair with what findings suggest, and what was typed into one that failed."""
    version = version_of(request) if failed == "repair" else None
    return form_context(request.POST.dict(), trade_id, version=version, findings=findings)


def _of_other(item: ExceptionItem, as_of: AsOf | None) -> dict[str, Any]:
    """Return what happened to an exception that is about no trade."""
    return {"entries": timeline.timeline_of_item(item, as_of=as_of)}


def _facts(item: ExceptionItem, as_of: AsOf | None) -> Facts | None:
    """Return what its kind tells of an exception."""
    told = kind_of(item.kind).facts
    if told is None:
        return None
    if item.trade_id is not None:
        return told(About(SUBJECT, item.trade_id), as_of or NOW)
    return told(About(item.subject, item.subject_id, item.member), as_of or NOW)


def _overridable(findings: list[Finding]) -> list[str]:
    """Return the codes of open blocking findings that two people may accept."""
    codes = dict.fromkeys(
        each.code for each in findings if each.closed_at is None and each.severity == Finding.Severity.BLOCK
    )
    return [code for code in codes if is_overridable(code)]
