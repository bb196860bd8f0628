"""Instruments: securities by ISIN, goods by SKU, with their further identifiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from core import sql
from refdata.identifiers import identifier_fault, is_mic
from refdata.kinds.base import Field, Kind, Plan, RowFault, currency_faults, one_of
from refdata.models import Instrument

_BY_SKU = {Instrument.ProductClass.GOODS.value, Instrument.ProductClass.SERVICE.value}
MULTIPLIER_MAX = 1_000_000  # so that quantity, price and multiplier make an amount that can be stored
_IDENTIFIERS = """COALESCE((
    SELECT jsonb_object_agg(x.value, x.scheme) FROM refdata_instrument_identifier x
    WHERE x.instrument_id = t.id
), '{}')"""


class Instruments(Kind):
    """`identifiers` is an object of further identifiers, value → scheme. Loading adds, never removes."""

    code = "instruments"
    subject = "instrument"
    table = "refdata_instrument"
    key = ("code",)
    fields = {
        "code": Field(str, "text"),
        "scheme": Field(str, "text", default="ISIN"),
        "name": Field(str, "text"),
        "product_class": Field(str, "text"),
        "currency": Field(str, "text"),
        "price_basis": Field(str, "text", default=Instrument.PriceBasis.UNIT.value),
        "multiplier": Field(Decimal, "numeric", default=Decimal(1), digits=(12, 6)),
        "settlement_cycle": Field(int, "smallint", default=None),
        "market": Field(str, "text", default=""),
        "price_tolerance": Field(Decimal, "numeric", default=None, digits=(2, 4)),
        "active": Field(bool, "boolean", default=True),
        "identifiers": Field(dict[str, str], "", read=_IDENTIFIERS, default={}),
    }
    filters = {
        "code": "t.code = %s",
        "product_class": "t.product_class = %s",
        "market": "t.market = %s",
        "currency": "t.currency = %s",
    }
    example = {
        "code": "US0378331005",
        "scheme": "ISIN",
        "name": "Apple Inc.",
        "product_class": "EQUITY",
        "currency": "USD",
        "settlement_cycle": 1,
        "market": "XNAS",
        "identifiers": {"2046251": "SEDOL", "037833100": "CUSIP"},
    }

    def as_row(self, values: Sequence[Any]) -> dict[str, Any]:
        row = super().as_row(values)
        row["identifiers"] = sql.json_value(row["identifiers"])
        return row

    def prepare(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Read `SEDOL=2046251;CUSIP=037833100` of a flat file; name the scheme of a SKU."""
        flat = raw.get("identifiers")
        if isinstance(flat, str):
            pairs = [each.partition("=") for each in flat.split(";")]
            raw["identifiers"] = {value.strip(): scheme.strip() for scheme, _, value in pairs}
        if raw.get("scheme") is None and raw.get("product_class") in _BY_SKU:
            raw["scheme"] = "SKU"
        return raw

    def merge(self, before: dict[str, Any] | None, given: dict[str, Any]) -> dict[str, Any]:
        row = super().merge(before, given)
        known = before["identifiers"] if before else {}
        row["identifiers"] = known | given.get("identifiers", {})
        return row

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        if fault := identifier_fault(scheme=row["scheme"], value=row["code"]):
            yield RowFault("code", fault)
        yield from one_of("product_class", row["product_class"], Instrument.ProductClass.values)
        yield from one_of("price_basis", row["price_basis"], Instrument.PriceBasis.values)
        yield from currency_faults("currency", row["currency"])
        if not 0 < row["multiplier"] <= MULTIPLIER_MAX:
            yield RowFault("multiplier", f"This must be above zero and at most {MULTIPLIER_MAX:,}.")
        if row["settlement_cycle"] is not None and not 0 <= row["settlement_cycle"] <= 365:
            yield RowFault("settlement_cycle", "Business days, from 0 to 365.")
        if row["market"] and not is_mic(row["market"]):
            yield RowFault("market", "A MIC has four letters or digits (ISO 10383).")
        if row["price_tolerance"] is not None and row["price_tolerance"] < 0:
            yield RowFault("price_tolerance", "A fraction, zero or above.")
        for value, scheme in row["identifiers"].items():
            if not scheme or not value:
                yield RowFault(f"identifiers/{value}", "Name the scheme and the value.", "missing")
            elif fault := identifier_fault(scheme=scheme, value=value):
                yield RowFault(f"identifiers/{value}", fault)

    def find_clashes(self, plans: Sequence[Plan]) -> None:
        """An identifier is one instrument's: refuse one that names another."""
        values = [value for plan in plans for value in plan.after["identifiers"]]
        owners: dict[str, str] = dict(
            sql.rows(
                "SELECT x.value, i.code FROM refdata_instrument_identifier x"
                " JOIN refdata_instrument i ON i.id = x.instrument_id WHERE x.value = ANY(%s)",
                [values],
            )
        )
        for plan in plans:
            for value in plan.after["identifiers"]:
                owner = owners.setdefault(value, plan.after["code"])
                if owner != plan.after["code"]:
                    fault = RowFault(f"identifiers/{value}", f"This identifies {owner}.", "taken")
                    plan.faults.append(fault)

    def write_more(self, plans: Sequence[Plan]) -> None:
        entries = [
            (plan.id, scheme, value)
            for plan in plans
            for value, scheme in plan.after["identifiers"].items()
            if plan.before is None or plan.before["identifiers"].get(value) != scheme
        ]
        if entries:
            ids, schemes, values = (list(column) for column in zip(*entries, strict=True))
            sql.run(
                "INSERT INTO refdata_instrument_identifier (instrument_id, scheme, value)"
                " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[])"
                " ON CONFLICT (value) DO UPDATE SET scheme = excluded.scheme",
                [ids, schemes, values],
            )


INSTRUMENTS = Instruments()
