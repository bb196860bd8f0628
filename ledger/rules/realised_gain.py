"""What closing a lot of a security gains."""

from ledger.accounts import Accounts
from ledger.rules.base import COLUMNS, Rule

# The trade date has entered what was received; what is left of the lot's cost in it is the gain.
REALISED_GAIN = Rule(
    code="REALISED_GAIN",
    version=1,
    title="What is received for a lot beyond what it cost is a gain, on the day it is closed.",
    lines=f"""
SELECT {COLUMNS} FROM (
    SELECT m.source, m.source_id, m.version, m.book_id, m.currency, m.day AS effective_date, line.account,
           m.instrument_id, m.leg, line.amount, m.price, m.lot_trade_id, m.lot_leg
    FROM moved m CROSS JOIN LATERAL (VALUES
        ('{Accounts.INVENTORY}', m.gain), ('{Accounts.REALISED_GAIN}', -m.gain)
    ) AS line(account, amount)
    WHERE m.gain <> 0 AND m.product IS DISTINCT FROM 'GOODS'
) g
""",
)
