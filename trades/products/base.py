"""What a product declares: the message it reads, how its amounts are computed, what it obliges whom to do.

A product is one file of this package with one `Product` object. The front office's message is a typed
structure (raw); `Product.enrich` makes `Terms` of it (enriched), the row that is stored.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.matching import Absolute, Exact, Relative
from core.money import ZERO, round_money
from refdata.calendars import FIRM, BusinessCalendar, settles_on, union
from refdata.cycles import cycle_of
from refdata.selectors import InstrumentRef, References

Amount = Annotated[Decimal, Meta(description="an amount of money", extra={"decimals": 4})]
Reference = Annotated[str, Meta(min_length=1, max_length=64, description="a code or reference")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217")]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset")]

MAX_DECIMALS = 10
AMOUNT_DECIMALS = 4
MAX_WRITTEN_DECIMALS = 40  # zeros at the end included
MAX_WHOLE_DIGITS = 15
_BASE_QUANTUM = Decimal("0.0001")
_BASE_END = Decimal("1e20")


def decimal_fault(value: Decimal, decimals: int = MAX_DECIMALS) -> str:
    """Return what is wrong with a decimal of a message, or an empty string."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return "is not a number"
    if len(digits) + exponent > MAX_WHOLE_DIGITS:
        return f"has more than {MAX_WHOLE_DIGITS} digits before the decimal point"
    if exponent < -decimals and (exponent < -MAX_WRITTEN_DECIMALS or round(value, decimals) != value):
        return f"has more than {decimals} decimal places"
    return ""


def date_fault(value: date) -> str:
    """Return what is wrong with a business date of a message, or an empty string."""
    return "" if 1970 <= value.year <= 2199 else "is not between 1970 and 2199"


def _is_plain(value: Decimal, decimals: int) -> bool:
    """Tell at a glance that a decimal has few enough digits; False says nothing."""
    whole, _, fraction = str(value).partition(".")
    return (
        whole.isdecimal()
        and len(whole) <= MAX_WHOLE_DIGITS
        and (not fraction or (len(fraction) <= decimals and fraction.isdecimal()))
    )


def require_decimals(*values: Decimal | None) -> None:
    """Raise ValueError for a decimal that cannot be stored exactly."""
    for value in values:
        if value is None or _is_plain(value, MAX_DECIMALS):
            continue
        if fault := decimal_fault(value):
            raise ValueError(fault)


def require_amounts(*values: Decimal | None) -> None:
    """Raise ValueError for an amount of money that cannot be stored exactly."""
    for value in values:
        if value is None or _is_plain(value, AMOUNT_DECIMALS):
            continue
        if fault := decimal_fault(value, AMOUNT_DECIMALS):
            raise ValueError(fault)


def require_product(quantity: Decimal, price: Decimal) -> None:
    """Raise ValueError for factors whose product is no amount that can be stored."""
    if quantity.adjusted() + price.adjusted() >= MAX_WHOLE_DIGITS - 1 and (quantity * price).adjusted() >= (
        MAX_WHOLE_DIGITS
    ):
        raise ValueError(f"Their product has more than {MAX_WHOLE_DIGITS} digits before the decimal point")


def require_dates(*values: date | None) -> None:
    """Raise ValueError for a date, or the date of a moment, far outside of business."""
    for value in values:
        if value is not None and (fault := date_fault(value)):
            raise ValueError(fault)


class Fee(Struct, frozen=True, forbid_unknown_fields=True):
    """A fee, tax or commission that the front office charged with the deal."""

    type: Reference
    amount: Amount
    currency: CurrencyCode

    def __post_init__(self) -> None:
        require_amounts(self.amount)


class Money(Struct, frozen=True, forbid_unknown_fields=True):
    """An amount beside its currency."""

    currency: CurrencyCode
    amount: Amount

    def __post_init__(self) -> None:
        require_amounts(self.amount)


class NoTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """The terms of a product that has none beyond the common fields."""


