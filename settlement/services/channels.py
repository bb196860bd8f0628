"""The channels that always exist, one for each kind of asset, and what two people change of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time
from typing import Any

from core import sql
from core.audit import Actor, record
from core.contents import contents
from refdata.kinds.cut_offs import is_zone
from settlement.models import CHANNELS, Channel

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
    """Make the channels that are missing, with the default cut-off; leave the others as they are.

    Records leave as soon as they may: the cut-off of their channels is there because every channel has one.
    """
    for code, name in (*_NAMES.items(), *((each.code, each.title) for each in contents())):
        sql.run(_ENSURE, [code, name, CUT_OFF_ZONE, CUT_OFF_TIME, LEAD_DAYS])


# What two people change of a channel.
FIELDS = ("cut_off_zone", "cut_off_time", "lead_days", "release_from", "hold_release_from")
_LEAD_MAX = 30
_AMOUNT = re.compile(r"[0-9]{1,24}(\.[0-9]{1,4})?")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?")


def channel_row(code: str) -> dict[str, Any] | None:
    """Return what two people change of a channel, with its code, or None."""
    found = Channel.objects.filter(code=code).values(*FIELDS).first()
    return None if found is None else {"channel": code, **found}


def channel_faults(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with what is given of a channel, by field; what is left out stays as it is."""
    if row["channel"] not in CHANNELS:
        yield "channel", "There is no such channel."
    for name in row:
        if name not in (*FIELDS, "channel"):
            yield name, "There is no such field."
    zone, at, lead = (
        row.get(name, default) for name, default in zip(FIELDS, ("UTC", "00:00", 0), strict=False)
    )
    if not isinstance(zone, str) or not is_zone(zone):
        yield "cut_off_zone", "An IANA zone, such as Europe/London."
    if not isinstance(at, str) or not _TIME.fullmatch(at) or not _is_time(at):
        yield "cut_off_time", "A local time, such as 16:30."
    if not isinstance(lead, int) or isinstance(lead, bool) or not 0 <= lead <= _LEAD_MAX:
        yield "lead_days", f"Business days, from 0 to {_LEAD_MAX}."
    for name in FIELDS[3:]:
        amount = row.get(name)
        if amount is not None and not (isinstance(amount, str) and _AMOUNT.fullmatch(amount)):
            yield name, 'An amount in base currency as text, such as "1000000", or nothing.'


def _is_time(text: str) -> bool:
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return True


def change_channel(*, code: str, given: Mapping[str, Any], actor: Actor, now: datetime, reason: str) -> None:
    """Change what is given of a channel, in the caller's transaction; the log tells what was before and after."""
    before = channel_row(code)
    # Only what is given: the seal counts the sequence up at the same time.
    Channel.objects.filter(code=code).update(**given)
    after = channel_row(code)
    if before != after:
        record(
            type="channel.changed",
            subject="channel",
            ids=[CHANNELS.index(code) + 1],
            actor=actor,
            at=now,
            reason=reason,
            data={"key": {"code": code}, "before": before, "after": after},
        )
