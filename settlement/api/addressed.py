"""The batch that an address is about, where the client may have it."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from core import sql
from core.as_of import AsOf
from core.contents import content_of, contents
from core.http.authentication import Client
from core.http.problem import not_found
from core.http.views import client_of
from core.ids import BATCH, database_id
from settlement.selectors import read_batch

_CHANNEL = "SELECT channel_id FROM settlement_batch WHERE id = %s"


def batch_id_of(request: Request, reference: str) -> int:
    """Return the database id of a batch's reference, which need not exist; Problem 404 for what is none, or is of
    records that the client has no scope for."""
    batch_id = database_id(BATCH, reference)
    if batch_id is None:
        raise not_found("settlement batch")
    if hidden := hidden_channels(client_of(request)):
        found = sql.row(_CHANNEL, [batch_id])
        if found is not None and found[0] in hidden:
            raise not_found("settlement batch")
    return batch_id


def batch_of(request: Request, reference: str, where: AsOf | None = None) -> dict[str, Any]:
    """Return a batch, now or as it was; Problem 404 when there is none, or none for this client."""
    row = read_batch(batch_id_of(request, reference), as_of=where)
    if row is None:
        raise not_found("settlement batch")
    return row


def hidden_channels(client: Client) -> list[str]:
    """Return the channels of records that a client has no scope for."""
    return [each.code for each in contents() if each.scope not in client.scopes]


def scope_of(channel: str) -> str | None:
    """Return the scope that a channel asks for besides those of settlement, or None."""
    content = content_of(channel)
    return content.scope if content else None
