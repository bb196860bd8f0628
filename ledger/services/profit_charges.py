"""What rules charge for trades beyond what their deals state, in a run: fees and taxes, as they are accrued.

Whoever accrues them keeps them where the ledger does not look (core/sides.py). Such a row never changes: a charge that
holds no longer is reversed by a further one.
"""

from __future__ import annotations

from typing import Any

from core import sql
from core.sides import side
from ledger.selectors.profit_pieces import KEY

CHARGES = "charges by rules"
_CHARGED = f"""
INSERT INTO profit_delta (bucket, {KEY}, quantity, cash, fees)
SELECT 'AMENDED', coalesce(v.book_id, 0), v.product, coalesce(v.instrument_id, 0), c.currency, v.trader,
       coalesce(v.counterparty_id, 0), CASE WHEN v.trade_date > %(day)s::date THEN v.trade_date END AS starts_on, NULL,
       0, 0, sum(c.amount)
FROM ({{charges}}) c JOIN trades_version v USING (trade_id, version)
WHERE c.xid >= %(was_below)s AND pg_visible_in_snapshot(c.xid::text::xid8, %(now_seen)s::pg_snapshot)
  AND (%(opening)s::bigint IS NULL OR NOT pg_visible_in_snapshot(c.xid::text::xid8, %(was_seen)s::pg_snapshot))
GROUP BY 2, 3, 4, 5, 6, 7, 8 HAVING sum(c.amount) <> 0
"""


def add_charges(parameters: dict[str, Any]) -> None:
    """Add to `profit_delta` what has been accrued and reversed since the run before.

    The side `charges` has rows of trade_id, version (of the trade that is charged), currency, amount (above zero: we
    receive it) and xid (of the transaction that wrote it), without what deals state themselves.
    """
    sql.run(_CHARGED.format(charges=side(CHARGES).query), parameters)
