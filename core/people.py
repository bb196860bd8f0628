"""People in the log: who logged in or failed to, whose password, rights or roles were changed, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core import sql
from core.audit import Actor, record, request_id_var
from core.clock import utc_now
from core.http.address import client_address
from core.lockout import locked_now, minutes_locked
from core.reasons import actor_of

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
ANONYMOUS = "anonymous"
_NAME_LENGTH_MAX = 150  # of Django's user names
_FIELDS = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser")


def user_facts(user_id: int) -> dict[str, Any]:
    """Return what the log tells of a user: never the password."""
    user = User.objects.get(pk=user_id)
    return {
        **{name: getattr(user, name) for name in _FIELDS},
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "permissions": sorted(user.user_permissions.values_list("codename", flat=True)),
    }


def group_facts(group_id: int) -> dict[str, Any]:
    """Return what the log tells of a group."""
    group = Group.objects.get(pk=group_id)
    return {
        "name": group.name,
        "permissions": sorted(group.permissions.values_list("codename", flat=True)),
    }


def record_facts(
    *,
    subject: str,
    id: int,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    actor: Actor,
    reason: str = "",
) -> None:
    """Write the event of a user or group that was made, changed or deleted; none when nothing differs."""
    if before == after:
        return
    told = "made" if before is None else "deleted" if after is None else "changed"
    names = [
        name for name in (after or before or {}) if not (before and after) or before[name] != after[name]
    ]
    record(
        type=f"{subject}.{told}",
        subject=subject,
        ids=[id],
        actor=actor,
        at=utc_now(),
        reason=reason,
        data={
            "before": None if before is None else {name: before[name] for name in names},
            "after": None if after is None else {name: after[name] for name in names},
        },
    )


def record_password(*, user_id: int, actor: Actor) -> None:
    """Write that a user's password was set; neither it nor its hash is told."""
    record(type="user.password_changed", subject="user", ids=[user_id], actor=actor, at=utc_now())


_WRITTEN = "SELECT id FROM auth_user WHERE xmin = pg_current_xact_id()::xid ORDER BY id"


@contextmanager
def writing_users() -> Iterator[Callable[[], list[int]]]:
    """Run a command that stores users in one transaction with what is then told of them.

    Gives a function that returns the ids of the users this transaction has written. Somebody may take their time to
    answer the command's questions: until it writes, the transaction holds nothing.
    """
    with transaction.atomic():
        sql.run("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield lambda: [user_id for (user_id,) in sql.rows(_WRITTEN)]


def audited(view: View[P]) -> View[P]:
    """Let a view of logging in, logging out or changing one's password tell the log what came of it.

    What failed the view tells itself, in this transaction: it knows who was meant.
    """

    @wraps(view)
    def told(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        before, password = request.user, getattr(request.user, "password", "")
        actor = actor_of(request)
        with transaction.atomic():
            response = view(request, *args, **kwargs)
            after = request.user
            if after.is_authenticated and after.pk != before.pk:
                _record(request, "user.logged_in", after.pk, actor_of(request), {"with": means(request)})
            elif before.is_authenticated and not after.is_authenticated:
                _record(request, "user.logged_out", before.pk, actor)
            elif before.is_authenticated and User.objects.get(pk=before.pk).password != password:
                record_password(user_id=before.pk, actor=actor)
        return response

    return told


def means(request: HttpRequest) -> list[str]:
    """Return what somebody has proved in this session who they are with, e.g. a password and then a code."""
    proved = request.session.get("account_authentication_methods", [])
    return list(dict.fromkeys(str(each.get("type") or each["method"]) for each in proved))


def record_failure(request: HttpRequest, type: str, *, username: str) -> None:
    """Tell of a log-in that failed, beside the user of that name where there is one (else id 0), and of its lock."""
    name = username.replace("\0", "")[:_NAME_LENGTH_MAX]
    user_id = User.objects.filter(username=name).values_list("pk", flat=True).first() or 0
    actor = Actor(ANONYMOUS, request_id_var.get())
    _record(request, type, user_id, actor, {"username": name})
    if locked_now(request):
        _record(request, "user.locked", user_id, actor, {"username": name, "minutes": minutes_locked()})


def record_confirmed(request: HttpRequest, user_id: int) -> None:
    """Tell that somebody who is logged in confirmed who they are."""
    _record(request, "user.confirmed", user_id, actor_of(request))


def _record(request: HttpRequest, type: str, user_id: int, actor: Actor, data: Any = None) -> None:
    address = {"address": client_address(request), **(data or {})}
    record(type=type, subject="user", ids=[user_id], actor=actor, at=utc_now(), data=address)
