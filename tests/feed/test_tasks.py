"""The worker's task, from the log to a real listener that verifies what it gets."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from core import audit
from core.clock import utc_now
from feed.models import Attempt
from feed.services.webhooks import create_webhook
from feed.tasks import deliver, forget, summarise
from tests.feed.support import states
from tests.support.factories import api_client
from tests.support.records import CLERK


@pytest.mark.django_db(transaction=True)
def test_a_listener_verifies_what_the_worker_sends_it(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    verified: list[Any] = []
    refused: list[Exception] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                verified.append(Verifier(secret).verify(body, dict(self.headers)))
            except Exception as error:
                refused.append(error)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        client, _ = api_client("listener", scopes=["webhooks:write"])
        _, secret = create_webhook(
            client_id=client.id,
            sources=[],
            url=f"http://127.0.0.1:{server.server_port}/events",
            types=["thing.*"],
            actor=CLERK,
            now=utc_now(),
        )
        audit.record(type="thing.happened", subject="thing", ids=[1, 2], actor=CLERK, at=utc_now())
        assert deliver() == 2
        assert deliver() == 0
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
    assert refused == []
    assert [each["subject_id"] for each in verified] == ["thing_11", "thing_22"]
    assert states() == [("DELIVERED", 1)] * 2
    assert list(Attempt.objects.values_list("status", flat=True)) == [204, 204]
    assert (forget(), summarise()) == (0, True)


@pytest.mark.django_db(transaction=True)
def test_an_address_that_became_private_is_refused_and_noted() -> None:
    """It was public when the webhook was set up; what its name leads to is looked at with each message."""
    client, _ = api_client("listener", scopes=["webhooks:write"])
    webhook, _ = create_webhook(
        client_id=client.id, sources=[], url="https://listener.example/", types=[], actor=CLERK, now=utc_now()
    )
    type(webhook).objects.update(url="https://127.0.0.1:1/")
    audit.record(type="thing.happened", subject="thing", ids=[1], actor=CLERK, at=utc_now())
    assert deliver() == 1
    assert states()[0] == ("PENDING", 1)
    assert Attempt.objects.get().error == "127.0.0.1 leads to an address that is not public"
