"""The form of a repair: what was typed, and what has become of the trade since the version it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import HttpRequest

from trades.models import Finding
from trades.services.repair import FieldChange, RepairField, changes_since, repair_fields

FIELD = "set."


def version_of(request: HttpRequest) -> int:
    """Return the version of the trade that a form shows; 0 when it names none."""
    text = request.POST.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


@dataclass(frozen=True)
class RepairForm:
    """A repair as it was sent: the version it started from, with that version's values, and what was typed."""

    version: int
    seen: dict[str, str]
    typed: dict[str, str]
    present: list[RepairField]
    meanwhile: list[FieldChange]

    @classmethod
    def of(cls, request: HttpRequest, trade_id: int) -> RepairForm:
        """Read the form, and what has become of the trade since the version it shows."""
        version = version_of(request)
        present = repair_fields(trade_id=trade_id)
        meanwhile = changes_since(trade_id=trade_id, version=version)
        seen = {field.name: field.value for field in present}
        for change in reversed(meanwhile):
            seen[change.name] = change.before
        typed = {
            name.removeprefix(FIELD): value.strip()
            for name, value in request.POST.dict().items()
            if name.startswith(FIELD)
        }
        return cls(version, seen, typed, present, meanwhile)

    def kept(self) -> dict[str, str]:
        """Return what was typed into fields that nobody else has changed meanwhile."""
        moved = self.moved()
        return {name: value for name, value in self.typed.items() if name not in moved}

    def lost(self) -> dict[str, str]:
        """Return what was typed, and is not what it was, into fields that somebody else has changed."""
        moved = self.moved()
        return {
            name: value
            for name, value in self.typed.items()
            if name in moved and value not in {self.seen[name], moved[name]}
        }

    def moved(self) -> dict[str, str]:
        """Return the fields that are not what they were, with their present values."""
        present = {field.name: field.value for field in self.present}
        return {
            each.name: present.get(each.name, "")
            for each in self.meanwhile
            if present.get(each.name, "") != self.seen[each.name]
        }


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


def repair_context(
    request: HttpRequest, trade_id: int, failed: str, findings: Sequence[Finding] = ()
) -> dict[str, Any]:
    """Return the repair form on the present version, with what findings suggest. Of one that failed it keeps what the
    person changed, except where somebody else changed the field meanwhile: that is told instead."""
    if failed != "repair":
        present, kept = repair_fields(trade_id=trade_id), {}
        told: dict[str, Any] = {"meanwhile": []}
    else:
        form = RepairForm.of(request, trade_id)
        present, kept = form.present, form.kept()
        told = {"meanwhile": form.meanwhile, "lost": form.lost(), "stale_version": form.version}
    shown = [
        {
            "field": field,
            "name": FIELD + field.name,
            "value": kept.get(field.name, field.value),
            "suggested": suggested(field, findings),
        }
        for field in present
    ]
    return {"fields": shown, **told}
