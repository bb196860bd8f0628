"""The codes of all channels: those of what is settled, and those of the records that other apps have registered."""

from __future__ import annotations

from core.contents import contents
from settlement.models import CHANNELS


def channel_codes() -> tuple[str, ...]:
    """Return the codes of all channels, those of instructions first."""
    return (*CHANNELS, *(each.code for each in contents()))
