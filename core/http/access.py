"""What an address asks of whoever calls it, said on its view, so that all of them can be listed and tried.

A view of the API names scopes (`scopes`), a screen names its right (`ops.shell.needs`); what needs neither says
whom it is open to. An address that says nothing is a fault that a test finds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

EVERYBODY = "everybody"
LOGGED_IN = "whoever is logged in"

V = TypeVar("V", bound=Callable[..., Any])


def open_to(whom: str) -> Callable[[V], V]:
    """Declare that a view needs neither right nor scope, and whom it is open to: EVERYBODY or LOGGED_IN."""

    def declare(view: V) -> V:
        view.open_to = whom  # type: ignore[attr-defined]
        return view

    return declare
