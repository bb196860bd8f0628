"""What corporate actions come to for one holding: a pure function over what was dealt in it.

Whoever holds at the beginning of the ex-date is entitled to a split, a dividend or a redemption, by trade date; to a
coupon whoever holds by settlement date on the record date, as the buyer of a bond pays the interest accrued since.
Shorts owe what holdings receive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from core.money import ZERO, round_money
from ledger.lots import NO_TIME, Place, Rank, Redemption, Split, after_split

SECURITY, CASH = 0, 1  # the legs of what an action comes to


class Type(StrEnum):
    """The kinds of action, by their codes of ISO 15022 and 20022 (CAEV)."""

    SPLF = "SPLF"
    DVCA = "DVCA"
    INTR = "INTR"
    REDM = "REDM"


@dataclass(frozen=True, slots=True)
class Action:
    """An action that stands. rate: money a unit of the quantity held. new, old: the ratio of a split."""

    id: int
    version: int
    type: Type
    ex_date: date
    record_date: date
    pay_date: date
    currency: str
    rate: Decimal
    new: Decimal
    old: Decimal

    @property
    def place(self) -> Place:
        """Return where the action stands in the history of a position."""
        return Place(self.ex_date, Rank.ACTION, NO_TIME, self.id, 0)


@dataclass(frozen=True, slots=True)
class Dealt:
    """A quantity that was dealt in: its trade and settlement dates, and whether it has settled."""

    day: date
    settles_on: date
    quantity: Decimal
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What an action adds to a position; currency: of the lots for a security, of the money for cash."""

    action_id: int
    version: int
    leg: int
    currency: str
    quantity: Decimal
    effective_date: date
    settles_on: date
    is_settled: bool


@dataclass(slots=True)
class Consequences:
    """What the actions of an instrument come to in a book: steps of its lots by currency, and effects on positions."""

    steps: dict[str, list[Split | Redemption]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)


def consequences(
    *, dealt: Mapping[str, Sequence[Dealt]], actions: Sequence[Action], today: date
) -> Consequences:
    """Return what actions come to for what was dealt in, by the currency in which it was paid.

    today: what is payable by then counts as settled too. A redemption in another currency than a holding was paid in
    leaves that holding as it is.
    """
    found = Consequences()
    holdings = {currency: list(each) for currency, each in dealt.items()}
    for action in sorted(actions, key=lambda each: each.place):
        entitled = ZERO
        for currency, holding in sorted(holdings.items()):
            if action.type == Type.REDM and currency != action.currency:
                continue
            entitled += _entitled(action, holding)
            _change(action, currency, holding, found, today)
        if action.type != Type.SPLF:
            amount = round_money(entitled * action.rate, action.currency)
            _add(found, action, CASH, action.currency, amount, today)
    return found


def _entitled(action: Action, holding: Sequence[Dealt]) -> Decimal:
    if action.type == Type.INTR:
        return sum((each.quantity for each in holding if each.settles_on <= action.record_date), ZERO)
    return sum((each.quantity for each in holding if each.day < action.ex_date), ZERO)


def _change(action: Action, currency: str, holding: list[Dealt], found: Consequences, today: date) -> None:
    """Let a split or a redemption change the security itself."""
    if action.type not in {Type.SPLF, Type.REDM}:
        return
    before = [each for each in holding if each.day < action.ex_date]
    held = sum((each.quantity for each in before), ZERO)
    settled = sum((each.quantity for each in before if each.is_settled), ZERO)
    step: Split | Redemption
    if action.type == Type.SPLF:
        step = Split(action.place, action.version, action.new, action.old)
        change, settled_change = (
            after_split(each, action.new, action.old) - each for each in (held, settled)
        )
    else:
        step = Redemption(action.place, action.version, action.rate)
        change, settled_change = -held, -settled
    found.steps.setdefault(currency, []).append(step)
    _add(found, action, SECURITY, currency, change, today, settled=settled_change)
    is_paid = action.pay_date <= today
    # What has not settled yet changes as it does: so the two parts are kept apart.
    for quantity, is_settled in ((settled_change, is_paid), (change - settled_change, False)):
        holding.append(Dealt(_eve(action), action.pay_date, quantity, is_settled))


def _eve(action: Action) -> date:
    """Return the day from which a change counts for later actions: also for those of the same ex-date."""
    return date.fromordinal(action.ex_date.toordinal() - 1)


def _add(
    found: Consequences,
    action: Action,
    leg: int,
    currency: str,
    quantity: Decimal,
    today: date,
    settled: Decimal | None = None,
) -> None:
    """Add what an action comes to, since it is traded in, and since it is paid once that day has come."""
    common = (action.id, action.version, leg, currency)
    if quantity:
        found.effects.append(Effect(*common, quantity, action.ex_date, action.pay_date, is_settled=False))
    paid = quantity if settled is None else settled
    if paid and action.pay_date <= today:
        found.effects.append(Effect(*common, paid, action.pay_date, action.pay_date, is_settled=True))
