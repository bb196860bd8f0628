"""Mistakes and worse, planted in a realistic book: how many the checks find, and how many innocents they bother.

The book is made by rule, from one seed: some business days of shares, currencies and orders. A trader has a book, some
sixty shares, a few parties that come often, and a usual size that single tickets scatter around by factors (a normal
distribution of logarithms, deviation SCATTER). Prices scatter around the close by the liquidity class. What makes
telling hard is in it too: orders worked in slices, some of them equal, within minutes; market makers who sell what they
have just bought; tickets of the afternoon that are captured the next morning.

The first day is innocent, so that what is usual can be learnt. Afterwards each pattern is planted in some trades.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

import msgspec

from bench.product import Bench, Database
from bench.reference import RATES, Reference, Security

SEED = 4
TRADES, QUICK = 200_000, 20_000
DAYS, QUICK_DAYS = 20, 5
LOAD = 2_000  # trades of one capture
PLANTED_IN = 200  # of each pattern, one in so many trades
SCATTER = 0.45  # of the logarithm of a ticket's size: two thirds lie within a factor of 1.6 around the usual
SHARES_OF_A_TRADER, PARTIES_OF_A_TRADER = 60, 12
SLICED, EQUAL_SLICES = 0.02, 0.1  # of tickets, and of those
NEXT_MORNING, RESOLD = 0.01, 0.02
_NOISE = {"HIGH": 0.008, "MEDIUM": 0.015, "LOW": 0.035}  # of prices around the close
_MOVE = 0.001  # of a price in two minutes: 1.5 per cent a day, by the square root of the time
_OPENS, _SECONDS = time(8), 9 * 3600
_FX_TRADERS = 3

Document = dict[str, Any]


@dataclass
class Ticket:
    """One deal on its way: what the front office sends, when it comes, and which pattern it is (empty: none)."""

    document: Document
    arrives: datetime
    pattern: str = ""


@dataclass(frozen=True)
class Trader:
    """Who deals in what, with whom, how large: `usual` is the middle size of a ticket in euro."""

    name: str
    book: str
    shares: list[Security]
    parties: list[str]
    usual: float


@dataclass
class Outcome:
    """What came out, by pattern: how many were planted, found, and how many innocents had the same finding."""

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    bothered: Counter[str] = field(default_factory=Counter)
    innocents: int = 0

    def recall(self, pattern: str) -> float:
        """Return the part of the planted that was found."""
        return self.found[pattern] / self.planted[pattern]

    def innocent_percent(self, pattern: str) -> float:
        """Return how many of a hundred innocent trades had the pattern's finding."""
        return 100 * self.bothered[pattern] / self.innocents

    def lines(self) -> Iterator[str]:
        """Yield the table: a line for each pattern."""
        yield (
            f"{'pattern':<20} {'finding':<20} {'planted':>8} {'found':>7} {'recall':>7}"
            f" {'innocents':>10} {'per cent':>9}"
        )
        for pattern, code in CODES.items():
            yield (
                f"{pattern:<20} {code:<20} {self.planted[pattern]:>8,} {self.found[pattern]:>7,}"
                f" {self.recall(pattern):>7.3f} {self.bothered[pattern]:>10,} {self.innocent_percent(pattern):>9.4f}"
            )


