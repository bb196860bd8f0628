"""Risk's part in changes of trades: what they free and use of limits, and what the checks will say of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from core import sql
from core.money import format_amount, format_number
from risk.services.check import check_now
from risk.services.decision import LimitTerms, decide
from risk.services.limits import count_in_place, exposures_of, limits_in_force
from risk.services.reservations import draw_reservations, is_room_held, total_of
from trades.lifecycle import LIVE_STATES
from trades.services.supersession import Follower

_LIVE = "SELECT trade_id FROM trades_state WHERE trade_id = ANY(%s) AND state = ANY(%s) ORDER BY trade_id"


def uses_of(trade_ids: Sequence[int], at: datetime) -> dict[str, Any]:
    """Return what trades use of each limit in force, in its own measure and base currency, by `limit member`.

    Only what the running figures carry: a trade that no check has seen uses nothing yet.
    """
    in_force = limits_in_force(at=at)
    limits = {limit.id: limit for limit in in_force}
    live = [row[0] for row in sql.rows(_LIVE, [list(trade_ids), [state.value for state in LIVE_STATES]])]
    used = decide(in_force, exposures_of(live, in_force, version="checked_version"), {}).deltas
    return {
        f"{limits[limit_id].code} {key}": _figure(size, limits[limit_id])
        for (limit_id, key), size in used.items()
        if size
    }


def _figure(size: Decimal, limit: LimitTerms) -> dict[str, str | None]:
    """Return how much is used of a limit, with its currency if it is money."""
    if limit.declared.unit != "MONEY":
        return {"used": format_number(size), "currency": None}
    return {"used": format_amount(size, settings.BASE_CURRENCY), "currency": settings.BASE_CURRENCY}


def take_places(leaving: Sequence[int], joining: Sequence[int], at: datetime) -> None:
    """Count trades that take the place of others, and draw for them what is still reserved for these."""
    drawn = draw_reservations(trade_ids=leaving, at=at)
    count_in_place(leaving, joining, at, freed=total_of(drawn.frees.values()))


FOLLOWER = Follower(
    holds_room=is_room_held, succeed=take_places, looks={"limits": uses_of}, foresee=check_now
)
