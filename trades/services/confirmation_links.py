"""One-time links by which a counterparty without a system answers about one version of one trade.

The link is its own proof: a random secret, signed, of which a digest is kept. What is wrong with one that does not
hold is told to nobody: unknown, bent, used, over and out of date all look the same.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction

from core import ids, sql
from core.audit import Actor, record
from core.http.problem import Fault, Problem, not_found
from core.text import text_faults
from trades.lifecycle import SUBJECT as TRADE
from trades.lifecycle import State, lock_trades
from trades.services.confirmation import Said, Told, confirm_trades
from trades.services.confirmation_matching import SUBJECT

VALID = timedelta(days=7)
NAME_MAX = 100
_SIGNER = Signer(salt="trades.confirmation_link")
_ENDED = (State.CANCELLED.value, State.ALLOCATED.value, State.SETTLED.value)
Says = Literal["CONFIRM", "DENY"]


@dataclass(frozen=True)
class Link:
    """A link that was made: the token that stands in its address, shown now and never again, and when it ends."""

    token: str
    expires_at: datetime


_TRADE = """
SELECT s.version, s.state, v.counterparty_id FROM trades_state s
JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version WHERE s.trade_id = %s
"""
_SUPERSEDE = """
UPDATE trades_confirmation_link SET expires_at = %(now)s
WHERE trade_id = %(trade_id)s AND used_at IS NULL AND expires_at > %(now)s
"""
_MAKE = """
INSERT INTO trades_confirmation_link (trade_id, version, digest, actor, made_at, expires_at)
VALUES (%(trade_id)s, %(version)s, %(digest)s, %(actor)s, %(now)s, %(expires_at)s) RETURNING id
"""


def make_link(*, trade_id: int, version: int, actor: Actor, now: datetime) -> Link:
    """Make a link by which the counterparty of a trade answers about one version; an earlier one ends.

    Problem 404 for an unknown trade, 409 where its version is another by now, it has ended or its counterparty is
    not known.
    """
    with transaction.atomic():
        lock_trades([trade_id])
        return _make(secrets.token_urlsafe(32), trade_id, version, actor, now)


_MADE = "SELECT used_at, expires_at FROM trades_confirmation_link WHERE digest = %s"


def link_of_mail(*, mail: Mapping[str, Any], now: datetime) -> Link | None:
    """Return the link that stands in a mail: made as it is first sent, as by make_link(), and the same each time after.

    mail: a row of trades_confirmation_mail. Its secret is derived from it and so kept nowhere. None where the link has
    ended meanwhile: it was used, or is out of date, or another took its place.
    """
    secret = _secret_of_mail(mail)
    with transaction.atomic():
        lock_trades([mail["trade_id"]])
        made = sql.row(_MADE, [_digest(secret)])
        if made is None:
            return _make(secret, mail["trade_id"], mail["version"], Actor(mail["actor"]), now)
    used_at, expires_at = made
    return Link(_SIGNER.sign(secret), expires_at) if used_at is None and expires_at > now else None


def _secret_of_mail(mail: Mapping[str, Any]) -> str:
    """The moment is part of it: where a backup was restored, ids come a second time."""
    told = (
        f"confirmation mail {mail['id']} {mail['trade_id']} {mail['version']} {mail['made_at'].timestamp()}"
    )
    derived = hmac.new(settings.TOKEN_PEPPER.encode(), told.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(derived).decode().rstrip("=")


def _make(secret: str, trade_id: int, version: int, actor: Actor, now: datetime) -> Link:
    """Make a link in the caller's transaction, which has locked the trade."""
    link = Link(_SIGNER.sign(secret), now + VALID)
    found = sql.row(_TRADE, [trade_id])
    if found is None:
        raise not_found("trade")
    if found[0] != version or found[1] in _ENDED or found[2] is None:
        raise Problem(409, "changed-meanwhile", "There is nothing of it to answer about: look at it again.")
    asked = {"trade_id": trade_id, "version": version, "now": now}
    sql.run(_SUPERSEDE, asked)
    made = sql.row(
        _MAKE,
        {**asked, "digest": _digest(secret), "actor": actor.name, "expires_at": link.expires_at},
    )
    assert made is not None  # noqa: S101 - one row is inserted
    record(
        type="trade.confirmation_link_made",
        subject=TRADE,
        ids=[trade_id],
        versions=[version],
        actor=actor,
        at=now,
        data={"link": made[0], "expires_at": link.expires_at},
    )
    return link


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# Of the version that it was made for, while that is still the one to be confirmed.
_LINKED = """
SELECT l.id AS link_id, v.trade_id, v.version, v.product, v.side, coalesce(i.code, v.instrument_ref) AS instrument,
       i.name AS instrument_name, v.quantity, v.price, v.currency, v.net_amount, v.contra_currency, v.contra_amount,
       v.trade_date, v.settlement_date, v.source_ref, p.code AS party, p.name AS party_name
FROM trades_confirmation_link l
JOIN trades_state s ON s.trade_id = l.trade_id AND s.version = l.version AND s.state <> ALL(%(ended)s)
JOIN trades_version v ON v.trade_id = l.trade_id AND v.version = l.version
JOIN refdata_party p ON p.id = v.counterparty_id
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
WHERE l.digest = %(digest)s AND l.used_at IS NULL AND l.expires_at > %(now)s
"""
_TRADE_OF = "SELECT trade_id FROM trades_confirmation_link WHERE digest = %s"


