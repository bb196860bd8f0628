"""How a check is set on a day: one version of its parameters, or what it declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from risk.checks.base import Check

Severity = Literal["BLOCK", "WARN", "INFO"]
# What a check may be narrowed to, all of them dimensions of risk/checks/_composition.py.
SCOPE_DIMENSIONS = ("product", "source", "counterparty", "book", "desk", "trader")
# The active checks in their order, each with the dimensions it is narrowed by: what a composed statement depends on.
Shape = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Setting:
    """How one check is set.

    version: 0 for the declaration. valid_from: None for the declaration. parameters: numbers as text, by name.
    scope: members by dimension; the check looks only at trades that are of all of them. Empty: at every trade.
    """

    code: str
    version: int
    is_active: bool
    severity: Severity
    parameters: Mapping[str, str]
    scope: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    valid_from: date | None = None


def declared(check: Check) -> Setting:
    """Return how a check is set that nobody has set otherwise: its version 0."""
    return Setting(check.code, 0, check.active, check.severity, dict(check.parameters))


def is_fixed(check: Check) -> bool:
    """Tell whether a check must block every trade: what comes later relies on it, so no one may accept it either."""
    return check.severity == "BLOCK" and not check.overridable


def shape_of(settings: Iterable[Setting]) -> Shape:
    """Return what the composed statement of checks so set depends on; values are bound to it."""
    return tuple((each.code, tuple(sorted(each.scope))) for each in settings if each.is_active)
