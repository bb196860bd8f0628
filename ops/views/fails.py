"""Fails: what did not settle, how old it is, whose move it is, and what it has cost so far."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse

from core.clock import utc_now
from core.http.cursor import encode_cursor, numbers_of
from ops.lists.open_records import DUE
from ops.permissions import Right
from ops.shell import needs, show
from ops.views.settlement import TABS
from settlement.models import CHANNELS
from settlement.moves.base import Mover
from settlement.penalties import FAIL_MOVERS, WantedFails, list_fails, open_costs

PAGE = 50
_LONGEST = 128
_FIELDS = ("mover", "channel", "party", "asset")


@needs(Right.READ_BATCHES)
def fails(request: HttpRequest) -> HttpResponse:
    """Show a page of the open fails that match, and what all open ones cost by currency."""
    now = utc_now()
    typed = _typed(request.GET)
    after = numbers_of(request.GET.get("after", ""))
    start = after[0] if after and len(after) == 1 else 0
    mover, channel, party, asset = (typed.get(name, "") for name in _FIELDS)
    wanted = WantedFails(mover, channel, party, asset, due="chase" in typed)
    rows = list_fails(wanted=wanted, now=now, after=start, limit=PAGE + 1)
    more = len(rows) > PAGE
    del rows[PAGE:]
    context = {
        "tabs": TABS,
        "rows": rows,
        "typed": typed,
        "can_chase": any(row["can_chase"] for row in rows),
        "movers": [(each, Mover[each].value) for each in FAIL_MOVERS],
        "channels": CHANNELS,
        "totals": open_costs(),
        "next": encode_cursor((rows[-1]["instruction_id"],)) if more else "",
        "later": start > 0,
    }
    return show(request, "ops/fails.html", context, screen="settlement", now=now)


def _typed(given: Mapping[str, str]) -> dict[str, str]:
    """Return what of an address was understood; the rest filters nothing."""
    texts = {name: given.get(name, "").replace("\0", "").strip()[:_LONGEST] for name in _FIELDS}
    known = {"mover": texts["mover"] in FAIL_MOVERS, "channel": texts["channel"] in CHANNELS}
    due = {"chase": DUE} if given.get("chase") == DUE else {}
    return {name: text for name, text in texts.items() if text and known.get(name, True)} | due
