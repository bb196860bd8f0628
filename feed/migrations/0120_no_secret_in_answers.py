"""Stored answers name the version of a webhook's secret, in the place of the secret (docs/adr/0036)."""

from collections.abc import Callable
from typing import Any

import msgspec
from django.db import migrations

from core.audit import encode
from core.ids import WEBHOOK, database_id
from feed.services.signing import secret_of

_FOUND = """
SELECT k.client_id, k.key, k.body FROM core_idempotency_key k
WHERE k.status = 201 AND position(%s::bytea IN k.body) > 0
"""


def _rewrite(apps: Any, editor: Any, marker: bytes, change: Callable[[Any, Any], Any]) -> None:
    """Change the `secret` of the stored answers that hold a marker and are about a webhook."""
    webhooks = apps.get_model("feed", "Webhook").objects
    with editor.connection.cursor() as cursor:
        cursor.execute(_FOUND, [marker])
        for client_id, key, body in cursor.fetchall():
            document = msgspec.json.decode(bytes(body))
            number = database_id(WEBHOOK, str(document.get("id"))) if isinstance(document, dict) else None
            webhook = webhooks.filter(id=number).first()
            if webhook is None or "secret" not in document:
                continue
            document["secret"] = change(webhook, document["secret"])
            cursor.execute(
                "UPDATE core_idempotency_key SET body = %s WHERE client_id = %s AND key = %s",
                [encode(document).encode(), client_id, key],
            )


def _secret(webhook: Any, version: int) -> str:
    return secret_of(webhook_id=webhook.id, salt=bytes(webhook.salt), version=version)


def _version(webhook: Any, secret: str) -> int:
    """Return the version of a secret; the present one where none is it, because the installation's own changed."""
    versions = range(1, webhook.secret_version + 1)
    return next((each for each in versions if _secret(webhook, each) == secret), webhook.secret_version)


def _leave_out(apps: Any, editor: Any) -> None:
    _rewrite(apps, editor, b'"secret":"whsec_', _version)


def _put_back(apps: Any, editor: Any) -> None:
    _rewrite(apps, editor, b'"secret":', _secret)


class Migration(migrations.Migration):
    dependencies = [("feed", "0001_initial"), ("core", "0051_proposals_are_frozen")]
    operations = [migrations.RunPython(_leave_out, _put_back)]
