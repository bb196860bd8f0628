"""Filters that people keep under a name, for lists of the API: `?view=<name>` filters as the console does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from core.http.problem import unreadable_parameter

Find = Callable[[str, str], Mapping[str, str]]
_finders: list[Find] = []

IN_QUERY = OpenApiParameter(
    "view",
    str,
    description=(
        "the name of a view that the console shares: its filter holds, but where a parameter of the request says "
        "otherwise. The order and the fields stay those of the API"
    ),
)


def find_views_with(find: Find) -> None:
    """Declare who knows the views of lists: `find(list, name)` gives parameters, or raises a Problem."""
    _finders.append(find)


def with_view(request: Request, *, of: str) -> dict[str, str]:
    """Return the parameters of a request for a list, above those of the view that it names, if it names one.

    Problem 400 for a view that there is not, or whose filter the API has no words for.
    """
    given: dict[str, str] = request.query_params.dict()
    name = given.pop("view", "")
    if not name:
        return given
    if "\0" in name or not _finders:
        raise unreadable_parameter("view", "There is no such view.")
    return {**_finders[-1](of, name), **given}
