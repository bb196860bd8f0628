"""Whether a batch's lines are what its control totals say, and up to which day back offices have counted with us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from core import sql

# Asset and direction, with how many instructions and the sum of their quantities.
Totals = dict[tuple[str, str], tuple[int, Decimal]]


@dataclass(frozen=True)
class Difference:
    """What the control totals state of an asset and direction otherwise than its instructions are."""

    asset: str
    direction: str
    stated_count: int
    count: int
    stated_sum: Decimal
    sum: Decimal


@dataclass(frozen=True)
class TieOut:
    """A batch as a whole: its instructions, those of them that were answered, and where its totals differ."""

    instructions: int
    stated: int
    accepted: int
    rejected: int
    differences: list[Difference]

    @property
    def agrees(self) -> bool:
        """Tell whether lines and totals say the same."""
        return self.instructions == self.stated and not self.differences

    @property
    def unanswered(self) -> int:
        """Return how many instructions nobody has answered yet."""
        return max(0, self.instructions - self.accepted - self.rejected)


_WHOLE = "*"  # of a batch of very many assets, the totals are one over all of them
_LINES = """
SELECT CASE WHEN %(whole)s THEN '*' ELSE asset END, direction, count(*), sum(quantity)
FROM settlement_instruction WHERE batch_id = %(batch_id)s GROUP BY 1, 2
"""


def tie_out(
    *, batch_id: int, stated: int, control_totals: Mapping[str, Any], answers: Mapping[str, Any]
) -> TieOut:
    """Return how a batch's lines compare with what was sealed with them. It reads the lines of that batch alone.

    stated: how many instructions the batch says it has. answers: `accepted` and `rejected`, so many each.
    """
    wanted = {"batch_id": batch_id, "whole": _WHOLE in control_totals}
    lines: Totals = {
        (asset, direction): (count, total) for asset, direction, count, total in sql.rows(_LINES, wanted)
    }
    told: Totals = {
        (asset, direction): (each["count"], Decimal(each["sum"]))
        for asset, directions in control_totals.items()
        for direction, each in directions.items()
    }
    return TieOut(
        instructions=sum(count for count, _ in lines.values()),
        stated=stated,
        accepted=answers.get("accepted", 0),
        rejected=answers.get("rejected", 0),
        differences=_differences(told, lines),
    )


def _differences(told: Totals, lines: Totals) -> list[Difference]:
    nothing = (0, Decimal(0))
    found = []
    for key in sorted(told.keys() | lines.keys()):
        (stated_count, stated_sum), (count, total) = told.get(key, nothing), lines.get(key, nothing)
        if (stated_count, stated_sum) != (count, total):
            found.append(Difference(*key, stated_count, count, stated_sum, total))
    return found


_COUNTED = """
SELECT client_name, max(day) FROM (
    SELECT client_name, day FROM settlement_attested_count ORDER BY id DESC LIMIT 500
) AS lately GROUP BY 1 ORDER BY 1
"""


def counted_up_to() -> list[tuple[str, date]]:
    """Return the back offices that have lately sent their own counts of a day, each with its last day."""
    return [(name, day) for name, day in sql.rows(_COUNTED)]
