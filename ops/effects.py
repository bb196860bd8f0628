"""What a change of a trade comes to, in rows that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.sight import is_narrowed
from ops.templatetags.console import asset_quantity, base_money, money

_SECTIONS = {
    "findings": "Finding",
    "exceptions": "Exception",
    "proposals": "Approval",
    "limits": "Use of limit",
    "legs": "Leg to settle",
    "recalled_instructions": "Instruction recalled",
    "invoices": "Invoice, open",
}


@dataclass(frozen=True)
class Row:
    """One thing that becomes different: what it is, and how it was and is, empty where it was or is not there."""

    what: str
    key: str
    before: str
    after: str


def rows(effects: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Row]:
    """Return the effects of a change as rows, in the order in which people read them."""
    return [
        Row(label, str(each["key"]), _said(section, each["before"]), _said(section, each["after"]))
        for section, label in _SECTIONS.items()
        for each in effects.get(section, ())
    ]


def _said(section: str, value: Any) -> str:
    if value is None:
        return ""
    if section == "findings":
        return str(value["message"])
    if section == "exceptions":
        return ", ".join(value["codes"])
    if section == "proposals":
        return str(value["kind"])
    if section in {"limits", "invoices"}:
        used = base_money(Decimal(value["used"])) if section == "limits" else _amount(value)
        return f"{used} {value['currency']}"
    if section == "legs":
        return f"{value['direction'].lower()} {_figure(value)} {value['asset']} on {value['value_date']}"
    return _recalled(value) if section == "recalled_instructions" else str(value)


def _recalled(value: Mapping[str, Any]) -> str:
    if value["netted_anew"] and is_narrowed():  # perhaps with trades of another desk
        return f"an instruction of {value['batch']} is cancelled; the rest of it is netted anew"
    rest = ", ".join(value["netted_anew"][:10])
    netted = f"; netted anew: {rest}" if rest else ""
    what = f"{value['direction'].lower()} {_figure(value)} {value['asset']} of {value['batch']}"
    return f"{what} is cancelled{netted}"


def _amount(value: Mapping[str, Any]) -> str:
    """Return an amount as it is shown everywhere."""
    return money(Decimal(value["amount"]), value["currency"])


def _figure(value: Mapping[str, Any]) -> str:
    """Return the quantity of a leg or instruction as it is shown everywhere."""
    return asset_quantity(Decimal(value["quantity"]), value["asset"])
