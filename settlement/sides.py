"""What settlement says of itself: for a reconciliation what was handed off, cash that should move, what is settling;
for a day's profit and for the journal what trades are charged.

The queries of what was handed off and of cash take `source`, `start`, `until` (dates, both included) and `accounts`
(text[], null for all), and give the id of each record as `id`, its business date as `day`, and the fields of the
reconciliation's kind. Of positions the ledger knows more; it is told what it cannot know, as known at a moment (the
parameters of core.as_of): at which of our accounts each leg settles (`trade_id`, `leg`, `account`), and what has
settled of the instructions of the trades in relation `waiting` (`trade_ids`, `account`, `instrument`, `quantity`, above
zero what came in).
"""

from core.sides import Side
from settlement.selectors import SAID_THEN, SEALED_THEN
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
# Where each leg of securities was last instructed to settle: the attempt of a batch that was sealed by then.
ACCOUNTS = Side(
    "accounts",
    f"""
SELECT DISTINCT ON (o.trade_id, o.leg) o.trade_id, o.leg, a.account
FROM settlement_obligation o
JOIN settlement_instruction i ON i.id = o.instruction_id
JOIN settlement_batch b ON b.id = i.batch_id
JOIN refdata_ssi a ON a.id = i.our_ssi_id
WHERE o.asset_kind = 'SECURITY' AND {SEALED_THEN}
ORDER BY o.trade_id, o.leg, o.attempt DESC, o.part
""",
)
# What has settled of one instruction is known leg by leg once all of it has, and as a part of its net before.
SETTLING = Side(
    "settling",
    f"""
SELECT l.trade_ids, a.account, i.asset AS instrument, l.quantity
FROM settlement_instruction i
JOIN settlement_instruction_state n ON n.instruction_id = i.id
JOIN refdata_ssi a ON a.id = i.our_ssi_id
CROSS JOIN LATERAL ({SAID_THEN}) s
CROSS JOIN LATERAL (
    SELECT ARRAY[o.trade_id] AS trade_ids,
           CASE o.direction WHEN 'RECEIVE' THEN o.quantity ELSE -o.quantity END AS quantity
    FROM (SELECT DISTINCT unnest(i.trade_ids) AS trade_id) t
    JOIN settlement_obligation o ON o.trade_id = t.trade_id AND o.instruction_id = i.id
    WHERE s.settlement = 'SETTLED'
    UNION ALL
    SELECT i.trade_ids, CASE i.direction WHEN 'RECEIVE' THEN s.settled_quantity ELSE -s.settled_quantity END
    WHERE s.settlement = 'PARTIAL'
) l
WHERE i.asset_kind = 'SECURITY' AND i.value_date <= %(until)s AND i.cancels IS NULL
  AND a.account = ANY(%(accounts)s::text[]) AND n.settlement IN ('SETTLED', 'PARTIAL')
  AND s.processing <> 'REJECTED' AND i.id IN (
      SELECT o.instruction_id FROM waiting JOIN settlement_obligation o USING (trade_id)
      WHERE o.asset_kind = 'SECURITY')
""",
)
# For profit, by rules. A reversal is of the version whose charge it reverses. A tax a customer pays us is the state's.
_TAXES = ", ".join(f"'{each}'" for each in sorted(TAXES))
RULED = Side(
    "charges by rules",
    f"""
SELECT a.trade_id, coalesce(o.version, a.version) AS version, a.currency, a.amount, a.xid
FROM settlement_fee_accrual a LEFT JOIN settlement_fee_accrual o ON o.id = a.reverses
WHERE NOT a.is_stated AND NOT (a.type IN ({_TAXES}) AND coalesce(o.amount, a.amount) > 0)
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
SIDES = (ACCOUNTS, CASH, CHARGED, CHARGES, HANDOFFS, RULED, SETTLING)
