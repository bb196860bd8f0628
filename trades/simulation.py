"""A front office made by rule: realistic deals over the reference data there is, some of them wrong on purpose.

The same seed and reference data give the same deals under the same references, so sending them again adds
nothing. Every deal is made from its number alone: threads may make them in any order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from core.money import round_money
from refdata import demo_universe as demo
from refdata.demo import listed_contracts

Message = dict[str, Any]
Lister = Callable[[str, Mapping[str, str]], Iterable[Mapping[str, Any]]]

# With their share of the deals.
PRODUCTS = {
    "EQUITY": 54,
    "BOND": 7,
    "LISTED_DERIVATIVE": 5,
    "FX_SPOT": 12,
    "FX_FORWARD": 5,
    "FX_SWAP": 3,
    "GOODS": 12,
    "SERVICE": 2,
}
SOURCES = {
    "EQUITY": "FO-EQ",
    "BOND": "FO-FI",
    "LISTED_DERIVATIVE": "FO-LD",
    "FX_SPOT": "FO-FX",
    "FX_FORWARD": "FO-FX",
    "FX_SWAP": "FO-FX",
    "GOODS": "SHOP",
    "SERVICE": "STUDIO",
}
_FX_TRADERS = ("fsilva", "gnovak")
_TRADERS = {
    "EQUITY": ("ajansen", "bokafor", "cmeyer", "dlefevre", "epatel"),
    "BOND": ("hkeller", "iquinn"),
    "LISTED_DERIVATIVE": ("jvermeer",),
    "FX_SPOT": _FX_TRADERS,
    "FX_FORWARD": _FX_TRADERS,
    "FX_SWAP": _FX_TRADERS,
    "GOODS": ("",),
    "SERVICE": ("",),
}
_MAJORS = ("EUR", "USD", "GBP", "CHF", "JPY", "SEK")
PRICE_DAYS_BACK = 10
_ONE = Decimal(1)
_ORDERS = ("GOODS", "SERVICE")


@dataclass(frozen=True)
class Priced:
    """Something to deal in, with the price near which it is dealt."""

    code: str
    currency: str
    price: Decimal
    name: str = ""
    market: str = ""
    multiplier: Decimal = _ONE


@dataclass(frozen=True)
class Universe:
    """What deals are made of, as of a day."""

    on: date
    equities: Sequence[Priced]
    bonds: Sequence[Priced]
    contracts: Sequence[Priced]
    goods: Sequence[Priced]
    services: Sequence[Priced]
    counterparties: Sequence[str]
    customers: Sequence[str]
    restricted: Sequence[str]
    without_ssi: Sequence[str]
    books: Mapping[str, str]  # with the entity each belongs to
    accounts: Mapping[
        str, frozenset[str]
    ]  # what a party has an SSI for: `CASH EUR`, `SECURITY XNAS`, `GOODS *`
    rates: Mapping[str, Decimal]
    holidays: frozenset[date] = field(default=frozenset())

    def book(self, kind: str, needs: frozenset[str], currency: str) -> str:
        """Return the book for a kind (EQ, FI, LD, FX, GOODS …), as near to the currency as one can settle there."""
        able = [code for code, entity in self.books.items() if self.settles(entity, needs)] or list(
            self.books
        )
        ours = [each for each in able if each.startswith(kind)] or able
        region = {"USD": "US", "GBP": "UK"}.get(currency, "EU")
        return next((each for each in ours if each.endswith(region)), ours[0])

    def party(self, parties: Sequence[str], needs: frozenset[str], chance: random.Random) -> str:
        """Return one that can settle; a few are chosen often and many seldom, as it really is."""
        able = [each for each in parties if self.settles(each, needs)] or list(parties)
        return able[int(len(able) * chance.random() ** 2)]

    def settles(self, party: str, needs: frozenset[str]) -> bool:
        """Tell whether a party has the SSIs that are needed."""
        has = self.accounts.get(party, frozenset())
        return all(need in has or f"{need.split()[0]} *" in has for need in needs)

    def majors(self) -> list[str]:
        """Return the major currencies there are: those with a rate, and the base currency, which has none."""
        base = next(code for code in _MAJORS if code not in self.rates)
        return [code for code in _MAJORS if code == base or code in self.rates]

    def business_day(self, days: int) -> date:
        """Return the first open day that is at least so many calendar days after (or before) today."""
        day, step = self.on + timedelta(days=days), timedelta(days=1 if days >= 0 else -1)
        while day.weekday() > 4 or day in self.holidays:
            day += step
        return day


def read_universe(listed: Lister, *, on: date) -> Universe:
    """Read a universe from reference data: `listed` gives the rows of a kind that match a filter."""
    parties = list(listed("parties", {}))
    accounts: dict[str, set[str]] = {}
    for row in listed("ssis", {}):
        accounts.setdefault(row["party"], set()).add(f"{row['kind']} {row['key']}")
    traders = [row for row in parties if row["role"] == "COUNTERPARTY"]
    instruments = list(listed("instruments", {}))
    closes = {row["instrument"]: row for row in _latest(listed, "close-prices", on)}
    return Universe(
        on=on,
        equities=_priced(instruments, "EQUITY", closes),
        bonds=_priced(instruments, "BOND", closes),
        contracts=_priced(
            [row for row in instruments if row["expiry"] is None or _day(row["expiry"]) >= on],
            "LISTED_DERIVATIVE",
            closes,
        ),
        goods=_priced(instruments, "GOODS", closes),
        services=_priced(instruments, "SERVICE", closes),
        counterparties=[row["code"] for row in traders if not row["restricted"] and row["code"] in accounts],
        customers=[row["code"] for row in parties if row["role"] == "CUSTOMER" and row["code"] in accounts],
        restricted=[row["code"] for row in traders if row["restricted"]],
        without_ssi=[row["code"] for row in traders if row["code"] not in accounts],
        books={row["code"]: row["entity"] for row in listed("books", {}) if row["active"]},
        accounts={party: frozenset(found) for party, found in accounts.items()},
        rates={row["currency"]: Decimal(row["rate"]) for row in _latest(listed, "fx-rates", on)},
        holidays=frozenset(_day(row["date"]) for row in listed("holidays", {})),
    )


def _latest(listed: Lister, kind: str, on: date) -> list[Mapping[str, Any]]:
    """Return the rows of the last day that has any."""
    for back in range(PRICE_DAYS_BACK):
        found = list(listed(kind, {"date": (on - timedelta(days=back)).isoformat()}))
        if found:
            return found
    return []


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _priced(
    instruments: Iterable[Mapping[str, Any]], product_class: str, closes: Mapping[str, Mapping[str, Any]]
) -> list[Priced]:
    return [
        Priced(
            row["code"],
            row["currency"],
            Decimal(closes[row["code"]]["price"]),
            row["name"],
            row["market"],
            Decimal(row["multiplier"]),
        )
        for row in instruments
        if row["product_class"] == product_class and row["code"] in closes and row["active"]
    ]


def demo_universe(*, on: date) -> Universe:
    """Return the universe of the demo's reference data, for an API that shows none."""
    euros = {code: Decimal(rate) for code, rate in demo.EUROS_PER_UNIT.items()}
    everything = frozenset({"CASH *", "SECURITY *", "GOODS *"})
    usual = [code for code, *_ in demo.COUNTERPARTIES if code not in demo.RESTRICTED | demo.WITHOUT_SSI]
    return Universe(
        on=on,
        equities=[
            Priced(isin, demo.MARKETS[market][0], Decimal(price), name, market)
            for market, isin, name, price in demo.EQUITIES
        ],
        bonds=[
            Priced(isin, demo.MARKETS[market][0], Decimal(price), name, market)
            for market, isin, name, *_, price in demo.BONDS
        ],
        contracts=[
            Priced(row["code"], row["currency"], price, row["name"], row["market"], row["multiplier"])
            for row, price in listed_contracts(on)
        ],
        services=[
            Priced(sku, currency, Decimal(price), name) for sku, name, currency, price in demo.SERVICES
        ],
        goods=[
            Priced(f"{prefix}-{colour}", currency, Decimal(price), f"{name}, {words}")
            for prefix, name, currency, price in demo.GOODS
            for colour, words in demo.COLOURS.items()
        ],
        counterparties=usual,
        customers=[code for code, *_ in demo.CUSTOMERS],
        restricted=sorted(demo.RESTRICTED),
        without_ssi=sorted(demo.WITHOUT_SSI),
        books={code: entity for code, _, _, entity in demo.BOOKS},
        accounts={code: everything for code, *_ in (*demo.ENTITIES, *demo.COUNTERPARTIES, *demo.CUSTOMERS)},
        rates={code: rate for code, rate in euros.items() if code != "EUR"},
    )


