"""The checks under 200 limits against the checks under four, one worker each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

from bench.backlog import capture, verify_checked
from bench.drainer import Drainers, drainers
from bench.measurement import Samples, interleave
from bench.product import Bench, Database

LIMITS = 200
_HARD = Decimal("1e15")  # no load comes near: what is measured is to look, and not to hold
# Of the limits that stand beside one for each party and trader: the measure, and what it is kept by.
_WIDE = (
    ("NET_NOTIONAL", ("book",)), ("NET_NOTIONAL", ("desk", "currency")), ("SETTLEMENT_EXPOSURE", ("counterparty",)),
    ("SETTLEMENT_EXPOSURE", ("party_group",)), ("DAILY_TURNOVER", ("trader",)), ("DAILY_TURNOVER", ("entity",)),
    ("ORDER_COUNT", ("source",)), ("CUSTOMER_CREDIT", ("counterparty",)), ("GROSS_NOTIONAL", ("country", "product")),
    ("GROSS_EXPOSURE", ("entity", "counterparty")), ("SINGLE_SIZE", ("book",)), ("CONCENTRATION", ("book", "country")),
)  # fmt: skip


def measure(bench: Bench) -> Samples:
    """Capture a backlog in each of two databases, untimed; check the one under all limits, then the other."""
    trades = bench.size(60_000, 20_000)
    many, few = bench.database("limits"), bench.database("few")
    messages = {many.name: bench.messages(), few.name: bench.messages()}
    _make_limits(bench, many)

    def check(database: Database, worker: Drainers) -> float:
        capture(bench, database, messages[database.name], trades)
        checked, seconds = worker.drain()
        assert checked == trades, f"{checked} trades were checked, not {trades}"
        return trades / seconds

    with drainers(bench, many, 1) as full, drainers(bench, few, 1) as light:
        check(many, full), check(few, light)
        samples = interleave(
            this=lambda: check(many, full), against=lambda: check(few, light), rounds=bench.rounds
        )
    for database in (many, few):
        verify_checked(database, (bench.rounds + 2) * trades)
    return samples


def _make_limits(bench: Bench, database: Database) -> None:
    from risk.models import Limit

    with bench.using(database):
        missing = LIMITS - Limit.objects.count()
        Limit.objects.bulk_create(
            [
                Limit(
                    code=f"LIMIT-{n:03d}",
                    name=f"Limit {n}",
                    hard=_HARD * (100 if scope["measure"] == "CONCENTRATION" else 1),
                    valid_from=date(2020, 1, 1),
                    **scope,
                )
                for n, scope in enumerate(islice(_scopes(bench), missing))
            ]
        )


def _scopes(bench: Bench) -> Iterator[dict[str, Any]]:
    for measure, dimensions in _WIDE:
        yield {"measure": measure, "dimensions": list(dimensions)}
    for measure in ("GROSS_EXPOSURE", "NET_NOTIONAL", "GROSS_NOTIONAL"):
        for party in bench.reference.parties:
            yield {"measure": measure, "dimensions": ["counterparty"], "members": [party]}
        for trader in bench.reference.traders:
            yield {"measure": measure, "dimensions": ["trader", "counterparty"], "members": [trader]}