class Message(Struct, kw_only=True, forbid_unknown_fields=True, tag_field="product", gc=False):
    """The fields every product's message has."""

    source: Reference
    source_ref: Annotated[str, Meta(min_length=1, max_length=128, description="the front office's own id")]
    source_version: Annotated[int, Meta(ge=1, le=2_000_000_000)] | None = None
    counterparty: Reference
    book: Reference
    trader: Annotated[str, Meta(max_length=64)] = ""
    trade_date: date
    settlement_date: date | None = None
    executed_at: Moment | None = None
    net_amount: Amount | None = None
    fees: list[Fee] = []
    reservation: (
        Annotated[str, Meta(min_length=1, max_length=20, description="room held for the deal")] | None
    ) = None

    def __post_init__(self) -> None:
        require_dates(self.trade_date, self.settlement_date, self.executed_at)
        require_amounts(self.net_amount)

    def instruments(self) -> Iterable[str]:
        """Return the references of the instruments the deal is in."""
        return ()

    def currencies(self) -> Iterable[str]:
        """Return the currencies the deal is in."""
        raise NotImplementedError


class SecurityMessage(Message, kw_only=True, gc=False):
    """A purchase or sale of a quantity of one instrument at a price."""

    side: Literal["BUY", "SELL"]
    instrument: Reference
    quantity: Decimal
    price: Decimal
    currency: CurrencyCode
    gross_amount: Amount | None = None
    terms: NoTerms | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self._is_ordinary():
            return
        require_dates(self.trade_date, self.settlement_date, self.executed_at)
        require_decimals(self.quantity, self.price)
        require_product(self.quantity, self.price)
        require_amounts(self.gross_amount, self.net_amount)

    def _is_ordinary(self) -> bool:
        """Tell at a glance that nothing can be wrong; False says nothing. A bulk load asks this of each deal."""
        quantity, price = str(self.quantity), str(self.price)
        settles, executed = self.settlement_date, self.executed_at
        return (
            1970 <= self.trade_date.year <= 2199
            and (settles is None or 1970 <= settles.year <= 2199)
            and (executed is None or 1970 <= executed.year <= 2199)
            and self.gross_amount is None
            and self.net_amount is None
            and len(quantity) + len(price) <= MAX_WHOLE_DIGITS
            and len(quantity) <= MAX_DECIMALS >= len(price)
            and (quantity + price).replace(".", "").isdecimal()
        )

    def instruments(self) -> Iterable[str]:
        return (self.instrument,)

    def currencies(self) -> Iterable[str]:
        return (self.currency,)


class Terms(Struct, kw_only=True, gc=False):
    """The enriched terms of one version, in the order of the columns of `trades_version` after its keys."""

    product: str
    source: str
    source_ref: str
    source_version: int | None
    side: str
    instrument_ref: str | None
    instrument_id: int | None
    counterparty_ref: str
    counterparty_id: int | None
    book_ref: str
    book_id: int | None
    trader: str
    quantity: Decimal | None
    price: Decimal | None
    currency: str
    gross_amount: Decimal
    net_amount: Decimal
    contra_currency: str | None
    contra_amount: Decimal | None
    base_amount: Decimal | None
    trade_date: date
    settlement_date: date
    executed_at: datetime | None
    duplicate_key: int
    fees: list[Fee] | None
    terms: Any


COLUMNS = tuple(field.name for field in msgspec.structs.fields(Terms))


LINES = "lines"


