"""How much of a run's profit was realised, by its lots: told beside the explanation, and proved against it.

What a position made before fees, interest and rates is, by the lots, what was realised and the change of what is not.
The lines of the run say the same by other means; what the two differ by is told with its reason.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from core import sql
from core.money import round_money_sql
from ledger.services.profit_lots import GAIN_KEY, read_lots

_BASE = f"'{settings.BASE_CURRENCY}'"
_MADE = ("new_trades", "amendments", "market", "unexplained")  # what the lots tell in their own way


def _rounded(amount: str) -> str:
    return round_money_sql(f"coalesce({amount}, 0)", _BASE)


# Without a price what is open keeps what it was worth, and what is new is worth what it cost.
_GAINED = f"""
CREATE TEMPORARY TABLE profit_gained ON COMMIT DROP AS
WITH each AS (
    SELECT {GAIN_KEY}, quantity, cost, realised_to_date, 0 AS was_quantity, 0 AS was_cost, 0 AS was_worth,
           0 AS was_realised, 0 AS made, 0 AS found_rate, 0 AS held
    FROM profit_lots WHERE book_id IS NOT NULL
    UNION ALL
    SELECT {GAIN_KEY}, 0, 0, 0, quantity, cost, worth, realised_to_date, 0, 0, 0
    FROM ledger_profit_gain WHERE run_id = %(opening)s
    UNION ALL
    SELECT {GAIN_KEY}, 0, 0, 0, 0, 0, 0, 0, {" + ".join(_MADE)},
           CASE WHEN was_rate IS NULL THEN opening_value ELSE 0 END,
           CASE WHEN still_ahead IS NULL THEN quantity ELSE 0 END
    FROM profit_parted WHERE product <> 'ADJUSTMENT'
), summed AS (
    SELECT {GAIN_KEY}, sum(quantity) AS quantity, sum(cost) AS cost, sum(realised_to_date) AS realised_to_date,
           sum(was_quantity) AS was_quantity, sum(was_cost) AS was_cost, sum(was_worth) AS was_worth,
           sum(was_realised) AS was_realised, sum(made) AS made, sum(found_rate) AS found_rate, sum(held) AS held
    FROM each GROUP BY {GAIN_KEY}
), valued AS (
    SELECT s.*, CASE WHEN s.quantity = 0 THEN 0 WHEN p.price IS NULL THEN s.was_worth + s.cost - s.was_cost
                     ELSE s.quantity * p.price END AS worth,
           s.quantity <> 0 AND p.price IS NULL OR s.was_quantity <> 0 AND p.was_price IS NULL AS is_unpriced,
           coalesce(f.price, f.was_price, 0) AS rate
    FROM summed s
    LEFT JOIN profit_price p ON p.instrument_id = s.instrument_id AND s.instrument_id <> 0
    LEFT JOIN profit_price f ON f.instrument_id = 0 AND f.currency = s.currency
), changed AS (
    SELECT *, CASE WHEN instrument_id = 0 THEN made ELSE realised_to_date - was_realised END AS gain,
           CASE WHEN instrument_id = 0 THEN 0
                ELSE made - (realised_to_date - was_realised) - (worth - cost - was_worth + was_cost) END AS left_over
    FROM valued
)
SELECT c.*, sum(left_over) OVER place AS differs, bool_or(is_unpriced) OVER position AS was_ever_unpriced,
       sum(held - quantity) OVER position AS waits,
       row_number() OVER (PARTITION BY book_id, instrument_id, currency
                          ORDER BY abs(left_over) DESC, product, trader, counterparty_id) = 1 AS is_first
FROM changed c
WINDOW place AS (PARTITION BY book_id, instrument_id, currency), position AS (PARTITION BY book_id, instrument_id)
"""
_REASON = """
CASE WHEN g.instrument_id < 0 THEN 'UNKNOWN' WHEN found_rate <> 0 THEN 'RATE' WHEN was_ever_unpriced THEN 'UNPRICED'
     WHEN EXISTS (SELECT FROM ledger_lot l WHERE l.book_id = g.book_id AND l.instrument_id = g.instrument_id
                  AND l.lot_trade_id = 0 AND l.quantity <> 0) THEN 'REFUSED'
     WHEN waits <> 0 THEN 'WAITING'
     WHEN EXISTS (SELECT FROM ledger_lot_policy p WHERE p.book_id = g.book_id AND p.with_fees) THEN 'FEES'
     WHEN EXISTS (SELECT FROM refdata_instrument i WHERE i.id = g.instrument_id AND i.product_class = 'BOND')
     THEN 'INTEREST' ELSE 'OTHER' END