class Book:
    """The trades of the days, in the order in which they are captured; the same seed makes the same ones."""

    def __init__(self, reference: Reference, *, days: list[date], count: int, seed: int) -> None:
        self.days = days
        self._reference, self._count = reference, count
        self._random = Random(seed)
        self._made = 0
        self.traders = [self._trader(n) for n in range(len(reference.traders))]
        self.liquidity = {each.isin: self._class(n) for n, each in enumerate(reference.securities)}

    @staticmethod
    def _class(number: int) -> str:
        return "HIGH" if number < 100 else "MEDIUM" if number < 300 else "LOW"

    def _trader(self, number: int) -> Trader:
        random, reference = self._random, self._reference
        shares = {int(len(reference.securities) * random.random() ** 2) for _ in range(SHARES_OF_A_TRADER)}
        return Trader(
            name=reference.traders[number],
            book=reference.books[number % len(reference.books)],
            shares=[reference.securities[each] for each in sorted(shares)],
            parties=random.sample(reference.parties, PARTIES_OF_A_TRADER),
            usual=math.exp(random.gauss(math.log(60_000), 0.8)),
        )

    def tickets(self) -> Iterator[Ticket]:
        """Yield every ticket, day by day."""
        for number, day in enumerate(self.days):
            tickets = list(self._of_day(number, day))
            tickets.sort(key=lambda each: each.arrives)
            yield from tickets

    def _of_day(self, number: int, day: date) -> Iterator[Ticket]:
        wanted = self._count // len(self.days)
        made = 0
        while made < wanted:
            done = datetime.combine(day, _OPENS, UTC) + timedelta(seconds=self._random.uniform(0, _SECONDS))
            for ticket in self._some(number, done):
                made += 1
                yield ticket

    def _some(self, number: int, done: datetime) -> Iterator[Ticket]:
        chance = self._random.random()
        if number and chance < len(PATTERNS) / PLANTED_IN:
            yield from self._planted(number, done)
        elif chance > 1 - SLICED:
            yield from self._slices(done)
        elif chance > 1 - SLICED - 0.05:
            yield self._ticket(self._order(), done)
        elif chance > 1 - SLICED - 0.15:
            yield self._ticket(self._exchange(done), done)
        else:
            ticket = self._ticket(self._share(done), done)
            if number and self._random.random() < NEXT_MORNING:
                self._put_off(ticket, number)
            elif self._random.random() < RESOLD:
                yield self._resold(ticket, done)
            yield ticket

    def _ticket(self, document: Document, done: datetime, pattern: str = "") -> Ticket:
        self._made += 1
        document |= {
            "source": "BOOK",
            "source_ref": f"K{self._made:07d}",
            "trade_date": done.date().isoformat(),
            "executed_at": done.isoformat(),
        }
        return Ticket(document, done + timedelta(seconds=self._random.uniform(1, 240)), pattern)

    def _put_off(self, ticket: Ticket, number: int) -> None:
        """Let a ticket of the afternoon before come in the morning."""
        before = datetime.combine(self.days[number - 1], time(15), UTC)
        done = before + timedelta(seconds=self._random.uniform(0, 7_200))
        ticket.document |= {"trade_date": done.date().isoformat(), "executed_at": done.isoformat()}
        ticket.arrives = datetime.combine(self.days[number], time(7, 30), UTC)

    def _share(self, done: datetime, trader: Trader | None = None) -> Document:
        random = self._random
        of = trader or random.choice(self.traders[_FX_TRADERS:])
        share = of.shares[int(len(of.shares) * random.random() ** 2)]
        price = max(
            0.01, round(share.close / 100 * (1 + random.gauss(0, _NOISE[self.liquidity[share.isin]])), 2)
        )
        size = of.usual * math.exp(random.gauss(0, SCATTER))
        units = max(1.0, size / (price * float(RATES.get(share.currency, "1"))))
        lot = 10 ** max(0, int(math.log10(units)) - 1)  # two figures, as people say them
        return {
            "product": "EQUITY",
            "side": random.choice(("BUY", "SELL")),
            "instrument": share.isin,
            "quantity": str(max(1, round(units / lot)) * lot),
            "price": f"{price:.2f}",
            "currency": share.currency,
            "counterparty": of.parties[int(len(of.parties) * random.random() ** 2)],
            "book": of.book,
            "trader": of.name,
        }

    def _slices(self, done: datetime) -> Iterator[Ticket]:
        """Yield the parts of an order that is worked in the market over some minutes."""
        random, whole = self._random, self._share(done)
        parts, equal = random.randint(3, 6), random.random() < EQUAL_SLICES
        price = float(whole["price"])
        for _ in range(parts):
            each = int(whole["quantity"]) * (1 if equal else random.uniform(0.3, 1.5)) / parts
            price = max(0.01, price * (1 + random.gauss(0, _MOVE)))
            done += timedelta(seconds=random.uniform(20, 240))
            yield self._ticket({**whole, "quantity": str(max(1, round(each))), "price": f"{price:.2f}"}, done)

    def _resold(self, first: Ticket, done: datetime) -> Ticket:
        """Return the sale to somebody else of what was just bought, or the other way round."""
        random, document = self._random, dict(first.document)
        trader = next(each for each in self.traders if each.name == document["trader"])
        document["side"] = "SELL" if document["side"] == "BUY" else "BUY"
        document["price"] = f"{max(0.01, float(document['price']) * (1 + random.gauss(0, _MOVE))):.2f}"
        others = [each for each in trader.parties if each != document["counterparty"]]
        document["counterparty"] = random.choice(others)
        return self._ticket(document, done + timedelta(seconds=random.uniform(20, 600)))

    def _exchange(self, done: datetime) -> Document:
        random = self._random
        trader = random.choice(self.traders[:_FX_TRADERS])
        currency = random.choice(list(RATES))
        amount = max(100, round(trader.usual * 10 * math.exp(random.gauss(0, SCATTER)), -2))
        rate = round(float(RATES[currency]) * random.uniform(0.99, 1.01), 6)
        digits = 0 if currency == "JPY" else 2
        sold = f"{amount / rate:.{digits}f}"
        return {
            "product": "FX_SPOT",
            "counterparty": random.choice(trader.parties),
            "book": trader.book,
            "trader": trader.name,
            "terms": {
                "bought": {"currency": "EUR", "amount": f"{amount:.2f}"},
                "sold": {"currency": currency, "amount": sold},
                "rate": f"{rate:.6f}",
                "rate_basis": "BOUGHT_PER_SOLD",
            },
        }

    def _order(self) -> Document:
        random = self._random
        lines = [
            {"sku": sku, "quantity": str(random.randint(1, 99)), "unit_price": f"{random.uniform(1, 99):.2f}"}
            for sku in random.sample(self._reference.goods, random.randint(2, 4))
        ]
        return {
            "product": "GOODS",
            "side": "SELL",
            "currency": "EUR",
            "counterparty": random.choice(self._reference.parties),
            "book": random.choice(self._reference.books),
            "terms": {"lines": lines},
        }

    # --- what is planted

    def _planted(self, number: int, done: datetime) -> Iterator[Ticket]:
        pattern = self._random.choice(list(PATTERNS))
        yield from PATTERNS[pattern](self, number, done, pattern)

    def fat_finger(self, number: int, done: datetime, pattern: str) -> Iterator[Ticket]:
        """One zero too many, seldom two or three."""
        document = self._share(done)
        (zeros,) = self._random.choices((1, 2, 3), (50, 30, 20))
        yield self._ticket({**document, "quantity": document["quantity"] + "0" * zeros}, done, pattern)

    def swap(self, number: int, done: datetime, pattern: str) -> Iterator[Ticket]:
        """The amount of money where the number of units belongs."""
        document = self._share(done)
        amount = round(int(document["quantity"]) * float(document["price"]))
        yield self._ticket({**document, "quantity": str(amount)}, done, pattern)

    def duplicate(self, number: int, done: datetime, pattern: str) -> Iterator[Ticket]:
        """The same deal again, under another reference."""
        first = self._ticket(self._share(done), done)
        again = self._ticket(dict(first.document), done, pattern)
        again.arrives = first.arrives + timedelta(seconds=self._random.uniform(1, 3_600))
        yield from (first, again)

    def near_duplicate(self, number: int, done: datetime, pattern: str) -> Iterator[Ticket]:
        """A ticket keyed again within seconds of its moment, with a slightly other price or quantity."""
        random, first = self._random, self._ticket(self._share(done), done)
        document = dict(first.document)
        units, cents = int(document["quantity"]), round(float(document["price"]) * 100)
        if random.random() < 0.5 and units >= 200:
            document["quantity"] = str(units + random.choice((-1, 1)) * random.randint(1, units // 150))
        else:
            cents += random.choice((-1, 1)) * random.randint(1, max(1, cents // 800))
            document["price"] = f"{cents / 100:.2f}"
        again = self._ticket(document, done + timedelta(seconds=random.uniform(-20, 20)), pattern)
        again.arrives = first.arrives + timedelta(seconds=random.uniform(1, 600))
        yield from (first, again)

    def off_market(self, number: int, done: datetime, pattern: str) -> Iterator[Ticket]:
        """A price 12 to 60 per cent away from where it was, whatever the share's liquidity."""
        document = self._share(done)
        away = self._random.choice((-1, 1)) * self._random.uniform(0.12, 0.60)
        price = max(0.01, float(document["price"]) * (1 + away))
        yield self._ticket({**document, "price": f"{price:.2f}"}, done, pattern)

    def reversing_pair(self, number: int, done: datetime, pattern: str) -> Iterator[Ticket]:
        """The way back a few minutes later, at nearly the same price."""
        random, first = self._random, self._ticket(self._share(done), done)
        document = dict(first.document)
        document["side"] = "SELL" if document["side"] == "BUY" else "BUY"
        document["price"] = f"{float(document['price']) * (1 + random.gauss(0, 0.002)):.2f}"
        back = self._ticket(document, done + timedelta(seconds=random.uniform(30, 840)), pattern)
        back.arrives = max(back.arrives, first.arrives + timedelta(seconds=1))
        yield from (first, back)

    def late_booking(self, number: int, done: datetime, pattern: str) -> Iterator[Ticket]:
        """A deal of up to four business days ago, at least a day and two hours of business."""
        earlier = self._random.randrange(max(0, number - 4), number)
        moment = time(8) if earlier == number - 1 else time(self._random.randint(8, 16))
        ticket = self._ticket(self._share(done), datetime.combine(self.days[earlier], moment, UTC), pattern)
        ticket.arrives = max(done, datetime.combine(done.date(), time(10), UTC))
        yield ticket

    def mandate_breach(self, number: int, done: datetime, pattern: str) -> Iterator[Ticket]:
        """Another's book, a market that is not the trader's, a far date, or another product."""
        random = self._random
        trader = random.choice(self.traders[_FX_TRADERS:])
        document = self._share(done, trader)
        match random.randrange(4):
            case 0:
                document["book"] = random.choice(
                    [each for each in self._reference.books if each != trader.book]
                )
            case 1:
                document |= self._share(done, random.choice(self._strangers(trader)))
                document |= {"trader": trader.name, "book": trader.book}
            case 2:
                settles = done.date() + timedelta(days=63 - done.date().weekday())
                document["settlement_date"] = settles.isoformat()
            case 3:
                document = {**self._exchange(done), "trader": trader.name, "book": trader.book}
        ticket = self._ticket(document, done, pattern)
        if self.within_mandate(ticket.document):
            ticket.pattern = ""
        yield ticket

    def _strangers(self, trader: Trader) -> list[Trader]:
        return [each for each in self.traders[_FX_TRADERS:] if each is not trader]

    def mandates(self) -> Iterator[dict[str, Any]]:
        """Yield the mandates that every innocent trade lies within."""
        since = {"valid_from": "2020-01-01"}
        yield {"trader": "*", "product": "GOODS", "book": "*", "market": "*", **since}
        for n, trader in enumerate(self.traders):
            of = {"trader": trader.name, "book": trader.book, "max_tenor_days": 10, **since}
            if n < _FX_TRADERS:
                yield {**of, "product": "FX_SPOT", "market": "*"}
                continue
            for market in sorted(self._markets(trader)):
                yield {**of, "product": "EQUITY", "market": market}

    def _markets(self, trader: Trader) -> set[str]:
        return {self._reference.market(each.isin) for each in trader.shares}

    def within_mandate(self, document: Document) -> bool:
        """Tell whether what was to be a breach happens to be none."""
        trader = next(each for each in self.traders if each.name == document["trader"])
        return (
            document["product"] == "EQUITY"
            and document["book"] == trader.book
            and self._reference.market(document["instrument"]) in self._markets(trader)
            and "settlement_date" not in document
        )


PATTERNS: dict[str, Callable[[Book, int, datetime, str], Iterator[Ticket]]] = {
    "fat finger": Book.fat_finger,
    "units for notional": Book.swap,
    "duplicate": Book.duplicate,
    "near duplicate": Book.near_duplicate,
    "off-market price": Book.off_market,
    "reversing pair": Book.reversing_pair,
    "late booking": Book.late_booking,
    "mandate breach": Book.mandate_breach,
}
CODES = {
    "fat finger": "UNUSUAL_SIZE",
    "units for notional": "UNITS_NOTIONAL_SWAP",
    "duplicate": "POSSIBLE_DUPLICATE",
    "near duplicate": "NEAR_DUPLICATE",
    "off-market price": "OFF_MARKET_PRICE",
    "reversing pair": "REVERSING_PAIR",
    "late booking": "LATE_BOOKING",
    "mandate breach": "OUTSIDE_MANDATE",
}


def run(bench: Bench) -> Outcome:
    """Capture the book, day by day, check it, and count what was found; once for a run of the benchmark."""
    if bench.planted is None:
        bench.planted = _run(bench)
    return bench.planted


def _run(bench: Bench) -> Outcome:
    count = bench.size(TRADES, QUICK)
    database = bench.database("patterns")
    book = Book(bench.reference, days=_days(bench), count=count, seed=SEED)
    planted: dict[str, str] = {}
    captured = 0
    with bench.using(database):
        _load_reference(bench, book)
        load: list[Ticket] = []
        for ticket in book.tickets():
            if ticket.pattern:
                planted[ticket.document["source_ref"]] = ticket.pattern
            if load and (len(load) == LOAD or ticket.arrives.date() != load[0].arrives.date()):
                captured += _check(load)
                load = []
            load.append(ticket)
        captured += _check(load)
    return _outcome(database, planted, captured)


def _days(bench: Bench) -> list[date]:
    """Return the last business days before today, oldest first."""
    today = bench.reference.today
    days = [today - timedelta(days=back) for back in range(1, 40)]
    closed = {(12, 25), (12, 26), (1, 1)}  # of every calendar of the benchmark
    open_days = [day for day in days if day.weekday() < 5 and (day.month, day.day) not in closed]
    return open_days[: bench.size(DAYS, QUICK_DAYS)][::-1]


def _load_reference(bench: Bench, book: Book) -> None:
    """Load what the patterns need beside the benchmark's reference data: classes, older prices and mandates."""
    from core.audit import system
    from refdata.services import load_rows

    kinds = bench.reference.kinds()
    days = [*book.days, bench.reference.today]
    rows = {
        "instruments": [
            {**each, "liquidity_class": book.liquidity[each["code"]]}
            for each in kinds["instruments"]
            if each["code"] in book.liquidity
        ],
        "close-prices": [
            {**each, "date": day.isoformat()}
            for day in days
            for each in {row["instrument"]: row for row in kinds["close-prices"]}.values()
        ],
        "fx-rates": [
            {**each, "date": day.isoformat()}
            for day in days
            for each in {row["currency"]: row for row in kinds["fx-rates"]}.values()
        ],
        "mandates": list(book.mandates()),
    }
    for kind, each in rows.items():
        report = load_rows(kind=kind, rows=each, mode="atomic", actor=system("bench"), now=datetime.now(UTC))
        assert report.applied, f"{kind}: {[result for result in report.results if result.faults][:3]}"


def _check(load: list[Ticket]) -> int:
    """Capture a load when its last ticket has come, check it, and let what is usual follow; return its size."""
    from django.db import transaction

    from core.audit import system
    from risk.services.check import check_captured
    from risk.services.sizes import learn_sizes
    from trades.products._reading import read_message
    from trades.services.capture import capture_trades

    at = load[-1].arrives
    messages = [read_message(msgspec.json.encode(each.document)) for each in load]
    with transaction.atomic():
        capture_trades(messages=messages, actor=system("bench"), at=at)
    while check_captured(now=at + timedelta(seconds=1)):
        pass
    learn_sizes()
    return len(load)


def _outcome(database: Database, planted: dict[str, str], captured: int) -> Outcome:
    connection = database.connect()
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM trades_state WHERE state <> 1 AND checked_version IS NOT NULL")
        checked = cursor.fetchone()[0]
        assert checked == captured, f"{checked} trades were checked, not {captured}"
        cursor.execute(
            "SELECT DISTINCT v.source_ref, f.code FROM trades_finding f JOIN trades_version v USING (trade_id)"
        )
        findings: dict[str, set[str]] = {}
        for source_ref, code in cursor.fetchall():
            findings.setdefault(source_ref, set()).add(code)
    finally:
        connection.close()
    outcome = Outcome(planted=Counter(planted.values()), innocents=captured - len(planted))
    for pattern, code in CODES.items():
        for source_ref in (each for each, codes in findings.items() if code in codes):
            if planted.get(source_ref) == pattern:
                outcome.found[pattern] += 1
            elif source_ref not in planted:
                outcome.bothered[pattern] += 1
    return outcome
