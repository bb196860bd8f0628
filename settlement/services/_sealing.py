"""The statements of a seal, in their order. They work on temporary tables of one transaction.

`seal_trade` are the trades taken, `seal_leg` their legs, `seal_lane` the SSIs of legs whose parties have narrowed ones,
`seal_group` what is netted together, `seal_shape` how that is cut where it is over the maximum size (_shaping.py),
`seal_net` the instructions to be, `seal_recall` the instructions to be cancelled. Legs are inserted once, with the
instruction that they are netted in.
"""

from __future__ import annotations

from functools import cache

from iso4217 import Currency

from core.money import minor_units
from refdata.netting import ENTITIES, against_payment_sql, agreed_sql, agreements_sql, netted_sql
from refdata.ssi_choice import NARROWINGS, chosen_sql
from settlement.formats import canonical
from trades.lifecycle import State
from trades.products import PRODUCTS
from trades.products._legs import legs_sql

TABLES = (
    "seal_trade",
    "seal_earlier",
    "seal_leg",
    "seal_lane",
    "seal_group",
    "seal_shape",
    "seal_piece",
    "seal_recall",
    "seal_net",
)
NOW, LATER, ELSEWHERE = 0, 1, 2  # a leg is due and sealed now, falls due later, or goes another channel's way

# Temporary tables have no statistics: sorted merges of them are what the planner gets wrong.
SETTINGS = "SET LOCAL work_mem = '96MB'; SET LOCAL jit = off; SET LOCAL enable_mergejoin = off"
DEFAULTS = "SET LOCAL work_mem TO DEFAULT; SET LOCAL jit TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT"

_REFERENCE = ("source", "source_ref")
_ALWAYS = (
    "trade_id",
    "version",
    "product",
    "side",
    "counterparty_id",
    "book_id",
    "instrument_id",
    "instrument_ref",
)
_LEG_BITS = 20  # of a number that tells one leg of one trade; an order's lines are far fewer


@cache
def take_sql() -> str:
    """Lock the validated trades that settle by a date, as far as nobody else holds them, and copy what their
    legs are made of."""
    columns = ", ".join(f"v.{name}" for name in (*_ALWAYS, *_REFERENCE, *_leg_columns()))
    # The limit keeps the planner to one look-up for each validated trade, at any number of trades. The version is
    # compared again outside, because only that is looked at anew when a trade changes before it is locked.
    return f"""
        CREATE TEMPORARY TABLE seal_trade ON COMMIT DROP AS
        SELECT {columns}
        FROM trades_state s
        CROSS JOIN LATERAL (
            SELECT * FROM trades_version v
            WHERE v.trade_id = s.trade_id AND v.version = s.version AND v.settlement_date <= %(value_date)s
              AND coalesce(v.counterparty_id, 0) BETWEEN %(first)s AND %(last)s
            LIMIT 1
        ) v
        WHERE s.state = {State.VALIDATED.value} AND v.version = s.version
        ORDER BY s.trade_id FOR UPDATE OF s SKIP LOCKED
    """


def _leg_columns() -> list[str]:
    columns: set[str] = set()
    for product in PRODUCTS.values():
        for leg in product.legs:
            columns |= leg.columns
    return sorted(columns - set(_ALWAYS))


# Up to which value date each place of a channel is sealed, where that is not one date for all of them.
_REACH = """
reach AS MATERIALIZED (
    SELECT * FROM unnest(%(reach_kinds)s::text[], %(reach_markets)s::text[], %(reach_currencies)s::text[],
                         %(reach_until)s::date[]) AS r(asset_kind, market, currency, until)
)"""


def _reach_of(reach: str, *, kind: str, asset: str, instrument: str) -> str:
    """Return SQL that joins the reach of the place of an asset of a kind. instrument: that of a security."""
    return f"""LEFT JOIN reach {reach} ON {reach}.asset_kind = {kind}
            AND {reach}.market = CASE WHEN {kind} = 'SECURITY'
                                 AND {instrument}.market = ANY(%(reach_markets)s::text[])
                                THEN {instrument}.market ELSE '*' END
            AND {reach}.currency = CASE WHEN {kind} = 'CASH' AND {asset} = ANY(%(cash_currencies)s::text[])
                                  THEN {asset}
                                  WHEN {kind} = 'SECURITY'
                                   AND {instrument}.currency = ANY(%(security_currencies)s::text[])
                                  THEN {instrument}.currency ELSE '*' END"""


