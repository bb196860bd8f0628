"""The demo's reconciliations: statements that nearly agree with the story, so that there is a break of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor
from core.clock import business_date
from core.money import format_number
from ledger.kinds import KINDS
from ledger.kinds.base import Kind
from ledger.services import definitions
from ledger.services.arrivals import receive_statement
from ledger.services.comparison import Record
from ledger.services.runs import run_queued
from ledger.services.sides import read_ours
from ledger.services.statements import Sent

# code, kind, source
RECONCILED = (
    ("TRADES-FO-EQ", "TRADES", "FO-EQ"),
    ("CASH-HOUSE-BANK", "CASH", "HOUSE-BANK"),
    ("CUSTODY", "POSITIONS", "HOUSE-CUSTODIAN"),
    ("HANDOFFS", "HANDOFFS", "back-office"),
)
_LOOK_BACK = timedelta(days=10)
_ACCOUNTS = """
SELECT DISTINCT s.account FROM refdata_ssi s JOIN refdata_party p ON p.id = s.party_id
WHERE p.role = 'ENTITY' AND s.account <> '' ORDER BY 1
"""


def tell_reconciliations(*, now: datetime) -> None:
    """Have two people make each reconciliation, and its statement of the last day come, unless there are some."""
    if sql.row("SELECT 1 FROM ledger_reconciliation LIMIT 1"):
        return
    with transaction.atomic():
        for code, kind, source in RECONCILED:
            _define(code, KINDS[kind], source, now)
            if sent := _statement(KINDS[kind], source, now):
                receive_statement(sent=sent, actor=Actor(f"client:{source.lower()}"), now=now)
        while run_queued(actor=Actor("system:reconciliation"), now=now + timedelta(seconds=1)):
            pass


def _define(code: str, kind: Kind, source: str, now: datetime) -> None:
    maker, checker = (User.objects.get(username=name) for name in ("olivia", "sam"))
    proposal_id = definitions.propose_reconciliation(
        code=code,
        terms=definitions.Terms(kind.title, kind.code, source, kind.levels),
        reason="so that both sides are known to agree each day",
        user=maker,
        actor=Actor("user:olivia"),
        now=now,
    )
    four_eyes.approve(proposal_id=proposal_id, user=checker, note="", actor=Actor("user:sam"), now=now)


def _statement(kind: Kind, source: str, now: datetime) -> Sent | None:
    """Return the other side's file of the last day of which we have something; None when there is none."""
    today = business_date(now)
    accounts = [each for (each,) in sql.rows(_ACCOUNTS)] if kind.account else None
    ours = read_ours(kind, source, today - _LOOK_BACK, today, accounts, None)
    if not ours:
        return None
    day = max(each.day for each in ours)
    lines = list(_nearly([each for each in ours if each.day == day], kind))
    return Sent(kind.code, source, msgspec.json.encode({"lines": lines}), "application/json", day)


def _nearly(ours: list[Record], kind: Kind) -> Iterator[dict[str, Any]]:
    """Yield our records as lines of theirs: the first is missing, the second says more, and one comes that we lack."""
    amount = kind.money[0]
    for at, record in enumerate(ours[1:]):
        fields = dict(record.fields)
        if at == 0:
            fields[amount] = str(format_number(Decimal(fields.get(amount) or 0) + 100))
        yield fields
    extra = dict(ours[0].fields)
    extra[kind.identity[-1] if kind.snapshot else kind.levels[0]["keys"][-1]] = "UNKNOWN-1"
    yield extra