"""
_FIGURES = "realised, unrealised, transferred, difference"
# What rounding leaves is unrealised, so that the four are what the lines say, to the minor unit.
_STORE = f"""
INSERT INTO ledger_profit_gain (run_id, {GAIN_KEY}, quantity, cost, worth, realised_to_date, {_FIGURES}, reason)
WITH rounded AS (
    SELECT g.*, {_rounded("gain * rate")} AS realised,
           {_rounded("(left_over - CASE WHEN is_first THEN differs ELSE 0 END) * rate")} AS transferred,
           {_rounded("(CASE WHEN is_first THEN differs ELSE 0 END + found_rate) * rate")} AS difference
    FROM profit_gained g
), said AS (
    SELECT {GAIN_KEY}, sum({" + ".join(_MADE)}) AS made_in_base FROM ledger_profit_line
    WHERE run_id = %(run)s AND product <> 'ADJUSTMENT' GROUP BY {GAIN_KEY}
)
SELECT %(run)s, {", ".join(f"g.{each.strip()}" for each in GAIN_KEY.split(","))}, quantity, cost, worth,
       realised_to_date, realised, coalesce(made_in_base, 0) - realised - transferred - difference, transferred,
       difference, CASE WHEN difference <> 0 THEN {_REASON} ELSE '' END
FROM rounded g
LEFT JOIN said s ON s.book_id = g.book_id AND s.product = g.product AND s.instrument_id = g.instrument_id
                AND s.currency = g.currency AND s.trader = g.trader AND s.counterparty_id = g.counterparty_id
WHERE quantity <> 0 OR cost <> 0 OR worth <> 0 OR realised_to_date <> 0 OR realised <> 0 OR transferred <> 0
   OR difference <> 0 OR coalesce(made_in_base, 0) <> 0
"""
# A run that was told before there were gains: what stood in the lots at its end, at its prices.
_BEGIN = f"""
INSERT INTO ledger_profit_gain (run_id, {GAIN_KEY}, quantity, cost, worth, realised_to_date, {_FIGURES}, reason)
SELECT %(opening)s, {", ".join(f"l.{each.strip()}" for each in GAIN_KEY.split(","))}, l.quantity, l.cost,
       CASE WHEN l.quantity = 0 THEN 0 ELSE l.quantity * coalesce(p.price, l.cost / l.quantity) END,
       l.realised_to_date, 0, 0, 0, 0, ''
FROM profit_lots l
LEFT JOIN ledger_profit_price p ON p.run_id = %(opening)s AND p.instrument_id = l.instrument_id
WHERE l.book_id IS NOT NULL AND (l.quantity <> 0 OR l.cost <> 0 OR l.realised_to_date <> 0)
"""
_HAS_NONE = """
SELECT EXISTS (SELECT FROM ledger_profit_line WHERE run_id = %(opening)s)
   AND NOT EXISTS (SELECT FROM ledger_profit_gain WHERE run_id = %(opening)s)
"""


def begin_gains(parameters: dict[str, Any]) -> None:
    """Give the run that a day is told against what stood in the lots at its end, where nobody has noted that."""
    if parameters["opening"] is None or not sql.rows(_HAS_NONE, parameters)[0][0]:
        return
    read_lots({**parameters, "day": parameters["opened"], "gained": None})
    sql.run(_BEGIN, parameters)


def tell_gains(parameters: dict[str, Any]) -> None:
    """Store what was realised in a run, and what is open, by `profit_lots`, once its lines are stored."""
    sql.run("DROP TABLE IF EXISTS profit_gained")
    sql.run(_GAINED, parameters)
    sql.run(_STORE, parameters)