@dataclass(frozen=True)
class Leg:
    """One obligation in a product's shape, as data.

    kind: CASH, SECURITY or GOODS; giver: who delivers or pays it, BUYER or SELLER; asset, quantity, date: where
    the terms have them. A plain name is a column; `lines.sku` is the key of each line of an order, which makes
    one leg a line; `far.date` is the key of the object `far` in the column `terms`.
    signed: a quantity below zero goes the other way, and one of zero is no obligation.
    worth: SQL over a version row `b` (and `line.item`) for what a quantity of a security or a good costs before fees;
    empty for cash, and for what nobody holds a position in, such as work done.
    against: where the terms have the asset of the leg that it is settled against, on the same date: a product has two
    such legs, of a security and of its payment, or none. Both settle gross or by netting agreements.
    """

    kind: Literal["CASH", "SECURITY", "GOODS"]
    asset: str
    quantity: str
    giver: Literal["BUYER", "SELLER"]
    date: str = "settlement_date"
    signed: bool = False
    worth: str = field(default="", compare=False)

    @property
    def is_held(self) -> bool:
        """Tell whether what the leg moves makes a position."""
        return self.kind == "CASH" or bool(self.worth)

    against: str = ""

    @property
    def places(self) -> tuple[str, str, str]:
        """Return where the asset, the quantity and the date stand."""
        return (self.asset, self.quantity, self.date)

    @property
    def per_line(self) -> bool:
        """Tell whether there is one such leg for each line of an order."""
        return any(place.startswith(f"{LINES}.") for place in self.places)

    @property
    def columns(self) -> set[str]:
        """Return the columns of a version that the leg is made of."""
        return {"terms" if "." in place else place for place in self.places}


@dataclass(slots=True)
class Asked:
    """What a load of messages refers to, and the range of trade dates that need a settlement date."""

    parties: set[str]
    books: set[str]
    instruments: set[str]
    currencies: set[str]
    first: date | None
    last: date | None

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Asked:
        dates = [message.trade_date for message in messages if message.settlement_date is None]
        return cls(
            parties={message.counterparty for message in messages},
            books={message.book for message in messages},
            instruments=set(chain.from_iterable(message.instruments() for message in messages)),
            currencies=set(chain.from_iterable(message.currencies() for message in messages)),
            first=min(dates, default=None),
            last=max(dates, default=None),
        )

    def __or__(self, other: Asked) -> Asked:
        """Return what either asks for."""
        return Asked(
            parties=self.parties | other.parties,
            books=self.books | other.books,
            instruments=self.instruments | other.instruments,
            currencies=self.currencies | other.currencies,
            first=min(filter(None, (self.first, other.first)), default=None),
            last=max(filter(None, (self.last, other.last)), default=None),
        )

    def beyond(self, known: Asked) -> Asked:
        """Return what is asked for here and not yet known; all of both when the dates reach further."""
        both = self | known
        if (both.first, both.last) != (known.first, known.last):
            return both
        return Asked(
            parties=self.parties - known.parties,
            books=self.books - known.books,
            instruments=self.instruments - known.instruments,
            currencies=self.currencies - known.currencies,
            first=known.first,
            last=known.last,
        )

    def __bool__(self) -> bool:
        """Tell whether there is any name to look up."""
        return bool(self.parties or self.books or self.instruments or self.currencies)


# How far beyond a trade date holidays are looked up: as far as the longest cycle reaches.
HORIZON = timedelta(days=560)


@dataclass(frozen=True, slots=True)
class Cycle:
    """What decides when a deal settles that does not say it.

    days: business days, where the instrument names its own; else those that the settlement cycles say of the product
    and of the names of its market, the most specific first, and `default` where none does. calendars: must be open on
    the date, with the firm's; counted: those that count the days before it, where they are others.
    """

    product: str
    markets: tuple[str, ...]
    calendars: tuple[str, ...]
    default: int
    days: int | None = None
    counted: tuple[str, ...] | None = None


class Context:
    """What enrichment looks things up in, fetched before the messages that refer to it are enriched."""

    def __init__(self, references: References, asked: Asked) -> None:
        self.parties = references.parties
        self.instruments = references.instruments
        self.books = references.books
        self.rates = references.rates
        self._references = references
        self.asked = asked
        self._dates: dict[tuple[date, Cycle], date] = {}

    @classmethod
    def empty(cls) -> Context:
        """Return a context that knows nothing yet."""
        return cls(References(), Asked.of([]))

    def add(self, references: References, asked: Asked) -> None:
        """Take in what was looked up besides."""
        self._references.update(references)
        self.asked |= asked

    def settlement_date(self, trade_date: date, cycle: Cycle) -> date:
        """Return the date on which a deal of a trade date settles by its cycle."""
        key = (trade_date, cycle)
        if key not in self._dates:
            last = self._open_in_all(cycle.calendars)
            self._dates[key] = settles_on(
                trade_date=trade_date,
                days=self._days(trade_date, cycle),
                between=last if cycle.counted is None else self._open_in_all(cycle.counted),
                last=last,
            )
        return self._dates[key]

    def _open_in_all(self, codes: Iterable[str]) -> BusinessCalendar:
        return union(self._references.calendars[code] for code in (*codes, FIRM) if code)

    def _days(self, trade_date: date, cycle: Cycle) -> int:
        if cycle.days is not None:
            return cycle.days
        days = cycle_of(self._references.cycles, product=cycle.product, markets=cycle.markets, on=trade_date)
        return cycle.default if days is None else days


