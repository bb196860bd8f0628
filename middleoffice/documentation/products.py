"""A page of all products and a page of each."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from middleoffice.documentation.fields import fields_of
from middleoffice.documentation.markdown import fenced, page, table
from trades.products import PRODUCTS
from trades.products.base import LINES, Leg, Product


def all_products() -> str:
    """Return the page that lists all products."""
    rows = [
        [f"[{code}]({code.lower()}.md)", each.title, str(each.settlement_cycle), _kinds(each)]
        for code, each in PRODUCTS.items()
    ]
    return page(
        "Products",
        "trades/products/",
        "A product is a kind of trade: what its message says, how its amounts are computed, and what it obliges"
        " whom to deliver or pay.",
        table(["code", "title", "business days to settlement", "obligations"], rows),
        "How to add one: [architecture](../../architecture.md#how-to-add).",
    )


def _kinds(product: Product) -> str:
    return ", ".join(f"{leg.kind}{' for each line' if leg.per_line else ''}" for leg in product.legs)


def _divided(product: Product) -> str:
    """Return what the parts of an allocated block divide between them."""
    if product.divided is None:
        return "It is not divided into parts."
    named = ", ".join(f"`{pointer}`" for pointer in product.divided)
    return (
        f"The parts of an allocated block have quantities that make its own; {named}, the fees and the net amount are"
        " divided in proportion to them, so that they add up to the block's."
    )


def one_product(product: Product) -> str:
    """Return the page of a product."""
    _, components = msgspec.json.schema_components([product.message], ref_template="{name}")
    main = product.message.__name__
    inner = [name for name in components if name != main]
    module = f"trades/products/{product.code.lower()}.py"
    sections = [
        text
        for name in inner
        for text in (f"### {name}", components[name].get("description", ""), fields_of(components[name]))
    ]
    return page(
        product.code,
        module,
        f"**{product.title}.** {components[main].get('description', '')}",
        f"Settles {_business_days(product.settlement_cycle)} after the trade date, unless the message, the"
        " instrument or a settlement cycle says otherwise.",
        *product.notes,
        "## Fields",
        "Decimals are strings. Fields that are not listed are refused.",
        fields_of(components[main]),
        *sections,
        "## Amounts",
        "The amount that the factors make, in SQL over a version row `b`:",
        fenced("sql", product.expected_amount),
        f"It must agree with `{product.actual_amount.removeprefix('b.')}`; else the trade is held as"
        " [AMOUNT_MISMATCH](../checks/amount_mismatch.md).",
        *_paid(product),
        _divided(product),
        "## Obligations",
        table(["leg", "what", "asset", "quantity", "given by", "due"], _legs(product.legs)),
        "Each party of the trade needs one standing settlement instruction for each leg.",
        "## Example",
        "A body of `POST /api/v1/trades`:",
        fenced("json", json.dumps(product.example, indent=2, ensure_ascii=False)),
        "[All products](README.md)",
    )


def _legs(legs: Sequence[Leg]) -> list[list[str]]:
    return [
        [
            f"one for each of `terms.{LINES}`" if leg.per_line else str(number),
            leg.kind,
            *(f"`{_of_the_line(place)}`" for place in (leg.asset, leg.quantity)),
            _giver(leg),
            f"`{_of_the_line(leg.date)}`",
        ]
        for number, leg in enumerate(legs, start=1)
    ]


def _of_the_line(place: str) -> str:
    """Return where a leg's part stands in words of the message: a line's row says already that it is of a line."""
    part, _, key = place.rpartition(".")
    return key if part in ("", LINES) else f"terms.{place}"


def _business_days(count: int) -> str:
    return f"{count} business day{'' if count == 1 else 's'}"


def _paid(product: Product) -> list[str]:
    """Return what the page says where not all of the gross amount is paid, or nothing."""
    if product.paid_amount == "b.gross_amount":
        return []
    return [
        "What is paid of it before fees, so that the net amount is made of it:",
        fenced("sql", product.paid_amount),
    ]


def _giver(leg: Leg) -> str:
    other = {"BUYER": "seller", "SELLER": "buyer"}[leg.giver]
    return f"the {leg.giver.lower()}{f'; the {other} where it is below zero' if leg.signed else ''}"
