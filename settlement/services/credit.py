"""Credits by hand: goods that came back, a price that was put right, a fee that is waived. The deal stays as it is.

Below an amount that is data of the billing terms one person credits; from it on, a second one must approve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.money import ZERO, format_amount, round_money
from core.text import text_faults
from settlement.services import _billable
from settlement.services.invoice import credit_note_of, credited_line
from settlement.services.invoice_store import SUBJECT, issue
from trades.lifecycle import lock_trades

KIND = "credit_invoice"
MAX_LINES = 5_000


@dataclass(frozen=True)
class Wish:
    """What is to be credited of one line: a quantity that came back, or an amount before tax; neither: all that is
    open."""

    line: int
    quantity: Decimal | None = None
    net: Decimal | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a credit: the credit note's id, or that of the proposal which waits for a second person."""

    document_id: int | None = None
    proposal_id: int | None = None


def credit_invoice(
    *,
    invoice_id: int,
    wishes: Sequence[Wish],
    reason: str,
    user: AbstractBaseUser | None,
    actor: Actor,
    now: datetime,
    client_id: int | None = None,
) -> Outcome:
    """Credit lines of an invoice, all that is open of it where no line is named.

    Who asks is a person (`user`) or an API client (`client_id`). Problem 404 for an unknown invoice, 409 for a credit
    note and when another credit waits to be approved, 422 with every fault of what is asked.
    """
    with transaction.atomic():
        lock_invoice(invoice_id)
        rows = _lines(invoice_id)
        faults = text_faults(reason, pointer="/reason")
        lines = _amounts(rows, wishes, faults)
        if faults:
            raise Problem(422, "invalid", "This cannot be credited like this.", faults=faults)
        if _gross(lines) < _alone_below(invoice_id):
            return Outcome(document_id=_issue(rows, lines, reason.strip(), actor, now))
        content = _content(rows, lines)
        proposal_id = four_eyes.propose(
            kind=KIND,
            subject=SUBJECT,
            subject_id=invoice_id,
            content=content,
            user=user,
            client_id=client_id,
            reason=reason,
            now=now,
            actor=actor,
        )
        return Outcome(proposal_id=proposal_id)


def apply_credit(proposal: Proposal, actor: Actor, now: datetime) -> None:
    """Credit as it was proposed, in the transaction of the approval. Problem 409 when it is no longer open."""
    rows = _lines(proposal.subject_id)
    lines = {
        each["line"]: (Decimal(each["quantity"]), Decimal(each["net"]), Decimal(each["tax"]))
        for each in proposal.content["lines"]
    }
    if any(place not in rows or not _is_open(rows[place], wanted) for place, wanted in lines.items()):
        raise Problem(409, "no-longer-open", "The invoice was credited otherwise meanwhile.")
    _issue(rows, lines, proposal.reason, actor, now)


_TRADES = "SELECT DISTINCT trade_id FROM settlement_invoice_line WHERE invoice_id = %s ORDER BY trade_id"


def lock_invoice(invoice_id: int) -> None:
    """Lock the trades that an invoice bills, as whoever bills them does."""
    lock_trades([trade_id for (trade_id,) in sql.rows(_TRADES, [invoice_id])])


_Amounts = tuple[Decimal, Decimal, Decimal]  # quantity, net, tax


def _lines(invoice_id: int) -> dict[int, dict[str, Any]]:
    """Return the lines of an invoice that still count, by their places. Problem 404, or 409 for a credit note."""
    kind = sql.row("SELECT kind FROM settlement_invoice WHERE id = %s", [invoice_id])
    if kind is None:
        raise not_found("invoice")
    if kind != ("INVOICE",):
        raise Problem(409, "credit-note", "A credit note is not credited: bill what is owed again.")
    found = sql.records(_billable.STANDING_OF_INVOICE, {"invoice_id": invoice_id})
    return {row["line"]: row for row in found}


def _open(row: Mapping[str, Any]) -> _Amounts:
    quantity = row["quantity"] - row["credited_quantity"]
    return quantity, row["net"] - row["credited_net"], row["tax"] - row["credited_tax"]