def linked_terms(*, token: str, now: datetime) -> dict[str, Any] | None:
    """Return the terms that a link asks about, with `party` and `party_name` whom it asks; None if it does not hold."""
    try:
        secret = _SIGNER.unsign(token)
    except BadSignature:
        return None
    found = sql.records(_LINKED, {"digest": _digest(secret), "now": now, "ended": list(_ENDED)})
    return found[0] if found else None


_USE = "UPDATE trades_confirmation_link SET used_at = %s WHERE id = %s"
_LAST = """
SELECT coalesce(max(v.version), 0) FROM trades_confirmation_version v JOIN refdata_party p ON p.id = v.party_id
WHERE p.code = %s AND v.reference = %s
"""
_SAID = (
    "product", "side", "instrument", "quantity", "price", "currency", "net_amount", "contra_currency",
    "contra_amount", "trade_date", "settlement_date",
)  # fmt: skip


def answer_link(*, token: str, says: str, name: str, reason: str, now: datetime) -> Told | None:
    """Store what a counterparty answers by its link as its view of the trade, and end the link; None where it does not
    hold (any more).

    says: CONFIRM or DENY; name: of the person who answers; reason: of a denial. Problem 422 with every fault; the link
    holds on then.
    """
    if linked_terms(token=token, now=now) is None:
        return None
    faults = [] if says in {"CONFIRM", "DENY"} else [Fault("/says", "Confirm it, or say no.", "unknown")]
    if not name.strip() or len(name) > NAME_MAX or "\0" in name:
        faults.append(Fault("/name", f"Who answers, in at most {NAME_MAX} characters.", "missing"))
    if says == "DENY":
        faults += text_faults(reason, pointer="/reason")
    if faults:
        raise Problem(422, "invalid", "This answer cannot be taken.", faults=faults)
    with transaction.atomic():
        # The trade first, as everywhere. Two who answer at once wait here, and the second finds the link used.
        digest = _digest(_SIGNER.unsign(token))
        lock_trades([trade_id for (trade_id,) in sql.rows(_TRADE_OF, [digest])])
        terms = linked_terms(token=token, now=now)
        if terms is None:
            return None
        sql.run(_USE, [now, terms["link_id"]])
        return _take(terms, says, name.strip(), reason.strip() if says == "DENY" else "", now)


def _take(terms: dict[str, Any], says: str, name: str, reason: str, now: datetime) -> Told:
    actor = Actor(f"counterparty:{terms['party']}")
    reference = f"LINK-{ids.public_id(ids.TRADE, terms['trade_id'])}"
    last = sql.row(_LAST, [terms["party"], reference])
    said = Said(
        party=terms["party"],
        reference=reference,
        version=(last[0] if last else 0) + 1,
        action=says,
        trade_id=terms["trade_id"],
        **{each: terms[each] for each in _SAID},
    )
    (told,) = confirm_trades(said=[said], actor=actor, now=now)
    assert isinstance(told, Told)  # noqa: S101 - the party is known, and the trade's lock keeps the version free
    record(
        type="confirmation.answered",
        subject=SUBJECT,
        ids=[told.confirmation_id],
        versions=[said.version],
        actor=actor,
        at=now,
        reason=reason,
        data={"says": says, "name": name, "link": terms["link_id"], "trade_id": terms["trade_id"]},
    )
    return told
