"""What follows a statement: it is stored, and the reconciliations that go with it are asked to run."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core.audit import Actor
from ledger.services.runs import ask_runs_with
from ledger.services.statements import Sent, Stored, store_statement


def receive_statement(*, sent: Sent, actor: Actor, now: datetime) -> Stored:
    """Store a file and ask for a run of each reconciliation that goes with statements of its kind and source.

    The same file again adds nothing and asks for nothing. Refuses as `store_statement`.
    """
    with transaction.atomic():
        stored = store_statement(sent=sent, actor=actor, now=now)
        if stored.is_new:
            ask_runs_with(
                kind=stored.kind, source=stored.source, day=stored.business_date, actor=actor, now=now
            )
    return stored
