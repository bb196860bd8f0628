"""Reference data, limits, API clients and documents for tests, small and exact."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper

from core import sql
from core.audit import Actor, system
from core.clock import business_date, utc_now
from core.http.authentication import SCOPES, Client, issue_client
from core.ids import TRADE, database_id
from core.models import ApiClient
from refdata.calendars import BusinessCalendar
from refdata.models import Book, ClosePrice, FxRate, Instrument, NettingAgreement, Party, Ssi
from risk.models import Limit
from risk.services import release
from risk.services.check import check_captured
from tests.support.records import NOW, TODAY
from trades.lifecycle import State, move_trades
from trades.products._reading import read_message
from trades.products.base import Message
from trades.services.capture import Captured, capture_trades
from trades.services.release import release_queued

FRONT_OFFICE = Actor("client:front", "req-front-1")
SINCE = date(2020, 1, 1)
APPLE = "US0378331005"
EURO_SHARE = "DE0007164600"
_references = itertools.count(1)

# What a party needs so that trades of every product settle.
FULL_SSIS = (
    ("CASH", "EUR"), ("CASH", "USD"), ("CASH", "GBP"), ("CASH", "JPY"),
    ("SECURITY", "*"), ("GOODS", "*"),
)  # fmt: skip


def party(
    code: str, *, ssis: Iterable[tuple[str, str]] = FULL_SSIS, netting: bool = True, **fields: Any
) -> Party:
    """Store a party with one settlement instruction for each (kind, key); netting: it nets all that can be."""
    made = Party.objects.create(code=code, name=code.title(), **fields)
    if netting:
        netting_agreement(made)
    for kind, key in ssis:
        ssi(made, kind, key)
    return made


NETS_ALL = {"payments": "CURRENCY", "securities": "SECURITY", "goods": "ITEM"}
NETS_NOTHING = {"payments": "NONE", "securities": "NONE", "goods": "NONE"}


def netting_agreement(of: Party, **fields: Any) -> NettingAgreement:
    """Store an agreement that nets everything since long ago, unless it says otherwise."""
    return NettingAgreement.objects.create(party=of, **{**NETS_ALL, "valid_from": SINCE, **fields})


def settle_gross(of: Party | None = None) -> None:
    """Let a party, or every one, net nothing any more."""
    found = NettingAgreement.objects.filter(party=of) if of else NettingAgreement.objects.all()
    found.update(**NETS_NOTHING)


def ssi(owner: Party, kind: str, key: str, **fields: Any) -> Ssi:
    """Store a settlement instruction that holds since long ago, unless it says otherwise."""
    given = {"account": f"{owner.code}-{kind}-{key}", "valid_from": SINCE, **fields}
    return Ssi.objects.create(party=owner, kind=kind, key=key, **given)


def instrument(
    code: str, *, currency: str = "USD", product_class: str = "EQUITY", **fields: Any
) -> Instrument:
    """Store an instrument."""
    return Instrument.objects.create(
        code=code, name=code, product_class=product_class, currency=currency, **fields
    )


def close(of: Instrument, price: str, *, on: date = TODAY, currency: str = "") -> ClosePrice:
    """Store a close price in the instrument's own currency, unless another is given."""
    return ClosePrice.objects.create(
        instrument=of, price=Decimal(price), date=on, currency=currency or of.currency
    )


def rate(currency: str, value: str, *, on: date = TODAY) -> FxRate:
    """Store what a unit of a currency is worth in euro, the base currency of the tests."""
    return FxRate.objects.create(currency=currency, rate=Decimal(value), date=on)


def limit(
    code: str = "CPTY",
    *,
    hard: str,
    warn: str | None = None,
    measure: str = "GROSS_EXPOSURE",
    dimensions: Sequence[str] = ("counterparty",),
    members: Sequence[str] = (),
    **fields: Any,
) -> Limit:
    """Store a limit in force since long ago, whose figures are told."""
    return Limit.objects.create(
        code=code,
        name=code.title(),
        measure=measure,
        dimensions=list(dimensions),
        members=list(members),
        hard=Decimal(hard),
        warn=None if warn is None else Decimal(warn),
        **{"valid_from": SINCE, "stale": False, **fields},
    )


@dataclass(frozen=True)
class World:
    """What a good trade of any product refers to."""

    ours: Party
    broker: Party
    customer: Party
    apple: Instrument
    euro_share: Instrument
    book: Book