def _reaches(leg: str) -> str:
    """Return SQL that joins the reach `own` of a leg's place, and `other` of the leg that it is dealt against."""
    other = f"CASE {leg}.asset_kind WHEN 'CASH' THEN 'SECURITY' WHEN 'SECURITY' THEN 'CASH' END"
    return f"""
        LEFT JOIN refdata_instrument i ON i.code = CASE {leg}.asset_kind WHEN 'SECURITY' THEN {leg}.asset
                                                                         WHEN 'CASH' THEN {leg}.against END
        {_reach_of("own", kind=f"{leg}.asset_kind", asset=f"{leg}.asset", instrument="i")}
        {_reach_of("other", kind=other, asset=f"{leg}.against", instrument="i")}"""


def _reached(leg: str) -> str:
    """Return the condition under which a leg is sealed now. A pair leaves by the earlier of its two cut-offs, so that
    neither leg misses its own."""
    return f"""({leg}.value_date <= own.until
                     OR ({leg}.value_date <= other.until AND {against_payment_sql(leg)}))"""


def _wanted(leg: str) -> str:
    """Return the condition under which a leg's channel is sealed: a pair is when either of its channels is."""
    pairs = f"%(kinds)s::text[] && ARRAY['CASH', 'SECURITY'] AND {against_payment_sql(leg)}"
    return f"({leg}.asset_kind = ANY(%(kinds)s) OR ({pairs}))"


_PART = f"""CASE WHEN l.value_date > %(value_date)s THEN {LATER}
                    WHEN {_wanted("l")} THEN {NOW} ELSE {ELSEWHERE} END"""
# A leg on the date of its trade whose own cut-off is still to come keeps the trade VALIDATED.
_PART_BY_PLACE = f"""CASE WHEN {_reached("l")} THEN {NOW}
                    WHEN l.value_date > t.settlement_date THEN {LATER} ELSE {ELSEWHERE} END"""
_PLACE = f"""
        JOIN seal_trade t ON t.trade_id = l.trade_id{_reaches("l")}"""


@cache
def legs_of_trades_sql(by_place: bool = False) -> str:
    """Expand the taken trades to legs. Cash is rounded to what can be paid: its currency's minor units.

    A security goes by its instrument's code, however the front office called it, so that it nets.
    by_place: each leg is due as far as its place reaches.
    """
    return f"""
        CREATE TEMPORARY TABLE seal_leg ON COMMIT DROP AS
        WITH {f"{_REACH}, " if by_place else ""}{legs_of_sql("seal_trade")}
        SELECT l.trade_id, l.version, l.leg, l.asset_kind, l.asset, l.direction,
               {_payable("l")} AS quantity,
               l.value_date, l.counterparty_id, k.entity_id, l.ssi_key,
               {_solo("l")} AS solo, 0::bigint AS lane, {_against("l")} AS against,
               {_PART_BY_PLACE if by_place else _PART} AS part,
               1::smallint AS attempt, 0::smallint AS piece, false AS waited, 0 AS shape
        FROM leg l
        LEFT JOIN {ENTITIES} k ON k.id = l.book_id
        {agreements_sql("l", "k")}{_PLACE if by_place else ""}
    """


def legs_of_sql(relation: str) -> str:
    """Return SQL for the relation `leg`: the legs of trades in a relation with the columns of their versions."""
    return f"""batch AS MATERIALIZED (
            SELECT {", ".join(f"t.{name}" for name in (*_ALWAYS[:-1], *_leg_columns()))},
                   coalesce(i.code, t.instrument_ref) AS instrument_ref, i.market
            FROM {relation} t LEFT JOIN refdata_instrument i ON i.id = t.instrument_id
        ), leg AS ({legs_sql("batch")})"""


@cache
def standing_legs_sql() -> str:
    """Return SQL for the relation `standing`: what trades `%(ids)s` oblige to by their current versions."""
    return f"""
        current AS MATERIALIZED (
            SELECT v.* FROM trades_state s
            JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
            WHERE s.trade_id = ANY(%(ids)s::bigint[])
        ), {legs_of_sql("current")}, standing AS MATERIALIZED (
            SELECT l.trade_id, l.version, l.leg, l.asset_kind, l.asset, l.direction, {_payable("l")} AS quantity,
                   l.value_date, l.counterparty_id, k.entity_id
            FROM leg l LEFT JOIN refdata_book k ON k.id = l.book_id
        )
    """


def _payable(leg: str) -> str:
    """Return SQL for a leg's quantity, where it is cash with exactly its currency's minor units."""
    return f"""CASE WHEN {leg}.asset_kind = 'CASH' THEN round({leg}.quantity, {digits_sql(f"{leg}.asset")})
                    ELSE {leg}.quantity END"""