def _is_open(row: Mapping[str, Any], wanted: _Amounts) -> bool:
    return all(abs(each) <= abs(of) for each, of in zip(wanted, _open(row), strict=True))


def _amounts(
    rows: Mapping[int, Mapping[str, Any]], wishes: Sequence[Wish], faults: list[Fault]
) -> dict[int, _Amounts]:
    """Return what is credited of each line, adding what is wrong to `faults`."""
    asked = wishes or [Wish(place) for place, row in rows.items() if any(_open(row))]
    found: dict[int, _Amounts] = {}
    if not asked:
        faults.append(Fault("/lines", "Nothing of this invoice is open.", "nothing-open"))
    for at, wish in enumerate(asked):
        row = rows.get(wish.line)
        pointer = f"/lines/{at}"
        if row is None or wish.line in found:
            why = "It is named twice." if row else "The invoice has no such line that is open."
            faults.append(Fault(f"{pointer}/line", why, "unknown"))
        elif fault := _fault(row, wish, pointer):
            faults.append(fault)
        else:
            found[wish.line] = _amount(row, wish)
    return found


def _fault(row: Mapping[str, Any], wish: Wish, pointer: str) -> Fault | None:
    quantity, net, _ = _open(row)
    if wish.quantity is not None and wish.net is not None:
        return Fault(f"{pointer}/net", "Say how much came back or how much less it costs, not both.", "both")
    if wish.quantity is not None and not 0 < wish.quantity <= quantity:
        return Fault(f"{pointer}/quantity", f"More than nothing, and at most {quantity.normalize():f}.")
    if wish.net is not None:
        shown = format_amount(net, row["currency"])
        if not 0 < wish.net <= net:
            return Fault(f"{pointer}/net", f"More than nothing, and at most {shown}.")
        if round_money(wish.net, row["currency"]) != wish.net:
            return Fault(f"{pointer}/net", "No finer than the currency's minor unit.", "precision")
    if not any(_open(row)):
        return Fault(pointer, "Nothing of this line is open.", "nothing-open")
    return None


def _amount(row: Mapping[str, Any], wish: Wish) -> _Amounts:
    """Return what a wish comes to: the rest of a line takes whatever rounding has left."""
    quantity, net, tax = _open(row)
    if wish.net is None and wish.quantity in (None, quantity):
        return quantity, net, tax
    back = wish.quantity or ZERO
    given = wish.net
    if given is None:
        given = min(net, round_money(back * row["unit_price"], row["currency"]))
    if given == net:
        return back, net, tax
    share = round_money(row["tax"] * given / row["net"], row["currency"])
    return back, given, min(tax, share)


def _gross(lines: Mapping[int, _Amounts]) -> Decimal:
    return sum((net + tax for _, net, tax in lines.values()), ZERO)


def _alone_below(invoice_id: int) -> Decimal:
    found = sql.row(_billable.ALONE_BELOW, [invoice_id])
    return Decimal(found[0]) if found else ZERO


def _content(rows: Mapping[int, Mapping[str, Any]], lines: Mapping[int, _Amounts]) -> dict[str, Any]:
    row = next(iter(rows.values()))
    return {
        "invoice": row["reference"],
        "currency": row["currency"],
        "gross": format_amount(_gross(lines), row["currency"]),
        "lines": [
            {
                "line": place,
                "text": rows[place]["text"],
                "quantity": f"{quantity.normalize():f}",
                "net": format_amount(net, row["currency"]),
                "tax": format_amount(tax, row["currency"]),
            }
            for place, (quantity, net, tax) in sorted(lines.items())
        ],
    }


def _issue(
    rows: Mapping[int, Mapping[str, Any]],
    lines: Mapping[int, _Amounts],
    reason: str,
    actor: Actor,
    now: datetime,
) -> int:
    note = credit_note_of(next(iter(rows.values())), reason=reason)
    for place, (quantity, net, tax) in sorted(lines.items()):
        part = rows[place]["credit_count"] + 1
        note.lines.append(credited_line(rows[place], quantity=quantity, net=net, tax=tax, part=part))
    (document_id,) = issue([note], now=now, actor=actor)
    return document_id
