"""Views of lists that people keep under a name: saved, changed, deleted, and found by whoever may see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.contrib.auth.models import Group, User
from django.db import transaction

from core import ids, sql
from core.audit import Actor, encode, record
from core.http.problem import Fault, Problem, not_found, unreadable_parameter
from ops.lists import LISTS
from ops.lists.base import Listed
from ops.models import SavedView
from ops.preferences import CHOICES

NAME_MAX = 60
VALUE_MAX = 200
OWN_MAX, SHARED_MAX = 50, 100  # of one list
SUBJECT = "view"


@dataclass(frozen=True)
class Content:
    """What a view shows: the parameters of its filter, the codes of its columns (none: the usual), sort, density."""

    parameters: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    sort: str = ""
    density: str = ""

    def address(self) -> dict[str, str]:
        """Return the view as parameters of the list's address."""
        more = {"sort": self.sort, "columns": ",".join(self.columns), "density": self.density}
        return self.parameters | {name: value for name, value in more.items() if value}


def content_of(listed: Listed, given: Mapping[str, str]) -> Content:
    """Return what an address of a list shows; what the list does not know is left out."""
    texts = {name: str(value).replace("\0", "").strip()[:VALUE_MAX] for name, value in given.items()}
    known = listed.by_code.keys() - {listed.columns[0].code}
    return Content(
        {name: texts[name] for name in listed.filters if texts.get(name)},
        [code for code in dict.fromkeys(given.get("columns", "").split(",")) if code in known],
        texts.get("sort", "") if texts.get("sort") in listed.sorts else "",
        texts.get("density", "") if texts.get("density") in CHOICES["density"] else "",
    )


class Viewed(Protocol):
    """What views are of: a list of the console, or the layouts of a data set."""

    @property
    def code(self) -> str:
        """Return what its views are kept under."""

    @property
    def title(self) -> str:
        """Return what it is of, in the plural."""


@dataclass(frozen=True)
class Wish:
    """How a view should be: its name, whether all see it, the team that sees it first (a name; empty: none)."""

    name: str
    content: Content
    is_shared: bool = False
    team: str = ""


@dataclass(frozen=True)
class By:
    """Who saves or deletes a view, and whether they may do so to what others share, and choose for teams."""

    user: User
    supervises: bool
    actor: Actor


@dataclass(frozen=True)
class Known:
    """A view as one person sees it: `first` where one of their teams sees it first."""

    id: int
    name: str
    owner: str
    owner_id: int
    is_shared: bool
    team: str
    content: Content
    version: int
    first: bool

    @property
    def reference(self) -> str:
        """Return its public id."""
        return ids.public_id(ids.VIEW, self.id)

    def facts(self) -> dict[str, Any]:
        """Return what the log tells of it."""
        shared = {"name": self.name, "shared": self.is_shared, "team": self.team}
        return {**shared, **asdict(self.content)}


_VIEWS = """
SELECT v.id, v.name, u.username AS owner, v.owner_id, v.is_shared, coalesce(g.name, '') AS team, v.parameters,
       v.columns, v.sort, v.density, v.version,
       EXISTS (SELECT FROM auth_user_groups m WHERE m.group_id = v.team_id AND m.user_id = %(user)s) AS first
FROM ops_saved_view v
JOIN auth_user u ON u.id = v.owner_id
LEFT JOIN auth_group g ON g.id = v.team_id
WHERE {condition}
ORDER BY v.is_shared DESC, v.name, v.id LIMIT %(most)s
"""


def _views(condition: str, **parameters: Any) -> list[Known]:
    found = sql.records(
        _VIEWS.format(condition=condition), {"user": None, "most": OWN_MAX + SHARED_MAX, **parameters}
    )
    return [
        Known(
            content=Content(
                sql.json_value(row.pop("parameters")),
                row.pop("columns"),
                row.pop("sort"),
                row.pop("density"),
            ),
            **row,
        )
        for row in found
    ]


def views_of(*, listed: str, user_id: int) -> list[Known]:
    """Return the views of a list that a person sees, the shared ones first, by name."""
    return _views(
        "v.listed = %(listed)s AND (v.is_shared OR v.owner_id = %(user)s)", listed=listed, user=user_id
    )


