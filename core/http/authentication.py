"""Bearer tokens of API clients: hashed with a pepper, checked on every request, scoped per view."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import transaction
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core import sql
from core.audit import Actor, record, request_id_var
from core.clock import utc_now
from core.http.problem import Problem
from core.models import ApiClient
from core.sight import seeing

if TYPE_CHECKING:
    from rest_framework.views import APIView

SCOPES = {
    "trades:read": "read trades, their findings and events",
    "trades:write": "post trades of the client's sources",
    "exceptions:read": "read the exceptions of the client's sources, and what was said of them to the front office",
    "exceptions:answer": "answer what operations ask of an exception",
    "exceptions:work": "act on exceptions: assign, comment, snooze, re-check, reject",
    "settlement:read": "list and pull settlement batches",
    "settlement:ack": "claim batches, acknowledge instructions, report their status",
    "settlement:operate": "hold what is to be sealed, release it, and recall instructions",
    "invoices:credit": "credit invoices, and propose what needs a second person",
    "refdata:write": "load reference data",
    "ssis:load": "load settlement instructions that two people have approved at their source",
    "ssis:propose": "propose settlement instructions, and see what they re-route",
    "calendars:propose": "propose holidays, settlement cycles, cut-offs and channels, and see what they come to",
    "checks:read": "read checks, how they are set, and back-tests",
    "checks:write": "propose how checks are set, and start back-tests",
    "limits:read": "read limits, and ask what deals would use of them",
    "limits:reserve": "reserve room under the limits for deals of the client's sources",
    "limits:propose": "propose limits and temporary excesses",
    "confirmations:read": "read confirmations and where they stand",
    "confirmations:write": "post what counterparties confirm",
    "confirmations:propose": "propose which trades must be confirmed before they are sealed",
    "stops:write": "stop a party, trader, book, instrument or source, and propose to lift a stop",
    "statements:write": "send statements and lists of the client's sources, to be reconciled",
    "reconciliations:read": "read statements, reconciliations, their runs and breaks",
    "reconciliations:run": "start runs of reconciliations",
    "reconciliations:propose": "propose reconciliations and forced matches",
    "positions:read": "read positions, the entries behind them, lots and corporate actions",
    "positions:propose": "propose corporate actions, and how books count their lots",
    "journal:read": "read the journal, trial balances, accounts and how far books are closed",
    "journal:propose": "propose to close books, and what accounts are called",
    "events:read": "read the event feed",
    "webhooks:write": "set up webhooks, read their deliveries, replay them",
    "profit:read": "read what each day came to, with the trades, prices and rates behind it",
    "profit:propose": "propose adjustments of profit",
    "audit:read": "export the evidence of trades and batches",
}
# What these are about belongs to many sources at once, so a client that is bound to some may not use them.
OF_EVERY_SOURCE = frozenset(
    {
        "settlement:read",
        "settlement:ack",
        "settlement:operate",
        "invoices:credit",
        "ssis:propose",
        "reconciliations:read",
        "reconciliations:run",
        "reconciliations:propose",
        "positions:read",
        "positions:propose",
        "journal:read",
        "journal:propose",
        "profit:read",
        "profit:propose",
        "confirmations:read",
        "confirmations:write",
        "confirmations:propose",
        "calendars:propose",
    }
)
# What a client limited to desks is told of a request that is about the whole firm.
_BOUND_TO_DESKS = "Only a client of every desk may do this."
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_NOTE_USE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Client:
    """The API client behind a request; DRF's `request.user`.

    `keys`: by its name the id of everything that a client limited to desks sees (core/sight.py); None: it is not
    limited. `along`: what the view had read together with the token, see BearerAuthentication.
    """

    id: int
    name: str
    scopes: frozenset[str]
    sources: frozenset[str]
    keys: Mapping[str, int] | None = None
    along: tuple[Any, ...] = ()
    is_authenticated: ClassVar[bool] = True

    def may_use(self, source: str) -> bool:
        """Tell whether the client is bound to a source. No binding means every source."""
        return not self.sources or source in self.sources

    def sees(self, name: str) -> bool:
        """Tell whether what bears a name is the client's to trade in; not limited: whatever bears it."""
        return self.keys is None or name in self.keys

    def actor(self) -> Actor:
        """Return the client as the actor of the present request."""
        return Actor(f"client:{self.name}", request_id_var.get())


FindKeys = Callable[[Sequence[str]], Mapping[str, int]]
_finders: list[FindKeys] = []


def find_keys_with(find: FindKeys) -> None:
    """Declare who knows desks: `find(desks)` gives by its name the id of everything that lies in them."""
    _finders.append(find)


def unknown_desks(desks: Iterable[str]) -> list[str]:
    """Return the desks of which there is nothing."""
    return sorted(each for each in set(desks) if not _finders[-1]([each]))


def require_scope(client: Client, needed: str) -> None:
    """Problem 403 unless a client has a scope."""
    if needed not in client.scopes:
        raise Problem(
            403,
            "missing-scope",
            f"This request needs the scope {needed}.",
            extra={"scope": needed},
        )


