"""Fee rules as two people make them, and the charges of a trade."""

from __future__ import annotations

import itertools
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from core import four_eyes, sql
from core.audit import Actor
from refdata.fee_rules import KIND, RuleTerms, Tier, propose_rule
from tests.support.records import NOW, person

approve_rule, decline_rule = partial(four_eyes.approve, kind=KIND), partial(four_eyes.decline, kind=KIND)
MAKER, CHECKER = Actor("user:maker"), Actor("user:checker")
_numbers = itertools.count(1)


def terms(**changes: Any) -> RuleTerms:
    """Return the terms of a commission of 10 basis points that the front office states."""
    given = {"title": "Commission", "type": "COMMISSION", "basis": "BPS", "rate": "10", "direction": "PAY"}
    given |= {"is_stated": True, **changes}
    numbers = {n: Decimal(given[n]) for n in ("rate", "minimum", "maximum") if given.get(n) is not None}
    tiers = tuple(Tier(Decimal(start), Decimal(rate)) for start, rate in given.get("tiers", ()))
    return RuleTerms(**{**given, **numbers, "tiers": tiers})


def proposed_rule(
    code: str = "COMM", *, at: datetime = NOW, valid_from: date | None = None, **changes: Any
) -> int:
    """Propose a rule, or its next version."""
    return propose_rule(
        code=code,
        terms=terms(**changes),
        valid_from=valid_from,
        reason="as agreed",
        user=person(f"fee-maker{next(_numbers)}"),
        actor=MAKER,
        now=at,
    )


def fee_rule(
    code: str = "COMM", *, at: datetime = NOW, valid_from: date | None = None, **changes: Any
) -> None:
    """Make a rule, or its next version, as two people do."""
    proposal_id = proposed_rule(code, at=at, valid_from=valid_from, **changes)
    approve_rule(
        proposal_id=proposal_id, user=person(f"fee-checker{proposal_id}"), note="", actor=CHECKER, now=at
    )


def accrue(trade_id: int, amount: str, *, reverses: int | None = None) -> int:
    """Write a levy in dollars past the services, as nothing in the product does; return its id."""
    ((made,),) = sql.rows(
        "INSERT INTO settlement_fee_accrual (trade_id, version, type, currency, amount, is_stated, reverses,"
        " accrued_at) VALUES (%s, 1, 'LEVY', 'USD', %s, false, %s, %s) RETURNING id",
        [trade_id, amount, reverses, NOW],
    )
    return int(made)


def reverse_short(trade_id: int) -> None:
    """Leave 2 dollars of a levy that was reversed, which accruing anew cannot put right."""
    accrue(trade_id, "3", reverses=accrue(trade_id, "-5"))


def charges(trade_id: int) -> dict[str, Decimal]:
    """Return the sum of all accruals of a trade by type and currency, where it is not nothing."""
    rows = sql.rows(
        "SELECT type || ' ' || currency, sum(amount) FROM settlement_fee_accrual WHERE trade_id = %s"
        " GROUP BY 1 HAVING sum(amount) <> 0",
        [trade_id],
    )
    return dict(rows)


def lines(trade_id: int) -> list[tuple[Any, ...]]:
    """Return every accrual of a trade in order: version, type, amount, whether stated, whether a reversal."""
    return sql.rows(
        "SELECT version, type, trim_scale(amount)::text, is_stated, reverses IS NOT NULL FROM settlement_fee_accrual"
        " WHERE trade_id = %s ORDER BY id",
        [trade_id],
    )
