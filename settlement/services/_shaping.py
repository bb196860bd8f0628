"""The statements of a seal that cut what nets to more than the maximum size of an instruction (see _sealing.py).

Such a net is sealed as several instructions, its shapes. `seal_shape` says between which marks of the net each lies,
`seal_piece` which part of which leg goes to it. The legs that net against the others go with the first shape; the
others are laid end to end, in the order of the front office's names for their trades, and cut at the marks.
"""

from __future__ import annotations

from functools import cache

from settlement.services._sealing import NOW, digits_sql

MOST_SHAPES = (
    999  # sese.023 counts them with three digits; a net that needed more goes in that many larger ones
)
ANY = "SELECT EXISTS (SELECT FROM refdata_maximum_size)"

_KEY = ("solo", "lane", "against", "counterparty_id", "entity_id", "asset", "value_date", "asset_kind")
_KEYS = ", ".join(_KEY)
_MAXIMUM = """
    SELECT m.maximum FROM refdata_maximum_size m
    WHERE m.asset_kind = a.asset_kind AND m.asset IN ('*', a.asset)
      AND a.value_date BETWEEN m.valid_from AND coalesce(m.valid_to, 'infinity')
    ORDER BY m.asset = '*' LIMIT 1
"""


def _same(one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in _KEY)


@cache
def shapes_sql() -> str:
    """Find the nets that are over their maximum, and where each of their shapes begins and ends.

    Of a delivery versus payment the security is cut, so far that neither its shapes nor their payments are over their
    maximum, and the payment in proportion: by what has been paid at each mark, so that the shapes add up to the cent.
    One minor unit less than its maximum is aimed at, for what rounding adds.
    """
    return f"""
        CREATE TEMPORARY TABLE seal_shape ON COMMIT DROP AS
        WITH place AS MATERIALIZED (
            SELECT a.*, ({_MAXIMUM}) AS maximum FROM (SELECT DISTINCT asset_kind, asset, value_date FROM seal_group) a
        ), sized AS MATERIALIZED (
            SELECT {", ".join(f"g.{name}" for name in _KEY)}, abs(g.net) AS total, sign(g.net)::int AS sign, p.maximum,
                   CASE g.asset_kind WHEN 'CASH' THEN {digits_sql("g.asset")}
                                     ELSE scale(trim_scale(g.net)) END AS digits
            FROM seal_group g JOIN place p USING (asset_kind, asset, value_date)
        ), lead AS (
            SELECT row_number() OVER () AS number, s.*, o.asset AS paid_in, o.total AS paid, o.digits AS paid_digits,
                   least(s.maximum, CASE WHEN o.total > o.maximum THEN
                       s.total * greatest(o.maximum - power(10::numeric, -o.digits), 0) / o.total END) AS wanted
            FROM sized s
            LEFT JOIN sized o
                ON s.against <> '' AND o.against = s.asset AND o.asset = s.against AND o.sign = -s.sign
                AND o.solo = s.solo AND o.lane = s.lane AND o.counterparty_id = s.counterparty_id
                AND o.entity_id = s.entity_id AND o.value_date = s.value_date
            WHERE (o.asset IS NULL OR s.asset_kind = 'SECURITY') AND (s.total > s.maximum OR o.total > o.maximum)
        ), stepped AS (
            SELECT l.*, round(greatest(trunc(l.wanted, l.digits), power(10::numeric, -l.digits),
                                       ceil(l.total / {MOST_SHAPES} * power(10::numeric, l.digits))
                                       / power(10::numeric, l.digits)), l.digits) AS step
            FROM lead l
        ), cut AS (
            SELECT s.*, n::int AS shape, ceil(s.total / s.step)::int AS shapes, (n - 1) * s.step AS above,
                   least(s.total, n * s.step) AS upto
            FROM stepped s CROSS JOIN LATERAL generate_series(1, ceil(s.total / s.step)) AS n
        )
        SELECT number, {_KEYS}, sign, shape, shapes, above, upto FROM cut WHERE shapes > 1
        UNION ALL
        SELECT -number, solo, lane, asset, counterparty_id, entity_id, paid_in, value_date, 'CASH', -sign, shape,
               shapes, round(paid * above / total, paid_digits), round(paid * upto / total, paid_digits)
        FROM cut WHERE shapes > 1 AND paid IS NOT NULL
    """