def world(*, today: date = TODAY) -> World:
    """Store reference data with which the documents of this module pass every check on `today`."""
    ours = party("OURS", role=Party.Role.ENTITY)
    apple = instrument(APPLE, market="XNAS", settlement_cycle=1)
    euro_share = instrument(EURO_SHARE, currency="EUR", market="XETR")
    for sku in ("SKU-1", "SKU-2"):
        instrument(sku, scheme="SKU", product_class="GOODS", currency="EUR")
    close(apple, "187.00", on=today)
    for currency, value in (("USD", "0.92"), ("GBP", "1.15"), ("JPY", "0.0061")):
        rate(currency, value, on=today)
    return World(
        ours=ours,
        broker=party("BROKER-01", lei="529900T8BM49AURSDO55", country="US"),
        customer=party("CUST-01", role=Party.Role.CUSTOMER, country="GB"),
        apple=apple,
        euro_share=euro_share,
        book=Book.objects.create(code="BOOK-1", desk="DESK-1", entity=ours),
    )


def settles_on(trade_date: date) -> date:
    """Return the second weekday after a trade date."""
    return BusinessCalendar().add_business_days(trade_date, 2)


def equity(ref: str = "", *, on: date = TODAY, **changes: Any) -> dict[str, Any]:
    """Return a purchase of 100 Apple at 187.25 USD as a front office sends it."""
    return {
        "source": "FO-EQ",
        "source_ref": ref or f"E-{next(_references)}",
        "product": "EQUITY",
        "side": "BUY",
        "instrument": APPLE,
        "quantity": "100",
        "price": "187.25",
        "currency": "USD",
        "counterparty": "BROKER-01",
        "book": "BOOK-1",
        "trader": "jdoe",
        "trade_date": on.isoformat(),
        "settlement_date": settles_on(on).isoformat(),
        **changes,
    }


def unit_trade(n: int, *, on: date = TODAY, **changes: Any) -> dict[str, Any]:
    """Return a good purchase worth exactly 100.00 euro; each `n` has other economics."""
    price = round(Decimal(100) / (n + 1), 10)
    stated = {"instrument": EURO_SHARE, "currency": "EUR", "quantity": str(n + 1), "price": f"{price:f}"}
    return equity(f"U-{n}", on=on, **{**stated, **changes})


def exact_trade(n: int, *, on: date = TODAY, **changes: Any) -> dict[str, Any]:
    """Return a good purchase of n + 1 euro shares at 1 euro; each `n` has other economics."""
    stated = {"instrument": EURO_SHARE, "currency": "EUR", "quantity": str(n + 1), "price": "1"}
    return equity(f"X-{n}", on=on, **{**stated, **changes})


def fx(ref: str = "", *, on: date = TODAY, **changes: Any) -> dict[str, Any]:
    """Return a purchase of a million euro against dollars at 1.085."""
    return {
        "source": "FO-FX",
        "source_ref": ref or f"F-{next(_references)}",
        "product": "FX_SPOT",
        "counterparty": "BROKER-01",
        "book": "BOOK-1",
        "trader": "asmith",
        "trade_date": on.isoformat(),
        "settlement_date": settles_on(on).isoformat(),
        "terms": {
            "bought": {"currency": "EUR", "amount": "1000000.00"},
            "sold": {"currency": "USD", "amount": "1085000.00"},
            "rate": "1.085",
        },
        **changes,
    }


def goods(ref: str = "", *, on: date = TODAY, lines: Any = None, **changes: Any) -> dict[str, Any]:
    """Return an order of two articles, 96.00 euro in all."""
    given = lines or [
        {"sku": "SKU-1", "description": "Ceramic mug", "quantity": "12", "unit_price": "4.25"},
        {"sku": "SKU-2", "description": "Tea towel", "quantity": "6", "unit_price": "7.50"},
    ]
    return {
        "source": "SHOP",
        "source_ref": ref or f"O-{next(_references)}",
        "product": "GOODS",
        "side": "SELL",
        "currency": "EUR",
        "counterparty": "CUST-01",
        "book": "BOOK-1",
        "trade_date": on.isoformat(),
        "settlement_date": settles_on(on).isoformat(),
        "terms": {"lines": given},
        **changes,
    }


BUND, FUTURE, OPTION = "DE0001102606", "FESX-2612", "OESX-2612-C-5000"


def bund(**changes: Any) -> Instrument:
    """Store a German government bond: 1.7 % a year, ACT/ACT.ICMA, paid on 15 August until 2032."""
    terms = {
        "coupon_rate": Decimal("1.7"),
        "coupon_frequency": 1,
        "day_count": "ACT/ACT.ICMA",
        "dated_date": date(2022, 7, 8),
        "maturity": date(2032, 8, 15),
    }
    given = {"price_basis": "PERCENT", "currency": "EUR", "market": "XETR", **terms, **changes}
    return instrument(BUND, product_class="BOND", **given)


