"""Which changes need two people: the rows of `trades_change_policy`, any of which is enough."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core import sql


@dataclass(frozen=True, slots=True)
class _Policy:
    kind: str
    states: Sequence[int]
    base_amount: Decimal | None


@dataclass(frozen=True)
class Policies:
    """The policies in force."""

    found: Sequence[_Policy]

    @classmethod
    def in_force(cls) -> Policies:
        """Read the policies."""
        rows = sql.rows("SELECT kind, states, base_amount FROM trades_change_policy ORDER BY id")
        return cls([_Policy(kind, states, base_amount) for kind, states, base_amount in rows])

    def need_two(
        self,
        kind: str,
        row: Mapping[str, Any],
        parts: Sequence[Mapping[str, Any]] = (),
        *,
        amounts: Collection[Decimal | None],
    ) -> bool:
        """Tell whether a change (AMEND, CANCEL or ALLOCATE) of a trade as it stands needs two people.

        parts: those that go with a block, which stands where each of them does. amounts: what the trade is worth
        before the change and, if that changes it, after, in base currency; the greatest decides, and one that is not
        known counts as above every amount.
        """
        states = {row["state"], *(part["state"] for part in parts)}
        known = [each for each in amounts if each is not None]
        greatest = max(known) if known and len(known) == len(amounts) else None
        return bool(self.found) and any(
            policy.kind in {kind, "ANY"}
            and (not policy.states or not states.isdisjoint(policy.states))
            and (policy.base_amount is None or greatest is None or greatest >= policy.base_amount)
            for policy in self.found
        )
