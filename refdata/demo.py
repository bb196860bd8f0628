"""Demo reference data: made by rule, the same on every machine, for any day."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from stdnum import iban
from stdnum.iso7064 import mod_97_10

from core.audit import Actor
from refdata.calendars import BusinessCalendar
from refdata.cycle_sources import market_cycles
from refdata.demo_universe import (
    AGREEMENT_ENDED,
    BONDS,
    BOOKS,
    COLOURS,
    CONTRACTS,
    COUNTERPARTIES,
    CUSTOMERS,
    DERIVATIVES_MARKET,
    ENTITIES,
    EQUITIES,
    EUROS_PER_UNIT,
    GOODS,
    GROUP,
    HIGHLY_LIQUID,
    LEI_NOT_RENEWED,
    LIQUID,
    MANDATES,
    MARKETS,
    ONBOARDED,
    RESTRICTED,
    REVIEW_OVERDUE,
    SERVICES,
    SMALL_CREDIT,
    UNDER_AGREEMENT,
    WATCHED,
    WITHOUT_COST,
    WITHOUT_NETTING,
    WITHOUT_SSI,
)
from refdata.holiday_sources import CURRENCIES, closing_days
from refdata.penalty_sources import csdr_rates
from refdata.services import LoadReport, load_rows

PRICE_DAYS = 10
_SSI_SINCE = date(2020, 1, 1)
_LONG_AGO, _LATELY, _LONG_HENCE = date(2020, 1, 1), date(2026, 6, 30), date(2040, 12, 31)
_CREDIT, _SMALL_CREDIT = Decimal(250_000), Decimal(5_000)
_RANGE = Decimal("0.04")  # how far a share goes from its close within a day
_MOVE_BASIS_POINTS = 150  # how far a close may lie from its price in demo_universe
_COST_PER_CENT = (52, 17)  # of the list price: from how many on, and how far above these
_CUSTOMER_CURRENCIES = ("GBP", "EUR")


def load_demo_refdata(*, today: date, actor: Actor, now: datetime) -> list[LoadReport]:
    """Load the demo's parties, instruments, books, SSIs, holidays, closes and rates, for `today`.

    Loading again for the same day changes nothing; for a later day it adds that day's prices.
    Returns one report per kind.
    """
    static = {
        "parties": _parties(),
        "books": _books(),
        "instruments": _instruments(),
        "ssis": _ssis(),
        "mandates": _mandates(),
        "watch-lists": _watch_lists(),
        "agreements": _agreements(),
        "netting-agreements": _netting_agreements(),
        "settlement-cycles": market_cycles(),
        "billing-terms": _billing_terms(),
        "standard-costs": _standard_costs(),
        "penalty-rates": csdr_rates(),
    }
    loaded = [
        load_rows(kind=kind, rows=list(rows), mode="atomic", actor=actor, now=now)
        for kind, rows in static.items()
    ]
    return loaded + load_demo_market_data(today=today, actor=actor, now=now)


def load_demo_market_data(*, today: date, actor: Actor, now: datetime) -> list[LoadReport]:
    """Load the demo's holidays, closes and rates up to `today`: without fresh rates every deal would be held.

    With them come the contracts that are listed on that day. Returns one report per kind.
    """
    holidays = list(_holidays(today))
    open_on = BusinessCalendar(frozenset(each["date"] for each in holidays if each["calendar"] == "EUR"))
    days = _last_business_days(open_on, today)
    contracts = list(listed_contracts(today))
    loads = {
        "instruments": (row for row, _ in contracts),
        "holidays": holidays,
        "close-prices": (*_closes(days, today), *_contract_closes(contracts, days)),
        "fx-rates": _rates(days),
    }
    return [
        load_rows(kind=kind, rows=list(rows), mode="atomic", actor=actor, now=now)
        for kind, rows in loads.items()
    ]


def _last_business_days(calendar: BusinessCalendar, today: date) -> list[date]:
    last = calendar.add_business_days(today + timedelta(days=1), -1)
    return [calendar.add_business_days(last, -back) if back else last for back in range(PRICE_DAYS)]


def _lei(number: int) -> str:
    """Return a made-up LEI with right check digits."""
    body = f"DEMO00MERQUAY{number:05d}"
    return body + mod_97_10.calc_check_digits(body)


def _bic(code: str, country: str) -> str:
    return f"{code[:4]}{country}2X"


def _parties() -> Iterator[dict[str, Any]]:
    firms = [
        *((code, name, country, "ENTITY") for code, name, country, _ in ENTITIES),
        *((code, name, country, "COUNTERPARTY") for code, name, country in COUNTERPARTIES),
        *((code, name, country, "CUSTOMER") for code, name, country, _ in CUSTOMERS),
    ]
    for number, (code, name, country, role) in enumerate(firms, start=1):
        yield {
            "code": code,
            "name": name,
            "lei": _lei(number),
            "bic": _bic(code, country) if role == "COUNTERPARTY" else None,
            "role": role,
            "country": country,
            "restricted": code in RESTRICTED,
            "party_group": GROUP if role == "ENTITY" else "",
            "kyc_valid_to": _LATELY if code in REVIEW_OVERDUE else _LONG_HENCE,
            "lei_valid_to": _LATELY if code in LEI_NOT_RENEWED else _LONG_HENCE,
            "onboarded_on": _LATELY if code in ONBOARDED else None,
            "credit_limit": _credit(code) if role == "CUSTOMER" else None,
        }


def _credit(code: str) -> Decimal:
    return _SMALL_CREDIT if code in SMALL_CREDIT else _CREDIT


def _standard_costs() -> Iterator[dict[str, Any]]:
    """Yield what goods and services cost, below their list prices; of some goods it is not known yet."""
    for sku, _, currency, price in (*_goods(), *SERVICES):
        if sku in WITHOUT_COST:
            continue
        share = Decimal(_COST_PER_CENT[0] + len(sku) % _COST_PER_CENT[1]) / 100
        yield {
            "instrument": sku,
            "valid_from": _SSI_SINCE,
            "cost": (Decimal(price) * share).quantize(Decimal("0.01")),
            "currency": currency,
        }


def _billing_terms() -> Iterator[dict[str, Any]]:
    yield {"entity": "*", "party": "*", "product": "GOODS", "days": 30, "credit_alone_below": 250}
    yield {"entity": "*", "party": "*", "product": "SERVICE", "days": 14, "credit_alone_below": 250}
    yield {"entity": "*", "party": "*", "product": "*", "days": 14, "end_of_month": True, "fees": "MONTH"}


def _mandates() -> Iterator[dict[str, Any]]:
    for product, days in MANDATES.items():
        anybody = {"trader": "*", "product": product, "book": "*", "market": "*"}
        yield {**anybody, "max_tenor_days": days, "valid_from": _LONG_AGO}


def _watch_lists() -> Iterator[dict[str, Any]]:
    for of, subject, key, measure, note in WATCHED:
        entry = {"list": of, "subject": subject, "key": key, "measure": measure, "note": note}
        yield {**entry, "valid_from": _LONG_AGO}


def _agreements() -> Iterator[dict[str, Any]]:
    for code, *_ in COUNTERPARTIES:
        for product in UNDER_AGREEMENT:
            yield {
                "party": code,
                "product": product,
                "reference": "ISDA-2002",
                "valid_from": _LONG_AGO,
                "valid_to": _LATELY if code in AGREEMENT_ENDED else None,
            }


def _netting_agreements() -> Iterator[dict[str, Any]]:
    for code, *_ in (*COUNTERPARTIES, *CUSTOMERS):
        if code not in WITHOUT_NETTING:
            yield {
                "party": code,
                "entity": "*",
                "payments": "CURRENCY",
                "securities": "SECURITY",
                "goods": "ITEM",
                "valid_from": _LONG_AGO,
            }


def _books() -> Iterator[dict[str, Any]]:
    for code, name, desk, entity in BOOKS:
        yield {"code": code, "name": name, "desk": desk, "entity": entity}


def _instruments() -> Iterator[dict[str, Any]]:
    for number, (market, isin, name, _) in enumerate(EQUITIES):
        currency, cycle, _ = MARKETS[market]
        yield {
            "code": isin,
            "name": name,
            "product_class": "EQUITY",
            "currency": currency,
            "settlement_cycle": cycle,
            "market": market,
            "liquidity_class": _liquidity(number),
            "identifiers": _national_identifier(isin),
        }
    for market, isin, name, cycle, rate, frequency, day_count, dated, maturity, _ in BONDS:
        yield {
            "code": isin,
            "name": name,
            "product_class": "BOND",
            "currency": MARKETS[market][0],
            "settlement_cycle": cycle,
            "market": market,
            "coupon_rate": Decimal(rate),
            "coupon_frequency": frequency,
            "day_count": day_count,
            "dated_date": dated,
            "maturity": maturity,
        }
    for sku, name, currency, _ in _goods():
        yield {"code": sku, "name": name, "product_class": "GOODS", "currency": currency}
    for sku, name, currency, _ in SERVICES:
        yield {"code": sku, "name": name, "product_class": "SERVICE", "currency": currency}


def _liquidity(number: int) -> str:
    return "HIGH" if number < HIGHLY_LIQUID else "MEDIUM" if number < HIGHLY_LIQUID + LIQUID else "LOW"


def listed_contracts(today: date) -> Iterator[tuple[dict[str, Any], Decimal]]:
    """Yield the futures and options listed on a day, each with the price near which it is dealt.

    They expire on the third Fridays of the next two quarters' last months that are a week away at least.
    """
    market, currency, _ = DERIVATIVES_MARKET
    for expiry in _expiries(today + timedelta(days=7)):
        for before, after, name, multiplier, option_type, strike, underlying, price in CONTRACTS:
            row = {
                "code": f"{before}-{expiry:%y%m}{after}",
                "scheme": "LOCAL",
                "name": f"{name} {expiry:%B %Y}",
                "product_class": "LISTED_DERIVATIVE",
                "currency": currency,
                "multiplier": Decimal(multiplier),
                "settlement_cycle": 1,
                "market": market,
                "expiry": expiry,
                "option_type": option_type,
                "strike": strike and Decimal(strike),
                "underlying": underlying,
            }
            yield row, Decimal(price)


def _expiries(first: date) -> list[date]:
    """Return the first two quarterly expiries on or after a day."""
    months = [(first.year, 3), (first.year, 6), (first.year, 9), (first.year, 12)]
    months += [(first.year + 1, 3), (first.year + 1, 6)]
    fridays = (
        date(year, month, 15) + timedelta(days=(4 - date(year, month, 15).weekday()) % 7)
        for year, month in months
    )
    return [friday for friday in fridays if friday >= first][:2]


def _national_identifier(isin: str) -> dict[str, str]:
    """Return the national number that an ISIN contains, with its scheme."""
    match isin[:2]:
        case "US":
            return {isin[2:11]: "CUSIP"}
        case "GB":
            return {isin[4:11]: "SEDOL"}
        case "DE":
            return {isin[5:11]: "WKN"}
    return {}


def _goods() -> Iterator[tuple[str, str, str, str]]:
    """Yield SKU, name, currency and list price of every good."""
    for prefix, name, currency, price in GOODS:
        for colour_code, colour in COLOURS.items():
            yield f"{prefix}-{colour_code}", f"{name}, {colour}", currency, price


def _ssis() -> Iterator[dict[str, Any]]:
    traders = [each[0] for each in (*ENTITIES, *COUNTERPARTIES) if each[0] not in WITHOUT_SSI]
    for number, code in enumerate(traders, start=1):
        for currency in EUROS_PER_UNIT:
            yield _cash(code, currency, number)
        for market, (_, _, depository) in MARKETS.items():
            yield {
                "party": code,
                "kind": "SECURITY",
                "key": market,
                "account": f"{market[1:]}{number:06d}",
                "agent_bic": f"CUST{depository[4:6]}2X",
                "place_of_settlement": depository,
                "valid_from": _SSI_SINCE,
            }
        yield {
            "party": code,
            "kind": "SECURITY",
            "key": DERIVATIVES_MARKET[0],
            "account": f"CLEAR{number:06d}",
            "agent_bic": "CUSTDE2X",
            "place_of_settlement": DERIVATIVES_MARKET[2],
            "valid_from": _SSI_SINCE,
        }
    for number, (code, *_) in enumerate(CUSTOMERS, start=500):
        for currency in _CUSTOMER_CURRENCIES:
            yield _cash(code, currency, number)
    for code, _, _, address in (*ENTITIES, *CUSTOMERS):
        yield {
            "party": code,
            "kind": "GOODS",
            "key": "*",
            "delivery_address": address,
            "valid_from": _SSI_SINCE,
        }


def _cash(code: str, currency: str, number: int) -> dict[str, Any]:
    country = {"EUR": "DE"}.get(currency, currency[:2])
    return {
        "party": code,
        "kind": "CASH",
        "key": currency,
        "account": _account(currency, number),
        "agent_bic": f"CORR{country}2X",
        "valid_from": _SSI_SINCE,
    }


def _account(currency: str, number: int) -> str:
    """Return a made-up account: an IBAN where the currency's home uses them, else digits."""
    layouts = {
        "EUR": f"DE00500999{number:012d}",
        "GBP": f"GB00CORR2099{number:010d}",
        "CHF": f"CH0009999{number:012d}",
    }
    draft = layouts.get(currency)
    if draft is None:
        return f"{currency}{number:09d}"
    return draft[:2] + iban.calc_check_digits(draft) + draft[4:]


