"""What several checks look at beside the batch itself, looked up once for all of them.

`nearby`: for a trade of the batch, the live deals captured before it of the same trade date, trader and instrument
(or pair of currencies) that were executed within NEARBY_MINUTES of it: `other` names it, `apart` is the time between.
`opposite` says that they undo each other; `same_size` that just as much is undone or repeated, `way_back` that an
exchange is undone to the cent; `equal` that it is the very same deal; `quantity_off` and `price_off` are fractions.
A deal without `executed_at` has no neighbours; a part of a block none in its block or in the other parts.

`changes`: the sides of legs that settle by an SSI that took another's place within CHANGED_DAYS, with the `day`. A
party's first SSI is no change. Three things are: an SSI that begins to hold after another one that fits as much; one
that is loaded beside another that fits as much; and one whose account, agent, place or address was edited. What was
loaded and edited stands in the log.

`entries`: the entries of watch lists in force that name a party, instrument or country of the batch.

`order_lines`: the lines of orders we sell, beside the list price of their article, where there is one.
"""

from refdata.ssi_choice import PRECEDENCE
from trades.lifecycle import State

NEARBY_MINUTES = 15
NEARBY_SIZE = (
    "0.1"  # neighbours of a trade that is no exchange differ from it in quantity by at most this part
)
NEARBY_MAX = 200  # neighbours that are looked at: more make no difference
CHANGED_DAYS = 31

_FX = "b.contra_currency IS NOT NULL"
_OPPOSITE = f"CASE WHEN {_FX} THEN o.currency = b.contra_currency ELSE o.side <> b.side END"
_SAME_SIZE = f"""CASE WHEN {_FX} AND o.currency = b.contra_currency
    THEN o.quantity = b.contra_amount OR o.contra_amount = b.quantity ELSE o.quantity = b.quantity END"""

# The look-up is written like the index trades_version_neighbours, or it would not be used.
_NEARBY = f"""
nearby AS MATERIALIZED (
    SELECT b.trade_id, b.trader, o.source || ' ' || o.source_ref AS other,
           greatest(o.executed_at - b.executed_at, b.executed_at - o.executed_at) AS apart,
           {_OPPOSITE} AS opposite, {_SAME_SIZE} AS same_size,
           o.duplicate_key = b.duplicate_key AND o.net_amount = b.net_amount AS equal,
           o.price = b.price AS same_price,
           o.counterparty_ref = b.counterparty_ref AS same_party, o.book_ref = b.book_ref AS same_book,
           abs(o.quantity / nullif(b.quantity, 0) - 1) AS quantity_off,
           abs(o.price / nullif(b.price, 0) - 1) AS price_off,
           o.quantity = b.contra_amount AND o.contra_amount = b.quantity AS way_back
    FROM batch b
    CROSS JOIN LATERAL (
        SELECT * FROM trades_version o
        WHERE o.trade_date = b.trade_date AND o.trader = b.trader
          AND coalesce(o.instrument_id, hashtext(least(o.currency, o.contra_currency)
                                                 || greatest(o.currency, o.contra_currency)))
            = coalesce(b.instrument_id, hashtext(least(b.currency, b.contra_currency)
                                                 || greatest(b.currency, b.contra_currency)))
          AND o.executed_at BETWEEN b.executed_at - interval '{NEARBY_MINUTES} minutes'
                                AND b.executed_at + interval '{NEARBY_MINUTES} minutes'
          AND (o.instrument_id IS NOT NULL OR o.contra_currency IS NOT NULL)
          AND o.trade_id < b.trade_id AND o.product = b.product
          AND (b.contra_currency IS NOT NULL OR abs(o.quantity - b.quantity) <= {NEARBY_SIZE} * b.quantity)
        ORDER BY o.executed_at DESC LIMIT {NEARBY_MAX}
    ) o
    CROSS JOIN LATERAL (
        SELECT 1 FROM trades_state s
        WHERE s.trade_id = o.trade_id AND s.version = o.version AND s.state <> {State.CANCELLED.value}
          AND (b.block_id IS NULL OR b.block_id NOT IN (o.trade_id, coalesce(s.block_id, 0)))
        OFFSET 0
    ) live
    WHERE b.executed_at IS NOT NULL AND b.trader <> ''
      AND (b.instrument_id IS NOT NULL OR b.contra_currency IS NOT NULL)
)"""

_NAMED = " UNION ALL ".join(
    f"SELECT DISTINCT '{subject}', {column} FROM batch"
    f" WHERE {column} <> '' AND EXISTS (SELECT 1 FROM refdata_watch_entry)"
    for subject, column in (
        ("PARTY", "party_code"),
        ("PARTY", "party_lei"),
        ("COUNTRY", "party_country"),
        ("INSTRUMENT", "instrument_code"),
    )
)
_ENTRIES = f"""
entries AS MATERIALIZED (
    SELECT w.*
    FROM ({_NAMED}) AS n(subject, key)
    CROSS JOIN LATERAL (
        SELECT * FROM refdata_watch_entry w
        WHERE w.subject = n.subject AND w.key = n.key
          AND w.valid_from <= %(today)s::date AND (w.valid_to IS NULL OR w.valid_to >= %(today)s::date)
        OFFSET 0
    ) w
)"""

_ORDER_LINES = """
order_lines AS MATERIALIZED (
    SELECT b.trade_id, b.max_discount, line->>'sku' AS sku, (line->>'unit_price')::numeric AS unit_price,
           listed.price AS list_price
    FROM batch b
    CROSS JOIN LATERAL jsonb_array_elements(b.terms->'lines') AS line
    CROSS JOIN LATERAL (
        SELECT price, currency FROM refdata_close_price c
        WHERE c.instrument_id = (line->>'instrument_id')::bigint AND c.date <= b.trade_date
        ORDER BY c.date DESC LIMIT 1
    ) listed
    WHERE b.side = 'SELL' AND jsonb_typeof(b.terms->'lines') = 'array' AND listed.currency = b.currency
)"""

# Another SSI that fits, or fitted, whatever this one fits.
_IN_ITS_PLACE = "o.party_id = s.party_id AND o.kind = s.kind AND " + " AND ".join(
    f"o.{name} IN (s.{name}, '*')" for name in PRECEDENCE
)
_SINCE = f"%(today)s::date - {CHANGED_DAYS}"
_CHANGES = f"""
changes AS MATERIALIZED (
    SELECT c.*, taken.day
    FROM (SELECT * FROM coverage WHERE ssi_id IS NOT NULL) c
    CROSS JOIN LATERAL (SELECT * FROM refdata_ssi s WHERE s.id = c.ssi_id OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT s.valid_from AS day
        WHERE s.valid_from > {_SINCE} AND EXISTS (
            SELECT 1 FROM refdata_ssi o WHERE {_IN_ITS_PLACE} AND o.valid_from < s.valid_from)
        UNION ALL
        SELECT (e.recorded_at AT TIME ZONE 'UTC')::date FROM core_event e
        WHERE e.subject_id = s.id AND e.subject = 'ssi' AND e.recorded_at >= {_SINCE} AND (
            e.type = 'ssi.changed'
                AND e.data->'before' ?| '{{account,agent_bic,place_of_settlement,delivery_address}}'::text[]
            OR e.type = 'ssi.created' AND EXISTS (
                SELECT 1 FROM refdata_ssi o WHERE {_IN_ITS_PLACE} AND o.id < s.id))
    ) taken
)"""

RELATIONS = "," + ",".join((_NEARBY, _CHANGES, _ENTRIES, _ORDER_LINES))