class FrontOffice:
    """Makes deals by number. `bad`: the per cent of deals that are wrong; `run`: names the references."""

    def __init__(
        self,
        universe: Universe,
        *,
        seed: int,
        products: Sequence[str] = tuple(PRODUCTS),
        bad: Decimal = Decimal(0),
        run: str = "",
    ) -> None:
        self.universe = universe
        self._seed = seed
        self._products = [each for each in products if self._can_deal(each)]
        self._bad = bad
        self._run = run or f"{universe.on:%y%m%d}-{seed}"
        if not self._products:
            raise ValueError(f"there is no reference data to deal in {', '.join(products)}")

    def _can_deal(self, product: str) -> bool:
        of = self.universe
        parties = of.customers if product in _ORDERS else of.counterparties
        assets = {
            "EQUITY": of.equities,
            "BOND": of.bonds,
            "LISTED_DERIVATIVE": of.contracts,
            "GOODS": of.goods,
            "SERVICE": of.services,
        }.get(product, of.majors()[1:])
        return bool(parties and assets and of.books)

    def deal(self, number: int) -> tuple[Message, str]:
        """Return the deal of a number, and what is wrong with it on purpose (empty: nothing)."""
        chance = random.Random(f"{self._seed}/{number}")  # noqa: S311 - play, not secrets
        message = self._sound(number, chance)
        if Decimal(chance.randrange(10_000)) / 100 >= self._bad:
            return message, ""
        kinds = [code for code, (products, _) in MISTAKES.items() if message["product"] in products]
        code = chance.choice(kinds)
        spoil = MISTAKES[code][1]
        return (message, code) if spoil(message, self.universe, chance) else (message, "")

    def repeat(self, number: int) -> Message:
        """Return the deal of a number under another reference, as a front office that sends it twice."""
        message, _ = self.deal(number)
        message["source_ref"] += "-R"
        return message

    def _sound(self, number: int, chance: random.Random) -> Message:
        weights = [PRODUCTS[each] for each in self._products]
        product = chance.choices(self._products, weights)[0]
        make = _MAKERS.get(product, _fx)
        return {
            "source": SOURCES[product],
            "source_ref": f"{product[:2]}-{self._run}-{number}",
            "product": product,
            "trader": chance.choice(_TRADERS[product]),
            "trade_date": self.universe.on.isoformat(),
            **make(self.universe, chance, product),
        }