def _solo(leg: str) -> str:
    """Return SQL for what keeps a leg apart where no agreement nets it: a number of its own, or that of its pair."""
    apart = f"({leg}.trade_id << {_LEG_BITS}) + {leg}.leg"
    pair = f"CASE WHEN {agreed_sql('securities')} = 'NONE' THEN {leg}.trade_id << {_LEG_BITS} ELSE 0 END"
    return f"""CASE WHEN {against_payment_sql(leg)} THEN {pair}
                    WHEN {netted_sql(f"{leg}.asset_kind")} THEN 0 ELSE {apart} END"""


def _against(leg: str) -> str:
    """Return SQL for the asset of the leg that a leg settles together with; empty where it settles by itself."""
    return f"CASE WHEN {against_payment_sql(leg)} THEN {leg}.against ELSE '' END"


@cache
def digits_sql(currency: str) -> str:
    """Return SQL for a currency's minor units: only those that do not have two are told apart."""
    by_digits: dict[int, list[str]] = {}
    for each in Currency:
        digits = minor_units(each.code)
        if digits is not None and digits != 2:
            by_digits.setdefault(digits, []).append(f"'{each.code}'")
    cases = " ".join(
        f"WHEN {currency} IN ({', '.join(sorted(codes))}) THEN {digits}"
        for digits, codes in sorted(by_digits.items())
    )
    every = ", ".join(sorted(code for codes in by_digits.values() for code in codes))
    return f"CASE WHEN {currency} IN ({every}) THEN CASE {cases} END ELSE 2 END"


def rests_sql(which: str) -> str:
    """Return SQL for the legs, or parts of them, that were left undone of instructions which were recalled when they
    had settled in part. which: a condition on the instruction `i` or its recall `r`.

    What has settled of a net covers the legs of its direction in the order of trades and legs, once those of the other
    direction are made up for: what is left are the last of them.
    """
    return f"""
        SELECT trade_id, leg, attempt, part, version, asset_kind, asset, direction, value_date,
               least(quantity, uncovered) AS quantity
        FROM (
            SELECT own.trade_id, own.leg, own.attempt, own.part, own_state.version, own.asset_kind, own.asset,
                   own.direction, own.quantity, own.value_date,
                   r.remainder - coalesce(sum(own.quantity) OVER later, 0) AS uncovered
            FROM settlement_instruction i
            CROSS JOIN LATERAL (SELECT DISTINCT trade_id FROM unnest(i.trade_ids) AS u(trade_id)) AS behind
            JOIN settlement_obligation own
                ON own.trade_id = behind.trade_id AND own.instruction_id = i.id AND own.direction = i.direction
            JOIN trades_state own_state ON own_state.trade_id = own.trade_id
                AND own_state.state NOT IN ({State.CANCELLED.value}, {State.ALLOCATED.value})
            JOIN settlement_recall r ON r.instruction_id = i.id AND r.remainder IS NOT NULL
            WHERE {which}
            WINDOW later AS (PARTITION BY i.id ORDER BY own.trade_id DESC, own.leg DESC, own.attempt DESC, own.part DESC
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        ) AS undone
        WHERE uncovered > 0
    """


# A leg whose instruction was rejected or recalled is instructed again, as its next attempt; one that waits for its
# day waits on, unless the trade's terms have changed since. The ids go in as one sorted array: probes of one index,
# at any number of obligations. What stands of a leg are its parts that are live, or settled before
# the rest was recalled.
EARLIER = f"""
CREATE TEMPORARY TABLE seal_earlier ON COMMIT DROP AS
SELECT o.trade_id, o.leg, max(o.attempt) AS attempt,
       coalesce(sum(CASE WHEN o.instruction_id IS NULL THEN CASE WHEN o.version = t.version THEN o.quantity END
                         WHEN s.processing <> 'REJECTED' THEN
                             CASE WHEN r.instruction_id IS NULL THEN o.quantity
                                  WHEN r.remainder IS NOT NULL THEN o.quantity - coalesce(rest.quantity, 0) END
                    END), 0) AS standing,
       array_agg(DISTINCT o.instruction_id) FILTER (
           WHERE s.processing <> 'REJECTED' AND r.instruction_id IS NULL
       ) AS kept
FROM settlement_obligation o
JOIN seal_trade t ON t.trade_id = o.trade_id
LEFT JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id
LEFT JOIN settlement_recall r ON r.instruction_id = o.instruction_id
LEFT JOIN LATERAL (
    SELECT sum(q.quantity) AS quantity FROM ({rests_sql("i.id = o.instruction_id")}) AS q
    WHERE q.trade_id = o.trade_id AND q.leg = o.leg AND q.attempt = o.attempt AND q.part = o.part
) AS rest ON r.remainder IS NOT NULL
WHERE o.trade_id = ANY(ARRAY(SELECT trade_id FROM seal_trade ORDER BY trade_id))
GROUP BY o.trade_id, o.leg
"""
DROP_INSTRUCTED = """
DELETE FROM seal_leg l USING seal_earlier e
WHERE e.standing >= l.quantity AND l.trade_id = e.trade_id AND l.leg = e.leg
"""
KEPT = "SELECT DISTINCT kept FROM (SELECT unnest(kept) AS kept FROM seal_earlier) AS each ORDER BY kept"
COUNT_ATTEMPTS = f"""
UPDATE seal_leg l SET attempt = e.attempt + 1,
       quantity = CASE l.asset_kind WHEN 'CASH' THEN round(l.quantity - e.standing, {digits_sql("l.asset")})
                                    ELSE l.quantity - e.standing END
FROM seal_earlier e
WHERE l.trade_id = e.trade_id AND l.leg = e.leg
"""

