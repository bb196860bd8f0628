"""Money: currencies, their minor units (ISO 4217) and the one rounding function."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from iso4217 import Currency

ZERO = Decimal(0)
_QUANTA = {digits: Decimal(1).scaleb(-digits) for digits in range(11)}


@cache
def minor_units(currency: str) -> int | None:
    """Return the digits after the decimal point of a currency, or None for a code ISO 4217 does not list."""
    try:
        exponent = Currency(currency).exponent
    except ValueError:
        return None
    return 2 if exponent is None else exponent


def round_money(amount: Decimal, currency: str, *, rounding: str = ROUND_HALF_UP) -> Decimal:
    """Round an amount to the minor units of its currency. Unlisted currencies keep two digits.

    Commercial rounding (half away from zero) unless a rule names another `decimal` rounding mode.
    """
    digits = minor_units(currency)
    rounded = amount.quantize(_QUANTA[2 if digits is None else digits], rounding=rounding)
    return rounded or abs(rounded)  # never a negative zero


def exact_money(amount: Decimal, currency: str) -> Decimal:
    """Return an amount with the digits of its currency, or with all of its own where those are not enough."""
    rounded = round_money(amount, currency)
    return rounded if rounded == amount else amount.normalize()


def is_currency(code: str) -> bool:
    """Tell whether ISO 4217 lists the code."""
    return minor_units(code) is not None


@cache
def currency_codes() -> tuple[str, ...]:
    """Return every code that ISO 4217 lists, sorted."""
    return tuple(sorted({currency.code for currency in Currency}))


def minor_unit_sql(currency: str) -> str:
    """Return SQL for the size of the minor unit of a currency expression, e.g. 0.01; 0.01 for unlisted codes."""
    by_digits: dict[int, list[str]] = {}
    for code in currency_codes():
        by_digits.setdefault(minor_units(code) or 0, []).append(code)
    whens = " ".join(
        f"WHEN {currency} = ANY('{{{','.join(codes)}}}') THEN {format(Decimal(1).scaleb(-digits), 'f')}"
        for digits, codes in sorted(by_digits.items())
        if digits != 2
    )
    return f"(CASE {whens} ELSE 0.01 END)"


def round_money_sql(amount: str, currency: str) -> str:
    """Return SQL that rounds an amount expression like `round_money` does, commercially."""
    unit = minor_unit_sql(currency)
    return f"round(({amount}) / {unit}) * {unit}"


def format_amount(amount: Decimal | None, currency: str) -> str | None:
    """Return the amount as an API string with the currency's digits, or None for None.

    One that is finer than the minor unit is shown as it is.
    """
    return None if amount is None else format(exact_money(amount, currency), "f")


def format_number(number: Decimal | None) -> str | None:
    """Return a quantity or price as an API string without trailing zeros or exponent, or None for None."""
    if number is None:
        return None
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
