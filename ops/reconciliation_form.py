"""The form of a reconciliation: its levels as lines of text, `source_ref: amount 0.01, settlement_date 1, side`.

On each line stand the keys, and behind a colon what else is compared: a field with how far it may lie apart, `0.1%` for
a share, a number of days for dates, nothing for texts. `ONE_TO_MANY`, `MANY_TO_ONE` or `MANY_TO_MANY` may stand first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from core.http.problem import Fault, Problem
from core.money import format_number
from ledger.kinds import KINDS
from ledger.kinds.base import Kind
from ledger.services.definitions import CARDINALITIES, Terms

_TEXTS = ("title", "kind", "source", "schedule", "owner", "basis")


def typed_terms(typed: Mapping[str, str]) -> Terms:
    """Return what a form says; Problem 422 for what is no number or no level."""
    faults: list[Fault] = []
    texts = {name: typed.get(name, "").strip() for name in _TEXTS}
    days = typed.get("window_days", "").strip()
    if not (days.isascii() and days.isdecimal() and len(days) <= 4):
        faults.append(Fault("/window_days", "A whole number of days.", "type"))
    kind = KINDS.get(texts["kind"])
    if kind is None:
        faults.append(Fault("/kind", f"One of {', '.join(KINDS)}.", "unknown"))
    levels = _levels(typed.get("levels", ""), kind, faults) if kind else ()
    if faults:
        raise Problem(422, "invalid", "This cannot be a reconciliation.", faults=faults)
    active = typed.get("active", "on") == "on"
    return Terms(**texts, levels=levels, window_days=int(days), is_active=active)


def _levels(text: str, kind: Kind, faults: list[Fault]) -> list[dict[str, Any]]:
    lines = [line for line in text.splitlines() if line.strip()]
    return [_level(line, kind, at, faults) for at, line in enumerate(lines, start=1)]


def _level(line: str, kind: Kind, at: int, faults: list[Fault]) -> dict[str, Any]:
    before, _, after = line.partition(":")
    words = before.split()
    cardinality = words.pop(0) if words and words[0] in CARDINALITIES else CARDINALITIES[0]
    compare = {}
    for part in filter(None, map(str.strip, after.split(","))):
        name, _, limit = part.partition(" ")
        if name not in kind.names:
            faults.append(Fault("/levels", f"Line {at}: there is no field {name}.", "unknown"))
        else:
            compare[name] = _tolerance(kind, name, limit.strip(), at, faults)
    return {"keys": words, "compare": compare, "cardinality": cardinality}


def _tolerance(kind: Kind, name: str, limit: str, at: int, faults: list[Fault]) -> dict[str, str]:
    of = kind.field(name).type
    if of == "date":
        return {"type": "DAYS", "limit": limit or "0"}
    if of != "decimal":
        return {"type": "TEXT", **({"limit": limit} if limit else {})}
    if not limit.endswith("%"):
        return {"type": "ABSOLUTE", "limit": limit or "0"}
    try:
        share = format_number(Decimal(limit.removesuffix("%").strip()) / 100)
    except InvalidOperation:
        share = None
    if share is None or not share.replace(".", "").isdigit():
        faults.append(Fault("/levels", f"Line {at}: {limit} is no share.", "type"))
    return {"type": "RELATIVE", "limit": share or "0"}


def level_lines(levels: Sequence[Mapping[str, Any]]) -> str:
    """Return levels as the form takes them."""
    return "\n".join(map(level_line, levels))


def level_line(level: Mapping[str, Any]) -> str:
    """Return one level as a line of the form."""
    cardinality = level.get("cardinality", CARDINALITIES[0])
    keys = " ".join([*([] if cardinality == CARDINALITIES[0] else [cardinality]), *level["keys"]])
    compared = ", ".join(
        f"{name} {_limit(tolerance)}".strip() for name, tolerance in level.get("compare", {}).items()
    )
    return f"{keys}: {compared}" if compared else keys


def _limit(tolerance: Mapping[str, Any]) -> str:
    if tolerance["type"] == "TEXT":
        return ""
    if tolerance["type"] == "RELATIVE":
        return f"{format_number(Decimal(tolerance['limit']) * 100)}%"
    return str(tolerance["limit"])


def form_of(found: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the form's fields as the newest version fills them; of a new one, as they usually are."""
    if found is None:
        levels = level_lines(KINDS["TRADES"].levels)
        return {"kind": "TRADES", "window_days": "5", "active": "on", "levels": levels}
    return {
        **{name: str(found[name]) for name in (*_TEXTS, "window_days", "code")},
        "active": "on" if found["is_active"] else "off",
        "levels": level_lines(found["levels"]),
    }


def compared(content: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what a proposal changes: what, as it is, as it would be."""
    before, after = (_words(content[each]) if content[each] else {} for each in ("before", "after"))
    return [(name, before.get(name, "—"), said) for name, said in after.items() if before.get(name) != said]


def _words(content: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Title": str(content["title"]),
        "Kind": str(content["kind"]),
        "Source": str(content["source"]),
        "Levels": level_lines(content["levels"]),
        "Window": f"{content['window_days']} days",
        "Ours count": content.get("basis", "").lower() or "—",
        "Runs": f"at {content['schedule']}" if content["schedule"] else "with every statement",
        "Team": str(content["owner"]) or "—",
        "Active": "yes" if content["is_active"] else "no",
    }
