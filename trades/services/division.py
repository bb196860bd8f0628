"""Division: an amount shared out in proportion, so that the shares add up to it exactly."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from core.money import minor_units
from trades.products.base import AMOUNT_DECIMALS, MAX_DECIMALS


def divide_money(amount: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Return shares of an amount in its currency's minor units; one that is finer is divided as finely as it is
    kept."""
    digits = minor_units(currency)
    digits = 2 if digits is None else min(digits, AMOUNT_DECIMALS)
    return divide(amount, weights, digits if amount == round(amount, digits) else AMOUNT_DECIMALS)


def divide(amount: Decimal, weights: Sequence[Decimal], digits: int) -> list[Decimal]:
    """Return shares of an amount of at most so many decimal places, in proportion to positive weights.

    Each share is the exact one rounded down or up; those that lose most by rounding down are rounded up, the first
    of equals first (the method of the largest remainder). The shares add up to the amount.
    """
    whole = int(abs(amount).scaleb(digits))
    parts = [int(weight.scaleb(MAX_DECIMALS)) for weight in weights]
    total = sum(parts)
    shares = [divmod(whole * part, total) for part in parts]
    missing = whole - sum(share for share, _ in shares)
    by_loss = sorted(range(len(parts)), key=lambda place: -shares[place][1])
    raised = set(by_loss[:missing])
    sign = -1 if amount < 0 else 1
    return [
        Decimal(sign * (share + (place in raised))).scaleb(-digits) for place, (share, _) in enumerate(shares)
    ]
