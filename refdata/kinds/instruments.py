"""Instruments: securities by ISIN, goods by SKU, with their further identifiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from core import sql
from refdata.accrual import DAY_COUNTS, FIRST_DAY, FREQUENCIES, LAST_DAY
from refdata.identifiers import identifier_fault, is_mic
from refdata.kinds.base import Field, Kind, Plan, RowFault, currency_faults, one_of
from refdata.models import Instrument

_BOND = Instrument.ProductClass.BOND.value
_DERIVATIVE = Instrument.ProductClass.LISTED_DERIVATIVE.value
_BY_SKU = {Instrument.ProductClass.GOODS.value, Instrument.ProductClass.SERVICE.value}
MULTIPLIER_MAX = 1_000_000  # so that quantity, price and multiplier make an amount that can be stored
_IDENTIFIERS = """COALESCE((
    SELECT jsonb_object_agg(x.value, x.scheme) FROM refdata_instrument_identifier x
    WHERE x.instrument_id = t.id
), '{}')"""


class Instruments(Kind):
    """`identifiers` is an object of further identifiers, value → scheme. Loading adds, never removes.

    A BOND is priced in per cent of nominal and has `coupon_rate` (per cent a year), `coupon_frequency` (a year),
    `day_count` (FpML), `end_of_month`, `dated_date` and `maturity`. A LISTED_DERIVATIVE has its `multiplier` and
    `expiry`; an option also `option_type` and `strike`. Without them such an instrument can be stored, and a
    trade in it is held.
    """

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
        "liquidity_class": Field(str, "text", default=""),
        "active": Field(bool, "boolean", default=True),
        "coupon_rate": Field(Decimal, "numeric", default=None, digits=(4, 6)),
        "coupon_frequency": Field(int, "smallint", default=None),
        "day_count": Field(str, "text", default=""),
        "end_of_month": Field(bool, "boolean", default=False),
        "dated_date": Field(date, "date", default=None),
        "maturity": Field(date, "date", default=None),
        "expiry": Field(date, "date", default=None),
        "option_type": Field(str, "text", default=""),
        "strike": Field(Decimal, "numeric", default=None),
        "underlying": Field(str, "text", default=""),
        "issuer": Field(str, "text", default=""),
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
        "liquidity_class": "HIGH",
        "identifiers": {"2046251": "SEDOL", "037833100": "CUSIP"},
    }

    def as_row(self, values: Sequence[Any]) -> dict[str, Any]:
        row = super().as_row(values)
        row["identifiers"] = sql.json_value(row["identifiers"])
        return row

    def prepare(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Read `SEDOL=2046251;CUSIP=037833100` of a flat file; name the scheme of a SKU, the price of a bond."""
        flat = raw.get("identifiers")
        if isinstance(flat, str):
            pairs = [each.partition("=") for each in flat.split(";")]
            raw["identifiers"] = {value.strip(): scheme.strip() for scheme, _, value in pairs}
        if raw.get("scheme") is None and raw.get("product_class") in _BY_SKU:
            raw["scheme"] = "SKU"
        if raw.get("price_basis") is None and raw.get("product_class") == _BOND:
            raw["price_basis"] = Instrument.PriceBasis.PERCENT.value
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
        if row["liquidity_class"]:
            yield from one_of("liquidity_class", row["liquidity_class"], Instrument.LiquidityClass.values)
        yield from _bond_faults(row)
        yield from _derivative_faults(row)
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


_OF_A_BOND = ("coupon_rate", "day_count", "dated_date", "maturity")
_OF_A_DERIVATIVE = ("expiry", "option_type", "strike", "underlying")


def _is_given(value: Any) -> bool:
    return value is not None and value != ""


def _bond_faults(row: Mapping[str, Any]) -> Iterator[RowFault]:
    """A bond has all that its accrued interest is made of, or nothing yet; no other instrument has any."""
    given = [name for name in (*_OF_A_BOND, "coupon_frequency") if _is_given(row[name])]
    if row["product_class"] != _BOND:
        yield from (RowFault(name, "Only a bond has this.") for name in given)
        return
    if row["price_basis"] != Instrument.PriceBasis.PERCENT.value:
        yield RowFault("price_basis", "A bond is priced in PERCENT of nominal.")
    if row["multiplier"] != 1:
        yield RowFault("multiplier", "A bond's amount is its nominal: the multiplier is 1.")
    if not given:
        return
    for name in _OF_A_BOND:
        if name not in given:
            yield RowFault(name, f"A bond needs this beside its {given[0]}.", "missing")
    if row["coupon_rate"] and row["coupon_frequency"] is None:
        yield RowFault("coupon_frequency", "A bond with a coupon needs this.", "missing")
    yield from _coupon_faults(row)


def _coupon_faults(row: Mapping[str, Any]) -> Iterator[RowFault]:
    if row["coupon_rate"] is not None and row["coupon_rate"] < 0:
        yield RowFault("coupon_rate", "Per cent a year, zero or above.")
    if row["coupon_frequency"] is not None:
        yield from one_of("coupon_frequency", row["coupon_frequency"], FREQUENCIES)
    if row["day_count"]:
        yield from one_of("day_count", row["day_count"], DAY_COUNTS)
    first, last = row["dated_date"], row["maturity"]
    for name in ("dated_date", "maturity"):
        if row[name] and not FIRST_DAY <= row[name] <= LAST_DAY:
            yield RowFault(name, f"A day from {FIRST_DAY} to {LAST_DAY}.")
    if first and last and first >= last:
        yield RowFault("maturity", "A bond matures after its dated date.")


def _derivative_faults(row: Mapping[str, Any]) -> Iterator[RowFault]:
    """An option has a strike, a type and an expiry; no other instrument than a derivative has any of them."""
    if row["product_class"] != _DERIVATIVE:
        for name in _OF_A_DERIVATIVE:
            if _is_given(row[name]):
                yield RowFault(name, "Only a listed derivative has this.")
        return
    if row["option_type"]:
        yield from one_of("option_type", row["option_type"], Instrument.OptionType.values)
        for name in ("strike", "expiry"):
            if row[name] is None:
                yield RowFault(name, "An option needs this.", "missing")
    elif row["strike"] is not None:
        yield RowFault("option_type", "With a strike, this is CALL or PUT.", "missing")


INSTRUMENTS = Instruments()
