"""The SQL that whatever enters or reverses anything in positions shares."""

from __future__ import annotations

from ledger.models import Basis

KEY = "book_id, instrument_id, currency, counterparty_id"
SAID = f"leg, basis, {KEY}, quantity, amount, fees, effective_date, settles_on, moment"
# What stands in the place of SAID in the entry that reverses `a`.
REVERSED = f"a.leg, a.basis, {KEY}, -a.quantity, -a.amount, -a.fees, a.effective_date, a.settles_on, a.moment"
# Whether an entry `e` stands.
STANDING = "e.reverses IS NULL AND NOT EXISTS (SELECT FROM ledger_position_entry r WHERE r.reverses = e.id)"
# Relation `totals` adds the entries of relation `posted` to the running totals.
ADD_UP = f"""
totals AS (
    INSERT INTO ledger_position AS p ({KEY}, traded, settled)
    SELECT {KEY}, coalesce(sum(quantity) FILTER (WHERE basis = '{Basis.TRADED.value}'), 0),
           coalesce(sum(quantity) FILTER (WHERE basis = '{Basis.SETTLED.value}'), 0)
    FROM posted GROUP BY {KEY} ORDER BY {KEY}
    ON CONFLICT ({KEY}) DO UPDATE
        SET traded = p.traded + excluded.traded, settled = p.settled + excluded.settled
)
"""