def _holidays(today: date) -> Iterator[dict[str, Any]]:
    for code in (*CURRENCIES, *MARKETS):
        days = closing_days(code=code, first_year=today.year - 1, last_year=today.year + 1)
        for day, name in days.items():
            yield {"calendar": code, "date": day, "name": name}


def _closes(days: list[date], today: date) -> Iterator[dict[str, Any]]:
    """Yield the closes of the days; the range of today is not known before it is over."""
    for market, isin, _, price in EQUITIES:
        for day in days:
            close = _moved(Decimal(price), f"{isin} {day}")
            tick = Decimal("0.01" if close >= 10 else "0.0001")
            ends = {"low": close * (1 - _RANGE), "high": close * (1 + _RANGE)}
            yield {
                **_close(isin, day, close.quantize(tick), MARKETS[market][0]),
                **({name: end.quantize(tick) for name, end in ends.items()} if day < today else {}),
            }
    for market, isin, *_, price in BONDS:
        for day in days:
            close = _moved(Decimal(price), f"{isin} {day}").quantize(Decimal("0.001"))
            yield _close(isin, day, close, MARKETS[market][0])
    for sku, _, currency, price in (*_goods(), *SERVICES):
        for day in days:
            yield _close(sku, day, Decimal(price), currency)


def _contract_closes(
    contracts: list[tuple[dict[str, Any], Decimal]], days: list[date]
) -> Iterator[dict[str, Any]]:
    for row, price in contracts:
        for day in days:
            close = _moved(price, f"{row['code']} {day}").quantize(Decimal("0.1"))
            yield _close(row["code"], day, close, row["currency"])


def _close(code: str, day: date, price: Decimal, currency: str) -> dict[str, Any]:
    return {"instrument": code, "date": day, "price": price, "currency": currency}


def _rates(days: list[date]) -> Iterator[dict[str, Any]]:
    for day in days:
        euros = {
            currency: _moved(Decimal(rate), f"{currency} {day}") if currency != "EUR" else Decimal(1)
            for currency, rate in EUROS_PER_UNIT.items()
        }
        base = euros.pop(settings.BASE_CURRENCY)
        for currency, rate in euros.items():
            yield {
                "currency": currency,
                "date": day,
                "rate": (rate / base).quantize(Decimal("0.00000001")),
            }


def _moved(value: Decimal, seed: str) -> Decimal:
    """Return the value moved by up to _MOVE_BASIS_POINTS, the same for the same seed."""
    draw = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4])
    points = draw % (2 * _MOVE_BASIS_POINTS + 1) - _MOVE_BASIS_POINTS
    return value * (10_000 + points) / 10_000
