"""A proposed change of reference data: every row of it, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from core import ids
from core.clock import utc_now
from ops import selectors
from ops.permissions import Right
from ops.shell import Shown, needs, show
from ops.views.reference import TABS, address, shown
from refdata.changes import WIDE, standing_of
from refdata.services import KINDS

PAGE = 200


@needs(Right.READ_APPROVALS)
def proposed(request: HttpRequest, ref: str) -> HttpResponse:
    """Show a page of the rows of a proposal, those with the widest moves first, and whether any has moved since."""
    proposal_id = ids.database_id(ids.PROPOSAL, ref)
    proposal = selectors.reference_change(proposal_id) if proposal_id is not None else None
    if proposal is None:
        raise Http404
    now, content = utc_now(), proposal["content"]
    stale = standing_of(content=content, now=now) if proposal["state"] == "PENDING" else None
    start = _start(request.GET.get("from", ""), len(content["rows"]))
    rows = content["rows"][start : start + PAGE]
    context = {
        "ref": ref,
        "proposal": proposal,
        "title": dict(TABS)[content["of_kind"]],
        "rows": shown_rows(content["of_kind"], rows),
        "count": len(content["rows"]),
        "start": start,
        "next": start + PAGE if start + PAGE < len(content["rows"]) else None,
        "problem": Shown.of(stale) if stale else None,
    }
    return show(request, "ops/reference_proposal.html", context, screen="reference_proposal", now=now)


def shown_rows(kind: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the screens show of proposed rows: key, address, fields before and after, and how far they move."""
    declared = KINDS[kind]
    return [
        {
            "key": " ".join(str(each["after"][name]) for name in declared.key),
            "is_new": each["before"] is None,
            "address": "" if each["before"] is None else address(declared, each["after"]),
            "fields": _fields(declared.key, each),
            "has_figure": bool(declared.figure),
            "move": _move(each["move"]),
        }
        for each in rows
    ]


def _fields(key: Sequence[str], row: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    before, after = row["before"], row["after"]
    if before is None:
        return [
            (name, None, shown(value))
            for name, value in after.items()
            if name not in key and value not in (None, "", {})
        ]
    return [(name, shown(value), shown(after[name])) for name, value in before.items()]


def _move(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if told is None:
        return None
    share = Decimal(told["share"])
    return {
        "percent": f"{share * 100:+.2f}",
        "is_wide": abs(share) >= WIDE,
        "last": told["last"],
        "on": told["on"],
    }


def _start(text: str, count: int) -> int:
    start = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    return start if start < count else 0
