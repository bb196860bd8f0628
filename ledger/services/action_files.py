"""Corporate actions as they are sent: one as a JSON object, many as the lines of a CSV text."""

from __future__ import annotations

from core.audit import encode
from core.http.body import JsonBody
from core.http.problem import Fault, Problem
from ledger.services.corporate_actions import AT_ONCE, ActionTerms
from refdata.files import BrokenFile, rows_of_csv

FIELDS = (
    "reference", "type", "instrument", "ex_date", "record_date", "pay_date", "currency", "rate", "new", "old",
    "cancelled",
)  # fmt: skip
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


def read_action(read: JsonBody) -> tuple[str, ActionTerms] | None:
    """Return one action with its reference, None where its faults, which stay in `read`, leave none."""
    reference, instrument = (
        read.text(name, required=True, max_length=100) for name in ("reference", "instrument")
    )
    type_, currency = read.text("type", required=True), read.text("currency", max_length=10)
    ex_date = read.day("ex_date", required=True)
    record_date, pay_date = read.day("record_date"), read.day("pay_date")
    rate, new, old = (read.decimal(name) for name in ("rate", "new", "old"))
    cancelled = read.flag("cancelled")
    if read.faults or not (reference and instrument and type_ and ex_date):
        return None
    terms = ActionTerms(
        type=type_,
        instrument=instrument,
        ex_date=ex_date,
        record_date=record_date or ex_date,
        pay_date=pay_date or ex_date,
        currency=currency or "",
        rate=rate,
        new=new,
        old=old,
        cancelled=bool(cancelled),
    )
    return reference, terms


def actions_of_csv(data: bytes) -> tuple[list[tuple[str, ActionTerms]], list[str]]:
    """Return the actions of a CSV text with a header of FIELDS, and the pointer of each: its line.

    Problem 422 with every fault, or for a text that is no CSV or has too many lines.
    """
    try:
        rows = rows_of_csv(data)
    except BrokenFile as error:
        raise _refused([Fault("/rows", str(error), "malformed")]) from None
    if not 1 <= len(rows) <= AT_ONCE:
        raise _refused([Fault("/rows", f"From 1 to {AT_ONCE} lines below the header.", "length")])
    found, pointers, faults = [], [], []
    for line, row in enumerate(rows, start=2):
        pointer = f"/rows/line {line}"
        if not isinstance(row, dict):
            faults.append(Fault(pointer, row.reason, "malformed"))
            continue
        given = {
            name: _FLAGS.get(cell.lower(), cell) if name == "cancelled" and cell else cell
            for name, cell in row.items()
        }
        read = JsonBody(encode(given).encode(), known=FIELDS)
        action = read_action(read)
        faults += [Fault(f"{pointer}{each.pointer}", each.detail, each.code) for each in read.faults]
        if action is not None:
            found.append(action)
            pointers.append(pointer)
    if faults:
        raise _refused(faults)
    return found, pointers


def _refused(faults: list[Fault]) -> Problem:
    return Problem(422, "invalid", "These cannot be corporate actions.", faults=faults)
