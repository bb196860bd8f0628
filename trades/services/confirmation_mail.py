"""Mail to counterparties: reminders of confirmations that are overdue, and one-time links somebody wants mailed.

A mail is a row, written in the transaction of what it tells of, and once by its key. It is sent by whoever takes it:
noted as being sent first, so that a process that dies leaves it to be sent again under the same Message-ID, by which
the other side knows it for the same. Nothing else sends one twice. What cannot be sent is work for a person.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from core import ids, sql
from core.audit import Actor, encode, record, system
from core.http.problem import Problem
from trades.lifecycle import SUBJECT, State, lock_trades
from trades.services.confirmation_links import Link, link_of_mail
from trades.services.exceptions import NewException, open_exceptions
from trades.work_items import UNMAILED

TASK = "trades.send_confirmation_mails"
REMINDER, LINK = "REMINDER", "LINK"
ATTEMPTS = 8
SENT_ANEW_AFTER = timedelta(minutes=10)  # what a process that died was sending
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
_ERROR_MAX = 500  # characters
_NEVER = 500  # from this answer of a mail server on, it will never take the mail
_ENDED = [State.CANCELLED.value, State.ALLOCATED.value, State.SETTLED.value]
_CONSOLE = "django.core.mail.backends.console.EmailBackend"
_log = logging.getLogger(__name__)
_SENDER = system("confirmations")

# The party's address comes before the product's, as with what else policies say.
ADDRESS = """
LEFT JOIN LATERAL (
    SELECT mail_to FROM trades_confirmation_policy m
    WHERE m.mail_to <> '' AND m.product IN ('', v.product) AND m.party IN ('', p.code)
    ORDER BY m.party = '', m.product = '' LIMIT 1
) mail ON true
"""
_QUEUE = """
INSERT INTO trades_confirmation_mail (trade_id, version, occasion, number, mail_to, actor, made_at, next_at, state)
SELECT trade_id, version, %(occasion)s,
       1 + (SELECT coalesce(max(number), 0) FROM trades_confirmation_mail m
            WHERE m.trade_id = n.trade_id AND m.occasion = %(occasion)s),
       mail_to, %(actor)s, %(now)s, %(now)s, 'PENDING'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS n(trade_id bigint, version int, mail_to text)