def token_hash(token: str) -> bytes:
    """Return the keyed hash under which a token is stored."""
    return hmac.new(settings.TOKEN_PEPPER.encode(), token.encode(), hashlib.sha256).digest()


def issue_client(
    *,
    name: str,
    scopes: list[str],
    sources: list[str],
    expires_at: datetime | None,
    actor: Actor,
    at: datetime,
    desks: Sequence[str] = (),
) -> tuple[ApiClient, str]:
    """Make an API client and return it with its token, which is shown this once and never stored.

    Raises Problem 400 when a scope or a desk is unknown. desks: none: the client is not limited.
    """
    if nowhere := unknown_desks(desks):
        raise Problem(400, "unknown-desk", f"No book is of the desk {', '.join(nowhere)}.")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise Problem(400, "unknown-scope", f"Unknown scope: {', '.join(unknown)}.")
    key = secrets.token_hex(6)
    token = f"mo_{key}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        client = ApiClient.objects.create(
            name=name,
            key=key,
            token_hash=token_hash(token),
            scopes=scopes,
            sources=sources,
            desks=list(desks),
            expires_at=expires_at,
        )
        told = {"name": name, "scopes": scopes, "sources": sources, "expires_at": expires_at}
        record(
            type="client.issued",
            subject="client",
            ids=[client.id],
            actor=actor,
            at=at,
            data=told | ({"desks": list(desks)} if desks else {}),
        )
    return client, token


def revoke_client(*, client: ApiClient, actor: Actor, at: datetime, reason: str = "") -> None:
    """Revoke a client's token; its next request is refused."""
    with transaction.atomic():
        if ApiClient.objects.filter(id=client.id, revoked_at=None).update(revoked_at=at):
            record(
                type="client.revoked",
                subject="client",
                ids=[client.id],
                actor=actor,
                at=at,
                reason=reason,
            )


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer mo_<key>_<secret>`.

    A view may have SQL expressions read in the same statement as the token, which saves a round trip:
    `read_along = {"POST": "now(), pg_current_xact_id()"}` gives `client.along` those two values.
    """

    def authenticate(self, request: Request) -> tuple[Client, None] | None:
        header = get_authorization_header(request).decode("latin-1")
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer":
            return None
        parts = token.strip().split("_", 2)
        if len(parts) != 3 or parts[0] != "mo":
            raise AuthenticationFailed("The bearer token is malformed.")
        view = (request.parser_context or {}).get("view")
        along = getattr(view, "read_along", {}).get(request.method, "")
        return _client_of(key=parts[1], token=token.strip(), now=utc_now(), along=along), None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="middleoffice"'


_CLIENT = """
SELECT id, name, token_hash, scopes, sources, desks, expires_at, revoked_at, last_used_at{along}
FROM core_api_client WHERE key = %s
"""


def _client_of(*, key: str, token: str, now: datetime, along: str) -> Client:
    found = sql.row(_CLIENT.format(along=along and f", {along}"), [key])
    # The comparison runs for unknown keys too, so that timing tells nothing.
    stored = bytes(found[2]) if found else b"\0" * 32
    if not hmac.compare_digest(stored, token_hash(token)) or found is None:
        raise AuthenticationFailed("The bearer token is not known.")
    client_id, name, _, scopes, sources, desks, expires_at, revoked_at, last_used_at, *read = found
    if revoked_at is not None:
        raise AuthenticationFailed("The bearer token was revoked.")
    if expires_at is not None and expires_at <= now:
        raise AuthenticationFailed("The bearer token has expired.")
    if last_used_at is None or now - last_used_at > _NOTE_USE_EVERY:
        sql.run("UPDATE core_api_client SET last_used_at = %s WHERE id = %s", [now, client_id])
    keys = _finders[-1](desks) if desks else None
    return Client(client_id, name, frozenset(scopes), frozenset(sources), keys, tuple(read))


class HasScope(BasePermission):
    """Demand the scope that the view declares for the method: `scopes = {"GET": "trades:read"}`.

    A view or method that declares none is refused: forgetting is safe. So is a client limited to desks where the view
    does not say `of_desks = frozenset({"GET"})`; where it does, all that the client reads is of these desks.
    """

    message = "The client lacks the scope this request needs."

    def has_permission(self, request: Request, view: APIView) -> bool:
        method = "GET" if request.method in {"HEAD", "OPTIONS"} else request.method
        needed: str | None = getattr(view, "scopes", {}).get(method)
        if needed is None and method not in view.allowed_methods:
            raise MethodNotAllowed(str(request.method))
        user: Any = request.user
        if needed is None or not isinstance(user, Client):
            return False
        require_scope(user, needed)
        if needed in OF_EVERY_SOURCE and user.sources:
            raise Problem(403, "bound-to-sources", "Only a client of every source may do this.")
        if user.keys is not None:
            if method not in getattr(view, "of_desks", ()):
                raise Problem(403, "bound-to-desks", _BOUND_TO_DESKS)
            # The middleware ends it with the request.
            sight: ExitStack = request._request.sight  # type: ignore[attr-defined]
            sight.enter_context(seeing(user.keys.values(), acts=method not in _READS))
        return True
