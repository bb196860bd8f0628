"""Days of profit as the tests tell and read them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from core import sql
from core.audit import Actor
from ledger.models import ProfitRun
from ledger.selectors.profit import PARTS, find_run
from ledger.selectors.profit_figures import flags_of
from ledger.selectors.profit_gains import GAINS, gains_by, gains_total
from ledger.services.profit_adjustments import Adjustment, propose_adjustment
from ledger.services.profit_flags import accept_flag
from ledger.services.profit_run import tell_profit
from ledger.services.profit_sign_off import propose_sign_off
from tests.ledger.reconciling import somebody
from tests.support.records import NOW, TODAY

CONTROLLER = Actor("user:controller", "req-profit")
MONDAY = TODAY  # 2026-11-23
FRIDAY = MONDAY - timedelta(days=3)
TUESDAY = MONDAY + timedelta(days=1)
WEDNESDAY = MONDAY + timedelta(days=2)


def tell(
    day: date = MONDAY, kind: ProfitRun.Kind = ProfitRun.Kind.CLOSE, *, at: datetime = NOW, reason: str = ""
) -> int:
    """Tell a day and return its run."""
    return tell_profit(day=day, kind=kind, now=at, actor=CONTROLLER, reason=reason)


def parts(run_id: int, book: str | None = None) -> dict[str, Decimal]:
    """Return what a run came to, by part, without what is nought; `total` always."""
    sums = ", ".join(f"coalesce(sum(l.{name}), 0)" for name in (*PARTS, "total"))
    found = sql.row(
        f"SELECT {sums} FROM ledger_profit_line l LEFT JOIN refdata_book b ON b.id = l.book_id"
        " WHERE run_id = %s AND (%s::text IS NULL OR b.code = %s)",
        [run_id, book, book],
    )
    assert found is not None
    every = dict(zip((*PARTS, "total"), found, strict=True))
    assert sum(every[name] for name in PARTS) == every["total"]
    return {name: value.normalize() + 0 for name, value in every.items() if value or name == "total"}


def gains(run_id: int, book: str | None = None) -> dict[str, Decimal]:
    """Return what a run came to by its lots, without what is nought; `total` always. It adds up, by whatever told."""
    told = gains_total(run_id=run_id, book=book)
    for row in (told, *gains_by(run_id=run_id, by="trader"), *gains_by(run_id=run_id, by="instrument")):
        assert sum(row[name] for name in GAINS) == row["total"]
    assert told["total"].normalize() + 0 == parts(run_id, book)["total"]
    return {name: told[name].normalize() + 0 for name in (*GAINS, "total") if told[name] or name == "total"}


def flags(run_id: int) -> dict[str, str]:
    """Return what is wrong with the prices and rates of a run, by instrument or currency."""
    return dict(
        sql.rows(
            "SELECT CASE WHEN p.instrument_id = 0 THEN p.currency ELSE coalesce(i.code, '?') END, p.flag"
            " FROM ledger_profit_price p LEFT JOIN refdata_instrument i ON i.id = p.instrument_id"
            " WHERE p.run_id = %s AND p.flag <> ''",
            [run_id],
        )
    )


def money(**amounts: Any) -> dict[str, Decimal]:
    """Return amounts as `parts` does."""
    return {name: Decimal(amount).normalize() + 0 for name, amount in amounts.items()}


def adjusting(**changes: Any) -> Adjustment:
    """Return an adjustment of a book by 1,250 euro, on Monday alone."""
    said = {
        "book": "BOOK-1",
        "instrument": "",
        "currency": "EUR",
        "amount": Decimal("-1250.00"),
        "valid_from": MONDAY,
        "reverses_on": TUESDAY,
    }
    return Adjustment(**{**said, **changes})


def propose_adjusting(**changes: Any) -> int:
    """Propose an adjustment as `adjusting` has it; return the proposal."""
    return propose_adjustment(
        adjustment=adjusting(**changes),
        reason="the vendor prices it off the market",
        user=somebody("maker"),
        actor=CONTROLLER,
        now=NOW,
    )


def prepare(run: int = 1, *, day: date = MONDAY, book: str = "BOOK-1") -> int:
    """Prepare the sign-off of a book by the number of a run; return the proposal."""
    return propose_sign_off(
        day=day, run=run, book=book, reason="compared", user=somebody("maker"), now=NOW, actor=CONTROLLER
    )


def accept_all(day: date = MONDAY) -> None:
    """Accept every flag of a day's latest run."""
    run = find_run(day=day)
    assert run is not None
    for flag in flags_of(run_id=run["id"]):
        accept_flag(day=day, price_id=flag["id"], reason="as the desk said", now=NOW, actor=CONTROLLER)
