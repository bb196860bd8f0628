"""How somebody sees a list: which columns in which order, under which saved view; all of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from ops.as_of import as_at
from ops.lists.base import Column, Listed
from ops.preferences import CHOICES
from ops.saved_views import Content, Known, content_of, views_of
from ops.shell import person

NONE = "none"  # the `saved` of an address that is under no view, though one is seen first
KEPT = ("saved", "columns", "density")


@dataclass(frozen=True)
class Arrangement:
    """A list as an address arranges it: `shown` columns, the views to choose from, the one it is under (`saved`)."""

    listed: Listed
    content: Content
    shown: list[Column]
    views: list[Known]
    saved: Known | None
    kept: dict[str, str]
    sort: str = ""

    densities = CHOICES["density"]
    formats = ("csv", "xlsx", "json")

    @property
    def is_changed(self) -> bool:
        """Tell whether the address shows something else than the view that it is under."""
        return self.saved is not None and self.saved.content != self.content

    @property
    def parameters(self) -> dict[str, str]:
        """Return the address: its filter, and how it is arranged."""
        return self.content.address() | self.kept

    @cached_property
    def choices(self) -> list[tuple[Column, int | None]]:
        """Return every column that can be chosen with its place, those shown first; None for those that are not."""
        placed: list[tuple[Column, int | None]] = [
            (each, place) for place, each in enumerate(self.shown[1:], start=1)
        ]
        return placed + [(each, None) for each in self.listed.columns if each not in self.shown]

    def address_of(self, view: Known) -> str:
        """Return the address of a view."""
        return address(self.listed, {**view.content.address(), "saved": view.reference})

    @property
    def tabs(self) -> list[tuple[Known, str, bool]]:
        """Return the views with their addresses, and which one this is."""
        return [(each, self.address_of(each), each == self.saved) for each in self.views]

    @property
    def away(self) -> str | None:
        """Return the `saved` of an address that leaves every view, where leaving it out would lead to one."""
        return NONE if any(each.first for each in self.views) else None


def address(listed: Listed, parameters: Mapping[str, str]) -> str:
    """Return the address of a list."""
    kept = {name: value for name, value in parameters.items() if value}
    return reverse(listed.screen) + (f"?{urlencode(kept)}" if kept else "")


def arrange(request: HttpRequest, listed: Listed, *, sort: str = "") -> Arrangement:
    """Return how an address arranges a list. sort: the order that it is in."""
    given = {name: str(value) for name, value in request.GET.items()}
    content, wanted = content_of(listed, given), given.get("saved", "")
    views = views_of(listed=listed.code, user_id=person(request).id)
    saved = next((each for each in views if each.reference == wanted), None)
    shown = listed.columns_of(",".join(content.columns), content.parameters, past=as_at(request) is not None)
    kept = {name: given[name] for name in KEPT if given.get(name)}
    if saved is None and wanted != NONE:
        kept.pop("saved", None)
    return Arrangement(listed, content, shown, views, saved, kept, sort)


def seen_first(request: HttpRequest, arranged: Arrangement) -> HttpResponseRedirect | None:
    """Lead who asks for a bare list to the view that one of their teams sees first, if there is one."""
    if request.GET or as_at(request) is not None:
        return None
    first = next((each for each in arranged.views if each.first), None)
    return HttpResponseRedirect(arranged.address_of(first)) if first else None