# A leg may be without the other of its pair, because that was sealed apart: it then settles by itself.
UNPAIR = f"""
UPDATE seal_leg l SET against = '',
       solo = CASE l.asset_kind WHEN 'CASH' THEN (l.trade_id << {_LEG_BITS}) + l.leg ELSE l.solo END
WHERE l.against <> '' AND l.part = {NOW} AND NOT EXISTS (
    SELECT FROM seal_leg o
    WHERE o.trade_id = l.trade_id AND o.leg <> l.leg AND o.against <> '' AND o.part = {NOW}
)
"""


def _dealt_against() -> str:
    """Return SQL for the asset of the leg that an obligation `o` of a version `v` is dealt against, or null."""
    places = {"instrument_ref": "coalesce(vi.code, v.instrument_ref)"}
    cases = [
        f"WHEN v.product = '{product.code}' AND o.leg = {number} THEN {places.get(leg.against, f'v.{leg.against}')}"
        for product in PRODUCTS.values()
        for number, leg in enumerate(product.legs, start=1)
        if leg.against
    ]
    return f"CASE {' '.join(cases)} END"


@cache
def waiting_legs_sql(by_place: bool = False) -> str:
    """Add the legs that have waited and are due. by_place: as far as their places reach.

    Legs of a later date than their trade's first have waited as obligations without an instruction, and so have those
    that were netted in an instruction which another trade's change made wrong.
    """
    return f"""
        WITH {f"{_REACH}, " if by_place else ""}due AS MATERIALIZED (
            SELECT o.*, v.counterparty_id, v.book_id, {_dealt_against()} AS against
            FROM settlement_obligation o
            JOIN trades_state s ON s.trade_id = o.trade_id AND s.version = o.version
            JOIN trades_version v ON v.trade_id = o.trade_id AND v.version = o.version
            LEFT JOIN refdata_instrument vi ON vi.id = v.instrument_id
            WHERE o.instruction_id IS NULL AND o.value_date <= %(value_date)s
              AND s.state IN ({State.VALIDATED.value}, {State.INSTRUCTED.value}, {State.HANDED_OFF.value},
                              {State.ACKNOWLEDGED.value})
              AND coalesce(v.counterparty_id, 0) BETWEEN %(first)s AND %(last)s
            ORDER BY s.trade_id FOR UPDATE OF s SKIP LOCKED
        )
        INSERT INTO seal_leg
        SELECT d.trade_id, d.version, d.leg, d.asset_kind, d.asset, d.direction, {_payable("d")}, d.value_date,
               d.counterparty_id, k.entity_id,
               CASE d.asset_kind WHEN 'CASH' THEN d.asset WHEN 'GOODS' THEN '*' ELSE coalesce(m.market, '') END,
               {_solo("d")}, 0, {_against("d")}, {NOW}, d.attempt, d.part, true, 0
        FROM due d
        LEFT JOIN {ENTITIES} k ON k.id = d.book_id
        {agreements_sql("d", "k")}
        LEFT JOIN refdata_instrument m ON m.code = d.asset{_reaches("d") if by_place else ""}
        WHERE {_reached("d") if by_place else _wanted("d")}
    """


