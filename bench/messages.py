"""The trades of the benchmarks, as a front office would send them: mostly shares, some currencies and orders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from bench.reference import RATES, Reference

SOURCE = "BENCH"
_WEEK = 7
BAD_ONE_IN = 100  # trades that a check holds


class Messages:
    """An endless supply of distinct trades; the same seed makes the same ones.

    One in BAD_ONE_IN is held by a check, in turns: a price off the market, an unknown party, an unknown
    instrument, a settlement on a Sunday.
    """

    def __init__(self, reference: Reference, *, settles: date, seed: int) -> None:
        self._reference = reference
        self._random = Random(seed)
        self._seed = seed
        self._made = 0
        self._trade_date = reference.today.isoformat()
        self._settles = settles.isoformat()
        sunday = settles + timedelta(days=_WEEK - settles.isoweekday())
        self._sunday = sunday.isoformat()

    def take(self, count: int) -> list[bytes]:
        """Return the next trades as JSON documents."""
        return [self._next().encode() for _ in range(count)]

    def bodies(self, posts: int, items: int) -> list[bytes]:
        """Return the bodies of bulk POSTs as NDJSON."""
        return [b"\n".join(self.take(items)) for _ in range(posts)]

    def _next(self) -> str:
        self._made += 1
        kind = self._made % 20
        if kind == 7:
            return self._order()
        if kind in {3, 13}:
            return self._exchange("FX_SPOT" if kind == 3 else "FX_FORWARD")
        return self._share()

    def _common(self, product: str, party: str) -> str:
        n, choose = self._made, self._random.choice
        moment = f"{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}"
        return (
            f'{{"source":"{SOURCE}","source_ref":"B{self._seed}-{n:08d}","product":"{product}"'
            f',"counterparty":"{party}","book":"{choose(self._reference.books)}"'
            f',"trader":"{choose(self._reference.traders)}","trade_date":"{self._trade_date}"'
            f',"executed_at":"{self._trade_date}T{moment}Z"'
        )

    def _share(self) -> str:
        n, random = self._made, self._random
        securities = self._reference.securities
        security = securities[int(len(securities) * random.random() ** 2)]  # some are dealt in far more
        party, code = random.choice(self._reference.parties), security.isin
        price = security.close * random.randint(9_300, 10_700) // 10_000
        settles = f',"settlement_date":"{self._settles}"' if n % 2 else ""
        if n % BAD_ONE_IN == 0:
            fault = n // BAD_ONE_IN % 4
            price = price * 3 if fault == 0 else price
            party = "NOBODY" if fault == 1 else party
            code = f"X{code[1:]}" if fault == 2 else code
            settles = f',"settlement_date":"{self._sunday}"' if fault == 3 else settles
        fees = ""
        if n % 3 == 0:
            amount = random.randint(100, 9_999)
            digits = 0 if security.currency == "JPY" else 2
            money = f'"amount":"{amount / 100:.{digits}f}","currency":"{security.currency}"'
            fees = f',"fees":[{{"type":"COMMISSION",{money}}}]'
        return (
            f'{self._common("EQUITY", party)},"side":"{"BUY" if random.random() < 0.5 else "SELL"}"'
            f',"instrument":"{code}","quantity":"{random.randint(1, 20_000)}"'
            f',"price":"{price // 100}.{price % 100:02d}","currency":"{security.currency}"{settles}{fees}}}'
        )

    def _exchange(self, product: str) -> str:
        random = self._random
        currency = random.choice(list(RATES))
        amount, rate = random.randint(10_000, 9_000_000), float(RATES[currency]) * random.uniform(0.98, 1.02)
        digits = 0 if currency == "JPY" else 2
        sold = f"{amount / round(rate, 6):.{digits}f}"
        # The rate is quoted as bought per sold, so that the sold amount is what division makes of it.
        return (
            f"{self._common(product, random.choice(self._reference.parties))}"
            f',"settlement_date":"{self._settles}","terms":{{"bought":{{"currency":"EUR","amount":"{amount}.00"}}'
            f',"sold":{{"currency":"{currency}","amount":"{sold}"}},"rate":"{rate:.6f}"'
            f',"rate_basis":"BOUGHT_PER_SOLD"}}}}'
        )

    def _order(self) -> str:
        return (
            f'{self._common("GOODS", self._random.choice(self._reference.parties))},"side":"SELL"'
            f',"currency":"EUR","terms":{{"lines":[{",".join(self._lines())}]}}}}'
        )

    def _lines(self) -> Iterator[str]:
        random = self._random
        for sku in random.sample(self._reference.goods, random.randint(2, 4)):
            yield (
                f'{{"sku":"{sku}","description":"Article {sku}","quantity":"{random.randint(1, 99)}"'
                f',"unit_price":"{random.randint(1, 99)}.{random.randint(0, 99):02d}"}}'
            )
