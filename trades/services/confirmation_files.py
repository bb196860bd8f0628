"""What counterparties say as it is sent: one as a JSON object, many as the lines of a CSV file, with every fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from core.audit import Actor, encode
from core.http.body import JsonBody
from core.http.problem import Fault, Problem
from core.ids import TRADE, database_id
from refdata.files import BrokenFile, numbered_rows_of_csv
from trades.models import ConfirmationVersion
from trades.products import PRODUCTS
from trades.products.base import AMOUNT_DECIMALS, MAX_DECIMALS, date_fault, decimal_fault
from trades.services.confirmation import Said, Told, confirm_trades

LINES_MAX = 5_000  # taken in one transaction
FILE_LINES_MAX = 200_000
VERSION_MAX = 2_000_000_000
_FAULTS_MAX = 1_000  # named of one file
FIELDS = (
    "party", "reference", "version", "action", "trade", "source", "source_ref", "product", "side", "instrument",
    "quantity", "price", "currency", "net_amount", "contra_currency", "contra_amount", "trade_date",
    "settlement_date",
)  # fmt: skip
REQUIRED = ("party", "reference", "version", "product", "side", "currency", "trade_date")


@dataclass(frozen=True)
class Line:
    """What one line of a file says; `number`: the line of the file on which it ends."""

    number: int
    said: Said


def read_said(data: bytes) -> Said:
    """Read what a counterparty says, a JSON object; Problem 400 with every fault of it."""
    body = JsonBody(data, known=FIELDS)
    trade = body.text("trade", max_length=40)
    read: dict[str, Any] = {
        "party": body.text("party", required=True, max_length=64),
        "reference": body.text("reference", required=True, max_length=128),
        "version": body.whole("version"),
        "action": body.text("action") or ConfirmationVersion.Action.CONFIRM.value,
        "product": body.text("product", required=True),
        "side": body.text("side", required=True),
        "currency": body.text("currency", required=True, max_length=3),
        "trade_date": body.day("trade_date", required=True),
        "trade_id": None if trade is None else database_id(TRADE, trade),
        "source": body.text("source", max_length=64),
        "source_ref": body.text("source_ref", max_length=128),
        "instrument": body.text("instrument", max_length=64),
        "quantity": _decimal(body, "quantity", MAX_DECIMALS),
        "price": _decimal(body, "price", MAX_DECIMALS),
        "net_amount": _decimal(body, "net_amount", AMOUNT_DECIMALS),
        "contra_currency": body.text("contra_currency", max_length=3),
        "contra_amount": _decimal(body, "contra_amount", AMOUNT_DECIMALS),
        "settlement_date": body.day("settlement_date"),
    }
    if read["version"] is None or not 1 <= read["version"] <= VERSION_MAX:
        body.faults.append(Fault("/version", f"A whole number from 1 to {VERSION_MAX:,}.", "type"))
    if trade is not None and read["trade_id"] is None:
        body.faults.append(Fault("/trade", "Not a trade's id.", "type"))
    if (read["source"] is None) != (read["source_ref"] is None) or (trade and read["source"]):
        body.faults.append(
            Fault("", "Either the trade, or its source and source_ref, or neither.", "missing")
        )
    for name, choices in _CHOICES.items():
        if read[name] is not None and read[name] not in choices:
            body.faults.append(Fault(f"/{name}", f"One of {', '.join(choices)}.", "unknown"))
    for name in ("trade_date", "settlement_date"):
        if read[name] is not None and (fault := date_fault(read[name])):
            body.faults.append(Fault(f"/{name}", f"It {fault}.", "range"))
    body.check()
    return Said(**read)


_CHOICES = {
    "action": tuple(ConfirmationVersion.Action.values),
    "product": tuple(PRODUCTS),
    "side": ("BUY", "SELL"),
}


def _decimal(body: JsonBody, name: str, decimals: int) -> Decimal | None:
    value = body.decimal(name)
    if value is not None and (fault := decimal_fault(value, decimals)):
        body.faults.append(Fault(f"/{name}", f"It {fault}.", "range"))
        return None
    return value


def read_file(data: bytes, *, at_most: int = FILE_LINES_MAX) -> list[Line]:
    """Return what the lines of a CSV file with a header of FIELDS say.

    Problem 422 with the faults of all lines, each with the pointer `/lines/{number}/{field}`, for a text that is no
    such file, and for one with more than `at_most` lines.
    """
    try:
        header, rows = numbered_rows_of_csv(data)
    except BrokenFile as error:
        raise _refused([Fault("", str(error), "malformed")]) from None
    faults = [
        Fault(f"/lines/1/{each}", "There is no such field.", "unknown-field")
        for each in header
        if each not in FIELDS
    ]
    faults += [
        Fault(f"/lines/1/{each}", "This column is required.", "missing")
        for each in REQUIRED
        if each not in header
    ]
    if not 1 <= len(rows) <= at_most:
        faults.append(Fault("", f"From 1 to {at_most:,} lines below the header.", "length"))
    if faults:
        raise _refused(faults)
    lines = []
    for number, row in rows:
        try:
            if not isinstance(row, dict):
                raise Problem(422, "invalid", "", faults=[Fault("", row.reason, "malformed")])
            lines.append(Line(number, _said_of_cells(row)))
        except Problem as problem:
            faults += _of_line(number, problem)
    faults += _contradictions(lines)
    if faults:
        raise _refused(faults)
    return lines


def _contradictions(lines: Sequence[Line]) -> list[Fault]:
    """Return the faults of lines that say something else under a version that a line above them has used.

    Nothing else finds these before the first lines are stored, where the two are taken in different transactions.
    """
    first: dict[tuple[str, str, int], Line] = {}
    faults = []
    for line in lines:
        said = line.said
        above = first.setdefault((said.party, said.reference, said.version), line)
        if above.said != said:
            told = f"Line {above.number} has used this version for something else: count on."
            faults.append(Fault(f"/lines/{line.number}", told, "version-used"))
    return faults


def preview_lines(*, lines: Sequence[Line], actor: Actor, now: datetime) -> list[Told]:
    """Return what would become of lines, in order: they are taken as `take_lines` does, and that is taken back."""
    with transaction.atomic():
        told = take_lines(lines=lines, actor=actor, now=now)
        transaction.set_rollback(True)
    return told


def take_lines(*, lines: Sequence[Line], actor: Actor, now: datetime) -> list[Told]:
    """Store what at most LINES_MAX lines say, all or nothing; return what became of each. Again, it adds nothing.

    Problem 422 naming each line that cannot be stored: of a party that is not known, or with a version that was used
    for something else.
    """
    assert len(lines) <= LINES_MAX  # noqa: S101 - the caller has divided them
    told, faults = list[Told](), list[Fault]()
    with transaction.atomic():
        answers = confirm_trades(said=[each.said for each in lines], actor=actor, now=now)
        for line, answer in zip(lines, answers, strict=True):
            if isinstance(answer, Problem):
                faults += _of_line(line.number, answer)
            else:
                told.append(answer)
        if faults:
            raise _refused(faults)
    return told


def in_turns(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Yield lines as many at a time as one transaction takes."""
    for start in range(0, len(lines), LINES_MAX):
        yield lines[start : start + LINES_MAX]


def outcomes(told: Sequence[Told]) -> dict[str, int]:
    """Return how many lines had which outcome, and how many confirmations now stand how."""
    return dict(sorted(Counter([each.outcome for each in told] + [each.status for each in told]).items()))


def _of_line(number: int, problem: Problem) -> list[Fault]:
    place = f"/lines/{number}"
    named = [Fault(f"{place}{each.pointer}", each.detail, each.code) for each in problem.faults]
    return named or [Fault(place, problem.title, problem.code)]


def _refused(faults: list[Fault]) -> Problem:
    detail = (
        ""
        if len(faults) <= _FAULTS_MAX
        else f"The first {_FAULTS_MAX:,} of {len(faults):,} faults are named."
    )
    return Problem(422, "invalid", "Nothing of this file can be taken.", detail, faults=faults[:_FAULTS_MAX])


def _said_of_cells(cells: dict[str, str | None]) -> Said:
    given: dict[str, Any] = dict(cells)
    version = given.get("version")
    if version and version.isascii() and version.isdigit() and len(version) <= 10:
        given["version"] = int(version)
    return read_said(encode(given).encode())