def find_shared(listed: str, name: str) -> dict[str, str]:
    """Return the parameters with which the API's list filters as a shared view does.

    Problem 400 where there is no such view, or the API has no words for what it filters by.
    """
    found = _views("v.listed = %(listed)s AND v.is_shared AND v.name = %(name)s", listed=listed, name=name)
    if not found:
        raise unreadable_parameter("view", f"No view “{name}” of {LISTS[listed].title} is shared.")
    told = LISTS[listed].api
    parameters = told(found[0].content.parameters) if told else None
    if parameters is None:
        detail = f"The view “{name}” filters by who looks, which a system cannot."
        raise unreadable_parameter("view", detail)
    return {each: value for each, value in parameters.items() if value}


def save_view(
    *,
    listed: Viewed,
    wish: Wish,
    by: By,
    now: datetime,
    view_id: int | None = None,
    version: int | None = None,
) -> int:
    """Save a view of a list and return its id: a new one, or `view_id` as somebody saw it in a version.

    The same again of a new one changes nothing. Problem 422 for a wish that cannot be, 403 for another's view, 404,
    409 for a name or team that is taken, 412 when it has changed since.
    """
    _validate(wish)
    team_id = _team(wish)
    with transaction.atomic():
        # Names and bounds are told of all views of a list.
        sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"views of {listed.code}"])
        before = None if view_id is None else _to_change(view_id, listed, version, by)
        if wish.team != (before.team if before else "") and not by.supervises:
            raise Problem(403, "not-allowed", "Only a supervisor chooses what a team sees first.")
        same = _same(listed, wish, by, before)
        if same is not None:
            return same
        _refuse_taken(listed, wish, team_id, before.owner_id if before else by.user.id, view_id)
        after = Known(
            id=view_id or 0,
            name=wish.name,
            owner=before.owner if before else by.user.get_username(),
            owner_id=before.owner_id if before else by.user.id,
            is_shared=wish.is_shared,
            team=wish.team,
            content=wish.content,
            version=before.version + 1 if before else 1,
            first=False,
        )
        saved = _store(listed, after, team_id, by, now)
        _tell("saved" if before is None else "changed", saved, before, after, by, now)
    return saved


def delete_view(*, listed: Viewed, view_id: int, version: int | None, by: By, now: datetime) -> str:
    """Delete a view as somebody saw it in a version, and return its name. Problems as of `save_view`."""
    with transaction.atomic():
        before = _to_change(view_id, listed, version, by)
        SavedView.objects.filter(id=view_id).delete()
        _tell("deleted", view_id, before, None, by, now)
    return before.name


def _validate(wish: Wish) -> None:
    faults = []
    if not wish.name:
        faults.append(Fault("/name", "A view needs a name.", "missing"))
    elif len(wish.name) > NAME_MAX or not wish.name.isprintable():
        faults.append(Fault("/name", f"A name of at most {NAME_MAX} characters on one line.", "length"))
    if wish.team and not wish.is_shared:
        faults.append(Fault("/team", "What a team sees first is shared.", "not-shared"))
    if faults:
        raise Problem(422, "invalid", "The view cannot be saved like this.", faults=faults)


def _team(wish: Wish) -> int | None:
    if not wish.team:
        return None
    found = Group.objects.filter(name=wish.team).values_list("id", flat=True).first()
    if found is None:
        fault = Fault("/team", f"There is no team “{wish.team}”.", "unknown")
        raise Problem(422, "invalid", "The view cannot be saved like this.", faults=[fault])
    return found


def _to_change(view_id: int, listed: Viewed, version: int | None, by: By) -> Known:
    """Return a view that one may change, locked. Problem 404, 403 or, where it is another version, 412."""
    sql.row("SELECT 1 FROM ops_saved_view WHERE id = %s FOR UPDATE", [view_id])
    found = _views("v.id = %(id)s AND v.listed = %(listed)s", id=view_id, listed=listed.code)
    if not found or not (found[0].is_shared or found[0].owner_id == by.user.id):
        raise not_found("view")
    view = found[0]
    if view.owner_id != by.user.id and not by.supervises:
        raise Problem(403, "not-yours", f"Only {view.owner} or a supervisor may change this view.")
    if version != view.version:
        raise Problem(
            412,
            "changed-meanwhile",
            "The view was changed meanwhile.",
            detail=f"Look at what changed, and save again if yours is right. {_changes(view, version)}".strip(),
            extra={"version": view.version},
        )
    return view


