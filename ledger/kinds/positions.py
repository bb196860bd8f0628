"""POSITIONS: what a custodian says is in our accounts against what the ledger has there, settled or traded.

The ledger knows what each book holds; at which account, it asks settlement: where the leg was instructed to settle.
What nothing was instructed of is where our SSI would have it settle. Trades settle as a whole in the ledger, at the
custodian securities come before their payment, or in part: what has settled of trades that have not is added.
"""

from __future__ import annotations

from core.as_of import KNOWN
from core.sides import side
from ledger.kinds.base import Field, Kind
from ledger.models import Basis
from refdata.models import Instrument
from refdata.ssi_choice import chosen_sql
from trades.lifecycle import State

_ELSEWHERE = f"'{Instrument.ProductClass.GOODS}', '{Instrument.ProductClass.SERVICE}'"  # in no account


def _ours() -> str:
    # `waiting`: the trades that the ledger may not have entered as settled; of a past moment, all of them.
    return f"""
WITH entered AS MATERIALIZED (
    SELECT e.trade_id, e.version, e.leg, e.book_id, e.instrument_id, e.currency, e.settles_on, e.quantity
    FROM ledger_position_entry e
    WHERE e.instrument_id <> 0 AND e.basis = %(basis)s AND e.effective_date <= %(until)s::date
      AND core_known(e.xid, e.recorded_at, {KNOWN})
), instructed AS MATERIALIZED ({side("accounts").query}), summed AS MATERIALIZED (
    SELECT e.book_id, e.instrument_id, e.currency, e.settles_on, a.account,
           CASE WHEN a.account IS NULL THEN coalesce(v.product, '') END AS product, sum(e.quantity) AS quantity
    FROM entered e
    LEFT JOIN instructed a ON a.trade_id = e.trade_id AND a.leg = e.leg
    LEFT JOIN trades_version v ON a.account IS NULL AND v.trade_id = e.trade_id AND v.version = e.version
    GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(e.quantity) <> 0
), needed AS MATERIALIZED (
    SELECT DISTINCT k.entity_id AS party_id, 'SECURITY' AS asset_kind, i.market AS ssi_key, s.product, s.currency,
           i.market, k.code AS book, s.settles_on AS value_date, s.book_id, s.instrument_id
    FROM summed s JOIN refdata_book k ON k.id = s.book_id JOIN refdata_instrument i ON i.id = s.instrument_id
    WHERE s.account IS NULL
), chosen AS MATERIALIZED (
    SELECT n.book_id, n.instrument_id, n.currency, n.value_date, n.product,
           (SELECT account FROM refdata_ssi WHERE id = {chosen_sql("n")}) AS account FROM needed n
), waiting AS MATERIALIZED (
    SELECT trade_id FROM trades_state
    WHERE %(as_at)s::timestamptz IS NOT NULL OR state <> {State.SETTLED.value} OR NOT coalesce(
        (changed_xid, trade_id) <= (SELECT xid, trade_id FROM ledger_position_mark), false)
), held AS (
    SELECT coalesce(s.account, c.account) AS account, i.code AS instrument, s.quantity
    FROM summed s JOIN refdata_instrument i ON i.id = s.instrument_id
    LEFT JOIN chosen c ON s.account IS NULL AND c.book_id = s.book_id AND c.instrument_id = s.instrument_id
         AND c.currency = s.currency AND c.value_date = s.settles_on AND c.product = s.product
    WHERE i.product_class NOT IN ({_ELSEWHERE})
    UNION ALL
    SELECT g.account, g.instrument, g.quantity FROM ({side("settling").query}) g
    WHERE %(basis)s = '{Basis.SETTLED.value}' AND NOT EXISTS (
        SELECT FROM ledger_position_entry e JOIN refdata_instrument i ON i.id = e.instrument_id
        WHERE e.trade_id = ANY(g.trade_ids) AND i.code = g.instrument AND e.basis = '{Basis.SETTLED.value}'
          AND e.reverses IS NULL AND core_known(e.xid, e.recorded_at, {KNOWN}) AND NOT EXISTS (
              SELECT FROM ledger_position_entry r
              WHERE r.reverses = e.id AND core_known(r.xid, r.recorded_at, {KNOWN})))
)
SELECT concat_ws(' ', account, instrument) AS id, %(until)s::date AS day, account, instrument, sum(quantity) AS quantity
FROM held WHERE account = ANY(%(accounts)s::text[])
GROUP BY account, instrument HAVING sum(quantity) <> 0
"""


POSITIONS = Kind(
    code="POSITIONS",
    title="Positions against the custodian's statement",
    fields=(
        Field("account", "text", "our account at the custodian"),
        Field("instrument", "text", "ISIN"),
        Field("quantity", "decimal", "how much is there; below zero where it is owed"),
    ),
    ours=_ours,
    identity=("account", "instrument"),
    money=("quantity", "instrument"),
    valued_by="INSTRUMENT",
    levels=(
        {
            "keys": ["account", "instrument"],
            "compare": {"quantity": {"type": "ABSOLUTE", "limit": "0"}},
        },
    ),
    example={"account": "OURS-CUSTODY", "instrument": "US0378331005", "quantity": "1200"},
    snapshot=True,
    account="account",
    bases=(Basis.SETTLED.value, Basis.TRADED.value),
    tells_past=True,
)
