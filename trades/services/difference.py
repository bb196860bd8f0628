"""What differs between a stored version and the terms of the next, and how people are told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import compress
from operator import itemgetter, ne
from typing import Any

import msgspec
from django.conf import settings

from core import sql
from core.audit import encode
from core.money import format_amount, format_number
from trades.products import PRODUCTS
from trades.products.base import COLUMNS, Terms

_JSON = ("fees", "terms")
_UNTOLD = {"source_version", "duplicate_key", "counterparty_id", "book_id", "instrument_id"}
_stored = itemgetter(*COLUMNS)


def differing_columns(row: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    """Return the columns in which terms differ from a stored version, with the values of the terms."""
    given, stored = msgspec.structs.astuple(terms), _stored(row)
    return {
        name: value
        for name, value in compress(zip(COLUMNS, given, strict=True), map(ne, given, stored))
        if name not in _JSON or sql.json_value(encode(value)) != row[name]
    }


# Amounts of money, with the column that has their currency.
_CURRENCY_OF = {"gross_amount": "currency", "net_amount": "currency", "contra_amount": "contra_currency"}


def told(row: Mapping[str, Any], terms: Terms, differing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an amendment changes, by the pointer of the message, before and after.

    An amount has its currency beside it on both sides: that may be what is amended.
    """
    product = PRODUCTS[row["product"]]
    found = {}
    for name, value in differing.items():
        if name in _UNTOLD:
            continue
        pointer = product.pointer(name)
        was = _currency(name, pointer, row.get)
        becomes = _currency(name, pointer, lambda column: getattr(terms, column))
        found[pointer] = {"before": _plain(row[name], was), "after": _plain(value, becomes)}
        if was or becomes:
            found[pointer] |= {"before_currency": was, "after_currency": becomes}
    return found


def _currency(name: str, pointer: str, at: Callable[[str], Any]) -> str | None:
    """Return the currency of an amount, None of whatever is none. at: returns a column of the version."""
    if name == "base_amount":
        return str(settings.BASE_CURRENCY)
    if name == "quantity" and pointer.endswith("/amount"):  # an exchange of currencies: the quantity is money
        return str(at("currency"))
    return at(_CURRENCY_OF[name]) if name in _CURRENCY_OF else None


def _plain(value: Any, currency: str | None) -> Any:
    """Return a value as people write it: money with its currency's digits, other numbers without needless zeros."""
    if not isinstance(value, Decimal):
        return value
    return format_amount(value, currency) if currency else format_number(value)
