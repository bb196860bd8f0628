"""Import: what a foreign file holds is captured chunk by chunk, and every row of it is accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from core import sql
from core.audit import Actor
from core.money import ZERO
from refdata.services import load_rows
from trades.foreign_files import Read, ReferenceRead
from trades.mapping import IMPLIED_KINDS, Control
from trades.services.capture import Captured, Outcome, capture_trades

FATES = ("created", "existing", "conflicting", "unreadable")
_FATE = {
    Outcome.CREATED: "created",
    Outcome.EXISTING: "existing",
    Outcome.CONFLICT: "conflicting",
}


@dataclass
class Amounts:
    """What trades of one currency and side come to."""

    count: int = 0
    gross: Decimal = ZERO
    net: Decimal = ZERO


@dataclass
class ImportReport:
    """What became of a file so far. Every row is in exactly one of the four counts of rows.

    control_rows and control_trades: the mapping's control sum by currency, over the rows of captured
    trades and over these trades as they are stored; amounts: by (currency, side).
    """

    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FATES, 0))
    trades: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FATES, 0))
    amounts: dict[tuple[str, str], Amounts] = field(default_factory=dict)
    control_rows: dict[str, Decimal] = field(default_factory=dict)
    control_trades: dict[str, Decimal] = field(default_factory=dict)

    def count(self, fate: str, read: Read) -> None:
        """Count a message and its rows."""
        self.rows[fate] += read.rows
        self.trades[fate] += 1

    def disagreeing(self) -> list[str]:
        """Return the currencies whose control sums differ between the file and the trades."""
        currencies = self.control_rows.keys() | self.control_trades.keys()
        return sorted(
            each
            for each in currencies
            if self.control_rows.get(each, ZERO) != self.control_trades.get(each, ZERO)
        )


def import_reads(
    *, reads: Sequence[Read], control: Control | None, report: ImportReport, actor: Actor, at: datetime
) -> list[tuple[Read, str]]:
    """Capture the messages of one chunk in one transaction, add it to the report, and return what was not
    captured with its reason. Safe to repeat: what was captured before is found, not doubled."""
    readable = [read for read in reads if read.message is not None]
    with transaction.atomic():
        messages = [read.message for read in readable if read.message is not None]
        captured = capture_trades(messages=messages, actor=actor, at=at) if messages else []
        kept = [each.trade_id for each in captured if each.outcome is not Outcome.CONFLICT]
        _add_amounts(kept, control, report)
    refused = [(read, f"unreadable: {read.reason}") for read in reads if read.message is None]
    for read, _ in refused:
        report.count("unreadable", read)
    refused += _count_captured(readable, captured, report)
    return sorted(refused, key=lambda each: each[0].lines)


def _count_captured(
    reads: Sequence[Read], captured: Sequence[Captured], report: ImportReport
) -> list[tuple[Read, str]]:
    conflicts = []
    for read, result in zip(reads, captured, strict=True):
        report.count(_FATE[result.outcome], read)
        if result.outcome is Outcome.CONFLICT:
            differing = ", ".join(result.differing)
            conflicts.append((read, f"conflicting: captured before with other terms ({differing})"))
            continue
        for currency, amount in read.control.items():
            report.control_rows[currency] = report.control_rows.get(currency, ZERO) + amount
    return conflicts


_AMOUNTS = """
SELECT currency, side, count(*), sum(gross_amount), sum(net_amount) FROM trades_version
WHERE trade_id = ANY(%s) AND version = 1 GROUP BY currency, side
"""


def _add_amounts(trade_ids: Sequence[int], control: Control | None, report: ImportReport) -> None:
    """Add what is stored of the trades: the other side of the control sum is read, not computed again."""
    for currency, side, count, gross, net in sql.rows(_AMOUNTS, [list(trade_ids)]):
        amounts = report.amounts.setdefault((currency, side), Amounts())
        amounts.count += count
        amounts.gross += gross
        amounts.net += net
        if control is not None:
            stored = gross if control.equals == "gross_amount" else net
            sign = control.buy if side == "BUY" else control.sell
            known = report.control_trades.get(currency, ZERO)
            report.control_trades[currency] = known + sign * stored


@dataclass
class ReferenceReport:
    """What became of the reference data that a file implies: counts by kind, and what was refused and why."""

    added: dict[str, int] = field(default_factory=lambda: dict.fromkeys(IMPLIED_KINDS, 0))
    known: dict[str, int] = field(default_factory=lambda: dict.fromkeys(IMPLIED_KINDS, 0))
    refused: list[tuple[ReferenceRead, str]] = field(default_factory=list)


def add_references(
    *, reads: Sequence[ReferenceRead], report: ReferenceReport, actor: Actor, now: datetime
) -> None:
    """Add the implied reference rows that are not known yet. What is known is never changed by an import."""
    for kind in IMPLIED_KINDS:
        implied = [each for each in reads if each.kind == kind]
        report.refused += [(each, each.reason) for each in implied if each.reason]
        sound = [each for each in implied if not each.reason]
        known = _known(kind, [each.fields for each in sound])
        fresh = [each for each, is_known in zip(sound, known, strict=True) if not is_known]
        results = load_rows(kind=kind, rows=[each.fields for each in fresh], actor=actor, now=now).results
        report.known[kind] += len(sound) - len(fresh)
        for each, result in zip(fresh, results, strict=True):
            if result.outcome == "refused":
                faults = "; ".join(f"{fault.field} {fault.detail}".strip() for fault in result.faults)
                report.refused.append((each, faults))
            else:
                report.added[kind] += 1


_KNOWN = {
    "parties": "SELECT code FROM refdata_party WHERE code = ANY(%s)",
    "books": "SELECT code FROM refdata_book WHERE code = ANY(%s)",
    "instruments": (
        "SELECT code FROM refdata_instrument WHERE code = ANY(%(codes)s)"
        " UNION SELECT value FROM refdata_instrument_identifier WHERE value = ANY(%(codes)s)"
    ),
    # Any instruction for the same purpose counts: what is implied by a file never takes its place.
    "ssis": (
        "SELECT p.code || ' ' || s.kind || ' ' || s.key FROM refdata_ssi s JOIN refdata_party p"
        " ON p.id = s.party_id WHERE p.code || ' ' || s.kind || ' ' || s.key = ANY(%s)"
    ),
}


def _known(kind: str, rows: Sequence[dict[str, Any]]) -> list[bool]:
    names = ("party", "kind", "key") if kind == "ssis" else ("code",)
    codes = [" ".join(str(row.get(name, "")) for name in names) for row in rows]
    parameters: Any = {"codes": codes} if kind == "instruments" else [codes]
    stored = {code for (code,) in sql.rows(_KNOWN[kind], parameters)}
    return [code in stored for code in codes]
