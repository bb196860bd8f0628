"""Webhooks in the admin: the same services, the same refusals, a secret that is shown once."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as HttpClient
from django.urls import reverse

from core.models import Event
from feed.models import Webhook
from feed.services.signing import secret_of
from tests.feed.support import URL, webhook
from tests.support.factories import api_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: HttpClient) -> HttpClient:
    """Return an HTTP client logged in as an administrator."""
    client.force_login(
        get_user_model().objects.create_superuser("boss", "boss@example.org", "a long password"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


def test_a_webhook_is_set_up_for_a_client_and_its_secret_shown_once(staff: HttpClient) -> None:
    owner, _ = api_client("fo", scopes=["webhooks:write"], sources=["FO-EQ"])
    answer = staff.post(
        reverse("admin:feed_webhook_add"), {"client": owner.id, "url": URL, "types": "trade.*"}
    )
    made = Webhook.objects.get()
    assert secret_of(webhook_id=made.id, salt=bytes(made.salt), version=1) in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert (made.client_id, made.sources, made.types) == (owner.id, ["FO-EQ"], ["trade.*"])
    assert Event.objects.get(type="webhook.created").actor == "user:boss"


def test_every_fault_stands_at_its_field(staff: HttpClient) -> None:
    owner, _ = api_client("fo", scopes=["webhooks:write"])
    answer = staff.post(
        reverse("admin:feed_webhook_add"), {"client": owner.id, "url": "http://10.0.0.1/", "types": "trade"}
    )
    form = answer.context["adminform"].form
    assert {name: len(errors) for name, errors in form.errors.items()} == {"url": 2, "types": 1}
    assert not Webhook.objects.exists()


def test_webhooks_are_turned_off_and_on_and_the_log_says_so(staff: HttpClient) -> None:
    made, _ = webhook()
    for action in ("turn_off", "turn_on"):
        staff.post(
            reverse("admin:feed_webhook_changelist"), {"action": action, "_selected_action": [made.id]}
        )
    told = list(Event.objects.filter(type="webhook.changed").order_by("id").values_list("actor", "data"))
    assert told == [("user:boss", {"is_active": False}), ("user:boss", {"is_active": True})]
    assert staff.get(reverse("admin:feed_webhook_change", args=[made.id])).status_code == 200
