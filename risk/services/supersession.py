"""Risk's part in changes of trades: what they free and use of limits, and what the checks will say of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from core import sql
from core.clock import business_date
from core.money import format_amount
from risk.services.check import check_now
from risk.services.limits import decide, exposures_of, limits_in_force
from trades.lifecycle import LIVE_STATES
from trades.services.supersession import Follower

_LIVE = "SELECT trade_id FROM trades_state WHERE trade_id = ANY(%s) AND state = ANY(%s) ORDER BY trade_id"


def uses_of(trade_ids: Sequence[int], at: datetime) -> dict[str, Any]:
    """Return what trades use of each limit in force, in its own measure and base currency, by `limit member`.

    Only what the running figures carry: a trade that no check has seen uses nothing yet.
    """
    limits = limits_in_force(on=business_date(at))
    names = {limit.id: limit.code for limit in limits}
    live = [row[0] for row in sql.rows(_LIVE, [list(trade_ids), [state.value for state in LIVE_STATES]])]
    used = decide(limits, exposures_of(live, limits, version="checked_version"), {}).deltas
    return {
        f"{names[limit_id]} {key}": {
            "used": format_amount(size, settings.BASE_CURRENCY),
            "currency": settings.BASE_CURRENCY,
        }
        for (limit_id, key), size in used.items()
        if size
    }


FOLLOWER = Follower(looks={"limits": uses_of}, foresee=check_now)
