"""The demo's confirmations: a broker that confirms its deals in shares, nearly all of them and nearly as they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor
from trades.lifecycle import State
from trades.services.confirmation import Said, confirm_trades
from trades.services.confirmation_ageing import remind_overdue, spread_policies
from trades.services.confirmation_policy import propose_policy

PRODUCT = "EQUITY"
HOURS = 4  # after which a deal that is not confirmed is overdue
MAILED_TO = "confirmations@broker.example"  # as EMAIL_URL is, nothing is sent
_OPEN = f"""
FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
JOIN refdata_party p ON p.id = v.counterparty_id
WHERE v.product = '{PRODUCT}' AND v.instrument_id IS NOT NULL AND v.recorded_at <= %(before)s
  AND s.state NOT IN ({State.CANCELLED.value}, {State.ALLOCATED.value}, {State.SETTLED.value})
"""
_PARTY = f"SELECT p.code {_OPEN} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
_TERMS = f"""
SELECT v.trade_id, v.side, v.instrument_ref AS instrument, v.quantity, v.price, v.currency, v.net_amount,
       v.trade_date, v.settlement_date
{_OPEN} AND p.code = %(party)s ORDER BY v.trade_id
"""


def tell_confirmations(*, now: datetime) -> None:
    """Have the busiest broker confirm what is older than the policy's hours, but for one deal that is then overdue.

    The first two it confirms otherwise than they are, and one it alleges that is not ours. Again it changes nothing.
    """
    asked = {"before": now - timedelta(hours=HOURS)}
    busiest = sql.row(_PARTY, asked)
    if busiest is None or sql.row("SELECT 1 FROM trades_confirmation LIMIT 1"):
        return
    (party,) = busiest
    terms = sql.records(_TERMS, {**asked, "party": party})
    said = [
        Said(
            party=party,
            reference=f"DEMO-{each['trade_id']}",
            version=1,
            action="CONFIRM",
            product=PRODUCT,
            **each,
        )
        for each in terms[1:]
    ]
    with transaction.atomic():
        _demand(party, now)
        confirm_trades(said=_otherwise(said), actor=Actor("client:back-office"), now=now)
        while spread_policies(now=now):
            pass
        while remind_overdue(now=now):
            pass


def _demand(party: str, now: datetime) -> None:
    maker, checker = (User.objects.get(username=name) for name in ("olivia", "sam"))
    proposal_id = propose_policy(
        product=PRODUCT,
        party=party,
        demanded=None,
        overdue_after_hours=HOURS,
        mail_to=MAILED_TO,
        reason="as agreed with the broker",
        user=maker,
        actor=Actor("user:olivia"),
        now=now,
    )
    four_eyes.approve(proposal_id=proposal_id, user=checker, note="", actor=Actor("user:sam"), now=now)


def _otherwise(said: list[Said]) -> list[Said]:
    """Return what is said with its first two saying something else, and one more that is of no deal of ours."""
    if len(said) < 3:
        return said
    first, second, *others = said
    alleged = replace(
        others[-1],
        reference="DEMO-ALLEGED",
        trade_id=None,
        quantity=Decimal(7_777),
        net_amount=Decimal(777_700),
    )
    return [
        replace(first, price=(first.price or Decimal(0)) + 1),
        replace(second, settlement_date=second.trade_date + timedelta(days=9)),
        *others,
        alleged,
    ]
