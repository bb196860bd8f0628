"""The benchmark's own reference data: the same on every run, but for the dates of prices and rates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Any

from stdnum import isin
from stdnum.iso7064 import mod_97_10

ENTITY = "BENCH-ENTITY"
PARTIES, BOOKS, TRADERS = 60, 12, 24
SECURITIES, GOODS = 500, 40
DAYS = 10  # of prices and rates
RATES = {"USD": "0.92", "GBP": "1.17", "CHF": "1.04", "SEK": "0.088", "JPY": "0.0061"}  # EUR per unit
CURRENCIES = ("EUR", *RATES)
_MARKETS = {"EUR": "XETR", "USD": "XNYS", "GBP": "XLON", "CHF": "XSWX", "SEK": "XSTO", "JPY": "XTKS"}
_COUNTRIES = {"EUR": "DE", "USD": "US", "GBP": "GB", "CHF": "CH", "SEK": "SE", "JPY": "JP"}
_AGENT = "DEUTDEFF"
_HARD = Decimal("1e15")  # no load comes near: a benchmark of trades that pass
LIMITS = (
    ("CPTY-EXPOSURE", "GROSS_EXPOSURE", "counterparty", _HARD),
    ("BOOK-NOTIONAL", "GROSS_NOTIONAL", "book", _HARD),
    ("DESK-NOTIONAL", "GROSS_NOTIONAL", "desk", _HARD),
    ("TRADER-SINGLE", "SINGLE_SIZE", "trader", Decimal("1e12")),
)


@dataclass(frozen=True)
class Security:
    """A share as the messages need it: the close is in hundredths."""

    isin: str
    currency: str
    close: int


def _isin(country: str, number: int) -> str:
    stem = f"{country}{number:09d}"
    return stem + str(isin.calc_check_digit(stem))


def _lei(number: int) -> str:
    stem = f"5299BENCH{number:09d}"
    return stem + mod_97_10.calc_check_digits(stem)


class Reference:
    """Rows of every kind, ready for the loader; prices and rates up to `today`, nothing on weekends."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.parties = [f"PARTY-{n:02d}" for n in range(PARTIES)]
        self.books = [f"BOOK-{n:02d}" for n in range(BOOKS)]
        self.traders = [f"trader{n:02d}" for n in range(TRADERS)]
        self.goods = [f"SKU-{n:04d}" for n in range(GOODS)]

    @cached_property
    def securities(self) -> list[Security]:
        """The shares, spread over the currencies."""
        random = Random(7)
        currencies = [CURRENCIES[n % len(CURRENCIES)] for n in range(SECURITIES)]
        return [
            Security(_isin(_COUNTRIES[currency], n + 1), currency, random.randint(500, 60_000))
            for n, currency in enumerate(currencies)
        ]

    def market(self, isin: str) -> str:
        """Return the market a share is dealt on."""
        return self._market_of[isin]

    @cached_property
    def _market_of(self) -> dict[str, str]:
        return {each.isin: _MARKETS[each.currency] for each in self.securities}

    def kinds(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows by kind, in an order in which references come before what refers to them."""
        return {
            "parties": list(self._parties()),
            "netting-agreements": list(self._netting_agreements()),
            "instruments": list(self._instruments()),
            "books": list(self._books()),
            "ssis": list(self._ssis()),
            "holidays": list(self._holidays()),
            "close-prices": list(self._closes()),
            "fx-rates": list(self._rates()),
        }

    def _parties(self) -> Iterator[dict[str, Any]]:
        yield {"code": ENTITY, "name": "The bench", "role": "ENTITY", "country": "GB", "lei": _lei(0)}
        for n, code in enumerate(self.parties):
            country = _COUNTRIES[CURRENCIES[n % len(CURRENCIES)]]
            yield {
                "code": code,
                "name": f"Counterparty {n}",
                "lei": _lei(n + 1),
                "country": country,
            }

    def _netting_agreements(self) -> Iterator[dict[str, Any]]:
        """Four of five parties net everything, the others nothing."""
        for n, code in enumerate(self.parties):
            if n % 5 != 0:
                yield {
                    "party": code,
                    "entity": "*",
                    "payments": "CURRENCY",
                    "securities": "SECURITY",
                    "goods": "ITEM",
                    "valid_from": "2020-01-01",
                }

    def _instruments(self) -> Iterator[dict[str, Any]]:
        for n, each in enumerate(self.securities):
            yield {
                "code": each.isin,
                "name": f"Share {n}",
                "product_class": "EQUITY",
                "currency": each.currency,
                "market": _MARKETS[each.currency],
            }
        for n, sku in enumerate(self.goods):
            yield {"code": sku, "name": f"Article {n}", "product_class": "GOODS", "currency": "EUR"}

    def _books(self) -> Iterator[dict[str, Any]]:
        for n, code in enumerate(self.books):
            yield {"code": code, "desk": f"DESK-{n % 4}", "entity": ENTITY}

    def _ssis(self) -> Iterator[dict[str, Any]]:
        for party in (ENTITY, *self.parties):
            since = {"party": party, "valid_from": "2020-01-01"}
            for currency in CURRENCIES:
                account = {"account": f"ACC-{party}-{currency}", "agent_bic": _AGENT}
                yield {**since, "kind": "CASH", "key": currency, **account}
            custody = {"account": f"SAFE-{party}", "place_of_settlement": _AGENT}
            yield {**since, "kind": "SECURITY", "key": "*", **custody}
            yield {**since, "kind": "GOODS", "key": "*", "delivery_address": f"{party}, Dock 1"}

    def _holidays(self) -> Iterator[dict[str, Any]]:
        for year in range(self.today.year - 1, self.today.year + 2):
            for calendar in ("FIRM", *CURRENCIES, *_MARKETS.values()):
                for month, day in ((1, 1), (12, 25), (12, 26)):
                    yield {"calendar": calendar, "date": date(year, month, day).isoformat()}

    def _days(self) -> Iterator[str]:
        for back in range(DAYS):
            day = self.today - timedelta(days=back)
            if day.isoweekday() <= 5:
                yield day.isoformat()

    def _closes(self) -> Iterator[dict[str, Any]]:
        for each in self.securities:
            price = f"{each.close / 100:.2f}"
            for day in self._days():
                yield {"instrument": each.isin, "date": day, "price": price, "currency": each.currency}

    def _rates(self) -> Iterator[dict[str, Any]]:
        for currency, rate in RATES.items():
            for day in self._days():
                yield {"currency": currency, "date": day, "rate": rate}
