"""The channels that always exist, one for each kind of asset."""

from __future__ import annotations

from datetime import time

from core import sql

# The evening of the business day before the value date, the same for all: sealed together, a trade's delivery
# and payment reach the back office together, in time for the night's settlement cycle.
CUT_OFF_ZONE = "Europe/London"
CUT_OFF_TIME = time(18, 0)
LEAD_DAYS = 1
_NAMES = {"CASH": "Payments", "SECURITIES": "Securities deliveries", "GOODS": "Goods deliveries"}

_ENSURE = """
INSERT INTO settlement_channel (code, name, last_sequence, cut_off_zone, cut_off_time, lead_days)
VALUES (%s, %s, 0, %s, %s, %s) ON CONFLICT (code) DO NOTHING
"""


def ensure_channels() -> None:
    """Make the channels that are missing, with the default cut-off; leave the others as they are."""
    for code, name in _NAMES.items():
        sql.run(_ENSURE, [code, name, CUT_OFF_ZONE, CUT_OFF_TIME, LEAD_DAYS])