# A part of a leg that has waited keeps its number in the first piece; the other pieces take the next free ones.
PIECES = f"""
CREATE TEMPORARY TABLE seal_piece ON COMMIT DROP AS
WITH named AS (
    SELECT g.number, l.trade_id, l.leg, l.attempt, l.piece, l.quantity, v.source, v.source_ref,
           (l.direction = 'RECEIVE') = (g.sign > 0) AS along
    FROM seal_shape g
    JOIN seal_leg l ON {_same("l", "g")}
    JOIN trades_version v ON v.trade_id = l.trade_id AND v.version = 1
    WHERE g.shape = 1 AND l.part = {NOW}
), laid AS (
    SELECT n.*, coalesce(sum(quantity) FILTER (WHERE NOT along) OVER (PARTITION BY number), 0) AS netted,
           sum(quantity) FILTER (WHERE along) OVER (
               PARTITION BY number ORDER BY source COLLATE "C", source_ref COLLATE "C", leg, attempt, piece
           ) AS upto
    FROM named n
), cut AS (
    SELECT l.number, l.trade_id, l.leg, l.attempt, l.piece, s.shape, CASE WHEN l.along THEN
               least(l.upto, l.netted + s.upto)
               - greatest(l.upto - l.quantity, CASE WHEN s.shape > 1 THEN l.netted + s.above ELSE 0 END)
           ELSE l.quantity END AS quantity
    FROM laid l JOIN seal_shape s ON s.number = l.number AND (l.along OR s.shape = 1)
), kept AS (
    SELECT c.*, row_number() OVER (PARTITION BY trade_id, leg, attempt, piece ORDER BY shape) = 1 AS is_first
    FROM cut c WHERE c.quantity > 0
)
SELECT k.*, CASE WHEN is_first THEN piece ELSE (
           SELECT coalesce(max(o.part), 0) FROM settlement_obligation o
           WHERE o.trade_id = k.trade_id AND o.leg = k.leg AND o.attempt = k.attempt
       ) + count(*) FILTER (WHERE NOT is_first) OVER (
           PARTITION BY trade_id, leg, attempt ORDER BY piece, shape
       ) END AS own_piece
FROM kept k
"""
CUT_LEGS = """
WITH whole AS (
    DELETE FROM seal_leg l USING seal_piece p
    WHERE p.is_first AND l.trade_id = p.trade_id AND l.leg = p.leg AND l.attempt = p.attempt AND l.piece = p.piece
    RETURNING l.*
)
INSERT INTO seal_leg
SELECT w.trade_id, w.version, w.leg, w.asset_kind, w.asset, w.direction, p.quantity, w.value_date, w.counterparty_id,
       w.entity_id, w.ssi_key, w.solo, w.lane, w.against, w.part, w.attempt, p.own_piece, w.waited AND p.is_first,
       p.shape
FROM whole w
JOIN seal_piece p ON p.trade_id = w.trade_id AND p.leg = w.leg AND p.attempt = w.attempt AND p.piece = w.piece
"""
CUT_GROUPS = f"""
WITH whole AS (
    DELETE FROM seal_group g USING seal_shape s WHERE s.shape = 1 AND {_same("g", "s")} RETURNING g.*
)
INSERT INTO seal_group ({_KEYS}, ssi_key, our_ssi_id, their_ssi_id, gross_count, trade_ids, leg, net, shape, shapes)
SELECT {", ".join(f"w.{name}" for name in _KEY)}, w.ssi_key, w.our_ssi_id, w.their_ssi_id, p.gross_count, p.trade_ids,
       p.leg, s.sign * (s.upto - s.above), s.shape, s.shapes
FROM whole w
JOIN seal_shape s ON {_same("s", "w")}
JOIN (
    SELECT number, shape, count(*) AS gross_count, array_agg(trade_id ORDER BY trade_id) AS trade_ids, min(leg) AS leg
    FROM seal_piece GROUP BY number, shape
) p ON p.number = s.number AND p.shape = s.shape
"""
SHAPED_WITH = """
UPDATE seal_net n SET shaped_with = o.instruction_id
FROM seal_net o
WHERE n.shape > 0 AND n.cancels IS NULL AND o.shape = 1 AND o.cancels IS NULL AND o.solo = n.solo
  AND o.lane = n.lane AND o.against = n.against AND o.counterparty_id = n.counterparty_id
  AND o.entity_id = n.entity_id AND o.asset = n.asset AND o.value_date = n.value_date AND o.asset_kind = n.asset_kind
"""