# What a confirmation states besides the party; `instrument` is the instrument's code where the reference is known.
CONFIRMED: Mapping[str, Exact] = {
    "side": Exact(),
    "instrument": Exact(),
    "quantity": Exact(),
    "price": Relative(Decimal("0.000001")),
    "currency": Exact(),
    "net_amount": Absolute(Decimal("0.01")),
    "contra_currency": Exact(),
    "contra_amount": Absolute(Decimal("0.01")),
    "trade_date": Exact(),
    "settlement_date": Exact(),
}

Enrich = Callable[[Any, Context], Terms]
Restate = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Product:
    """A kind of trade.

    message: the typed message the front office sends; settlement_cycle: business days from trade to
    settlement unless the instrument names its own; legs: the shape of its obligations; enrich: raw to
    enriched; restate: a stored version's columns back to the message that says the same, without the amounts
    that enrichment can derive; expected_amount: SQL over a version row `b` that recomputes an amount from
    its factors (null: nothing to compare), actual_amount: the amount it must agree with, amount_currency:
    the currency whose minor units are the tolerance; example: a message that runs against the demo data;
    places: the JSON pointers at which a message has what a column holds, where they are not its name;
    paid_amount: SQL for the part of the gross amount that is paid, before fees; fees_on_top: whether the buyer
    pays the fees whoever buys, instead of each side its own; divided: the pointers of the amounts that the parts of
    an allocated block divide between them, beside its quantity, net amount and fees (None: it has no parts; one that
    a message leaves out is left out of its parts); notes: what else a reader of its page should know; confirmed: the
    columns that a counterparty's confirmation must state as we do, each within its tolerance.

    What enrichment takes from the instrument alone stands in the terms as one object, `contract`, null while the
    instrument does not tell it.
    """

    code: str
    title: str
    message: type[Message]
    settlement_cycle: int
    legs: tuple[Leg, ...]
    enrich: Enrich
    restate: Restate
    expected_amount: str
    actual_amount: str
    example: dict[str, Any]
    places: Mapping[str, str] = field(default_factory=dict)
    paid_amount: str = "b.gross_amount"
    fees_on_top: bool = False
    divided: tuple[str, ...] | None = ("/gross_amount",)
    notes: tuple[str, ...] = ()
    confirmed: Mapping[str, Exact] = field(default_factory=lambda: CONFIRMED)

    def pointer(self, column: str) -> str:
        """Return the JSON pointer at which a message has what a column of the version holds."""
        return self.places.get(column) or _PLACES.get(column) or f"/{column}"


_PLACES = {"instrument_ref": "/instrument", "counterparty_ref": "/counterparty", "book_ref": "/book"}


def settlement_date(message: Message, context: Context, cycle: Callable[[], Cycle]) -> date:
    """Return the settlement date: as sent, or by the deal's cycle after the trade date."""
    if message.settlement_date is not None:
        return message.settlement_date
    return context.settlement_date(message.trade_date, cycle())


def fee_total(fees: list[Fee], currency: str) -> Decimal:
    """Return the sum of the fees in a currency. Fees in another currency are paid apart and not netted in."""
    total = ZERO
    for fee in fees:
        if fee.currency == currency:
            total += fee.amount
    return total


def base_amount(amount: Decimal, currency: str, context: Context) -> Decimal | None:
    """Return the size of an amount in base currency (4 decimals), or None without a rate, and for a size that is
    no business: a rate must be wrong, and a limit's figure could not hold many of them.
    """
    rate = context.rates.get(currency)
    if rate is None:
        return None
    size = abs(amount) * rate
    return size.quantize(_BASE_QUANTUM) if size < _BASE_END else None