def group_sql(*, with_lanes: bool) -> str:
    """Make one group for each net; a leg that is not netted is a group without any grouping.

    The SSI pair follows from a group's columns (an asset has one market), or else from its lane, so netting by them is
    netting by the pair.
    """
    laned = "SELECT DISTINCT lane, asset_kind, our_ssi_id, their_ssi_id FROM seal_lane"
    nothing = (
        "SELECT NULL::bigint AS lane, NULL::text AS asset_kind, NULL::bigint AS our_ssi_id,"
        " NULL::bigint AS their_ssi_id WHERE false"
    )
    any_trade = ", ".join(f"'*' AS {name}" for name in NARROWINGS)
    return f"""
        CREATE TEMPORARY TABLE seal_group ON COMMIT DROP AS
        WITH grouped AS MATERIALIZED (
            SELECT 0::bigint AS solo, lane, against, counterparty_id, entity_id, asset, value_date, asset_kind,
                   max(ssi_key) AS ssi_key, count(*) AS gross_count, array_agg(trade_id ORDER BY trade_id) AS trade_ids,
                   min(leg) AS leg,
                   sum(CASE direction WHEN 'RECEIVE' THEN quantity ELSE -quantity END) AS net, 0 AS shape, 0 AS shapes
            FROM seal_leg WHERE part = {NOW} AND solo = 0
            GROUP BY counterparty_id, entity_id, asset, value_date, asset_kind, lane, against
            UNION ALL
            SELECT solo, lane, against, counterparty_id, entity_id, asset, value_date, asset_kind, ssi_key, 1,
                   ARRAY[trade_id], leg, CASE direction WHEN 'RECEIVE' THEN quantity ELSE -quantity END, 0, 0
            FROM seal_leg WHERE part = {NOW} AND solo <> 0
        ), needed AS MATERIALIZED (
            SELECT counterparty_id AS party_id, asset_kind, ssi_key, value_date FROM grouped WHERE lane = 0
            UNION
            SELECT entity_id, asset_kind, ssi_key, value_date FROM grouped WHERE lane = 0
        ), ssi AS MATERIALIZED (
            SELECT n.*, {chosen_sql("n")} AS ssi_id FROM (SELECT *, {any_trade} FROM needed) AS n
        ), lane AS MATERIALIZED ({laned if with_lanes else nothing})
        SELECT g.*, coalesce(lane.our_ssi_id, ours.ssi_id) AS our_ssi_id,
               coalesce(lane.their_ssi_id, theirs.ssi_id) AS their_ssi_id
        FROM grouped g
        LEFT JOIN lane ON lane.lane = g.lane AND lane.asset_kind = g.asset_kind
        LEFT JOIN ssi ours ON g.lane = 0 AND ours.party_id = g.entity_id AND ours.asset_kind = g.asset_kind
                          AND ours.ssi_key = g.ssi_key AND ours.value_date = g.value_date
        LEFT JOIN ssi theirs ON g.lane = 0 AND theirs.party_id = g.counterparty_id
                            AND theirs.asset_kind = g.asset_kind
                            AND theirs.ssi_key = g.ssi_key AND theirs.value_date = g.value_date
    """


# So that the planner knows how many groups the few batches have: it would hash the many and scan the few.
COUNT_GROUPS = "ANALYZE pg_temp.seal_group (asset_kind, value_date, gross_count)"

UNRESOLVED = f"""
SELECT DISTINCT l.trade_id
FROM (SELECT * FROM seal_group WHERE our_ssi_id IS NULL OR their_ssi_id IS NULL) g
JOIN seal_leg l ON l.asset = g.asset AND l.asset_kind = g.asset_kind AND l.value_date = g.value_date
    AND l.solo = g.solo AND l.lane = g.lane AND l.against = g.against
    AND l.counterparty_id IS NOT DISTINCT FROM g.counterparty_id AND l.entity_id IS NOT DISTINCT FROM g.entity_id
WHERE l.part = {NOW}
"""
_SAME_GROUP = """
l.solo = g.solo AND l.lane = g.lane AND l.counterparty_id = g.counterparty_id AND l.entity_id = g.entity_id
AND l.asset = g.asset AND l.value_date = g.value_date AND l.asset_kind = g.asset_kind AND l.against = g.against
AND l.shape = g.shape
"""

# What was recalled is cancelled with the next batch of its channel, whatever its day; what the back office has
# rejected by then needs no cancellation.
RECALLED = """
CREATE TEMPORARY TABLE seal_recall ON COMMIT DROP AS
SELECT r.instruction_id AS original_id, i.asset_kind, i.value_date, coalesce(r.remainder, i.quantity) AS left_to_do
FROM settlement_recall r
JOIN settlement_instruction i ON i.id = r.instruction_id
JOIN settlement_instruction_state s ON s.instruction_id = r.instruction_id
WHERE r.cancellation_id IS NULL AND NOT r.with_batch AND s.processing <> 'REJECTED'
  AND (i.asset_kind = ANY(%(kinds)s)
       OR (i.linked_id IS NOT NULL AND %(kinds)s::text[] && ARRAY['CASH', 'SECURITY']))
  AND i.counterparty_id BETWEEN %(first)s AND %(last)s
ORDER BY r.instruction_id FOR UPDATE OF r SKIP LOCKED
"""

