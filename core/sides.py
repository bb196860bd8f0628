"""What an app knows of one side of a comparison, for another that may not import it.

An app registers a query under a code at start; whoever compares asks for it by that code. The query's columns and
parameters are agreed with whoever asks and stand in the docstring of the object that does.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Side:
    """One side: a code and the query that gives its records."""

    code: str
    query: str


_SIDES: dict[str, Side] = {}


def contribute_sides(*sides: Side) -> None:
    """Register sides; ImproperlyConfigured for a code that is taken."""
    for each in sides:
        if _SIDES.setdefault(each.code, each) != each:
            raise ImproperlyConfigured(f"the side {each.code} is contributed twice")


def side(code: str) -> Side:
    """Return a registered side; KeyError when nobody contributed it."""
    return _SIDES[code]
