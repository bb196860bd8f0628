"""Stale saves: what becomes of a form whose record somebody else has changed while it was open.

Nothing is stored. The form comes back on what the record says now: a field that nobody else has changed keeps what
was typed, one that somebody has says what it says now, and what was typed there stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from django.http import HttpRequest

from core.audit import encode
from core.http.problem import Problem

SHOWN = "shown"  # the hidden field that says what a form showed when it was opened
_DECODER = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True)
class Moved:
    """A field that somebody else has changed: what it was and is, by whom where that is known, and what the person
    had typed there, empty where it was nothing else."""

    name: str
    label: str
    before: str
    after: str
    by: str = ""
    typed: str = ""


@dataclass(frozen=True)
class Settled:
    """How a form goes on: the values that it shows, and what has moved."""

    values: dict[str, str]
    moved: list[Moved] = field(default_factory=list)


def settle(
    *,
    shown: Mapping[str, str],
    present: Mapping[str, str],
    typed: Mapping[str, str],
    labels: Mapping[str, str],
    by: Mapping[str, str] | None = None,
) -> Settled:
    """Return how a form goes on that showed some values and comes back to others. labels: the fields to tell of."""
    values, moved = dict(typed), []
    for name, label in labels.items():
        before, after = shown.get(name, ""), present.get(name, "")
        if before == after:
            continue
        mine = typed.get(name, before)
        values[name] = after
        other = mine if mine not in {before, after} else ""
        moved.append(Moved(name, label, before, after, (by or {}).get(name, ""), other))
    return Settled(values, moved)


def keep(values: Mapping[str, str]) -> str:
    """Return what a form shows, for its hidden field."""
    return encode(dict(values))


def came_late(
    request: HttpRequest, *, present: Mapping[str, str], typed: Mapping[str, str], labels: Mapping[str, str]
) -> Settled | None:
    """Return how a form goes on whose record has moved; None where it has not, or the form does not say."""
    try:
        shown = _DECODER.decode(request.POST.get(SHOWN, ""))
    except msgspec.DecodeError:
        return None
    settled = settle(shown=shown, present=present, typed=typed, labels=labels)
    return settled if settled.moved else None


def stale() -> Problem:
    """Return what a form that came too late is answered."""
    return Problem(
        412,
        "stale-form",
        "Somebody has changed this while you worked on it.",
        detail="Nothing was stored. Look at what is new, then send it again.",
    )