COUNTS = """
SELECT asset_kind, value_date, count(*) FROM (
    SELECT asset_kind, value_date FROM seal_group UNION ALL SELECT asset_kind, value_date FROM seal_recall
) AS lines GROUP BY asset_kind, value_date
"""
# The batches being sealed, as parameters: few rows, wherever a statement needs them.
_BATCHES = """
batches AS MATERIALIZED (
    SELECT * FROM unnest(%(kinds)s::text[], %(channels)s::text[], %(value_dates)s::date[], %(batch_ids)s::bigint[],
                         %(firsts)s::bigint[])
    AS b(asset_kind, channel, value_date, batch_id, first_id)
)
"""


# In one pass, and by numbers alone: texts would take twice as long to tell apart.
TRADE_COUNTS = f"""
WITH {_BATCHES}
SELECT batch_id, count(*) FROM (
    SELECT DISTINCT b.batch_id, l.trade_id
    FROM seal_leg l JOIN batches b ON b.asset_kind = l.asset_kind AND b.value_date = l.value_date
    WHERE l.part = {NOW}
    UNION
    SELECT n.batch_id, unnest(n.trade_ids) FROM seal_net n WHERE n.cancels IS NOT NULL
) AS trades GROUP BY batch_id
"""


def _reference(column: str) -> str:
    """Return SQL for the front office's name of a net's only trade; that of a leg that waited is looked up."""
    return f"""CASE WHEN g.gross_count = 1 THEN coalesce(t.{column}, (
        SELECT v.{column} FROM trades_version v WHERE v.trade_id = g.trade_ids[1] AND v.version = 1
    )) END AS {column}"""


@cache
def nets_sql() -> str:
    """Number the nets within their batches, in the canonical order of lines.

    Counterparty, entity, asset and sign are sorted as one number, made of their places in the order of codes.
    """
    return f"""
        CREATE TEMPORARY TABLE seal_net ON COMMIT DROP AS
        WITH {_BATCHES}, {_places("counterparty")}, {_places("entity")}, asset AS MATERIALIZED (
            SELECT asset, row_number() OVER (ORDER BY asset COLLATE "C") AS place
            FROM (SELECT DISTINCT asset FROM seal_group) AS assets
        ), signed AS (
            SELECT g.*, b.batch_id, b.first_id, b.channel, abs(g.net) AS quantity, sign(g.net)::int AS sign,
                   (cp.place << 38) + (en.place << 26) + (asset.place << 2) + sign(g.net)::int AS place,
                   {_reference("source")}, {_reference("source_ref")}
            FROM seal_group g
            JOIN batches b ON b.asset_kind = g.asset_kind AND b.value_date = g.value_date
            JOIN counterparty cp ON cp.id = g.counterparty_id
            JOIN entity en ON en.id = g.entity_id
            JOIN asset ON asset.asset = g.asset
            LEFT JOIN seal_trade t ON g.gross_count = 1 AND t.trade_id = g.trade_ids[1]
        ), placed AS (
            SELECT s.*, row_number() OVER (PARTITION BY s.batch_id ORDER BY {canonical.ORDER})::int AS line
            FROM signed s
        )
        SELECT p.batch_id, p.line, p.first_id + p.line - 1 AS instruction_id, p.channel, p.solo, p.lane,
               p.counterparty_id, p.entity_id, p.asset_kind, p.asset, p.value_date, p.our_ssi_id, p.their_ssi_id,
               p.quantity,
               CASE p.sign WHEN 1 THEN 'RECEIVE' WHEN -1 THEN 'DELIVER' ELSE 'NIL' END AS direction,
               CASE p.asset_kind WHEN 'CASH' THEN p.quantity ELSE trim_scale(p.quantity) END::text AS quantity_text,
               p.gross_count, p.trade_ids, p.source, p.source_ref, NULL::bigint AS cancels, NULL::bigint[] AS replaces,
               p.against, NULL::bigint AS linked, NULL::text AS linked_asset, NULL::text AS linked_quantity, p.shape,
               p.shapes, NULL::bigint AS shaped_with
        FROM placed p
    """