def _equity(of: Universe, chance: random.Random, product: str) -> Message:
    share = chance.choice(of.equities)
    moved = share.price * (10_000 + chance.randint(-200, 200)) / 10_000
    price = moved.quantize(Decimal("0.01") if share.price >= 1 else Decimal("0.0001"))
    value_in_base = chance.choice((20, 50, 100, 250, 600)) * chance.randint(100, 200)
    rate = of.rates.get(share.currency, _ONE)
    quantity = max(1, int(value_in_base / (share.price * rate)))
    commission = round_money(quantity * price / 2_000, share.currency)
    fees = [{"type": "COMMISSION", "amount": str(commission), "currency": share.currency}]
    needs = frozenset({f"CASH {share.currency}", f"SECURITY {share.market}"})
    return {
        "side": chance.choice(("BUY", "SELL")),
        "instrument": share.code,
        "quantity": str(quantity),
        "price": str(price),
        "currency": share.currency,
        "counterparty": of.party(of.counterparties, needs, chance),
        "book": of.book("EQ", needs, share.currency),
        **({"fees": fees} if commission else {}),
    }


def _bond(of: Universe, chance: random.Random, product: str) -> Message:
    bond = chance.choice(of.bonds)
    price = (bond.price * (10_000 + chance.randint(-100, 100)) / 10_000).quantize(Decimal("0.001"))
    needs = frozenset({f"CASH {bond.currency}", f"SECURITY {bond.market}"})
    return {
        "side": chance.choice(("BUY", "SELL")),
        "instrument": bond.code,
        "quantity": str(chance.choice((1, 2, 5, 10)) * chance.randint(5, 12) * 1_000),
        "price": str(price),
        "currency": bond.currency,
        "counterparty": of.party(of.counterparties, needs, chance),
        "book": of.book("FI", needs, bond.currency),
    }


def _contracts(of: Universe, chance: random.Random, product: str) -> Message:
    contract = chance.choice(of.contracts)
    price = (contract.price * (10_000 + chance.randint(-100, 100)) / 10_000).quantize(Decimal("0.1"))
    wanted = chance.choice((5_000, 20_000, 50_000)) * chance.randint(1, 6)
    number = max(1, int(wanted / (price * contract.multiplier)))
    needs = frozenset({f"CASH {contract.currency}", f"SECURITY {contract.market}"})
    fee = round_money(Decimal("1.25") * number, contract.currency)
    return {
        "side": chance.choice(("BUY", "SELL")),
        "instrument": contract.code,
        "quantity": str(number),
        "price": str(price),
        "currency": contract.currency,
        "counterparty": of.party(of.counterparties, needs, chance),
        "book": of.book("LD", needs, contract.currency),
        "fees": [{"type": "CLEARING", "amount": str(fee), "currency": contract.currency}],
    }


