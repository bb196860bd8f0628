"""What the intake path asks of the reference data, in one round trip."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings

from core import sql
from refdata.accrual import Coupons
from refdata.calendars import DOLLAR, FIRM, BusinessCalendar, calendars_of
from refdata.cycles import Cycle

FX_RATE_MAX_AGE = timedelta(days=10)
_ONE = Decimal(1)
# The kinds of row that refdata_resolve returns.
_PARTY, _INSTRUMENT, _BOOK, _RATE, _HOLIDAY, _CYCLE = 1, 2, 3, 4, 5, 6


@dataclass(frozen=True, slots=True)
class PartyRef:
    """A legal entity as a trade needs it. `country` is ISO 3166-1 alpha-2, or empty."""

    id: int
    code: str
    restricted: bool
    country: str
    role: str


@dataclass(frozen=True, slots=True)
class ContractRef:
    """What a listed derivative is. `option_type` is CALL or PUT with a strike, empty of a future."""

    expiry: date
    option_type: str
    strike: Decimal | None
    underlying: str


# Made with the module, by one thread, as two first uses of a type at once are not safe.
_COUPONS, _CONTRACT = msgspec.json.Decoder(Coupons), msgspec.json.Decoder(ContractRef)


@dataclass(frozen=True, slots=True)
class InstrumentRef:
    """A security or good as a trade needs it.

    `price_basis` is UNIT or PERCENT, `settlement_cycle` business days after the trade date (None: the
    product's), `market` a MIC or empty. `bond` and `contract` are what is known of a bond or listed derivative
    beyond that; None for anything else, and where it is not known yet.
    """

    id: int
    code: str
    currency: str
    product_class: str
    price_basis: str
    multiplier: Decimal
    settlement_cycle: int | None
    market: str
    bond: Coupons | None = None
    contract: ContractRef | None = None


@dataclass(frozen=True, slots=True)
class BookRef:
    """A book with its desk and the party id of the entity it belongs to."""

    id: int
    code: str
    desk: str
    entity_id: int


@dataclass(frozen=True, slots=True)
class References:
    """What was found, by the reference that was asked for. What is unknown is absent.

    `rates` is base currency per unit of a currency; `calendars` are those of the firm, the currencies, the dollar
    and the instruments' markets, and `cycles` all settlement cycles, where a range of days was asked for.
    """

    parties: dict[str, PartyRef] = field(default_factory=dict)
    instruments: dict[str, InstrumentRef] = field(default_factory=dict)
    books: dict[str, BookRef] = field(default_factory=dict)
    rates: dict[str, Decimal] = field(default_factory=dict)
    calendars: dict[str, BusinessCalendar] = field(default_factory=dict)
    cycles: dict[tuple[str, str], list[Cycle]] = field(default_factory=dict)

    def update(self, found: References) -> None:
        """Take in what was found besides."""
        self.parties.update(found.parties)
        self.instruments.update(found.instruments)
        self.books.update(found.books)
        self.rates.update(found.rates)
        self.calendars.update(found.calendars)
        self.cycles.update(found.cycles)


def resolve(
    *,
    parties: Collection[str],
    instruments: Collection[str],
    books: Collection[str],
    currencies: Collection[str],
    on: date,
    days: tuple[date, date] | None = None,
) -> References:
    """Look up everything a batch of trades refers to, in one statement.

    Parties are found by code or LEI, instruments by code or any further identifier, books by code. A code
    wins where another row has the same text as its LEI or identifier. A currency's rate is the latest on or
    before `on` that is at most FX_RATE_MAX_AGE old; the base currency's is 1. With `days`, first and last,
    the calendars know the holidays between them.
    """
    base, (first, last) = settings.BASE_CURRENCY, days or (None, None)
    rows = sql.rows(
        "SELECT * FROM refdata_resolve(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            list(parties),
            list(instruments),
            list(books),
            [each for each in currencies if each != base],
            on,
            on - FX_RATE_MAX_AGE,
            [FIRM, DOLLAR, *currencies],
            first,
            last,
        ],
    )
    found, holidays = References(), set()
    asked = set(parties)
    for kind, *row in rows:
        if kind == _PARTY:
            _take_party(found, asked, row)
        elif kind == _INSTRUMENT:
            _take_instrument(found, row)
        elif kind == _BOOK:
            ref, book_id, code, desk, *_, entity_id, _, _ = row
            found.books[ref] = BookRef(book_id, code, desk, entity_id)
        elif kind == _RATE and row[9] is not None:
            found.rates[row[0]] = row[9]
        elif kind == _HOLIDAY:
            holidays.add((row[0], row[11]))
        elif kind == _CYCLE:
            _take_cycle(found, row)
    if base in currencies:
        found.rates[base] = _ONE
    if days:
        markets = {instrument.market for instrument in found.instruments.values()}
        found.calendars.update(calendars_of({FIRM, DOLLAR, *currencies, *markets}, holidays))
    return found


def _take_cycle(found: References, row: Sequence[Any]) -> None:
    product, _, market, valid_to, *_, days, valid_from, _ = row
    last = date.fromisoformat(valid_to) if valid_to else None
    found.cycles.setdefault((product, market), []).append(Cycle(days, valid_from, last))


def _take_party(found: References, asked: set[str], row: Sequence[Any]) -> None:
    lei, party_id, code, country, role, _, _, _, restricted, *_ = row
    party = PartyRef(party_id, code, restricted, country, role)
    if code in asked:
        found.parties[code] = party
    if lei in asked:
        found.parties.setdefault(lei, party)


def _take_instrument(found: References, row: Sequence[Any]) -> None:
    ref, instrument_id, code, currency, product_class, basis, market, _, _, multiplier, cycle, _, terms = row
    if ref not in found.instruments:  # codes come before further identifiers
        found.instruments[ref] = InstrumentRef(
            instrument_id,
            code,
            currency,
            product_class,
            basis,
            multiplier,
            cycle,
            market,
            bond=_COUPONS.decode(terms) if terms and product_class == "BOND" else None,
            contract=_CONTRACT.decode(terms) if terms and product_class != "BOND" else None,
        )
