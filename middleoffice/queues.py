"""In which order a worker that has a hand free looks at the queues. See docs/adr/0053."""

from __future__ import annotations

from typing import Any

from kombu.utils.scheduling import round_robin_cycle

DEFAULT, RISK, SETTLEMENT, LEDGER, SLOW = "default", "risk", "settlement", "ledger", "slow"
QUEUES = (DEFAULT, RISK, SETTLEMENT, LEDGER, SLOW)
_FIRST = {DEFAULT: 0, SLOW: 2}


class ShortFirst(round_robin_cycle):
    """What is short and asked by the clock goes first, what nobody waits for goes last, the others take turns.

    Redis is asked in this order each time. The work behind the others takes turns of many seconds, and
    with queues that all take turns the clock's messages would wait for one of those each, and pile up for ever.
    """

    def consume(self, n: int) -> Any:
        """Return a list of the `n` queues that are listened to, in the order in which they are looked at."""
        return sorted(super().consume(n), key=lambda queue: _FIRST.get(queue, 1))
