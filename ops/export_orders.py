"""Files of lists that are too long to wait for: asked for by a person, made in the background, and theirs alone.

What stands here is everything but the making (`ops.export_making`): asking, looking, cancelling, taking away, and
forgetting what nobody takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from core import ids, sql, work
from core.audit import Actor, record
from core.http.problem import Fault, Problem, not_found
from core.wake import wake_on_commit
from ops import exports
from ops.lists import LISTS
from ops.lists.base import Column, Listed
from ops.models import Export
from ops.permissions import may
from ops.saved_views import Content
from ops.visibility import sees_still

TASK = "ops.make_exports"
ROWS_MAX = 500_000  # of one file
BYTES_MAX = 200_000_000  # of one file
GOING_MAX = 3  # that one person waits for
KEPT_MAX = 20  # that one person has, of whatever became of them
KEPT_FOR = timedelta(days=3)  # after its end
GOING_ON = (Export.State.WAITING, Export.State.RUNNING)
SUBJECT = "export"
_FORGOTTEN_AT_ONCE = 50


@dataclass(frozen=True)
class Order:
    """A list with its filter and order, the columns shown, and the form of the file."""

    listed: Listed
    content: Content
    shown: Sequence[Column]
    form: str

    def facts(self) -> dict[str, Any]:
        """Return what the log tells of it."""
        return {
            "list": self.listed.code,
            "format": self.form,
            "filter": self.content.parameters,
            "sort": self.content.sort,
            "columns": [each.code for each in self.shown],
        }


def order_of(found: Export) -> Order:
    """Return what an export was asked to be; KeyError where the list is none any more."""
    listed = LISTS[found.listed]
    content = Content(found.parameters, found.columns, found.sort)
    known = listed.by_code
    shown = [known[code] for code in found.columns if code in known]
    return Order(listed, content, shown, found.form)


def reference(found: Export) -> str:
    """Return its public id."""
    return ids.public_id(ids.EXPORT, found.id)


def expires(found: Export) -> datetime | None:
    """Return when an export that has ended is forgotten."""
    return None if found.ended_at is None else found.ended_at + KEPT_FOR


# --- asking for one


def ask_export(*, order: Order, user: User, actor: Actor, now: datetime) -> int:
    """Have a file made of a list, and return the export's id; the same again while it is made is the same one.

    Problem 422 for a form that is none, and 409 while GOING_MAX others of the person are made. Of more than KEPT_MAX
    the person's oldest that has ended goes.
    """
    if order.form not in exports.FORMATS:
        fault = Fault("/format", f"One of {', '.join(exports.FORMATS)}.", "unknown")
        raise Problem(422, "invalid", "The list cannot be exported like this.", faults=[fault])
    asked = {
        "listed": order.listed.code,
        "form": order.form,
        "parameters": order.content.parameters,
        "columns": [each.code for each in order.shown],
        "sort": order.content.sort,
    }
    with transaction.atomic():
        # The bounds are told of all of a person's.
        sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"exports of {user.pk}"])
        going = list(Export.objects.filter(owner=user, state__in=GOING_ON))
        same = next((each for each in going if {name: getattr(each, name) for name in asked} == asked), None)
        if same is not None:
            return same.id
        if len(going) >= GOING_MAX:
            raise Problem(
                409,
                "too-many-exports",
                f"{GOING_MAX} exports of yours are not ready yet.",
                detail="Wait for one of them, or cancel it.",
            )
        made = Export.objects.create(owner=user, asked_at=now, **asked)
        _make_room(user)
        _tell("asked", made, actor, now, order.facts())
        work.enqueue(TASK, [made.id])
        wake_on_commit(TASK)
    return made.id


def _make_room(user: User) -> None:
    kept = Export.objects.filter(owner=user).order_by("-id").values_list("id", flat=True)
    oldest = list(kept[KEPT_MAX:])
    Export.objects.filter(id__in=oldest).exclude(state__in=GOING_ON).delete()


def cancel_export(*, export_id: int, user: User, actor: Actor, now: datetime) -> Export:
    """Stop an export that is not ready yet; the file so far is gone. Cancelling it again changes nothing.

    Problem 404 for what is nobody's or another's, and 409 when it is ready or has failed.
    """
    with transaction.atomic():
        found = _own(export_id, user, lock=True)
        if found.state == Export.State.CANCELLED:
            return found
        if found.state not in GOING_ON:
            raise Problem(
                409, "export-ended", "The export has ended.", detail=f"It is {found.state.lower()}."
            )
        found.state, found.ended_at = Export.State.CANCELLED, now
        found.save(update_fields=["state", "ended_at"])
        drop_parts(found.id)
        _tell("cancelled", found, actor, now)
    return found


def drop_parts(export_id: int) -> None:
    """Delete what there is of an export's file."""
    sql.run("DELETE FROM ops_export_part WHERE export_id = %s", [export_id])


# --- looking, and taking away


def exports_of(user: User) -> list[Export]:
    """Return the exports of a person, the newest first."""
    return list(Export.objects.filter(owner=user).order_by("-id")[: KEPT_MAX + GOING_MAX])


def take_export(*, export_id: int, user: User, actor: Actor, now: datetime) -> tuple[Export, Iterator[bytes]]:
    """Return an export and its file, part by part, and write to the log that it was taken.

    Problem 404 for what is nobody's or another's, and 409 for one that is no file, or of more than the person sees now.
    """
    with transaction.atomic():
        found = _own(export_id, user)
        listed = LISTS.get(found.listed)
        if listed is None or not may(user, listed.right):
            raise not_found("export")
        if found.state != Export.State.DONE:
            raise Problem(409, "no-file", "There is no file.", detail=f"The export is {found.state.lower()}.")
        if not sees_still(user, found.books):
            raise Problem(
                409,
                "sees-less",
                "You see fewer desks than when it was made.",
                detail="Have it made again: it then has what you see.",
            )
        _tell("taken", found, actor, now)
    return found, _parts(found.id)


def _parts(export_id: int) -> Iterator[bytes]:
    # One at a time, and by key: whoever takes a file slowly holds nothing.
    number = 1
    while row := sql.row(
        "SELECT data FROM ops_export_part WHERE export_id = %s AND number = %s", [export_id, number]
    ):
        yield bytes(row[0])
        number += 1


def _own(export_id: int, user: User, *, lock: bool = False) -> Export:
    kept = Export.objects.select_for_update(of=("self",)) if lock else Export.objects
    found = kept.filter(id=export_id, owner=user).first()
    if found is None:
        raise not_found("export")
    return found


# --- forgetting


def forget_exports(*, now: datetime) -> int:
    """Delete some of the exports that ended KEPT_FOR ago, with their files; return how many."""
    old = Export.objects.filter(ended_at__lt=now - KEPT_FOR).order_by("id").values_list("id", flat=True)
    found = list(old[:_FORGOTTEN_AT_ONCE])
    Export.objects.filter(id__in=found).delete()
    return len(found)


def _tell(what: str, found: Export, actor: Actor, now: datetime, data: Any = None) -> None:
    record(type=f"export.{what}", subject=SUBJECT, ids=[found.id], actor=actor, at=now, data=data)
