"""Many records at once: what would become of each, the run that does it, what became of each, and taking it back."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse

from core import ids
from core.clock import utc_now
from core.http.problem import Problem
from ops import exports
from ops.arrangement import KEPT, address
from ops.bulk import (
    EXPORTS,
    OF_TRADES,
    SUBJECTS,
    Chosen,
    Subject,
    as_now,
    kept,
    right_of,
    shown,
    subject_of,
    ticked,
    title_of,
)
from ops.desk import asked_of, choices
from ops.lists.base import Listed
from ops.lists.exceptions import EXCEPTIONS
from ops.lists.trades import TRADES
from ops.permissions import Right, desks_of, may
from ops.preferences import preferences_of
from ops.saved_views import content_of
from ops.shell import Shown, actor, denied, needs, next_url, person, posted, show
from trades.models import BulkRun
from trades.selectors import chosen as selectors
from trades.services.bulk_run import MAX_ITEMS, UNDO, can_undo, foresee, start_run, stop_run, undo_run
from trades.services.desk import Told
from trades.services.many_trades import PROPOSED

SHOWN = 500  # records that a preview names
_PAGE = 100
_OUTCOMES = ("DONE", PROPOSED, "UNCHANGED", "REFUSED", "UNKNOWN")
_PLACE = ("page", "size", "sort", *KEPT)


@posted("exceptions")
@needs(Right.READ_EXCEPTIONS)
def exception_bulk(request: HttpRequest) -> HttpResponse:
    """Take an action on chosen exceptions through its steps: ask what it needs, preview it, do it."""
    return _bulk(request, EXCEPTIONS)


@posted("blotter")
@needs(Right.READ_TRADES)
def trade_bulk(request: HttpRequest) -> HttpResponse:
    """Take an action on chosen trades through its steps, or send them as a file."""
    if request.POST.get("action", "") in EXPORTS:
        return _export(request, request.POST["action"].removeprefix("export-"))
    return _bulk(request, TRADES)


def _place(request: HttpRequest, listed: Listed) -> dict[str, str]:
    """Return the parameters of the list from which records were chosen."""
    given = {name: request.POST.get(name, "").replace("\0", "")[:256] for name in (*listed.filters, *_PLACE)}
    return {name: value for name, value in given.items() if value}


def _bulk(request: HttpRequest, listed: Listed) -> HttpResponse:
    action, step, place = (
        request.POST.get("action", ""),
        request.POST.get("step", ""),
        _place(request, listed),
    )
    subject = subject_of(listed, action)
    if subject is None:
        return HttpResponseRedirect(address(listed, place), status=303)
    if not may(request.user, subject.right_for(action)):
        return denied(request, subject.right_for(action))
    previewed = kept(request, subject)
    if step == "do" and previewed is not None and previewed.seen:
        return _do(request, listed, subject, action, previewed, place)
    found = ticked(request, listed, subject) if previewed is None else as_now(subject, list(previewed.seen))
    asks_first = bool(subject.actions[action].fields) and step != "preview"
    return _preview(request, listed, subject, action, found, place, asks_first=asks_first)


def _do(
    request: HttpRequest, listed: Listed, subject: Subject, action: str, found: Chosen, place: dict[str, str]
) -> HttpResponse:
    again = ids.database_id(ids.BULK_RUN, request.POST.get("again", ""))
    try:
        run = start_run(
            subject=subject.code,
            seen=found.seen,
            asked=asked_of(request, action),
            key=request.POST.get("key", "")[:64] or secrets.token_urlsafe(12),
            again=None if again is None or selectors.run(again) is None else again,
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        return _preview(request, listed, subject, action, found, place, problem=problem)
    return _to(run, listed, place)


def _to(run: BulkRun, listed: Listed, place: dict[str, str]) -> HttpResponse:
    back = {"from_list": listed.code, **{f"at.{name}": value for name, value in place.items()}}
    found = reverse("bulk_run", args=[ids.public_id(ids.BULK_RUN, run.id)])
    return HttpResponseRedirect(f"{found}?{urlencode(back)}", status=303)


def _preview(
    request: HttpRequest,
    listed: Listed,
    subject: Subject,
    action: str,
    found: Chosen,
    place: dict[str, str],
    *,
    problem: Problem | None = None,
    asks_first: bool = False,
    again: str = "",
    typed: Any = None,
) -> HttpResponse:
    """Show what would become of each record; what is asked first, or was wrong, beside the form."""
    now, told = utc_now(), Told()
    if found.seen and problem is None and not asks_first:
        try:
            told = foresee(
                subject=subject.code,
                seen=found.seen,
                asked=asked_of(request, action),
                actor=actor(request),
                now=now,
            )
        except Problem as wrong:
            problem = wrong
    first = sorted(told, key=lambda each: told[each][0] == "DONE")[:SHOWN]
    context = {
        **choices(),
        "title": subject.actions[action].title,
        "fields": subject.actions[action].fields,
        "action": action,
        "of_trades": subject == OF_TRADES,
        "chosen": found,
        "tokens": found.tokens(subject),
        "count": len(found.seen),
        "most": MAX_ITEMS,
        "key": secrets.token_urlsafe(12),
        "again": again or request.POST.get("again", ""),
        "counts": _counts(told),
        "can": sum(outcome in {"DONE", PROPOSED} for outcome, _ in told.values()),
        "results": _rows(subject, [(each, *told[each]) for each in first], previewed=True),
        "told": len(told),
        "parameters": place,
        "form": reverse("trade_bulk" if listed == TRADES else "exception_bulk"),
        "back": address(listed, place),
        "list_title": listed.title,
        "typed": request.POST if typed is None else typed,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/bulk.html", context, screen=_screen(listed), now=now, status=status)


def _screen(listed: Listed) -> str:
    return "trade_bulk" if listed == TRADES else "bulk"


def _counts(told: Told) -> dict[str, int]:
    outcomes = [outcome for outcome, _ in told.values()]
    return {each: outcomes.count(each) for each in _OUTCOMES}


def _rows(
    subject: Subject, results: list[tuple[int, str, str]], *, previewed: bool = False
) -> list[dict[str, Any]]:
    """Return results with what each is about."""
    records = shown(subject, [number for number, *_ in results])
    marks = {"DONE": "TO_DO", PROPOSED: "TO_PROPOSE"} if previewed else {"": "LEFT"}
    return [
        {
            "reference": ids.public_id(subject.prefix, number),
            "record": records.get(number),
            "mark": f"RESULT_{marks.get(outcome, outcome)}",
            "detail": detail,
        }
        for number, outcome, detail in results
    ]


def _export(request: HttpRequest, form: str) -> HttpResponse:
    """Send chosen trades as a file, with the columns that somebody sees."""
    found, now = ticked(request, TRADES, OF_TRADES), utc_now()
    if found.more or len(found.seen) > exports.ROWS_MAX:
        raise Problem(422, "too-many", f"There are more than {exports.ROWS_MAX:,} trades. Narrow the filter.")
    place = _place(request, TRADES)
    content = content_of(TRADES, place)
    columns = TRADES.columns_of(",".join(content.columns), content.parameters)
    rows = list(selectors.shown_trades(list(found.seen)).values())
    made = exports.Export(TRADES, content, columns, rows, now)
    exports.tell(made, form, rows=len(rows), user_id=person(request).id, actor=actor(request))
    name = f"trades-{now.astimezone(UTC):%Y%m%d-%H%M%S}.{form}"
    sent: Any = StreamingHttpResponse(
        exports.parts(made, form),
        content_type=exports.FORMATS[form].media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
    return cast(HttpResponse, sent)  # as the console's views say; Django takes either


# --- runs


@needs(Right.READ_EXCEPTIONS)
def runs(request: HttpRequest) -> HttpResponse:
    """Show the bulk runs that were asked for last; of desks only those that one has asked for."""
    own = None if desks_of(request.user) is None else person(request).pk
    found = [
        {"run": each, "title": title_of(each), "reference": ids.public_id(ids.BULK_RUN, each.id)}
        for each in selectors.last_runs(of=own)
    ]
    return show(request, "ops/bulk_runs.html", {"runs": found}, screen="bulk_runs", now=utc_now())


@needs(Right.READ_EXCEPTIONS)
def bulk_run(request: HttpRequest, ref: str) -> HttpResponse:
    """Show a run: how far it has come, its figures, and what became of each record."""
    run, now = _run(ref), utc_now()
    of = request.GET.get("of", "")
    of = of if of in selectors.RESULTS else ""
    after = request.GET.get("after", "")
    results = selectors.results(
        run, of=of, after=int(after) if after.isdecimal() and len(after) < 6 else 0, limit=_PAGE + 1
    )
    subject = SUBJECTS[run.subject]
    listed, place = _came_from(request, run)
    context: dict[str, Any] = {
        "run": run,
        "reference": ref,
        "title": title_of(run),
        "rows": _rows(subject, [(each.subject_id, each.outcome, each.detail) for each in results[:_PAGE]]),
        "more": results[_PAGE - 1].place if len(results) > _PAGE else None,
        "of": of,
        "going_on": run.state == BulkRun.State.RUNNING,
        "per_cent": run.position * 100 // run.items,
        "of_trades": subject == OF_TRADES,
        "undoable": can_undo(run, user_id=person(request).id, now=now),
        "may_act": run.action != UNDO and may(request.user, subject.right_for(run.action)),
        "not_done": run.refused + (run.items - run.position if run.finished_at else 0),
        "undone_by": BulkRun.objects.filter(undoes=run).first(),
        "parameters": {
            name: value for name, value in request.GET.items() if name.startswith(("at.", "from_"))
        },
        "back": address(listed, place),
        "list_title": listed.title,
    }
    return show(request, "ops/bulk_run.html", context, screen="bulk_run", now=now)


@posted("bulk_run")
@needs(Right.WORK_EXCEPTIONS)
def again(request: HttpRequest, ref: str) -> HttpResponse:
    """Preview the action of a run once more, for what was refused or left, as it is now."""
    run = _run(ref)
    subject = SUBJECTS[run.subject]
    if run.action == UNDO:
        raise Http404
    if not may(request.user, subject.right_for(run.action)):
        return denied(request, subject.right_for(run.action))
    listed, place = _came_from(request, run)
    typed = {**run.asked, "until": _local(request, run.asked.get("until"))}
    found = as_now(subject, selectors.not_done(run))
    return _preview(
        request,
        listed,
        subject,
        run.action,
        found,
        place,
        asks_first=bool(subject.actions[run.action].fields),
        again=ref,
        typed=typed,
    )


@posted("bulk_run")
@needs(Right.WORK_EXCEPTIONS)
def stop(request: HttpRequest, ref: str) -> HttpResponse:
    """Stop a run."""
    run = _run(ref)
    if not may(request.user, right_of(run)):
        return denied(request, right_of(run))
    try:
        stop_run(run_id=run.id, actor=actor(request), now=utc_now())
        messages.success(request, "It is stopped; what it has done stays.")
    except Problem as problem:
        messages.error(request, problem.title)
    return HttpResponseRedirect(reverse("bulk_run", args=[ref]), status=303)


@posted("bulk_run")
@needs(Right.WORK_EXCEPTIONS)
def undo(request: HttpRequest, ref: str) -> HttpResponse:
    """Take back what a run has done, and go back to where that was asked."""
    run = _run(ref)
    try:
        undone = undo_run(
            run_id=run.id,
            user=person(request),
            key=secrets.token_urlsafe(12),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        messages.error(request, f"{problem.title} {problem.detail}".strip())
        return HttpResponseRedirect(next_url(request, reverse("bulk_run", args=[ref])), status=303)
    reference = ids.public_id(ids.BULK_RUN, undone.id)
    if undone.items > 1:
        return HttpResponseRedirect(reverse("bulk_run", args=[reference]), status=303)
    if undone.refused:
        (result,) = selectors.results(undone, limit=1)
        messages.error(request, result.detail)
    else:
        messages.success(request, "It is taken back.")
    return HttpResponseRedirect(next_url(request, reverse("bulk_run", args=[reference])), status=303)


def _run(ref: str) -> BulkRun:
    number = ids.database_id(ids.BULK_RUN, ref)
    found = None if number is None else selectors.run(number)
    if found is None:
        raise Http404
    return found


def _came_from(request: HttpRequest, run: BulkRun) -> tuple[Listed, dict[str, str]]:
    """Return the list from which a run's records were chosen, and its parameters then."""
    given = request.POST if request.method == "POST" else request.GET
    listed = TRADES if given.get("from_list", run.subject + "s") == TRADES.code else EXCEPTIONS
    names = (*listed.filters, *_PLACE)
    return listed, {name: given[f"at.{name}"] for name in names if given.get(f"at.{name}")}


def _local(request: HttpRequest, moment: str | None) -> str:
    """Return a moment as a form of the person's zone has it."""
    if not moment:
        return ""
    return (
        datetime.fromisoformat(moment).astimezone(preferences_of(request).tzinfo).strftime("%Y-%m-%dT%H:%M")
    )
