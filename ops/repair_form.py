"""Forms that change what a trade says: what was typed, and what has become of the trade since the version shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import HttpRequest

from ops.stale import Settled, settle
from trades.models import Finding
from trades.services.repair import FieldChange, RepairField, changes_since, repair_fields

FIELD = "set."


def version_of(request: HttpRequest) -> int:
    """Return the version of the trade that a form shows; 0 when it names none."""
    text = request.POST.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


@dataclass(frozen=True)
class RepairForm:
    """A form as it was sent: the version it started from, with that version's values, and what was typed."""

    version: int
    seen: dict[str, str]
    typed: dict[str, str]
    present: list[RepairField]
    meanwhile: list[FieldChange]

    @classmethod
    def of(cls, given: Mapping[str, str], trade_id: int, version: int) -> RepairForm:
        """Read the form, and what has become of the trade since the version it shows."""
        present = repair_fields(trade_id=trade_id)
        meanwhile = changes_since(trade_id=trade_id, version=version) if version else []
        seen = {field.name: field.value for field in present}
        for change in reversed(meanwhile):
            seen[change.name] = change.before
        typed = {
            name.removeprefix(FIELD): value.strip() for name, value in given.items() if name.startswith(FIELD)
        }
        return cls(version, seen, typed, present, meanwhile)

    def settled(self) -> Settled:
        """Return how the form goes on, on the present version."""
        present = {each.name: each.value for each in self.present}
        return settle(
            shown=self.seen,
            present=present,
            typed=present | self.typed,
            labels={each.name: each.label for each in self.meanwhile}
            | {each.name: each.label for each in self.present},
            by={each.name: each.actor for each in self.meanwhile},
        )


_READS: dict[str, Callable[[str], object]] = {"DATE": date.fromisoformat, "DECIMAL": Decimal}


def suggested(field: RepairField, findings: Sequence[Finding]) -> str:
    """Return what an open finding expects of a field, where that is a value which one can put there; else nothing."""
    read = _READS.get(field.kind)
    for each in findings:
        if read is None or each.closed_at is not None or each.subject != field.name or not each.expected:
            continue
        try:
            read(each.expected)
        except (ValueError, InvalidOperation):
            continue
        if each.expected != field.value:
            return each.expected
    return ""


def form_context(
    given: Mapping[str, str], trade_id: int, *, version: int | None, findings: Sequence[Finding] = ()
) -> dict[str, Any]:
    """Return the fields of a form on the present version of a trade, with what findings suggest, and what has moved
    since the version that it shows. version: None for a form just opened, which has nothing typed."""
    if version is None:
        shown = [_shown(each, each.value, findings) for each in repair_fields(trade_id=trade_id)]
        return {"fields": shown}
    form = RepairForm.of(given, trade_id, version)
    settled = form.settled()
    shown = [_shown(each, settled.values[each.name], findings) for each in form.present]
    return {"fields": shown, "moved": settled.moved, "prefix": FIELD, "stale_version": version}


def _shown(field: RepairField, value: str, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "field": field,
        "name": FIELD + field.name,
        "value": value,
        "suggested": suggested(field, findings),
    }