@cache
def cancellations_sql() -> str:
    """Add the lines that cancel what was recalled, behind the nets of their batches: of what had settled in part the
    rest. They never net: each has a `solo` of its own."""
    return f"""
        INSERT INTO seal_net
        WITH {_BATCHES}, taken AS MATERIALIZED (
            SELECT batch_id, count(*) AS count FROM seal_net GROUP BY batch_id
        ), placed AS (
            SELECT b.batch_id AS in_batch, b.first_id, i.*, r.left_to_do,
                   (coalesce(t.count, 0) + row_number() OVER (PARTITION BY b.batch_id ORDER BY i.id))::int AS place
            FROM seal_recall r
            JOIN settlement_instruction i ON i.id = r.original_id
            JOIN batches b ON b.asset_kind = r.asset_kind AND b.value_date = r.value_date
            LEFT JOIN taken t ON t.batch_id = b.batch_id
        ), written AS (
            SELECT p.*, {_written("p", "left_to_do")} AS payable, o.asset AS linked_asset,
                   {_written("o", "quantity")}::text AS linked_quantity
            FROM placed p LEFT JOIN settlement_instruction o ON o.id = p.linked_id
        )
        SELECT w.in_batch, w.place, w.first_id + w.place - 1, w.channel, -w.id, 0, w.counterparty_id, w.entity_id,
               w.asset_kind, w.asset, w.value_date, w.our_ssi_id, w.their_ssi_id, w.payable, w.direction,
               w.payable::text, w.gross_count, w.trade_ids, v.source, v.source_ref, w.id, NULL, '', w.linked_id,
               w.linked_asset, w.linked_quantity, coalesce(w.shape, 0), coalesce(w.shapes, 0), w.shaped_with
        FROM written w
        LEFT JOIN trades_version v ON w.gross_count = 1 AND v.trade_id = w.trade_ids[1] AND v.version = 1
    """


def _written(instruction: str, quantity: str) -> str:
    """Return SQL for a quantity of a stored instruction as lines write it."""
    digits = digits_sql(f"{instruction}.asset")
    return f"""CASE WHEN {instruction}.asset_kind = 'CASH' THEN round({instruction}.{quantity}, {digits})
                    ELSE trim_scale({instruction}.{quantity}) END"""


# A security and its payment settle against each other where they go opposite ways. Where the nets of both go the same
# way, or there is only one of them, each settles by itself.
LINK_PAIRS = """
UPDATE seal_net n SET linked = o.instruction_id, linked_asset = o.asset, linked_quantity = o.quantity_text
FROM seal_net o
WHERE n.against <> '' AND o.against <> '' AND o.asset = n.against AND o.against = n.asset
  AND o.solo = n.solo AND o.lane = n.lane AND o.counterparty_id = n.counterparty_id AND o.entity_id = n.entity_id
  AND o.value_date = n.value_date AND o.shape = n.shape
  AND (n.direction, o.direction) IN (('DELIVER', 'RECEIVE'), ('RECEIVE', 'DELIVER'))
"""

# A leg replaces the recalled instructions that parts of it were in, but for those which were replaced before.
REPLACES = f"""
UPDATE seal_net n SET replaces = found.originals
FROM (
    SELECT g.instruction_id, array_agg(DISTINCT earlier.instruction_id ORDER BY earlier.instruction_id) AS originals
    FROM seal_leg l JOIN seal_net g ON l.part = {NOW} AND {_SAME_GROUP}
    JOIN settlement_obligation earlier
        ON earlier.trade_id = l.trade_id AND earlier.leg = l.leg AND earlier.attempt < l.attempt
    JOIN settlement_recall r ON r.instruction_id = earlier.instruction_id AND NOT r.with_batch
    WHERE l.attempt > 1 AND NOT EXISTS (
        SELECT FROM settlement_obligation since JOIN settlement_instruction i ON i.id = since.instruction_id
        WHERE since.trade_id = l.trade_id AND since.leg = l.leg AND since.attempt > earlier.attempt
          AND earlier.instruction_id = ANY(i.replaces)
    )
    GROUP BY g.instruction_id
) AS found
WHERE n.instruction_id = found.instruction_id
"""
LINK_RECALLS = """
UPDATE settlement_recall r SET cancellation_id = n.instruction_id FROM seal_net n WHERE n.cancels = r.instruction_id
"""


def _places(role: str) -> str:
    return f"""{role} AS MATERIALIZED (
            SELECT id, row_number() OVER (ORDER BY code COLLATE "C") AS place FROM refdata_party
            WHERE id IN (SELECT {role}_id FROM seal_group)
        )"""