def _swap(of: Universe, chance: random.Random, product: str) -> Message:
    """Return an exchange and its way back, some points dearer or cheaper."""
    message = _fx(of, chance, product)
    near = message["terms"]
    rate = (Decimal(near["rate"]) * (10_000 + chance.randint(-30, 30)) / 10_000).quantize(Decimal("0.000001"))
    currency, amount = near["sold"]["currency"], Decimal(near["bought"]["amount"])
    far = {
        "settlement_date": of.business_day(chance.choice((30, 60, 90))).isoformat(),
        "bought": {"currency": currency, "amount": str(round_money(amount * rate, currency))},
        "sold": near["bought"],
        "rate": str(rate),
        "rate_basis": "BOUGHT_PER_SOLD",
    }
    return {**message, "terms": {"near": near, "far": far}}


def _service(of: Universe, chance: random.Random, product: str) -> Message:
    """Return an order of a milestone soon and a period after it."""
    currency = chance.choice(of.services).currency
    design, *rest = [each for each in of.services if each.currency == currency]
    day = rest[0] if rest else design
    soon, start, end = (
        of.business_day(days) for days in (chance.randint(1, 3), 10, chance.choice((20, 30, 45)))
    )
    lines = [
        {**_ordered(design), "quantity": "1", "milestone": soon.isoformat()},
        {
            **_ordered(day),
            "quantity": str(Decimal(chance.randint(4, 40)) / 2),
            "period": {"start": start.isoformat(), "end": end.isoformat()},
        },
    ]
    needs = frozenset({f"CASH {currency}", "GOODS *"})
    return {
        "side": "SELL",
        "currency": currency,
        "counterparty": of.party(of.customers, needs, chance),
        "book": of.book("SERVICES", needs, currency),
        "terms": {"lines": lines},
    }


def _ordered(item: Priced) -> dict[str, str]:
    return {"sku": item.code, "description": item.name, "unit_price": str(item.price)}


def _fx(of: Universe, chance: random.Random, product: str) -> Message:
    bought, sold = chance.sample(of.majors(), 2)
    cross = of.rates.get(bought, _ONE) / of.rates.get(sold, _ONE)
    rate = (cross * (10_000 + chance.randint(-20, 20)) / 10_000).quantize(Decimal("0.000001"))
    hundreds = chance.choice((1, 2, 5, 10, 15)) * chance.randint(90, 110) * (100 if bought == "JPY" else 1)
    amount = round_money(Decimal(hundreds * 100), bought)
    terms = {
        "bought": {"currency": bought, "amount": str(amount)},
        "sold": {"currency": sold, "amount": str(round_money(amount * rate, sold))},
        "rate": str(rate),
    }
    needs = frozenset({f"CASH {bought}", f"CASH {sold}"})
    message: Message = {
        "counterparty": of.party(of.counterparties, needs, chance),
        "book": of.book("FX", needs, bought),
        "terms": terms,
    }
    if product == "FX_FORWARD":
        message["settlement_date"] = of.business_day(chance.choice((30, 60, 90, 180))).isoformat()
    return message


def _goods(of: Universe, chance: random.Random, product: str) -> Message:
    currency = chance.choice(of.goods).currency
    shelf = [each for each in of.goods if each.currency == currency]
    lines = [
        {
            "sku": item.code,
            "description": item.name,
            "quantity": str(chance.choice((1, 2, 3, 6, 12, 24, 48))),
            "unit_price": str(item.price),
        }
        for item in chance.choices(shelf, k=chance.randint(1, 12))
    ]
    needs = frozenset({f"CASH {currency}", "GOODS *"})
    return {
        "side": "SELL",
        "currency": currency,
        "counterparty": of.party(of.customers, needs, chance),
        "book": of.book("GOODS", needs, currency),
        "terms": {"lines": lines},
    }


_MAKERS = {
    "EQUITY": _equity,
    "BOND": _bond,
    "LISTED_DERIVATIVE": _contracts,
    "FX_SWAP": _swap,
    "GOODS": _goods,
    "SERVICE": _service,
}


# Mistakes. Each spoils a message and says whether it could; the code is what should be found of it.

Spoil = Callable[[Message, Universe, random.Random], bool]


def _unknown_party(message: Message, of: Universe, chance: random.Random) -> bool:
    message["counterparty"] = f"NOBODY-{chance.randint(1, 99)}"
    return True


def _unknown_book(message: Message, of: Universe, chance: random.Random) -> bool:
    message["book"] += "-OLD"
    return True