_SINCE = """
SELECT actor, data FROM core_event
WHERE subject_id = %s AND subject = 'view' AND version > %s ORDER BY id LIMIT 20
"""


def _changes(view: Known, version: int | None) -> str:
    """Return what became of a view after a version, as a sentence for each change."""
    told = []
    for actor, data in sql.rows(_SINCE, [view.id, version or 0]):
        facts = sql.json_value(data)
        parts = [
            f"{name} from {encode(before)} to {encode(facts['after'][name])}"
            for name, before in (facts["before"] or {}).items()
        ]
        told.append(f"{actor.removeprefix('user:')} changed {', '.join(parts)}.")
    return " ".join(told)


def _same(listed: Viewed, wish: Wish, by: By, before: Known | None) -> int | None:
    """Return the id of a view that is as wished already: the same wish again has nothing to do."""
    if before is not None:
        found = [before]
    else:
        found = _views(
            "v.listed = %(listed)s AND v.owner_id = %(owner)s AND v.name = %(name)s AND v.is_shared = %(shared)s",
            listed=listed.code,
            owner=by.user.id,
            name=wish.name,
            shared=wish.is_shared,
        )
    alike = [each for each in found if (each.name, each.is_shared, each.team, each.content) == _parts(wish)]
    return alike[0].id if alike else None


def _parts(wish: Wish) -> tuple[str, bool, str, Content]:
    return (wish.name, wish.is_shared, wish.team, wish.content)


_TAKEN = """
SELECT v.name, v.team_id IS NOT DISTINCT FROM %(team)s AND v.team_id IS NOT NULL AS of_team
FROM ops_saved_view v
WHERE v.listed = %(listed)s AND v.id <> %(id)s
  AND ((v.name = %(name)s AND v.is_shared = %(shared)s AND (v.is_shared OR v.owner_id = %(owner)s))
       OR v.team_id = %(team)s)
"""
_COUNT = """
SELECT count(*) FROM ops_saved_view v
WHERE v.listed = %(listed)s AND v.id <> %(id)s AND v.is_shared = %(shared)s
  AND (v.is_shared OR v.owner_id = %(owner)s)
"""


def _refuse_taken(
    listed: Viewed, wish: Wish, team_id: int | None, owner_id: int, view_id: int | None
) -> None:
    """Refuse a name or a team that another view has, and one view too many."""
    asked = {
        "listed": listed.code,
        "id": view_id or 0,
        "name": wish.name,
        "shared": wish.is_shared,
        "owner": owner_id,
        "team": team_id,
    }
    faults = []
    for name, of_team in sql.rows(_TAKEN, asked):
        if of_team:
            faults.append(Fault("/team", f"{wish.team} sees “{name}” first.", "taken"))
        if name == wish.name:
            faults.append(Fault("/name", f"There is a view “{name}” already.", "taken"))
    (others,) = sql.row(_COUNT, asked) or (0,)
    most = SHARED_MAX if wish.is_shared else OWN_MAX
    if others >= most:
        faults.append(Fault("/name", f"There are {most} views of this list; delete one first.", "too-many"))
    if faults:
        raise Problem(409, "taken", "The view cannot be saved like this.", faults=faults)


def _store(listed: Viewed, after: Known, team_id: int | None, by: By, now: datetime) -> int:
    stored = {
        "name": after.name,
        "is_shared": after.is_shared,
        "team_id": team_id,
        "version": after.version,
        "changed_at": now,
        "changed_by": by.actor.name,
        **asdict(after.content),
    }
    if after.id:
        SavedView.objects.filter(id=after.id).update(**stored)
        return after.id
    return SavedView.objects.create(listed=listed.code, owner_id=after.owner_id, **stored).id


def _tell(what: str, view_id: int, before: Known | None, after: Known | None, by: By, now: datetime) -> None:
    facts = (before.facts() if before else {}, after.facts() if after else {})
    names = [name for name in facts[1] or facts[0] if facts[0].get(name) != facts[1].get(name)]
    record(
        type=f"view.{what}",
        subject=SUBJECT,
        ids=[view_id],
        versions=[after.version if after else None],
        actor=by.actor,
        at=now,
        data={
            "before": {name: facts[0][name] for name in names} if before else None,
            "after": {name: facts[1][name] for name in names} if after else None,
        },
    )
