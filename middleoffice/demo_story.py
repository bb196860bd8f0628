"""What happened before the demo was opened: some days of trading, told through the services, each at its hour.

The front office is the simulator's. What it sends is captured, checked and settled by the same code as ever;
only the clock is told. The story has the same shape every day: it is seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db import transaction

from core import sql
from core.audit import Actor, system
from core.clock import business_date
from core.http.authentication import Client
from core.ids import INSTRUCTION, database_id
from core.models import ApiClient
from core.money import format_number
from refdata.calendars import FIRM, calendars_for, union
from refdata.lists import list_rows
from refdata.services import KINDS
from risk.services.check import check_captured
from risk.services.excess import approve_excess, propose_excess
from settlement.models import Batch, Invoice
from settlement.selectors import content
from settlement.services.acknowledge import Answer, Control, acknowledge_instructions
from settlement.services.advance import advance_queued
from settlement.services.claim import claim_batch
from settlement.services.credit import Wish, credit_invoice
from settlement.services.invoice import bill_queued
from settlement.services.report import Report, report_status
from settlement.services.seal import seal_batches
from settlement.simulation import NIL, Line, Pull, Temper, answer, control_totals, report
from trades.lifecycle import State
from trades.products._reading import read_message
from trades.services.capture import capture_trades
from trades.services.change import Change
from trades.services.comments import comment
from trades.services.exceptions import claim_exceptions
from trades.services.reject import reject_trade
from trades.services.single_change import change_trade
from trades.simulation import FrontOffice, Universe, read_universe

SEED = 20
DAYS_BEFORE = 3
DEALS_A_DAY, DEALS_TODAY = 300, 600
BAD_PERCENT = Decimal(7)
REPEATED = 12  # deals that the front office sends twice today, under another reference
_REJECTED = {
    "POSSIBLE_DUPLICATE": "The front office confirms that it booked the deal twice.",
    "UNKNOWN_PARTY": "Not a client of ours; the desk was told.",
}
CHANNELS = ("CASH", "SECURITIES", "GOODS")
_WAVES = (time(8, 30), time(10, 45), time(13, 15), time(15, 40))
_EVENING, _MORNING, _AFTERNOON = time(18, 5), time(6, 20), time(16, 30)
_FRONT_OFFICE = Actor("client:front-office")
_BACK_OFFICE = Actor("client:back-office")
_SEALER, _SETTLER, _BILLER = system("seal"), system("settlement"), system("invoices")
_TEMPER = Temper(seed=SEED, reject=Decimal("0.8"), fail=Decimal("0.8"), partial=Decimal("0.8"))
_OUR_CALENDARS = (FIRM, "GBP", "EUR", "USD")
_A_MONTH = timedelta(days=31)
_PAGE = 1_000

Say = Callable[[str], object]


@dataclass(frozen=True)
class _Person:
    user: User
    actor: Actor


def tell_story(*, now: datetime, say: Say) -> None:
    """Make the demo's trades, unless they are there already: all of them in one transaction."""
    if sql.row("SELECT 1 FROM trades_version WHERE source_ref LIKE '%%-DEMO-%%' LIMIT 1"):
        return
    story = _Story(now)
    with transaction.atomic():
        for number, day in enumerate(story.days):
            say("  trades of today" if day == story.days[-1] else f"  trades of {day:%A, %d %B}")
            story.tell_day(number)


def tell_day(number: int, *, now: datetime) -> None:
    """Make the demo's trades of one of its DAYS_BEFORE + 1 days, after those of the days before it."""
    _Story(now).tell_day(number)


