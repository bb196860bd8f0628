"""What settlement says of itself: for a reconciliation what was handed off, cash that should move and what has settled,
and for a day's profit what deals are charged by rules.

Each query of a reconciliation takes `source`, `start`, `until` (dates, both included) and `accounts` (text[], null for
all), and gives the id of each record as `id`, its business date as `day`, and the fields of the reconciliation's kind.
"""

from core.sides import Side
from settlement.services.invoice_items import TAXES

# What was recalled or rejected will not be done, and a cancellation says only that.
_STANDS = """s.processing <> 'REJECTED' AND s.settlement <> 'CANCELLED' AND i.cancels IS NULL AND i.direction <> 'NIL'
  AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id)"""
_SIGNED = "CASE i.direction WHEN 'RECEIVE' THEN i.quantity ELSE -i.quantity END"

HANDOFFS = Side(
    "handoffs",
    """
SELECT i.id::text AS id, (c.claimed_at AT TIME ZONE 'UTC')::date AS day, i.id::text AS instruction, i.asset,
       i.direction, i.quantity, i.value_date
FROM settlement_batch_claim c
JOIN settlement_instruction i ON i.batch_id = c.batch_id
WHERE c.client_name = %(source)s AND %(accounts)s::text[] IS NULL
  AND c.claimed_at >= %(start)s::date::timestamp AT TIME ZONE 'UTC'
  AND c.claimed_at < (%(until)s::date + 1)::timestamp AT TIME ZONE 'UTC'
  AND NOT EXISTS (SELECT FROM settlement_batch_claim d WHERE d.batch_id = c.batch_id AND d.id > c.id)
""",
)
CASH = Side(
    "cash",
    f"""
SELECT i.id::text AS id, i.value_date AS day, a.account, i.asset AS currency, {_SIGNED} AS amount, i.value_date,
       i.id::text AS reference
FROM settlement_instruction i
JOIN settlement_instruction_state s ON s.instruction_id = i.id
JOIN settlement_batch_state b ON b.batch_id = i.batch_id
JOIN refdata_ssi a ON a.id = i.our_ssi_id
WHERE i.asset_kind = 'CASH' AND i.value_date BETWEEN %(start)s AND %(until)s AND b.claimed_at IS NOT NULL
  AND a.account = ANY(%(accounts)s::text[]) AND {_STANDS}
""",
)
POSITIONS = Side(
    "positions",
    f"""
SELECT concat_ws(' ', a.account, i.asset) AS id, %(until)s::date AS day, a.account, i.asset AS instrument,
       sum(CASE i.direction WHEN 'RECEIVE' THEN 1 ELSE -1 END
           * CASE s.settlement WHEN 'SETTLED' THEN i.quantity ELSE s.settled_quantity END) AS quantity
FROM settlement_instruction i
JOIN settlement_instruction_state s ON s.instruction_id = i.id
JOIN refdata_ssi a ON a.id = i.our_ssi_id
WHERE i.asset_kind = 'SECURITY' AND i.value_date <= %(until)s AND s.settlement IN ('SETTLED', 'PARTIAL')
  AND a.account = ANY(%(accounts)s::text[]) AND {_STANDS}
GROUP BY a.account, i.asset
""",
)
# A reversal is of the version whose charge it reverses. A tax that a customer pays us is the state's.
_TAXES = ", ".join(f"'{each}'" for each in sorted(TAXES))
CHARGES = Side(
    "charges",
    f"""
SELECT a.trade_id, coalesce(o.version, a.version) AS version, a.currency, a.amount, a.xid
FROM settlement_fee_accrual a LEFT JOIN settlement_fee_accrual o ON o.id = a.reverses
WHERE NOT a.is_stated AND NOT (a.type IN ({_TAXES}) AND coalesce(o.amount, a.amount) > 0)
""",
)
SIDES = (CASH, CHARGES, HANDOFFS, POSITIONS)