def duplicate_key(economics: str) -> int:
    """Return a 32-bit key that trades of the same economics share.

    Numbers stand in the text by their `hash()`: it is the same for 1, 1.0 and 1E0, and in every process.
    """
    return zlib.crc32(economics.encode()) - (1 << 31)


def restate_common(version: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that every message has, from the columns of a stored version."""
    return {
        "product": version["product"],
        "source": version["source"],
        "source_ref": version["source_ref"],
        "source_version": version["source_version"],
        "counterparty": version["counterparty_ref"],
        "book": version["book_ref"],
        "trader": version["trader"],
        "trade_date": version["trade_date"],
        "settlement_date": version["settlement_date"],
        "executed_at": version["executed_at"],
        "fees": version["fees"] or [],
    }


def restate_security(version: Mapping[str, Any]) -> dict[str, Any]:
    """Return the message of a purchase or sale of one instrument, from the columns of a stored version."""
    return {
        **restate_common(version),
        "side": version["side"],
        "instrument": version["instrument_ref"],
        "quantity": version["quantity"],
        "price": version["price"],
        "currency": version["currency"],
    }


Worth = tuple[Decimal, Decimal, Any]
Value = Callable[[Any, InstrumentRef | None, date], Worth]


def unit_value(message: SecurityMessage, instrument: InstrumentRef | None, settles: date) -> Worth:
    """Return quantity times unit price, in full to be paid."""
    gross = message.gross_amount
    if gross is None:
        multiplier = instrument.multiplier if instrument else 1
        gross = round_money(message.quantity * message.price * multiplier, message.currency)
    return gross, gross, None


def security_cycle(product: str, default: int, currency: str, instrument: InstrumentRef | None) -> Cycle:
    """Return the cycle of a deal in one instrument: its own, that of its market, or that of the currency."""
    market = instrument.market if instrument else ""
    return Cycle(
        product=product,
        markets=(market, currency),
        calendars=(currency, market),
        default=default,
        days=instrument.settlement_cycle if instrument else None,
    )


def enrich_security(product: str, cycle: int, value: Value = unit_value) -> Enrich:
    """Return the enrichment of a product that buys or sells a quantity of one instrument at a price.

    value: what a deal in an instrument that settles on a date is worth: its gross amount, the part of it that is
    paid before fees, and its `terms`.
    """

    def enrich(message: SecurityMessage, context: Context) -> Terms:
        instrument = context.instruments.get(message.instrument)
        counterparty = context.parties.get(message.counterparty)
        book = context.books.get(message.book)
        settles = settlement_date(
            message, context, lambda: security_cycle(product, cycle, message.currency, instrument)
        )
        gross, paid, terms = value(message, instrument, settles)
        net = message.net_amount
        if net is None:
            fees = fee_total(message.fees, message.currency) if message.fees else ZERO
            net = paid + fees if message.side == "BUY" else paid - fees
        return Terms(
            product=product,
            source=message.source,
            source_ref=message.source_ref,
            source_version=message.source_version,
            side=message.side,
            instrument_ref=message.instrument,
            instrument_id=instrument.id if instrument else None,
            counterparty_ref=message.counterparty,
            counterparty_id=counterparty.id if counterparty else None,
            book_ref=message.book,
            book_id=book.id if book else None,
            trader=message.trader,
            quantity=message.quantity,
            price=message.price,
            currency=message.currency,
            gross_amount=gross,
            net_amount=net,
            contra_currency=None,
            contra_amount=None,
            base_amount=base_amount(gross, message.currency, context),
            trade_date=message.trade_date,
            settlement_date=settles,
            executed_at=message.executed_at,
            duplicate_key=duplicate_key(
                f"{message.side}|{message.instrument}|{hash(message.quantity)}|{hash(message.price)}"
                f"|{message.counterparty}|{message.book}"
            ),
            fees=message.fees or None,
            terms=terms,
        )

    return enrich