ORDER BY trade_id
"""


def is_set_up() -> bool:
    """Tell whether there is a mail server (`EMAIL_URL`); without one nothing is sent, and no link is made."""
    return bool(settings.EMAIL_BACKEND != _CONSOLE)


def queue_mails(rows: Sequence[Mapping[str, Any]], *, occasion: str, actor: Actor, now: datetime) -> None:
    """Have mails sent, in the caller's transaction, which has locked the trades.

    rows: trade_id, version and mail_to; without one, none. Each has the number behind the highest of its trade and
    occasion: reminders are counted anew where a trade is awaited again, and mails are not.
    """
    names = ("trade_id", "version", "mail_to")
    addressed = [{name: row[name] for name in names} for row in rows if row["mail_to"]]
    if addressed:
        given = {"rows": encode(addressed), "occasion": occasion, "actor": actor.name, "now": now}
        sql.run(_QUEUE, given)


_LINKED = f"""
SELECT v.trade_id, v.version, mail.mail_to,
       EXISTS (SELECT FROM trades_confirmation_mail l WHERE l.trade_id = v.trade_id AND l.version = v.version
               AND l.occasion = '{LINK}' AND l.state IN ('PENDING', 'SENDING')) AS is_queued
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
{ADDRESS}
WHERE s.trade_id = %s AND s.version = %s
"""


def mail_link(*, trade_id: int, version: int, actor: Actor, now: datetime) -> str:
    """Have a one-time link mailed to the counterparty of a trade; return the address.

    The link is made as it is first sent, and its secret is kept nowhere. Problem 409 where the version is another by
    now, no policy says an address, there is no mail server, the product's own address is not known, or one is on its
    way already.
    """
    with transaction.atomic():
        lock_trades([trade_id])
        rows = sql.records(_LINKED, [trade_id, version])
        if not rows:
            raise Problem(409, "changed-meanwhile", "The trade has changed: look at it again.")
        (row,) = rows
        if not row["mail_to"]:
            raise Problem(409, "no-address", "No policy says to which address this counterparty's mail goes.")
        if not is_set_up():
            raise Problem(409, "no-mail-server", "Nothing can be mailed until EMAIL_URL says a mail server.")
        if not settings.PUBLIC_URL:
            raise Problem(409, "no-public-url", "Links cannot be mailed until PUBLIC_URL is set.")
        if row["is_queued"]:
            raise Problem(409, "queued", "A link is on its way already.")
        queue_mails([row], occasion=LINK, actor=actor, now=now)
    return str(row["mail_to"])


# One whose sender died is taken again. Rows that another has taken are passed over.
_TAKE = """
SELECT m.* FROM trades_confirmation_mail m
WHERE m.state IN ('PENDING', 'SENDING') AND m.next_at <= %s
ORDER BY m.next_at, m.id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_SENDING = """
UPDATE trades_confirmation_mail SET state = 'SENDING', attempts = attempts + 1, next_at = %s WHERE id = %s
"""
_ADDRESSED = "UPDATE trades_confirmation_mail SET mail_to = %s WHERE id = %s"
_END = "UPDATE trades_confirmation_mail SET state = %s, ended_at = %s, error = %s WHERE id = %s"
# Where another has taken it meanwhile, because it took so long, that one tells what became of it.
_STILL = "WHERE id = %s AND state = 'SENDING' AND attempts = %s"
_SENT = f"UPDATE trades_confirmation_mail SET state = 'SENT', ended_at = %s, error = '' {_STILL}"
_AGAIN = f"UPDATE trades_confirmation_mail SET state = 'PENDING', next_at = %s, error = %s {_STILL}"
# What was said or waived before it was made is what somebody asks about; what was since has answered it.
_ABOUT = f"""
SELECT v.source_ref, v.product, v.side, coalesce(i.name, v.instrument_ref) AS instrument, v.quantity, v.currency,
       v.trade_date, v.settlement_date, p.code AS party, p.name AS party_name, v.base_amount,
       mail.mail_to,
       EXISTS (SELECT FROM trades_confirmation c WHERE c.trade_id = v.trade_id
               AND (c.changed_at >= %(made_at)s
                    OR c.trade_version = v.version AND c.status IN ('MATCHED', 'CANCELLED')))
       OR EXISTS (SELECT FROM trades_confirmation_waiver w
                  WHERE w.trade_id = v.trade_id AND w.version = v.version AND w.made_at >= %(made_at)s) AS is_answered
FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
LEFT JOIN refdata_party p ON p.id = v.counterparty_id
LEFT JOIN refdata_instrument i ON i.id = v.instrument_id
{ADDRESS}
WHERE s.trade_id = %(trade_id)s AND s.version = %(version)s AND s.state <> ALL(%(ended)s)
"""


def send_next(*, now: datetime) -> int:
    """Send the mail that has waited longest; return 1, or 0 where none waits.

    It is taken before anything is made of it, so that one with which something is wrong holds up no other.
    """
    mail = _take(now)
    if mail is None:
        return 0
    try:
        message = _prepare(mail, now)
    except Exception as error:  # whatever is wrong with this mail alone
        _log.exception("mail %d could not be made", mail["id"])
        _failed(mail, error, now)
        return 1
    if message is not None:
        _send(mail, message, now)
    return 1


def _take(now: datetime) -> dict[str, Any] | None:
    """Take a mail and note that it is being sent, in a transaction of its own."""
    with transaction.atomic():
        found = sql.records(_TAKE, [now])
        for mail in found:
            sql.run(_SENDING, [now + SENT_ANEW_AFTER, mail["id"]])
    return found[0] if found else None


def _prepare(mail: Mapping[str, Any], now: datetime) -> EmailMessage | None:
    """Return the message of a mail that is taken; None where it is not wanted, or cannot be, any more."""
    with transaction.atomic():
        if mail["attempts"] >= ATTEMPTS:
            _fail(mail, mail["error"] or "Nobody knows whether it was sent: its sender died.", now)
            return None
        about = _about(mail)
        if about is None:
            _drop(mail, "it is answered, waived, changed or over by now", now)
            return None
        if not about["mail_to"]:
            _drop(mail, "no policy says an address any more", now)
            return None
        if not is_set_up():
            told = "a mail to %s about version %d of %s would have gone, had EMAIL_URL said a mail server"
            _log.warning(told, about["mail_to"], mail["version"], ids.public_id(ids.TRADE, mail["trade_id"]))
            _drop(mail, "there was no mail server", now)
            return None
        link = None
        if settings.PUBLIC_URL and about["party"]:
            link = link_of_mail(mail=mail, now=now)
            if link is None:
                _drop(mail, "its link has ended", now)
                return None
        sql.run(_ADDRESSED, [about["mail_to"], mail["id"]])
        return _message(mail, about, link)