def _unknown_article(message: Message, of: Universe, chance: random.Random) -> bool:
    chance.choice(message["terms"]["lines"])["sku"] = f"GONE-{chance.randint(1, 99)}"
    return True


def _bad_identifier(message: Message, of: Universe, chance: random.Random) -> bool:
    isin = message["instrument"]
    if not isin[-1].isdigit():
        return False
    message["instrument"] = isin[:-1] + str((int(isin[-1]) + 1) % 10)
    return True


def _amount(message: Message, of: Universe, chance: random.Random) -> bool:
    if message["product"] == "EQUITY":
        right = Decimal(message["quantity"]) * Decimal(message["price"])
        message["gross_amount"] = str(round_money(right * 11 / 10, message["currency"]))
        message.pop("fees", None)
    else:
        sold = message["terms"]["sold"]
        sold["amount"] = str(round_money(Decimal(sold["amount"]) * 11 / 10, sold["currency"]))
    return True


def _net(message: Message, of: Universe, chance: random.Random) -> bool:
    gross = round_money(Decimal(message["quantity"]) * Decimal(message["price"]), message["currency"])
    message["net_amount"] = str(gross)
    return "fees" in message


def _not_positive(message: Message, of: Universe, chance: random.Random) -> bool:
    if message["product"] in _ORDERS:
        chance.choice(message["terms"]["lines"])["quantity"] = "-6"
    else:
        message["quantity"] = "0"
    return True


def _off_market(message: Message, of: Universe, chance: random.Random) -> bool:
    message["price"] = str(Decimal(message["price"]) * 10)
    message["quantity"] = "1"
    return True


def _settles_before(message: Message, of: Universe, chance: random.Random) -> bool:
    message["settlement_date"] = of.business_day(-3).isoformat()
    return True


def _closed_day(message: Message, of: Universe, chance: random.Random) -> bool:
    days_to_saturday = 5 - of.on.weekday() + 7
    message["settlement_date"] = (of.on + timedelta(days=days_to_saturday)).isoformat()
    return True


def _in_future(message: Message, of: Universe, chance: random.Random) -> bool:
    message["trade_date"] = of.business_day(5).isoformat()
    message["settlement_date"] = of.business_day(200).isoformat()
    return True


def _restricted(message: Message, of: Universe, chance: random.Random) -> bool:
    if of.restricted:
        message["counterparty"] = chance.choice(of.restricted)
    return bool(of.restricted)


def _no_ssi(message: Message, of: Universe, chance: random.Random) -> bool:
    if of.without_ssi:
        message["counterparty"] = chance.choice(of.without_ssi)
    return bool(of.without_ssi)


def _accrued(message: Message, of: Universe, chance: random.Random) -> bool:
    message["accrued_amount"] = str(-chance.randint(1, 99))
    return True


def _far_leg(message: Message, of: Universe, chance: random.Random) -> bool:
    far = message["terms"]["far"]
    far["rate"] = str(Decimal(far["rate"]) * 2)
    return True


_SECURITIES, _FX = ("EQUITY",), ("FX_SPOT", "FX_FORWARD")
_DEALS = (*_SECURITIES, *_FX)
_WITH_TRADERS = (*_DEALS, "BOND", "LISTED_DERIVATIVE", "FX_SWAP")
MISTAKES: dict[str, tuple[tuple[str, ...], Spoil]] = {
    "UNKNOWN_PARTY": ((*_WITH_TRADERS, *_ORDERS), _unknown_party),
    "UNKNOWN_BOOK": (_WITH_TRADERS, _unknown_book),
    "UNKNOWN_INSTRUMENT": (_ORDERS, _unknown_article),
    "BAD_IDENTIFIER": (_SECURITIES, _bad_identifier),
    "AMOUNT_MISMATCH": (_DEALS, _amount),
    "NET_MISMATCH": (_SECURITIES, _net),
    "ACCRUED_MISMATCH": (("BOND",), _accrued),
    "FAR_LEG_MISMATCH": (("FX_SWAP",), _far_leg),
    "NON_POSITIVE": ((*_SECURITIES, *_ORDERS), _not_positive),
    "OFF_MARKET_PRICE": (_SECURITIES, _off_market),
    "SETTLES_BEFORE_TRADE": (_DEALS, _settles_before),
    "NOT_BUSINESS_DAY": (_DEALS, _closed_day),
    "TRADE_DATE_IN_FUTURE": (_SECURITIES, _in_future),
    "RESTRICTED_PARTY": (_WITH_TRADERS, _restricted),
    "SSI_MISSING": (_WITH_TRADERS, _no_ssi),
}
