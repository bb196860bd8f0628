"""A worker that is killed while it tells a listener loses no event, and repeats at most what was under way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core import audit
from core.clock import utc_now
from core.ids import EVENT, public_id
from core.models import Event
from feed.models import Attempt, Delivery, Webhook
from feed.services.webhooks import create_webhook
from tests.feed.server import Place, listening
from tests.support.factories import api_client, wait_for
from tests.support.product import LiveProduct
from tests.support.records import CLERK

pytestmark = pytest.mark.faults


@pytest.fixture
def product(live_product: LiveProduct, settings: Any) -> Iterator[LiveProduct]:
    """Return the live product, whose worker may speak to this machine."""
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    live_product.restart("worker", WEBHOOK_PRIVATE_ADDRESSES="true")
    yield live_product
    live_product.kill("worker")


def test_a_worker_killed_in_the_midst_of_a_delivery_loses_nothing(product: LiveProduct) -> None:
    place = Place(slow_from=4)
    with listening(place):
        client, _ = api_client("listener", scopes=["webhooks:write"])
        create_webhook(
            client_id=client.id, sources=[], url=place.url, types=["thing.*"], actor=CLERK, now=utc_now()
        )
        things = list(range(1, 11))
        audit.record(type="thing.happened", subject="thing", ids=things, actor=CLERK, at=utc_now())
        told = [public_id(EVENT, event.id) for event in Event.objects.filter(subject="thing").order_by("id")]
        assert place.asked.wait(30)  # the fourth message has come, and its sender waits for the answer
        product.kill("worker")
        assert place.ids() == told[:4]
        assert Delivery.objects.filter(state="DELIVERED").count() == 3

        place.release.set()
        Webhook.objects.update(leased_until=utc_now())  # what the dead worker held, without the wait for it
        product.restart("worker", WEBHOOK_PRIVATE_ADDRESSES="true")
        wait_for(lambda: Delivery.objects.filter(state="DELIVERED").count() == 10, seconds=40)
    assert place.ids() == [*told[:4], *told[3:]]
    assert Attempt.objects.count() == 10
    assert set(Attempt.objects.values_list("status", flat=True)) == {204}
