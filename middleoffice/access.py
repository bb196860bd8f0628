"""Every address of the product with what it asks of whoever calls it, read from the URL configuration and its views.

The one list behind the page of permissions and behind the test that tries every cell of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from core.http.access import EVERYBODY
from ops.permissions import Right

# What a browser or a client may send; HEAD is GET without its body.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ADMIN_PREFIX = "admin/"
_LOG_IN = "admin/login/"


@dataclass(frozen=True)
class Route:
    """One address: its path and name, and what it asks, in one of the four ways there are.

    scopes: by method, of the API; of_desks: the methods open to clients limited to desks. rights: of the
    console, any of which is enough to get past the door (where the subject decides among several). open_to: whom it is
    open to. admin: it asks for a permission of the admin.
    `form_of`: only its POST does something, everything else leads to that screen. `parameters`: parts of the
    path that are fixed, where the right depends on them.
    """

    path: str
    name: str
    view: Any
    scopes: Mapping[str, str] | None = None
    of_desks: frozenset[str] = frozenset()
    rights: tuple[Right, ...] = ()
    open_to: str = ""
    admin: bool = False
    form_of: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def declared(self) -> bool:
        """Whether the address says what it asks."""
        return self.admin or bool(self.open_to or self.rights or self.scopes)


def routes() -> list[Route]:
    """Return every address, in the order in which they are tried."""
    found = {
        route.path: route
        for pattern, path in _patterns(get_resolver(), "")
        for route in _routes(pattern, path)
    }
    return list(found.values())


def _patterns(resolver: URLResolver, before: str) -> Iterator[tuple[URLPattern, str]]:
    for each in resolver.url_patterns:
        path = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _patterns(each, path)
        else:
            yield each, path


def _routes(pattern: URLPattern, path: str) -> Iterator[Route]:
    view: Any = pattern.callback
    known: dict[str, Any] = {"name": pattern.name or "", "view": view}
    if path.startswith(ADMIN_PREFIX):
        yield Route(path, **known, admin=path != _LOG_IN, open_to=EVERYBODY if path == _LOG_IN else "")
        return
    known["open_to"] = getattr(view, "open_to", "")
    known["scopes"] = getattr(getattr(view, "cls", None), "scopes", None)
    known["of_desks"] = getattr(getattr(view, "cls", None), "of_desks", frozenset())
    known["form_of"] = getattr(view, "form_of", "")
    parameter, choices = getattr(view, "chosen", ("", {}))
    if not choices:
        right = getattr(view, "right", None)
        yield Route(path, **known, rights=(right,) if right else ())
        return
    for value, rights in choices.items():
        fixed = re.sub(rf"<(\w+:)?{parameter}>", value, path)
        yield Route(fixed, **known, rights=rights, parameters=((parameter, value),))
