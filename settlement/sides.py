"""What settlement says of itself: for a reconciliation what was handed off, cash that should move and what has
settled; for the journal what trades are charged.

Each query for a reconciliation takes `source`, `start`, `until` (dates, both included) and `accounts` (text[], null for
all), and gives the id of each record as `id`, its business date as `day`, and the fields of the reconciliation's kind.
"""

from core.sides import Side

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
# For the journal, of %(trades)s: what is charged now, above zero what we receive.
CHARGES = Side(
    "charges",
    """
SELECT a.trade_id, a.version, a.type, a.currency, a.amount, a.is_stated FROM settlement_fee_accrual a
WHERE a.trade_id = ANY(%(trades)s::bigint[]) AND a.reverses IS NULL
  AND NOT EXISTS (SELECT FROM settlement_fee_accrual r WHERE r.reverses = a.id)
""",
)
# For whoever verifies the journal: the same of all trades, as sums.
CHARGED = Side(
    "charged",
    """
SELECT trade_id, type, currency, is_stated, sum(amount) AS amount FROM settlement_fee_accrual
GROUP BY trade_id, type, currency, is_stated HAVING sum(amount) <> 0
""",
)
SIDES = (CASH, HANDOFFS, POSITIONS, CHARGES, CHARGED)
