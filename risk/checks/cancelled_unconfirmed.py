"""CANCELLED_UNCONFIRMED: the trader dealt in the same before, and cancelled it before any counterparty confirmed it."""

from risk.checks._relations import NEARBY_MAX
from risk.checks.base import Check
from trades.confirmation_demand import demanded_sql
from trades.lifecycle import State

# The look-up is written like the index trades_version_neighbours, or it would not be used. What the counterparty said
# of the deal stays with it when it is cancelled, so a confirmation that came in time is seen here.
CANCELLED_UNCONFIRMED = Check(
    code="CANCELLED_UNCONFIRMED",
    title="Cancelled before confirmation",
    severity="WARN",
    precedence=75,
    rows=f"""
        SELECT b.trade_id, 'trader ' || b.trader AS subject,
               'fewer than ' || {{deals}}::int || ' cancelled unconfirmed' AS expected, count(*)::text AS actual
        FROM batch b
        CROSS JOIN LATERAL (
            SELECT s.version
            FROM (
                SELECT * FROM trades_version o
                WHERE o.trade_date = b.trade_date AND o.trader = b.trader
                  AND coalesce(o.instrument_id, hashtext(least(o.currency, o.contra_currency)
                                                         || greatest(o.currency, o.contra_currency)))
                    = coalesce(b.instrument_id, hashtext(least(b.currency, b.contra_currency)
                                                         || greatest(b.currency, b.contra_currency)))
                  AND o.executed_at IS NOT NULL
                  AND (o.instrument_id IS NOT NULL OR o.contra_currency IS NOT NULL)
                  AND o.trade_id < b.trade_id AND o.product = b.product
                ORDER BY o.executed_at DESC LIMIT {NEARBY_MAX}
            ) o
            JOIN trades_state s ON s.trade_id = o.trade_id AND s.version = o.version
            LEFT JOIN refdata_party p ON p.id = o.counterparty_id
            WHERE s.state = {State.CANCELLED.value} AND {demanded_sql("o", "p")}
              AND NOT EXISTS (SELECT FROM trades_confirmation c
                              WHERE c.trade_id = o.trade_id AND c.opened_at <= s.changed_at)
              AND NOT EXISTS (SELECT FROM trades_confirmation_waiver w WHERE w.trade_id = o.trade_id)
        ) cancelled
        WHERE b.trader <> '' AND (b.instrument_id IS NOT NULL OR b.contra_currency IS NOT NULL)
          AND EXISTS (SELECT FROM trades_confirmation_policy WHERE demanded)
        GROUP BY b.trade_id, b.trader
        HAVING count(*) >= {{deals}}
    """,
    message="The {subject} cancelled {actual} deals in the same on this day before anybody confirmed them.",
    fix="Ask the counterparties whether those deals were ever done, and the desk why they were cancelled.",
    example="Two purchases cancelled within the day, each before the broker had confirmed it, and then a third one.",
    parameters={"deals": "2"},
    meanings={
        "deals": "from how many deals on that are cancelled before they are confirmed, of those that must be; "
        f"the last {NEARBY_MAX} of the day are looked at"
    },
    bounds={"deals": ("1", str(NEARBY_MAX))},
    overridable=True,
)
