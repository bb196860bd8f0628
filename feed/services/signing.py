"""Secrets and signatures of webhooks, as https://www.standardwebhooks.com says."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

from django.conf import settings
from standardwebhooks.webhooks import Webhook as Signer

from core.ids import EVENT, public_id


def secret_of(*, webhook_id: int, salt: bytes, version: int) -> str:
    """Return a webhook's secret, `whsec_…`: 32 bytes derived from the installation's own secret, stored nowhere."""
    told = f"webhook {webhook_id} {version} ".encode() + salt
    derived = hmac.new(settings.TOKEN_PEPPER.encode(), told, hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(derived).decode()}"


def headers_of(*, event_id: int, body: bytes, secrets: list[str], now: datetime) -> dict[str, str]:
    """Return the headers of a message, signed with each of the secrets. Its id is the same in every attempt."""
    message_id, text = public_id(EVENT, event_id), body.decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Middleoffice-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Signer(each).sign(message_id, now, text) for each in secrets),
    }
