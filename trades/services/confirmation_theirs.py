"""What would have to be amended of a trade for it to say what its counterparty confirms."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from trades.products import PRODUCTS
from trades.products.base import Product
from trades.services.repair import repair_fields

_FIRST_LINE = "lines.0."


def amendment_to_theirs(
    *, trade_id: int, theirs: Mapping[str, Any], differing: Set[str]
) -> dict[str, Any] | None:
    """Return their values of the terms that differ, by the names under which a trade is amended.

    None where not all of them can be: an order of several lines does not tell which one a quantity is of. What a
    product computes of another term follows with it. Problem 404 for an unknown trade.
    """
    product = PRODUCTS[theirs["product"]]
    known = {each.name for each in repair_fields(trade_id=trade_id)}
    found: dict[str, Any] = {}
    for column in sorted(differing):
        if _follows(product, column, theirs, differing):
            continue
        name = _name(product, column, known)
        if name is None or not theirs.get(column):
            return None
        found[name] = theirs[column]
    return found or None


def _follows(product: Product, column: str, theirs: Mapping[str, Any], differing: Set[str]) -> bool:
    """Tell whether a term is another one that differs too: what is paid for an exchange is what is bought."""
    is_exchange = product.pointer("quantity").endswith("/bought/amount")
    return (
        is_exchange
        and column == "net_amount"
        and "quantity" in differing
        and theirs.get("net_amount") == theirs.get("quantity")
    )


def _name(product: Product, column: str, known: Set[str]) -> str | None:
    """Return the name under which the place of a column in its message is amended; None where there is none."""
    name = product.pointer(column).removeprefix("/").replace("/", ".")
    if name in known:
        return name
    of_one_line = name == "terms.lines" and not any(each.startswith("lines.1.") for each in known)
    return f"{_FIRST_LINE}{column}" if of_one_line and f"{_FIRST_LINE}{column}" in known else None
