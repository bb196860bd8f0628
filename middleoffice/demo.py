"""The demo of an embedded installation: reference data, people, API clients, limits and a few days of trading.

Running it again adds nothing: what is there stays, and credentials that still work are kept. Its secrets are
random and exist only in the credentials file, which only its owner can read.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction

from core import four_eyes
from core.audit import Actor, record, system
from core.clock import business_date
from core.http.authentication import issue_client, revoke_client, token_hash
from core.models import ApiClient
from core.people import record_facts, record_password, user_facts
from middleoffice.demo_confirmations import tell_confirmations
from middleoffice.demo_reconciliation import tell_reconciliations
from middleoffice.demo_story import tell_story
from ops import permissions
from ops.models import DeskScope
from refdata import fee_rules
from refdata.demo import load_demo_refdata
from refdata.fee_rules import RuleTerms, newest_versions, pending_proposals, propose_rule
from risk.models import Limit

ACTOR = system("demo")
CREDENTIALS = "demo-credentials.json"  # in the var folder
Say = Callable[[str], object]
Users = Sequence[tuple[str, str, str]]

# user name, first name, role
USERS = (
    ("olivia", "Olivia", permissions.OPERATIONS),
    ("dana", "Dana", permissions.OPERATIONS),
    ("sam", "Sam", permissions.SUPERVISOR),
    ("ravi", "Ravi", permissions.RISK),
    ("bea", "Bea", permissions.BACK_OFFICE),
    ("axel", "Axel", permissions.AUDITOR),
    ("admin", "Ada", permissions.ADMINISTRATOR),
)
# user name, the desks that the person is limited to
LIMITED = (("dana", ("FX",)),)
# name, scopes, sources (none: all)
CLIENTS = (
    ("front-office", ("trades:read", "trades:write", "refdata:write"), ("FO-EQ", "FO-FX", "SHOP")),
    ("back-office", ("trades:read", "settlement:read", "settlement:ack", "positions:read"), ()),
    ("auditor", ("events:read", "audit:read", "positions:read"), ()),
    ("listener", ("webhooks:write",), ()),
)
# code, name, measure, dimension, warn and hard in base currency: near enough that some trades pass them
LIMITS = (
    ("CPTY-EXPOSURE", "Exposure to a counterparty", "GROSS_EXPOSURE", "counterparty", "4000000", "5000000"),
    ("BOOK-NOTIONAL", "Open notional of a book", "GROSS_NOTIONAL", "book", "12000000", "16000000"),
    ("TRADER-SIZE", "Size of one trade of a trader", "SINGLE_SIZE", "trader", "110000", "150000"),
)

# code, terms: charged beside the deals, whose own fees the front offices state
FEE_RULES = (
    (
        "UK-STAMP",
        RuleTerms(
            title="Stamp duty on British shares",
            type="STAMP_DUTY",
            basis="BPS",
            rate=Decimal(50),
            direction="PAY",
            is_stated=False,
            product="EQUITY",
            market="XLON",
            side="BUY",
        ),
    ),
    (
        "CUSTODY-USD",
        RuleTerms(
            title="Custodian's charge for a movement",
            type="CUSTODY",
            basis="FLAT",
            rate=Decimal("4.75"),
            direction="PAY",
            is_stated=False,
            product="EQUITY",
            currency="USD",
        ),
    ),
)


@dataclass
class Credentials:
    """What the credentials file holds."""

    url: str
    users: list[dict[str, str]]
    clients: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Credentials:
        """Return what a file holds; nothing when it is missing or damaged."""
        try:
            found = json.loads(path.read_text())
            return cls(str(found["url"]), list(found["users"]), list(found["clients"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls("", [], [])

    def write(self, path: Path) -> None:
        """Replace the file in one step; it is never readable by others, not even while it is written."""
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(json.dumps(vars(self), indent=2) + "\n")
        draft.replace(path)

    def secret(self, kind: str, name_field: str, name: str, secret_field: str) -> str:
        """Return the secret of a user or client, or an empty text."""
        entries = self.users if kind == "users" else self.clients
        found = next((each for each in entries if each.get(name_field) == name), {})
        return str(found.get(secret_field, ""))


def load_demo(*, url: str, path: Path, now: datetime, say: Say) -> None:
    """Load the demo into this installation and write its credentials to `path`.

    The trades are made together or not at all, so an interrupted load leaves nothing half told.
    """
    say("  reference data")
    load_demo_refdata(today=business_date(now), actor=ACTOR, now=now)
    load_people(url=url, path=path, now=now)
    tell_story(now=now, say=say)
    say("  reconciliations")
    tell_reconciliations(now=now)
    say("  confirmations")
    tell_confirmations(now=now)


def load_people(*, url: str, path: Path, now: datetime, users: Users = USERS) -> None:
    """Have the demo's people, API clients, limits and fee rules, and write the credentials to `path`."""
    permissions.ensure_roles()
    known = Credentials.read(path)
    people, clients = _ensure_users(known, users), _ensure_clients(known, now)
    _ensure_limited()
    Credentials(url, people, clients).write(path)
    _ensure_limits(business_date(now), now)
    _ensure_fee_rules(now)


