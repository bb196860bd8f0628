"""Layouts of Explore that people keep under a name: what the grid shows, kept by the means of saved views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from core.audit import encode
from core.http.problem import Fault, Problem
from ops.data_sets.base import DataSet
from ops.saved_views import Content, Known, views_of

# The words of the grid's own configuration that make a layout. The panel at its side, and what follows from the
# screen, are nobody's layout.
KEPT = (
    "plugin", "plugin_config", "columns_config", "group_by", "split_by", "columns", "filter", "sort", "expressions",
    "aggregates",
)  # fmt: skip
LAYOUT_MAX = 8_000  # characters of JSON
_LAYOUT = "layout"


@dataclass(frozen=True)
class Layouts:
    """The layouts of one data set, as saved views know a list: by a code, and what they are layouts of."""

    code: str
    title: str


def layouts_for(data: DataSet) -> Layouts:
    """Return what the layouts of a data set are kept under."""
    return Layouts(f"explore-{data.code}", data.title)


def content_of(text: str) -> Content:
    """Return a layout, JSON as the grid gives it, as a view keeps it. Problem 422 for what is no layout."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        found = None
    known = {name: found[name] for name in KEPT if name in found} if isinstance(found, dict) else {}
    if not known:
        raise _no_layout("This is no layout of the grid.", "type")
    kept = encode(known)
    if len(kept) > LAYOUT_MAX or "\\u0000" in kept:
        raise _no_layout(f"A layout of at most {LAYOUT_MAX:,} characters.", "length")
    return Content({_LAYOUT: kept})


def _no_layout(detail: str, code: str) -> Problem:
    fault = Fault("/layout", detail, code)
    return Problem(422, "invalid", "The layout cannot be saved like this.", faults=[fault])


def layout_of(content: Content) -> Mapping[str, Any]:
    """Return a layout in the words of the grid."""
    found: dict[str, Any] = msgspec.json.decode(content.parameters[_LAYOUT])
    return found


def layouts_of(data: DataSet, *, user_id: int) -> list[Known]:
    """Return the layouts of a data set that a person sees, the shared ones first, by name."""
    return views_of(listed=layouts_for(data).code, user_id=user_id)
