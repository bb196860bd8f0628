"""Invoices and credit notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.ids import INVOICE, TRADE, public_id
from ops.lists import _cells as cells
from ops.lists.base import Asked, Column, Listed
from ops.permissions import Right
from settlement.invoices import Wanted, all_invoices
from settlement.models import Invoice


def _record(row: cells.Row, _: Context) -> SafeString:
    address = reverse("invoice", args=[public_id(INVOICE, row["id"])])
    return format_html('<a class="code" data-row-link href="{}">{}</a>', address, row["reference"])


def _for(row: cells.Row) -> cells.Value:
    if row["credits_reference"]:
        return str(row["credits_reference"])
    return public_id(TRADE, row["trade_id"]) if row["trade_id"] else "statement"


def _for_shown(row: cells.Row, _: Context) -> str:
    if row["credits_reference"]:
        address = reverse("invoice", args=[public_id(INVOICE, row["credits"])])
    elif row["trade_id"]:
        address = reverse("trade", args=[public_id(TRADE, row["trade_id"])])
    else:
        return str(_for(row))
    return format_html('<a class="code" href="{}">{}</a>', address, _for(row))


_DUE, _CREDITED = cells.day("due_date"), cells.money("credited", "currency")


def _pages(asked: Asked) -> Iterator[list[dict[str, Any]]]:
    kind = asked.parameters.get("kind", "")
    wanted = Wanted(
        customer=asked.parameters.get("customer", ""), kind=kind if kind in Invoice.Kind.values else ""
    )
    return all_invoices(wanted=wanted, most=asked.most + 1)


INVOICES = Listed(
    code="invoices",
    title="invoices",
    screen="invoices",
    right=Right.READ_INVOICES,
    columns=(
        Column("number", "Number", cells.Cell(lambda row: row["reference"], _record)),
        Column("kind", "Kind", cells.mark("kind")),
        Column("customer", "Customer", cells.told(lambda row: row["billing"]["name"], css="clip")),
        Column("for", "For", cells.Cell(_for, _for_shown)),
        Column("date", "Date", cells.day("invoice_date")),
        Column(
            "due",
            "Due",
            cells.Cell(
                lambda row: None if row["credits"] else row["due_date"],
                lambda row, context: "—" if row["credits"] else _DUE.show(row, context),
                "figure",
            ),
        ),
        Column("net", "Net", cells.money("net", "currency")),
        Column("tax", "Tax", cells.money("tax", "currency")),
        Column("gross", "Gross", cells.money("gross", "currency")),
        Column(
            "credited",
            "Credited",
            cells.Cell(
                lambda row: _CREDITED.value(row) if row["credited"] else None,
                lambda row, context: _CREDITED.show(row, context) if row["credited"] else "—",
                "n",
            ),
        ),
        Column("currency", "Ccy", cells.text("currency")),
    ),
    filters=("customer", "kind"),
    pages=_pages,
    api=dict,
)
