"""The people of the console: who may log in, with which roles, how protected, and how administrators change that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction

from core import lockout, second_factor, sql
from core.audit import Actor, record
from core.http.problem import Fault, Problem, not_found
from core.people import record_facts, user_facts
from core.reasons import REASON_LENGTH_MAX
from core.sessions import end_sessions
from ops.permissions import ROLES

PEOPLE_SHOWN = 200


@dataclass(frozen=True)
class Person:
    """One account. sessions: how many are open. has_factor: whether a second factor is set up. locked: anywhere."""

    id: int
    name: str
    full_name: str
    is_active: bool
    is_superuser: bool
    roles: list[str]
    last_login: datetime | None
    has_factor: bool
    sessions: int
    locked: bool

    @property
    def state(self) -> str:
        """Return the mark of whether the person can log in."""
        return "SWITCHED_OFF" if not self.is_active else "LOCKED" if self.locked else "MAY_LOG_IN"


_PEOPLE = """
SELECT u.id, u.username, trim(u.first_name || ' ' || u.last_name), u.is_active, u.is_superuser,
       coalesce((SELECT array_agg(g.name::text ORDER BY g.name) FROM auth_user_groups m
                 JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = u.id AND g.name = ANY(%(roles)s)), '{}'),
       u.last_login,
       EXISTS (SELECT FROM mfa_authenticator a WHERE a.user_id = u.id AND a.type = 'totp'),
       (SELECT count(*) FROM usersessions_usersession s JOIN django_session d USING (session_key)
        WHERE s.user_id = u.id AND d.expire_date > %(now)s),
       EXISTS (SELECT FROM axes_accessattempt a
               WHERE a.username IN (u.username, %(codes)s || u.username) AND a.attempt_time >= %(since)s
               GROUP BY a.username, CASE WHEN a.username = u.username THEN a.ip_address END
               HAVING sum(a.failures_since_start) >= %(limit)s)
FROM auth_user u
WHERE (%(id)s::bigint IS NULL OR u.id = %(id)s)
  AND (%(text)s = '' OR strpos(lower(concat_ws(' ', u.username, u.first_name, u.last_name)), lower(%(text)s)) > 0)
  AND (%(role)s = '' OR EXISTS (SELECT FROM auth_user_groups m JOIN auth_group g ON g.id = m.group_id
                                WHERE m.user_id = u.id AND g.name = %(role)s))
ORDER BY u.is_active DESC, u.username LIMIT %(most)s
"""


def people(*, now: datetime, text: str = "", role: str = "", id: int | None = None) -> list[Person]:
    """Return the people whose name holds a text and who have a role, by name; at most one more than PEOPLE_SHOWN."""
    given = {
        "now": now,
        "since": now - timedelta(minutes=lockout.minutes_locked()),
        "limit": settings.AXES_FAILURE_LIMIT,
        "codes": lockout.codes_of(""),
        "roles": list(ROLES),
        "text": text.replace("\0", ""),
        "role": role.replace("\0", ""),
        "id": id,
        "most": PEOPLE_SHOWN + 1,
    }
    return [Person(*each) for each in sql.rows(_PEOPLE, given)]


def find_person(*, id: int, now: datetime) -> Person:
    """Return a person; Problem 404 when there is none."""
    found = people(now=now, id=id)
    if not found:
        raise not_found("person")
    return found[0]


@transaction.atomic
def change_person(
    *,
    id: int,
    roles: Collection[str],
    is_active: bool | None,
    reason: str,
    user: User,
    actor: Actor,
    now: datetime,
) -> None:
    """Give and take roles, and let in or switch off. Problem 403 of oneself, 404, 422 without a reason or a role.

    Whoever is switched off is logged out everywhere; roles bite at the next page.
    """
    unknown = sorted(set(roles) - set(ROLES))
    faults = [Fault("/roles", f"There is no role {name}.", "unknown") for name in unknown]
    if is_active is None:
        faults.append(Fault("/active", "Say whether this person may log in.", "missing"))
    person = _locked(id=id, reason=reason, user=user, faults=faults)
    before = user_facts(person.pk)
    others = person.groups.exclude(name__in=ROLES)
    person.groups.set([*others, *Group.objects.filter(name__in=set(roles))])
    User.objects.filter(pk=person.pk).update(is_active=is_active)
    record_facts(
        subject="user", id=person.pk, before=before, after=user_facts(person.pk), actor=actor, reason=reason
    )
    if not is_active:
        end_sessions(user_id=person.pk, actor=actor, now=now, reason=reason)


@transaction.atomic
def reset_second_factor(*, id: int, reason: str, user: User, actor: Actor, now: datetime) -> bool:
    """Take somebody's second factor away, whose device is lost; False when there is none. Problems as above."""
    person = _locked(id=id, reason=reason, user=user)
    return second_factor.reset(user_id=person.pk, actor=actor, now=now, reason=reason)


@transaction.atomic
def unlock_person(*, id: int, reason: str, user: User, actor: Actor, now: datetime) -> bool:
    """Forget what was tried for somebody, password and codes; False when nothing was. Problems as above."""
    person = _locked(id=id, reason=reason, user=user)
    name = person.get_username()
    forgotten = lockout.forget_failures(name) + lockout.forget_failures(lockout.codes_of(name))
    if forgotten:
        record(type="user.unlocked", subject="user", ids=[person.pk], actor=actor, at=now, reason=reason)
    return bool(forgotten)


@transaction.atomic
def log_person_out(*, id: int, reason: str, user: User, actor: Actor, now: datetime) -> int:
    """Log somebody out everywhere, and return of how many sessions. Problems as above."""
    person = _locked(id=id, reason=reason, user=user)
    return end_sessions(user_id=person.pk, actor=actor, now=now, reason=reason)


def _locked(*, id: int, reason: str, user: User, faults: Collection[Fault] = ()) -> User:
    """Return the person to be changed, whose row is locked, when everything is as it must be."""
    if id == user.pk:
        raise Problem(
            403, "own-account", "Nobody changes their own account here.", "Ask another administrator."
        )
    found = list(faults)
    if not reason:
        found.append(Fault("/reason", "Say why.", "missing"))
    elif len(reason) > REASON_LENGTH_MAX:
        found.append(Fault("/reason", f"At most {REASON_LENGTH_MAX} characters.", "too-long"))
    if found:
        raise Problem(422, "bent-form", "Nothing was changed.", faults=found)
    person = User.objects.select_for_update().filter(pk=id).first()
    if person is None:
        raise not_found("person")
    return person
