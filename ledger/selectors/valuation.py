"""How things are valued: how old a price or rate may be by its class, and what articles cost from which day on."""

from __future__ import annotations

from typing import Any

from core import sql
from refdata.models import Instrument

FX = "FX"  # the rule of rates
ANY = "*"  # that of every class without a rule of its own
CODES = (*Instrument.ProductClass.values, FX, ANY)
# Business days that a price or rate may be old where no rule says it: list prices of goods hold for a year.
DEFAULTS = {ANY: 1, FX: 1, Instrument.ProductClass.GOODS.value: 250}

_COSTS = """
SELECT c.id, i.code AS instrument, i.name, c.valid_from, c.cost, c.currency
FROM refdata_standard_cost c JOIN refdata_instrument i ON i.id = c.instrument_id
WHERE %(article)s = '' OR i.code = %(article)s
ORDER BY i.code, c.valid_from DESC LIMIT %(limit)s
"""


def rule_days() -> dict[str, int]:
    """Return how many business days old a price or rate may be, by code; what has no rule goes by ANY."""
    return {**DEFAULTS, **dict(sql.rows("SELECT code, days FROM ledger_valuation_rule"))}


def days_of(code: str) -> int:
    """Return how many business days old a price or rate of one of CODES may be."""
    days = rule_days()
    return days.get(code, days[ANY])


def list_rules() -> list[dict[str, Any]]:
    """Return the rule of each of CODES: its days, and whether people have set it."""
    said = dict(sql.rows("SELECT code, days FROM ledger_valuation_rule"))
    days = {**DEFAULTS, **said}
    return [{"code": code, "days": days.get(code, days[ANY]), "is_set": code in said} for code in CODES]


def list_costs(*, article: str = "", limit: int) -> list[dict[str, Any]]:
    """Return what articles cost, of one or of all (""), by article, the latest first."""
    return sql.records(_COSTS, {"article": article, "limit": limit})
