"""Risk's part in changes of trades: what they free and use of limits, and what the checks will say of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core import sql
from core.money import format_number
from risk.services.check import check_now
from risk.services.decision import decide
from risk.services.limits import count_in_place, exposures_of, limits_in_force
from trades.lifecycle import LIVE_STATES
from trades.services.supersession import Follower

_LIVE = "SELECT trade_id FROM trades_state WHERE trade_id = ANY(%s) AND state = ANY(%s) ORDER BY trade_id"


def uses_of(trade_ids: Sequence[int], at: datetime) -> dict[str, Any]:
    """Return what trades use of each limit in force, in its own measure and base currency, by `limit member`.

    Only what the running figures carry: a trade that no check has seen uses nothing yet.
    """
    limits = limits_in_force(at=at)
    names = {limit.id: limit.code for limit in limits}
    live = [row[0] for row in sql.rows(_LIVE, [list(trade_ids), [state.value for state in LIVE_STATES]])]
    used = decide(limits, exposures_of(live, limits, version="checked_version"), {}).deltas
    return {f"{names[limit_id]} {key}": format_number(size) for (limit_id, key), size in used.items() if size}


FOLLOWER = Follower(succeed=count_in_place, looks={"limits": uses_of}, foresee=check_now)