def listed(code: str = FUTURE, **changes: Any) -> Instrument:
    """Store a listed contract of ten euro a point that expires on 18 December 2026: a future, or the call."""
    call = {"option_type": "CALL", "strike": Decimal(5000)} if code == OPTION else {}
    given = {
        "scheme": "LOCAL",
        "currency": "EUR",
        "market": "XEUR",
        "multiplier": Decimal(10),
        "expiry": date(2026, 12, 18),
        "underlying": "EURO STOXX 50",
        **call,
    }
    return instrument(code, product_class="LISTED_DERIVATIVE", **{**given, **changes})


def bond(ref: str = "", *, on: date = TODAY, **changes: Any) -> dict[str, Any]:
    """Return a purchase of a million nominal of the bund at 87.46 per cent."""
    stated = {"instrument": BUND, "quantity": "1000000", "price": "87.46", "currency": "EUR"}
    return equity(ref, on=on, **{"product": "BOND", "source": "FO-FI", **stated, **changes})


def derivative(ref: str = "", *, on: date = TODAY, **changes: Any) -> dict[str, Any]:
    """Return a purchase of 25 futures at 4,912.5."""
    stated = {"instrument": FUTURE, "quantity": "25", "price": "4912.5", "currency": "EUR"}
    return equity(ref, on=on, **{"product": "LISTED_DERIVATIVE", "source": "FO-LD", **stated, **changes})


def swap(ref: str = "", *, on: date = TODAY, far: Any = None, **changes: Any) -> dict[str, Any]:
    """Return a swap: a million euro bought at 1.085, sold back about a month later at 1.0875."""
    back = {
        "settlement_date": settles_on(on + timedelta(days=30)).isoformat(),
        "bought": {"currency": "USD", "amount": "1087500.00"},
        "sold": {"currency": "EUR", "amount": "1000000.00"},
        "rate": "1.0875",
        "rate_basis": "BOUGHT_PER_SOLD",
        **(far or {}),
    }
    near = fx(on=on)["terms"]
    return fx(ref, on=on, **{"product": "FX_SWAP", "terms": {"near": near, "far": back}, **changes})


def service(ref: str = "", *, on: date = TODAY, lines: Any = None, **changes: Any) -> dict[str, Any]:
    """Return an order of work: a milestone of 2,400 in a week, and a period of a week after it for 525 euro."""
    week, fortnight = settles_on(on + timedelta(days=7)), settles_on(on + timedelta(days=14))
    given = lines or [
        {"sku": "SKU-1", "quantity": "1", "unit_price": "2400", "milestone": week.isoformat()},
        {
            "sku": "SKU-2",
            "quantity": "12.5",
            "unit_price": "42",
            "period": {"start": week.isoformat(), "end": fortnight.isoformat()},
        },
    ]
    document = goods(ref, on=on, lines=given, **{"product": "SERVICE", "source": "STUDIO", **changes})
    if "settlement_date" not in changes:
        del document["settlement_date"]
    return document


def message_of(document: dict[str, Any]) -> Message:
    """Return a document as the typed message it is read as."""
    return read_message(msgspec.json.encode(document))


def trusted_client(name: str = "front", *, number: int = 1) -> Client:
    """Return an API client of any source that is not stored."""
    return Client(number, name, frozenset(SCOPES), frozenset())


def capture(*documents: dict[str, Any], at: datetime = NOW, actor: Actor = FRONT_OFFICE) -> list[Captured]:
    """Capture documents as one batch, by the service."""
    messages = [read_message(msgspec.json.encode(each)) for each in documents]
    return capture_trades(messages=messages, actor=actor, at=at)


def captured_ids(*documents: dict[str, Any], at: datetime = NOW) -> list[int]:
    """Capture documents as one batch and return the ids of their trades."""
    return [each.trade_id for each in capture(*documents, at=at)]


def check_everything(*, now: datetime = NOW, limit: int = 5_000) -> int:
    """Run the checks until nothing waits; return how many trades were claimed."""
    total = 0
    while claimed := check_captured(now=now, limit=limit):
        total += claimed
    return total


def release_set(*, now: datetime = NOW) -> None:
    """Send what checks and limits hold that were set otherwise to the checks, and run these until nothing waits."""
    for kind in release.KINDS:
        while release.find_held(kind=kind, now=now):
            pass
    while release_queued(task=release.TASK, reason=release.REASON, now=now):
        pass
    check_everything(now=now + timedelta(seconds=1))


def checked(document: dict[str, Any], *, now: datetime = NOW) -> int:
    """Capture one document, run the checks, and return the trade's id."""
    (trade_id,) = captured_ids(document, at=now)
    check_everything(now=now)
    return trade_id


def findings_of(trade_id: int, *, also_closed: bool = False) -> list[dict[str, Any]]:
    """Return the findings of a trade in the order in which they were stored, those still open."""
    return sql.records(
        "SELECT version, code, severity, subject, message, expected, actual, closing FROM trades_finding"
        " WHERE trade_id = %s AND (%s OR closed_at IS NULL) ORDER BY id",
        [trade_id, also_closed],
    )