def _ensure_users(known: Credentials, users: Users) -> list[dict[str, str]]:
    """Return every demo user with a password that works: the known one, else a new one."""
    entries = []
    for username, first_name, role in users:
        password = known.secret("users", "username", username, "password")
        with transaction.atomic():
            user, fresh = User.objects.get_or_create(
                username=username, defaults={"first_name": first_name, "email": f"{username}@example.com"}
            )
            before = None if fresh else user_facts(user.pk)
            renewed = not password or not user.check_password(password)
            if renewed:
                password = secrets.token_urlsafe(15)
                user.set_password(password)
            administers = role == permissions.ADMINISTRATOR
            user.is_active, user.is_staff, user.is_superuser = True, administers, administers
            user.save()
            user.groups.set([Group.objects.get(name=role)])
            record_facts(subject="user", id=user.pk, before=before, after=user_facts(user.pk), actor=ACTOR)
            if renewed:
                record_password(user_id=user.pk, actor=ACTOR)
        entries.append({"username": username, "password": password, "role": role})
    return entries


def _ensure_limited() -> None:
    for username, desks in LIMITED:
        with transaction.atomic():
            user = User.objects.get(username=username)
            _, fresh = DeskScope.objects.get_or_create(user=user, defaults={"desks": list(desks)})
            if fresh:
                after = {"user_id": user.pk, "desks": list(desks)}
                record_facts(subject="desk_scope", id=user.pk, before=None, after=after, actor=ACTOR)


def _ensure_clients(known: Credentials, now: datetime) -> list[dict[str, Any]]:
    """Return every demo client with a token that works: the known one, else that of a new client."""
    entries = []
    for name, scopes, sources in CLIENTS:
        token = known.secret("clients", "name", name, "token")
        client = ApiClient.objects.filter(name=name).first()
        works = client is not None and client.revoked_at is None and _is_token_of(client, token)
        if not works:
            if client is not None:
                _retire(client, now)
            _, token = issue_client(
                name=name, scopes=list(scopes), sources=list(sources), expires_at=None, actor=ACTOR, at=now
            )
        entries.append({"name": name, "token": token, "scopes": list(scopes)})
    return entries


def _is_token_of(client: ApiClient, token: str) -> bool:
    return bool(token) and secrets.compare_digest(bytes(client.token_hash), token_hash(token))


def _retire(client: ApiClient, now: datetime) -> None:
    """Revoke a client whose token nobody has any more, and give its name free."""
    name = f"{client.name} until {now:%Y-%m-%d %H:%M:%S.%f}"
    with transaction.atomic():
        revoke_client(client=client, actor=ACTOR, at=now, reason="its token was lost")
        ApiClient.objects.filter(id=client.id).update(name=name)
        record(
            type="client.renamed",
            subject="client",
            ids=[client.id],
            actor=ACTOR,
            at=now,
            data={"before": {"name": client.name}, "after": {"name": name}},
        )


def _ensure_limits(today: date, now: datetime) -> None:
    for code, name, measure, dimension, warn, hard in LIMITS:
        with transaction.atomic():
            limit, created = Limit.objects.get_or_create(
                code=code,
                defaults={
                    "name": name,
                    "measure": measure,
                    "dimensions": [dimension],
                    "warn": Decimal(warn),
                    "hard": Decimal(hard),
                    "valid_from": date(today.year - 1, 1, 1),
                },
            )
            if created:
                record(
                    type="limit.made",
                    subject="limit",
                    ids=[limit.id],
                    actor=ACTOR,
                    at=now,
                    data={"before": None, "after": {"code": code, "warn": warn, "hard": hard}},
                )


def _ensure_fee_rules(now: datetime) -> None:
    """Have every rule that nobody has proposed yet, as two people make it."""
    known = {each.code for each in newest_versions(on=business_date(now))} | set(pending_proposals())
    maker, checker = (User.objects.get(username=name) for name in ("olivia", "sam"))
    for code, terms in FEE_RULES:
        if code not in known:
            with transaction.atomic():
                proposal_id = propose_rule(
                    code=code,
                    terms=terms,
                    valid_from=None,
                    reason="as published",
                    user=maker,
                    actor=Actor("user:olivia"),
                    now=now,
                )
                four_eyes.approve(
                    kind=fee_rules.KIND,
                    proposal_id=proposal_id,
                    user=checker,
                    note="",
                    actor=Actor("user:sam"),
                    now=now,
                )
