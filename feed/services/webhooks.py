"""Webhooks set up, changed, given a new secret, and told again."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from core import sql
from core.audit import Actor, record
from core.http.problem import Fault, Problem, not_found, unreadable
from core.models import ApiClient
from feed.models import Webhook
from feed.selectors import MAX_TYPES, Selection, is_type, last_event_id, public_types
from feed.services.signing import secret_of
from feed.services.transport import is_public

MAX_WEBHOOKS = 20  # of one client
MAX_URL = 2_000
MAX_REPLAY = 50_000  # event ids in one range
SUBJECT = "webhook"


def selection_of(*, types: Collection[str], sources: Collection[str]) -> Selection:
    """Return which events a webhook is told of."""
    return Selection(public_types(types), frozenset(sources))


def url_faults(url: str) -> list[str]:
    """Return what is wrong with an address to send to. What its name leads to is looked at with each message."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return ["This is not an address."]
    private = settings.WEBHOOK_PRIVATE_ADDRESSES
    faults = []
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        faults.append(f"At most {MAX_URL} visible ASCII characters.")
    if parts.scheme not in ({"https", "http"} if private else {"https"}):
        faults.append("It starts with https://.")
    if not host:
        faults.append("It has no host name.")
    if parts.username is not None or parts.fragment:
        faults.append("Without user name, password and fragment.")
    if not private and (host == "localhost" or (_is_ip(host) and not is_public(host))):
        faults.append("Its host is not on the public internet.")
    return faults


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def faults_of(*, url: str | None, types: Sequence[str] | None) -> list[Fault]:
    """Return every fault of what is to be stored of a webhook; None is left as it is."""
    faults = [Fault("/url", detail) for detail in (url_faults(url) if url is not None else ())]
    if types is not None and len(types) > MAX_TYPES:
        faults.append(Fault("/types", f"At most {MAX_TYPES} types.", "too-many"))
    faults += [
        Fault(f"/types/{at}", "A type such as trade.captured, or a family such as trade.*.")
        for at, each in enumerate(types or ())
        if not is_type(each)
    ]
    return faults


def create_webhook(
    *,
    client_id: int,
    sources: Collection[str],
    url: str,
    types: Sequence[str],
    actor: Actor,
    now: datetime,
    after: int | None = None,
) -> tuple[Webhook, str]:
    """Set up a webhook of a client that is bound to sources, told of what comes after an event id (none: from now on).

    Returns it with its secret, which is not stored.

    Problem 400 with every fault; 403 for a client that is limited to desks, 409 for one that has MAX_WEBHOOKS active
    ones already.
    """
    faults = faults_of(url=url, types=types)
    if faults:
        raise unreadable(faults, title="This webhook cannot be set up.")
    with transaction.atomic():
        # One at a time for a client, so that the count holds.
        client = ApiClient.objects.select_for_update().get(id=client_id)
        if client.desks:
            raise Problem(
                403, "bound-to-desks", "A client that is limited to desks is told nothing by webhook."
            )
        if Webhook.objects.filter(client_id=client_id, is_active=True).count() >= MAX_WEBHOOKS:
            raise Problem(409, "too-many-webhooks", f"A client has at most {MAX_WEBHOOKS} active webhooks.")
        webhook = Webhook.objects.create(
            client_id=client_id,
            url=url,
            types=list(public_types(types)),
            sources=sorted(set(sources)),
            salt=secrets.token_bytes(16),
            created_at=now,
            position_id=last_event_id() if after is None else after,
        )
        _tell("webhook.created", webhook, actor, now, {"url": url, "types": webhook.types})
    return webhook, secret_of(webhook_id=webhook.id, salt=bytes(webhook.salt), version=1)


def own_webhooks(client_id: int | None) -> QuerySet[Webhook]:
    """Return the webhooks of an API client; None: of all, for the people who run the system."""
    every = Webhook.objects.all()
    return every if client_id is None else every.filter(client_id=client_id)


def find_webhook(*, client_id: int | None, webhook_id: int) -> Webhook:
    """Return one of a client's webhooks; Problem 404 when there is none."""
    webhook = own_webhooks(client_id).filter(id=webhook_id).first()
    if webhook is None:
        raise not_found("webhook")
    return webhook


def lock_webhook(*, client_id: int | None, webhook_id: int) -> Webhook:
    """Lock one of a client's webhooks in the caller's transaction and return it; Problem 404 when there is none."""
    webhook = own_webhooks(client_id).select_for_update().filter(id=webhook_id).first()
    if webhook is None:
        raise not_found("webhook")
    return webhook