def _drop(mail: Mapping[str, Any], why: str, now: datetime) -> None:
    """Note that a mail is not wanted any more."""
    sql.run(_END, ["GONE", now, why, mail["id"]])


def _about(mail: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a mail tells of, and to whom it goes as policies stand; None where that is another version by now,
    answered since the mail was made, waived or over."""
    asked = {name: mail[name] for name in ("trade_id", "version", "made_at")}
    found = sql.records(_ABOUT, {**asked, "ended": _ENDED})
    return found[0] if found and not found[0]["is_answered"] else None


def _message(mail: Mapping[str, Any], about: Mapping[str, Any], link: Link | None) -> EmailMessage:
    address = ""
    if link is not None:
        address = settings.PUBLIC_URL.rstrip("/") + reverse("confirmation_answer", args=[link.token])
    context = {
        **about,
        "mail": mail,
        "link": address,
        "ends": link.expires_at if link else None,
        "reference": ids.public_id(ids.TRADE, mail["trade_id"]),
    }
    subject = render_to_string("trades/confirmation_mail_subject.txt", context)
    return EmailMessage(
        subject=" ".join(subject.split()),
        body=render_to_string("trades/confirmation_mail.txt", context),
        to=[about["mail_to"]],
        headers={"Message-ID": message_id(mail["id"]), "Auto-Submitted": "auto-generated"},
    )


def message_id(mail_id: int) -> str:
    """Return the Message-ID of a mail: the same however often it is sent."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ") or "localhost"
    return f"<confirmation.{mail_id}@{domain}>"


def _send(mail: Mapping[str, Any], message: EmailMessage, now: datetime) -> None:
    mail = {**mail, "mail_to": message.to[0]}
    try:
        message.send()
    except Exception as error:  # whatever a mail server or the way to it does
        _log.warning("mail %d could not be sent: %s", mail["id"], type(error).__name__)
        _failed(mail, error, now)
        return
    with transaction.atomic():
        sql.run(_SENT, [now, mail["id"], mail["attempts"] + 1])
        record(
            type="trade.confirmation_mailed",
            subject=SUBJECT,
            ids=[mail["trade_id"]],
            versions=[mail["version"]],
            actor=Actor(mail["actor"]),
            at=now,
            data={
                "occasion": mail["occasion"],
                "number": mail["number"],
                "mail_to": mail["mail_to"],
                "message_id": message_id(mail["id"]),
            },
        )


def _failed(mail: Mapping[str, Any], error: Exception, now: datetime) -> None:
    told = f"{type(error).__name__}: {error}"[:_ERROR_MAX]
    with transaction.atomic():
        attempts = mail["attempts"] + 1
        if _is_final(error) or attempts >= ATTEMPTS:
            _fail(mail, told, now)
        else:
            wait = min(_FIRST_WAIT * 2 ** (attempts - 1), _LONGEST_WAIT)
            sql.run(_AGAIN, [now + wait, told, mail["id"], attempts])


def _is_final(error: Exception) -> bool:
    """Tell whether the other side will never take it: a code of 500 or above for the mail or its address."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= _NEVER for code, _ in error.recipients.values())
    codes = (smtplib.SMTPSenderRefused, smtplib.SMTPDataError)
    return isinstance(error, codes) and error.smtp_code >= _NEVER


def _fail(mail: Mapping[str, Any], told: str, now: datetime) -> None:
    """Give a mail up, and have a person see to it."""
    sql.run(_END, ["FAILED", now, told, mail["id"]])
    lock_trades([mail["trade_id"]])
    item = NewException(
        trade_id=mail["trade_id"],
        kind=UNMAILED.code,
        codes=["CONFIRMATION_UNMAILED"],
        summary=f"The mail about version {mail['version']} to {mail['mail_to']} could not be sent: {told}",
        deadline=now + timedelta(days=1),
        causes=[f"CONFIRMATION_UNMAILED {mail['mail_to']}"],
    )
    open_exceptions(items=[item], at=now, actor=_SENDER)