BY_LINE = "CREATE INDEX ON pg_temp.seal_net (batch_id, line)"
INSTRUCTIONS = """
INSERT INTO settlement_instruction
    (id, batch_id, line, channel, counterparty_id, entity_id, asset_kind, asset, direction, quantity, value_date,
     our_ssi_id, their_ssi_id, gross_count, trade_ids, cancels, replaces, linked_id, shape, shapes, shaped_with)
SELECT instruction_id, batch_id, line, channel, counterparty_id, entity_id, asset_kind, asset, direction, quantity,
       value_date, our_ssi_id, their_ssi_id, gross_count, trade_ids, cancels, replaces, linked, nullif(shape, 0),
       nullif(shapes, 0), shaped_with
FROM seal_net
"""
INSTRUCTION_STATES = """
INSERT INTO settlement_instruction_state
    (instruction_id, batch_id, processing, processing_reason, settlement, settlement_reason, settled_quantity,
     changed_at)
SELECT instruction_id, batch_id, 'SEALED', '', 'PENDING', '', 0, %(now)s FROM seal_net
"""
OBLIGATIONS = f"""
INSERT INTO settlement_obligation
    (trade_id, leg, attempt, part, version, instruction_id, asset_kind, asset, direction, quantity, value_date)
SELECT l.trade_id, l.leg, l.attempt, l.piece, l.version, g.instruction_id, l.asset_kind, l.asset, l.direction,
       l.quantity, l.value_date
FROM seal_leg l LEFT JOIN seal_net g ON l.part = {NOW} AND {_SAME_GROUP}
WHERE l.part <> {ELSEWHERE} AND NOT l.waited
"""
WAITING_OBLIGATIONS = f"""
UPDATE settlement_obligation o SET instruction_id = g.instruction_id, quantity = l.quantity
FROM seal_leg l JOIN seal_net g ON {_SAME_GROUP}
WHERE l.waited AND o.trade_id = l.trade_id AND o.leg = l.leg AND o.attempt = l.attempt AND o.part = l.piece
"""

# What the lines of one pair of parties and SSIs have in common is put together once.
PAGES = f"""
WITH {_BATCHES}, common AS MATERIALIZED (
    SELECT n.*, {canonical.BEFORE} AS before, {canonical.AFTER} AS after
    FROM (SELECT DISTINCT batch_id, counterparty_id, entity_id, our_ssi_id, their_ssi_id FROM seal_net) n
    JOIN batches b ON b.batch_id = n.batch_id
    JOIN refdata_party cp ON cp.id = n.counterparty_id
    JOIN refdata_party en ON en.id = n.entity_id
    JOIN refdata_ssi ours ON ours.id = n.our_ssi_id
    JOIN refdata_ssi theirs ON theirs.id = n.their_ssi_id
), page AS (
    SELECT b.batch_id, first_line FROM batches b
    CROSS JOIN LATERAL generate_series(1, (SELECT max(line) FROM seal_net n WHERE n.batch_id = b.batch_id),
                                       {canonical.PAGE_LINES}) AS first_line
), pages AS (
    SELECT page.batch_id, page.first_line, text.line_count, convert_to(text.content, 'UTF8') AS content
    FROM page CROSS JOIN LATERAL (
        SELECT count(*) AS line_count, string_agg({canonical.LINE}, '' ORDER BY n.line) AS content
        FROM seal_net n
        JOIN common c ON c.batch_id = n.batch_id AND c.counterparty_id = n.counterparty_id
             AND c.entity_id = n.entity_id AND c.our_ssi_id = n.our_ssi_id AND c.their_ssi_id = n.their_ssi_id
        WHERE n.batch_id = page.batch_id
          AND n.line BETWEEN page.first_line AND page.first_line + {canonical.PAGE_LINES} - 1
    ) AS text
)
INSERT INTO settlement_batch_page (batch_id, number, first_line, line_count, byte_count, content)
SELECT batch_id, first_line / {canonical.PAGE_LINES} + 1, first_line, line_count, octet_length(content), content
FROM pages
"""

# Where a batch has more assets than that, its totals are one hash total over all of them, under `*`.
MAX_TOTAL_ASSETS = 1_000
TOTALS = f"""
WITH by_asset AS MATERIALIZED (
    SELECT batch_id, asset, direction, count(*) AS count, sum(quantity) AS sum, min(asset_kind) AS asset_kind
    FROM seal_net GROUP BY batch_id, asset, direction
), assets AS (
    SELECT batch_id, count(DISTINCT asset) AS count FROM by_asset GROUP BY batch_id
)
SELECT t.batch_id, CASE WHEN assets.count > {MAX_TOTAL_ASSETS} THEN '*' ELSE t.asset END, t.direction,
       sum(t.count)::bigint,
       CASE WHEN min(t.asset_kind) = 'CASH' THEN sum(t.sum) ELSE trim_scale(sum(t.sum)) END::text
FROM by_asset t JOIN assets USING (batch_id)
GROUP BY 1, 2, 3
"""

INSTRUCTED_WHOLE = f"""
SELECT t.trade_id FROM seal_trade t
WHERE NOT EXISTS (SELECT FROM seal_leg l WHERE l.part = {ELSEWHERE} AND l.trade_id = t.trade_id)
"""
