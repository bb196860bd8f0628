"""Which deals must be confirmed before they are sealed: by product and party, changed by two people; and waivers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, record
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.text import text_faults
from trades.confirmation_demand import demanded_sql
from trades.lifecycle import SUBJECT as TRADE
from trades.lifecycle import State, lock_trades
from trades.models import ConfirmationPolicy
from trades.products import PRODUCTS
from trades.services.confirmation_ageing import look_soon

KIND = "confirmation_policy"
SUBJECT = "confirmation_policy"

# The row that a proposal is about must be there to be named; it demands nothing until two people say so.
_HAVE = """
INSERT INTO trades_confirmation_policy (product, party, demanded, changed_at) VALUES (%s, %s, NULL, %s)
ON CONFLICT (product, party) DO NOTHING
"""
_ID = """
SELECT id, demanded, overdue_after_hours, remind_every_hours, mail_to FROM trades_confirmation_policy
WHERE product = %s AND party = %s
"""
HOURS_MAX = 8_760


def propose_policy(
    *,
    product: str,
    party: str,
    demanded: bool | None,
    overdue_after_hours: int | None = None,
    remind_every_hours: int | None = None,
    mail_to: str = "",
    reason: str,
    user: AbstractBaseUser | None,
    actor: Actor,
    now: datetime,
    client_id: int | None = None,
) -> int:
    """Propose whether deals of a product with a party must be confirmed, and by when; return the proposal's id.

    product, party: a code, or empty for any; demanded: None leaves it to what is less specific, and so does
    overdue_after_hours: hours after which a trade without a confirmation is overdue; remind_every_hours: from one
    reminder to the next, None: one is enough; mail_to: where reminders are mailed, empty leaves it to what is less
    specific. Problem 422 for an unknown product or party, for hours out of bounds, an
    address that is none or without a reason, 409 where it is so already or a proposal waits.
    """
    faults = text_faults(reason, pointer="/reason")
    hours = {"overdue_after_hours": overdue_after_hours, "remind_every_hours": remind_every_hours}
    for name, value in hours.items():
        if value is not None and not 1 <= value <= HOURS_MAX:
            faults.append(Fault(f"/{name}", f"From 1 to {HOURS_MAX:,} hours.", "range"))
    if remind_every_hours is not None and overdue_after_hours is None:
        faults.append(
            Fault(
                "/overdue_after_hours", "It is missing: what is never overdue is not reminded of.", "missing"
            )
        )
    if mail_to and not _is_address(mail_to):
        faults.append(Fault("/mail_to", "An address such as confirmations@example.com.", "invalid"))
    if product and product not in PRODUCTS:
        faults.append(Fault("/product", f"One of {', '.join(PRODUCTS)}, or empty for any.", "unknown"))
    if party and not sql.row("SELECT 1 FROM refdata_party WHERE code = %s", [party]):
        faults.append(Fault("/party", "There is no party of this code.", "unknown"))
    if faults:
        raise Problem(422, "invalid", "This policy cannot be proposed.", faults=faults)
    with transaction.atomic():
        sql.run(_HAVE, [product, party, now])
        found = sql.row(_ID, [product, party])
        assert found is not None  # noqa: S101 - it was made above, and none is ever deleted
        policy_id, before, *hours_before, mail_before = found
        if (before, *hours_before, mail_before) == (demanded, *hours.values(), mail_to):
            raise Problem(409, "unchanged", "The policy says so already.")
        return four_eyes.propose(
            kind=KIND,
            subject=SUBJECT,
            subject_id=policy_id,
            content={
                "product": product,
                "party": party,
                "demanded_before": before,
                "demanded": demanded,
                "hours_before": hours_before,
                **hours,
                "mail_to_before": mail_before,
                "mail_to": mail_to,
            },
            user=user,
            client_id=client_id,
            reason=reason,
            now=now,
            actor=actor,
        )


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def apply_policy(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Let a policy hold that two people want; what is sealed from then on goes by it."""
    policy = ConfirmationPolicy.objects.select_for_update().filter(id=proposal.subject_id).first()
    if policy is None:
        raise not_found("policy")
    content: dict[str, Any] = sql.json_value(proposal.content)
    # A proposal of before there were hours, or addresses, says nothing of them.
    stood = [policy.demanded, policy.overdue_after_hours, policy.remind_every_hours]
    said = [content["demanded_before"], *content.get("hours_before", stood[1:])]
    if stood != said or policy.mail_to != content.get("mail_to_before", policy.mail_to):
        raise Problem(409, "changed-meanwhile", "The policy has changed since this was proposed.")
    policy.demanded, policy.changed_at = content["demanded"], at
    policy.overdue_after_hours = content.get("overdue_after_hours", policy.overdue_after_hours)
    policy.remind_every_hours = content.get("remind_every_hours", policy.remind_every_hours)
    policy.mail_to = content.get("mail_to", policy.mail_to)
    if [policy.overdue_after_hours, policy.remind_every_hours] != stood[1:]:
        policy.spread_from = 0
    policy.save()
    record(
        type="confirmation_policy.changed",
        subject=SUBJECT,
        ids=[policy.id],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data=content,
    )


_ANY = "SELECT 1 FROM trades_confirmation_policy WHERE demanded LIMIT 1"
_UNCONFIRMED = """
SELECT DISTINCT r.trade_id FROM {relation} r
JOIN trades_state s ON s.trade_id = r.trade_id
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
WHERE {demanded}
  AND NOT EXISTS (SELECT FROM trades_confirmation c
                  WHERE c.trade_id = v.trade_id AND c.trade_version = v.version AND c.status = 'MATCHED')
  AND NOT EXISTS (SELECT FROM trades_confirmation_waiver w
                  WHERE w.trade_id = v.trade_id AND w.version = v.version)
ORDER BY 1
"""


def unconfirmed_among(relation: str) -> list[int]:
    """Return the trades of a relation (SQL with a column trade_id) that a confirmation is demanded of and not there."""
    if not sql.row(_ANY):
        return []
    return [
        trade_id
        for (trade_id,) in sql.rows(_UNCONFIRMED.format(relation=relation, demanded=demanded_sql("v", "p")))
    ]


_WAIVE = """
INSERT INTO trades_confirmation_waiver (trade_id, version, reason, actor, made_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (trade_id, version) DO NOTHING
"""


def waive_confirmation(*, trade_id: int, version: int, reason: str, actor: Actor, now: datetime) -> None:
    """Let a version of a trade leave without its confirmation; a later version needs one again. Safe to repeat.

    Problem 404 for an unknown trade, 409 where its version is another by now or it is gone, 422 without a reason.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "A waiver needs its reason.", faults=faults)
    with transaction.atomic():
        lock_trades([trade_id])
        found = sql.row("SELECT version, state FROM trades_state WHERE trade_id = %s", [trade_id])
        if found is None:
            raise not_found("trade")
        if found[0] != version or found[1] in {State.CANCELLED, State.ALLOCATED, State.SETTLED}:
            raise Problem(409, "changed-meanwhile", "The trade has changed: look at it again.")
        if sql.run(_WAIVE, [trade_id, version, reason.strip(), actor.name, now]):
            look_soon([trade_id], now, actor)
            record(
                type="trade.confirmation_waived",
                subject=TRADE,
                ids=[trade_id],
                versions=[version],
                actor=actor,
                at=now,
                reason=reason.strip(),
            )