def change_webhook(
    *,
    client_id: int | None,
    webhook_id: int,
    revision: int | None,
    actor: Actor,
    now: datetime,
    url: str | None = None,
    types: Sequence[str] | None = None,
    is_active: bool | None = None,
) -> Webhook:
    """Change what is given of a webhook that was seen at a revision (None: whichever); return it.

    Problem 400 with every fault, 404, 412 when it has another revision by now. What waited while a webhook was off
    is delivered once it is on again.
    """
    faults = faults_of(url=url, types=types)
    if faults:
        raise unreadable(faults, title="This webhook cannot be changed so.")
    with transaction.atomic():
        webhook = lock_webhook(client_id=client_id, webhook_id=webhook_id)
        if revision not in {None, webhook.revision}:
            raise Problem(
                412,
                "stale-revision",
                "The webhook has changed in the meantime.",
                headers={"ETag": f'"{webhook.revision}"'},
            )
        given = {
            "url": url,
            "types": None if types is None else list(public_types(types)),
            "is_active": is_active,
        }
        changed = {
            name: value
            for name, value in given.items()
            if value is not None and value != getattr(webhook, name)
        }
        if not changed:
            return webhook
        for name, value in changed.items():
            setattr(webhook, name, value)
        if is_active:
            webhook.stopped_because = ""
        webhook.revision += 1
        webhook.save(update_fields=[*changed, "stopped_because", "revision"])
        _tell("webhook.changed", webhook, actor, now, changed)
    return webhook


def rotate_secret(
    *,
    client_id: int | None,
    webhook_id: int,
    overlap: timedelta,
    actor: Actor,
    now: datetime,
) -> tuple[Webhook, str]:
    """Give a webhook a new secret and return both; the one before signs as well until the overlap ends."""
    with transaction.atomic():
        webhook = lock_webhook(client_id=client_id, webhook_id=webhook_id)
        webhook.secret_version += 1
        webhook.overlap_until = now + overlap
        webhook.revision += 1
        webhook.save(update_fields=["secret_version", "overlap_until", "revision"])
        _tell("webhook.secret_rotated", webhook, actor, now, {"overlap_until": webhook.overlap_until})
    secret = secret_of(webhook_id=webhook.id, salt=bytes(webhook.salt), version=webhook.secret_version)
    return webhook, secret


def secret_at(*, webhook_id: int, version: int) -> str:
    """Return the secret that a webhook had, or has, by its version."""
    webhook = Webhook.objects.get(id=webhook_id)
    return secret_of(webhook_id=webhook.id, salt=bytes(webhook.salt), version=version)


_AGAIN = "state = 'PENDING', attempts = 0, next_at = %(now)s, finished_at = NULL"
_REPLAY = """
WITH again AS (
    INSERT INTO feed_delivery AS d (webhook_id, event_id, subject_id, state, attempts, next_at)
    SELECT %(webhook)s, e.id, e.subject_id, 'PENDING', 0, %(now)s FROM core_event e
    WHERE e.id > %(after)s AND e.id <= %(until)s AND {condition} ORDER BY e.id
    ON CONFLICT (webhook_id, event_id) DO UPDATE SET {again}
    RETURNING 1
)
SELECT count(*) FROM again
"""


def replay(
    *,
    client_id: int | None,
    webhook_id: int,
    actor: Actor,
    now: datetime,
    reason: str,
    delivery_id: int | None = None,
    after: int = 0,
    until: int = 0,
) -> int:
    """Tell a webhook again of one delivery, or of its events after one event id and up to another; return how many.

    What it has not been told of yet is left to its turn. Problem 404; 422 when the range is empty or has more than
    MAX_REPLAY ids.
    """
    if delivery_id is None and not 0 < until - after <= MAX_REPLAY:
        detail = f"A range has 1 to {MAX_REPLAY:,} events."
        raise Problem(
            422, "bent-range", "This range cannot be told again.", faults=[Fault("/until", detail, "range")]
        )
    with transaction.atomic():
        webhook = lock_webhook(client_id=client_id, webhook_id=webhook_id)
        if delivery_id is None:
            count, told = _replay_range(webhook, after, until, now), {"after": after, "until": until}
        else:
            count, told = 1, {"event": _replay_one(webhook, delivery_id, now)}
        webhook.next_at = now
        webhook.save(update_fields=["next_at"])
        _tell("webhook.replayed", webhook, actor, now, {**told, "deliveries": count}, reason)
    return count


def _replay_range(webhook: Webhook, after: int, until: int, now: datetime) -> int:
    condition, parameters = selection_of(types=webhook.types, sources=webhook.sources).sql()
    told = {"webhook": webhook.id, "after": after, "until": min(until, webhook.position_id), "now": now}
    found = sql.row(_REPLAY.format(condition=condition, again=_AGAIN), {**parameters, **told})
    return int(found[0]) if found else 0


def _replay_one(webhook: Webhook, delivery_id: int, now: datetime) -> int:
    """Make a delivery of a webhook wait again and return its event id; Problem 404 when it is not of this webhook."""
    found = sql.row(
        f"UPDATE feed_delivery SET {_AGAIN} WHERE id = %(id)s AND webhook_id = %(webhook)s RETURNING event_id",
        {"id": delivery_id, "webhook": webhook.id, "now": now},
    )
    if found is None:
        raise not_found("delivery")
    return int(found[0])


def _tell(type: str, webhook: Webhook, actor: Actor, now: datetime, data: object, reason: str = "") -> None:
    record(
        type=type,
        subject=SUBJECT,
        ids=[webhook.id],
        actor=actor,
        at=now,
        versions=[webhook.revision],
        reason=reason,
        data=data,
    )
