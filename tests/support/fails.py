"""Settlements that fail, for the tests of what they cost."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from core import sql
from core.audit import Actor
from core.clock import day_begins
from refdata.services import load_rows
from settlement.services.report import Report, report_status
from tests.settlement.support import batch_of, instruction_ids, seal, validated
from tests.support.factories import equity
from tests.support.records import NOW

CLERK = Actor("user:rates")
VALUE = date(2026, 11, 25)  # a Wednesday: the factories' value date


def evening(day: date) -> datetime:
    """Return six in the evening of a day, in the operator's zone."""
    return day_begins(day) + timedelta(hours=18)


def penalty_rate(basis_points: str, **fields: Any) -> None:
    """Store a penalty rate; of equities since long ago, unless fields say otherwise."""
    row = {
        "asset_class": "EQUITY",
        "liquidity": "*",
        "currency": "*",
        "basis_points": basis_points,
        "source": "CSDR",
        "valid_from": "2020-01-01",
        **fields,
    }
    load_rows(kind="penalty-rates", rows=[row], actor=CLERK, now=NOW, mode="atomic")


def sealed(**changes: Any) -> tuple[int, int, int]:
    """Seal a purchase of 100 shares of 187.00 and have it accepted; return the trade, its securities and its cash."""
    (trade_id,) = validated(equity(**changes))
    seal()
    securities, cash = (instruction_ids(batch_of(each))[0] for each in ("SECURITIES", "CASH"))
    sql.run("UPDATE settlement_instruction_state SET processing = 'ACCEPTED'")
    return trade_id, securities, cash


def told(instruction_id: int, kind: Any, on: date, *, reason: str = "", quantity: str = "") -> None:
    """Have the back office report of an instruction on the evening of a day."""
    report = Report(instruction_id, kind, reason, Decimal(quantity) if quantity else None)
    (result,) = report_status(reports=[report], actor=Actor("client:back-office"), now=evening(on))
    assert result.status == 200, result.detail


def costs(instruction_id: int) -> list[tuple[date, str | None, str]]:
    """Return what is told of an instruction and not reversed: the day, the amount or None, the gap or who pays."""
    return [
        (day, None if amount is None else f"{amount:.2f}", gap or payer)
        for day, amount, gap, payer in sql.rows(
            "SELECT day, amount, gap, payer FROM settlement_penalty p WHERE instruction_id = %s AND reverses IS NULL"
            " AND NOT EXISTS (SELECT FROM settlement_penalty x WHERE x.reverses = p.id) ORDER BY day",
            [instruction_id],
        )
    ]
