"""OFF_CYCLE: the settlement date is not the one that the settlement cycle of the product and market gives."""

from refdata.calendars import DOLLAR, DOLLAR_COUNTS
from risk.checks.base import Check

_COUNTS = ", ".join(f"'{code}'" for code in sorted(DOLLAR_COUNTS))
# As spot_calendars() has it: the currency that counts the days up to spot, unless it is the dollar.
_COUNTED = f"CASE WHEN k.{{}} <> '{DOLLAR}' OR k.{{}} IN ({_COUNTS}) THEN k.{{}} END"
_SPOT = ", ".join(
    _COUNTED.format(one, other, one)
    for one, other in (("currency", "contra_currency"), ("contra_currency", "currency"))
)
_PAIR = "least(k.currency, k.contra_currency) || '/' || greatest(k.currency, k.contra_currency)"
_ORDER = "jsonb_typeof(b.terms->'lines') = 'array'"

OFF_CYCLE = Check(
    code="OFF_CYCLE",
    title="Settlement off the cycle",
    severity="WARN",
    precedence=48,
    rows=f"""
        SELECT b.trade_id, 'settlement_date' AS subject, d.day AS expected, b.settlement_date AS actual
        FROM (
            SELECT c.*, refdata_settles(
                c.trade_date, coalesce(c.settlement_cycle, c.days),
                CASE WHEN c.contra_currency IS NULL THEN c.last ELSE c.counted END, c.last) AS day
            FROM (
                SELECT k.*, refdata_cycle(k.product, CASE WHEN k.contra_currency IS NULL
                           THEN ARRAY[k.market, k.currency] ELSE ARRAY[{_PAIR}] END, k.trade_date) AS days,
                       ARRAY['FIRM', {_SPOT}] AS counted,
                       ARRAY['FIRM', k.currency, k.contra_currency, k.market,
                             CASE WHEN k.contra_currency IS NOT NULL THEN '{DOLLAR}' END] AS last
                FROM (
                    SELECT DISTINCT b.product, b.trade_date, b.currency, b.contra_currency, b.market,
                           b.settlement_cycle
                    FROM batch b
                    WHERE EXISTS (SELECT 1 FROM refdata_settlement_cycle) AND {_ORDER} IS NOT TRUE
                ) k
            ) c
            WHERE c.days IS NOT NULL
        ) d
        JOIN batch b ON b.product = d.product AND b.trade_date = d.trade_date AND b.currency = d.currency
            AND b.contra_currency IS NOT DISTINCT FROM d.contra_currency
            AND b.market IS NOT DISTINCT FROM d.market
            AND b.settlement_cycle IS NOT DISTINCT FROM d.settlement_cycle
        WHERE {_ORDER} IS NOT TRUE
          AND (b.settlement_date < d.day - {{earlier}}::int OR b.settlement_date > d.day + {{later}}::int)
        UNION ALL
        SELECT o.trade_id, 'settlement_date', max(o.day), o.settlement_date
        FROM (
            SELECT c.trade_id, c.settlement_date, refdata_settles(
                c.trade_date, coalesce(c.settlement_cycle, c.days), c.calendars, c.calendars) AS day
            FROM (
                SELECT k.*, refdata_cycle(k.product, ARRAY[k.market, k.currency], k.trade_date) AS days,
                       ARRAY['FIRM', k.currency, k.market] AS calendars
                FROM (
                    SELECT DISTINCT b.trade_id, b.product, b.trade_date, b.settlement_date, b.currency,
                           i.market, i.settlement_cycle
                    FROM batch b
                    CROSS JOIN LATERAL jsonb_array_elements(
                        CASE WHEN {_ORDER} THEN b.terms->'lines' END) AS line
                    LEFT JOIN refdata_instrument i ON i.id = (line->>'instrument_id')::bigint
                    WHERE EXISTS (SELECT 1 FROM refdata_settlement_cycle) AND {_ORDER}
                ) k
            ) c
            WHERE c.days IS NOT NULL
        ) o
        GROUP BY o.trade_id, o.settlement_date
        HAVING o.settlement_date < max(o.day) - {{earlier}}::int
    """,
    message="The settlement date {actual} is not the {expected} that the settlement cycle gives.",
    fix="Ask the desk whether the date was agreed; correct it where it was not.",
    example="A share of a market that settles one business day after the trade, booked to settle after two. An order"
    " is pointed out only when it is due before its lead time. Where no settlement cycle is kept, nothing is.",
    parameters={"earlier": "0", "later": "0"},
    meanings={
        "earlier": "how many calendar days before the date of its cycle a deal may settle",
        "later": "how many calendar days after it; an order may be due any time later",
    },
    bounds={"earlier": ("0", "3650"), "later": ("0", "3650")},
    overridable=True,
)