def codes_of(trade_id: int) -> list[str]:
    """Return the codes of the open findings of a trade, in their order."""
    return [finding["code"] for finding in findings_of(trade_id)]


def states() -> dict[str, int]:
    """Return how many trades stand in each state."""
    return {
        State(state).name: count
        for state, count in sql.rows("SELECT state, count(*) FROM trades_state GROUP BY state")
    }


def used(code: str = "CPTY") -> dict[str, Decimal]:
    """Return the running figures of a limit by member."""
    return dict(
        sql.rows(
            "SELECT u.key, u.used FROM risk_utilisation u JOIN risk_limit l ON l.id = u.limit_id"
            " WHERE l.code = %s ORDER BY u.key",
            [code],
        )
    )


WAY_TO_SETTLED = (
    State.VALIDATED, State.INSTRUCTED, State.HANDED_OFF, State.ACKNOWLEDGED, State.SETTLED,
)  # fmt: skip


def settle(trade_ids: Sequence[int], *, at: datetime = NOW) -> list[int]:
    """Move validated trades all the way to SETTLED; return those that got there."""
    ids = list(trade_ids)
    for source, target in itertools.pairwise(WAY_TO_SETTLED):
        ids = move_trades(trade_ids=ids, source=source, target=target, at=at, actor=system("settlement"))
    return ids


def api_client(
    name: str = "front",
    *,
    scopes: Sequence[str] = tuple(SCOPES),
    sources: Sequence[str] = (),
    expires_at: datetime | None = None,
    desks: Sequence[str] = (),
) -> tuple[ApiClient, str]:
    """Issue an API client and return it with its token."""
    return issue_client(
        name=name,
        scopes=list(scopes),
        sources=list(sources),
        expires_at=expires_at,
        actor=system("tests"),
        at=utc_now(),
        desks=desks,
    )


def live_today() -> date:
    """Return the business date of the live product."""
    return business_date(utc_now())


class Front:
    """A front office that speaks to the live product: many connections, one token."""

    def __init__(self, base_url: str) -> None:
        _, token = api_client(f"front-{os.urandom(4).hex()}")
        self.http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )

    def post_trade(
        self, document: dict[str, Any], *, key: str | None = None, **parameters: Any
    ) -> httpx.Response:
        """Post one trade, under a key of its own unless one is given."""
        return self.http.post(
            "/api/v1/trades",
            content=msgspec.json.encode(document),
            params=parameters,
            headers={"Idempotency-Key": key or os.urandom(8).hex(), "Content-Type": "application/json"},
        )

    def post_batch(self, documents: Sequence[dict[str, Any]], *, key: str | None = None) -> httpx.Response:
        """Post many trades as NDJSON."""
        return self.http.post(
            "/api/v1/trade-batches",
            content=b"\n".join(map(msgspec.json.encode, documents)),
            headers={"Idempotency-Key": key or os.urandom(8).hex(), "Content-Type": "application/x-ndjson"},
        )

    def at_once(self, calls: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
        """Run requests at the same moment, each in a thread, and return their answers in order."""
        barrier = threading.Barrier(len(calls))

        def run(call: Callable[[], httpx.Response]) -> httpx.Response:
            barrier.wait(30)
            return call()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))


def trade_id_of(answer: httpx.Response) -> int:
    """Return the database id of the trade in an answer."""
    number = database_id(TRADE, answer.json()["id"])
    assert number is not None
    return number


def wait_for(condition: Callable[[], Any], *, seconds: float, what: str = "") -> Any:
    """Return the first true value of a condition, asked often; fail after the deadline."""
    ends = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < ends, f"not within {seconds} s: {what or condition}: {states()}"
        time.sleep(0.05)


def nothing_captured() -> bool:
    """Whether every trade has left CAPTURED and no work waits."""
    return not sql.row(
        "SELECT 1 FROM trades_state WHERE state = %s UNION ALL SELECT 1 FROM core_work LIMIT 1",
        [State.CAPTURED.value],
    )


@contextmanager
def other_connection() -> Iterator[CursorWrapper]:
    """Return a cursor on a second connection to the test database; what it began has ended when the block has.

    To close it is not enough: the server would notice some time later, with the locks held until then.
    """
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.rollback()
        other.close()


def told_of(document: dict[str, Any], *, now: datetime = NOW) -> dict[str, tuple[str, str, str, str, str]]:
    """Capture and check one document; return (severity, subject, expected, actual, message) by code.

    A code that is found twice, for two legs say, must differ in what it says.
    """
    found = findings_of(checked(document, now=now))
    told = {
        each["code"]: (each["severity"], each["subject"], each["expected"], each["actual"], each["message"])
        for each in found
    }
    assert len({(each["code"], each["message"]) for each in found}) == len(found), found
    return told
