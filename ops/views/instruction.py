"""One instruction: what it is, what became of it, and every gross leg behind it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from core import ids
from ops.as_of import clock, where
from ops.permissions import Right
from ops.shell import needs, show
from settlement.chases import CHASED, list_chases
from settlement.open_records import moves_of_instructions
from settlement.selectors import legs_behind, read_instruction

LEGS_SHOWN = 100


@needs(Right.READ_BATCHES)
def instruction(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one instruction with the gross legs behind it, a page of them at a time."""
    number = ids.database_id(ids.INSTRUCTION, ref)
    row = None if number is None else read_instruction(number, as_of=where(request))
    if row is None:
        raise Http404
    after = _after(request.GET.get("after", ""))
    legs = legs_behind(row["id"], after=after, limit=LEGS_SHOWN + 1)
    more = len(legs) > LEGS_SHOWN
    del legs[LEGS_SHOWN:]
    as_of = where(request)
    move = None if as_of else moves_of_instructions([row["id"]], now=clock(request)).get(row["id"])
    context = {
        "row": row,
        "can_chase": move is not None and move["mover"] in CHASED,
        "chases": list_chases(row["id"], as_of=as_of),
        "reference": ref,
        "legs": legs,
        "first_page": after == (0, 0),
        "next": f"{legs[-1]['trade_id']}-{legs[-1]['leg']}" if more else "",
    }
    return show(request, "ops/instruction.html", context, screen="batch", now=clock(request))


def _after(text: str) -> tuple[int, int]:
    """Return the trade and leg behind which a page begins; the first page for what is none."""
    trade_id, _, leg = text.partition("-")
    if trade_id.isdecimal() and leg.isdecimal() and len(trade_id) <= 18 and len(leg) <= 9:
        return int(trade_id), int(leg)
    return 0, 0