class _Story:
    def __init__(self, now: datetime) -> None:
        self.now = now
        today = business_date(now)
        calendars = calendars_for(codes=_OUR_CALENDARS, first=today - _A_MONTH, last=today + _A_MONTH)
        self.calendar = union(calendars.values())
        # The days before, then today; on a weekend or holiday the last day that was open stands for it.
        back = range(-DAYS_BEFORE - 1, 0)
        self.days = [self.calendar.add_business_days(today + timedelta(days=1), n) for n in back]
        self.back_office = _client("back-office")
        self.people = {name: _person(name) for name in ("olivia", "sam")}

    def _day_after(self, day: date) -> date:
        return self.calendar.add_business_days(day, 1)

    def tell_day(self, number: int) -> None:
        day, *after = self.days[number:]
        if after:
            self.tell_past_day(day, after[0])
        else:
            self.tell_today()

    def tell_past_day(self, day: date, next_day: date) -> None:
        """Deals in four waves; in the evening the batches of the next day, which go out that morning."""
        deals = list(_deals(read_universe(_listed, on=day), DEALS_A_DAY))
        share = len(deals) // len(_WAVES)
        for number, hour in enumerate(_WAVES):
            self._capture(deals[number * share : (number + 1) * share], datetime.combine(day, hour, UTC))
        batches = self._seal(next_day, datetime.combine(day, _EVENING, UTC))
        past = next_day != self.days[-1]
        morning = datetime.combine(next_day, _MORNING, UTC) if past else self._ago(minutes=180)
        for batch in batches:
            lines = self._take_over(batch, morning)
            if past:
                self._settle(lines, datetime.combine(next_day, _AFTERNOON, UTC))

    def tell_today(self) -> None:
        """Deals until now; batches for tomorrow on request, some taken, some waiting; people at their work."""
        office = _office(read_universe(_listed, on=self.days[-1]))
        deals = list(_deals(office.universe, DEALS_TODAY))
        deals[300:300] = [office.repeat(number) for number in range(REPEATED)]
        tomorrow = self._day_after(self.days[-1])
        first, second, last = deals[:250], deals[250:450], deals[450:]
        self._capture(first, self._ago(minutes=150))
        taken, *waiting = self._seal(tomorrow, self._ago(minutes=120))
        self._take_over(taken, self._ago(minutes=110))
        for batch in waiting:
            self._claim(batch, self._ago(minutes=100))
        self._capture(second, self._ago(minutes=90))
        self._allocate(self._ago(minutes=80))
        self._seal(tomorrow, self._ago(minutes=45))
        self._capture(last[:-20], self._ago(minutes=20))
        self._work()
        self._credit()
        self._capture(last[-20:], self._ago(minutes=1), check=False)

    def _ago(self, *, minutes: int) -> datetime:
        return self.now - timedelta(minutes=minutes)

    def _capture(self, deals: Sequence[Mapping[str, Any]], at: datetime, *, check: bool = True) -> None:
        messages = [read_message(msgspec.json.encode(each)) for each in deals]
        capture_trades(messages=messages, actor=_FRONT_OFFICE, at=at)
        while check and check_captured(now=at + timedelta(seconds=2)):
            pass

    def _allocate(self, at: datetime) -> None:
        """Olivia divides the largest purchase or sale of shares that is left between three clients."""
        parties = [code for (code,) in sql.rows(_SHARE_CLIENTS)]
        for trade_id, quantity in sql.rows(_LARGEST):
            shares = [quantity // 2, quantity // 3, quantity - quantity // 2 - quantity // 3]
            items = [
                {"counterparty": code, "quantity": format_number(share)}
                for code, share in zip(parties, shares, strict=True)
            ]
            change = Change(
                "ALLOCATE", trade_id, "The client has told how it is to be allocated.", items=items
            )
            olivia = self.people["olivia"]
            change_trade(change=change, actor=olivia.actor, now=at, user=olivia.user)
        while check_captured(now=at + timedelta(seconds=2)):
            pass

    def _seal(self, value_date: date, at: datetime) -> list[Batch]:
        """Seal what is due and return the new batches, payments first."""
        made = seal_batches(value_date=value_date, channels=CHANNELS, actor=_SEALER, now=at)
        return list(Batch.objects.filter(id__in=made).order_by("channel_id", "id"))

    def _claim(self, batch: Batch, at: datetime) -> list[Line]:
        claim_batch(
            batch_id=batch.id, client=self.back_office, lease_seconds=3600, actor=_BACK_OFFICE, now=at
        )
        pull = Pull()
        for chunk in content(batch.id):
            pull.take(chunk)
        self._advance(at)
        return pull.lines

    def _take_over(self, batch: Batch, at: datetime) -> list[Line]:
        """Claim a batch and answer all of it; return what was accepted."""
        lines = self._claim(batch, at)
        said = {line.instruction: answer(line, _TEMPER) for line in lines}
        acknowledge_instructions(
            batch_id=batch.id,
            answers=[Answer(_number(each.instruction), each.status, each.reason) for each in said.values()],
            control=Control(len(lines), control_totals(lines)),
            client=self.back_office,
            actor=_BACK_OFFICE,
            now=at + timedelta(minutes=2),
        )
        self._advance(at + timedelta(minutes=3))
        return [line for line in lines if said[line.instruction].status == "ACCEPTED"]

    def _settle(self, lines: Sequence[Line], at: datetime) -> None:
        said = [report(line, _TEMPER) for line in lines if line.direction != NIL]
        report_status(
            reports=[
                Report(_number(each.instruction), each.status, each.reason, each.quantity) for each in said
            ],
            actor=_BACK_OFFICE,
            now=at,
        )
        self._advance(at + timedelta(minutes=1))
        while bill_queued(now=at + timedelta(minutes=2), actor=_BILLER):
            pass

    def _credit(self) -> None:
        """Olivia credits a piece that came back of the first order that was billed."""
        billed = Invoice.objects.filter(kind=Invoice.Kind.INVOICE).order_by("id").first()
        if billed is not None:
            olivia = self.people["olivia"]
            credit_invoice(
                invoice_id=billed.id,
                wishes=[Wish(1, quantity=Decimal(1))],
                reason="One piece came back damaged.",
                user=olivia.user,
                actor=olivia.actor,
                now=self._ago(minutes=45),
            )

    def _advance(self, at: datetime) -> None:
        while advance_queued(now=at, actor=_SETTLER):
            pass

    def _work(self) -> None:
        """Olivia takes, comments and rejects exceptions and asks for excesses, of which Sam approves one."""
        olivia, sam = self.people["olivia"], self.people["sam"]
        held = _held()
        for code, reason in _REJECTED.items():
            for trade_id, version, _, _ in _with(held, code)[:6]:
                reject_trade(
                    trade_id=trade_id,
                    version=version,
                    reason=reason,
                    actor=olivia.actor,
                    now=self._ago(minutes=15),
                )
        taken = [
            exception_id for _, _, exception_id, _ in _with(_held(), "OFF_MARKET_PRICE", "NET_MISMATCH")[:6]
        ]
        claim_exceptions(exception_ids=taken, user=olivia.user, actor=olivia.actor, now=self._ago(minutes=12))
        for exception_id in taken[:3]:
            comment(
                exception_id=exception_id,
                text="Asked the desk; they look at their ticket and come back before noon.",
                actor=olivia.actor,
                now=self._ago(minutes=11),
            )
        proposals = [
            propose_excess(
                trade_id=trade_id,
                codes=["LIMIT_BREACH"],
                reason="The client's settlement tomorrow frees more than this.",
                user=olivia.user,
                actor=olivia.actor,
                now=self._ago(minutes=9),
            )
            for trade_id, _, _, codes in _held()
            if codes == ["LIMIT_BREACH"]
        ][:3]
        for proposal_id in proposals[:1]:
            approve_excess(
                proposal_id=proposal_id,
                user=sam.user,
                note="Agreed with the desk head.",
                actor=sam.actor,
                now=self._ago(minutes=6),
            )
        while check_captured(now=self._ago(minutes=5)):
            pass


_SHARES = f"""
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
WHERE s.state = {State.VALIDATED.value} AND v.product = 'EQUITY'
"""
_LARGEST = (
    f"SELECT v.trade_id, v.quantity {_SHARES} AND v.quantity >= 6 ORDER BY v.base_amount DESC, 1 LIMIT 1"
)
_SHARE_CLIENTS = f"SELECT v.counterparty_ref {_SHARES} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 3"
_HELD = f"""
SELECT s.trade_id, s.version, min(e.id), array_agg(DISTINCT c.code)
FROM trades_state s JOIN trades_exception e ON e.trade_id = s.trade_id AND e.closed_at IS NULL
CROSS JOIN LATERAL unnest(e.codes) AS c(code)
WHERE s.state = {State.EXCEPTION.value} AND e.kind IN ('FINDING', 'LIMIT')
GROUP BY s.trade_id, s.version ORDER BY s.trade_id
"""
_Held = tuple[int, int, int, list[str]]


def _held() -> list[_Held]:
    return [(trade_id, version, item, list(codes)) for trade_id, version, item, codes in sql.rows(_HELD)]


def _with(held: Sequence[_Held], *wanted: str) -> list[_Held]:
    return [each for each in held if set(each[3]) & set(wanted)]


def _client(name: str) -> Client:
    found = ApiClient.objects.get(name=name, revoked_at=None)
    return Client(found.id, found.name, frozenset(found.scopes), frozenset(found.sources))


def _number(reference: str) -> int:
    """Return the database id behind an instruction's public one."""
    found = database_id(INSTRUCTION, reference)
    assert found is not None  # noqa: S101 - it comes from the batch itself
    return found


def _person(name: str) -> _Person:
    return _Person(User.objects.get(username=name), Actor(f"user:{name}"))


def _office(universe: Universe) -> FrontOffice:
    return FrontOffice(universe, seed=SEED, bad=BAD_PERCENT, run=f"DEMO-{universe.on:%m%d}")


def _deals(universe: Universe, count: int) -> Iterator[dict[str, Any]]:
    office = _office(universe)
    return (office.deal(number)[0] for number in range(count))


def _listed(kind: str, filters: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    after = 0
    while rows := list_rows(kind=KINDS[kind], filters=filters, after=after, limit=_PAGE):
        yield from (row for _, row in rows)
        after = rows[-1][0]
