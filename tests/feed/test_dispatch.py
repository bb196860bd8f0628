"""A slow listener costs only itself, and one process sends at a time."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections

from core import audit
from core.clock import utc_now
from core.ids import EVENT, public_id
from core.models import Event
from feed.models import Attempt, Webhook
from feed.services import transport
from feed.services.dispatch import dispatch
from feed.services.transport import Answer
from feed.services.webhooks import create_webhook
from tests.feed.server import Place, listening
from tests.feed.support import OK, states
from tests.support.factories import api_client, other_connection, wait_for
from tests.support.records import CLERK

pytestmark = pytest.mark.django_db(transaction=True)
HOLD = "SELECT pg_advisory_lock(hashtext('feed_dispatch'))"
LET_GO = "SELECT pg_advisory_unlock(hashtext('feed_dispatch'))"


@pytest.fixture(autouse=True)
def _private(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request wait for its answer longer than any test: nothing moves on because it timed out."""
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 50)


def listen(*urls: str, slow: Collection[str] = ()) -> None:
    """Set webhooks up for addresses, in this order; the last answer of some was slow."""
    client, _ = api_client("listener", scopes=["webhooks:write"])
    for url in urls:
        create_webhook(
            client_id=client.id, sources=[], url=url, types=["thing.*"], actor=CLERK, now=utc_now()
        )
    Webhook.objects.filter(url__in=slow).update(is_slow=True)


def tell(*ids: int) -> list[str]:
    """Let something happen to things; return the ids of the messages that tell of it."""
    audit.record(type="thing.happened", subject="thing", ids=ids, actor=CLERK, at=utc_now())
    events = Event.objects.filter(type="thing.happened", subject_id__in=ids).order_by("id")
    return [public_id(EVENT, each.id) for each in events]


def over_http(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    return transport.send(url=url, headers=headers, body=body, private=True)


def sent(senders: int = 4) -> int:
    """Let a worker send."""
    return dispatch(clock=utc_now, send=over_http, senders=senders, chance=lambda: 0.5)


@contextmanager
def at_work() -> Iterator[None]:
    """Let a worker send meanwhile; it is done at the end."""

    def work() -> None:
        try:
            sent()
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        worker.join(60)


class TestASlowListener:
    def test_delays_no_other_while_its_answer_is_awaited(self, patient: None) -> None:
        """The slow one is asked first, and answers only once the other has been told of everything."""
        slow, quick = Place(slow_from=1), Place()
        with listening(slow, quick):
            listen(slow.url, quick.url)
            told = tell(1, 2, 3)
            with at_work():
                assert slow.asked.wait(20)
                later = tell(4)  # while the request is under way
                wait_for(lambda: quick.ids() == told + later, seconds=18)
                assert slow.ids() == told[:1]
                slow.release.set()
        assert (slow.ids(), quick.ids()) == (told + later, told + later)
        assert set(Attempt.objects.values_list("status", flat=True)) == {204}

    def test_that_never_answers_costs_the_other_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "TOTAL_SECONDS", 1)
        silent, quick = Place(slow_from=1), Place()
        with listening(silent, quick):
            listen(silent.url, quick.url)
            told = tell(1, 2)
            assert sent() == 3
            assert (silent.ids(), quick.ids()) == (told[:1], told)
        (failed,) = Attempt.objects.filter(status=None)
        assert (failed.delivery.webhook.url, failed.error.split(":")[0]) == (silent.url, "ReadTimeout")

    def test_and_its_like_leave_half_of_the_senders_to_the_others(self, patient: None) -> None:
        slow, quick = Place(slow_from=1), Place()
        with listening(slow, quick):
            listen(*[slow.url] * 4, quick.url, slow=[slow.url])
            told = tell(1, 2)
            with at_work():
                assert slow.asked.wait(20)
                wait_for(lambda: quick.ids() == told, seconds=18)
                slow.release.set()
        assert slow.most_at_once <= 2
        assert len(slow.got) == 8

    def test_is_slow_no_more_after_a_quick_answer(self) -> None:
        place = Place()
        with listening(place):
            listen(place.url, slow=[place.url])
            tell(1)
            assert sent() == 1
        assert not Webhook.objects.get().is_slow


class TestDispatch:
    def test_tells_many_webhooks_of_everything_each_in_order(self) -> None:
        places = [Place() for _ in range(6)]
        with listening(*places):
            listen(*(place.url for place in places))
            told = tell(*range(1, 21))
            assert sum(iter(sent, 0)) == 120  # however many looks a busy machine takes
        assert [place.ids() for place in places] == [told] * 6
        assert states() == [("DELIVERED", 1)] * 120
        assert sent() == 0

    def test_is_done_by_one_process_at_a_time(self) -> None:
        place = Place()
        with listening(place):
            listen(place.url)
            tell(1)
            with other_connection() as another:
                another.execute(HOLD)
                assert sent() == 0
                assert place.got == []
                another.execute(LET_GO)
                assert sent() == 1

    def test_goes_on_with_the_others_when_a_turn_fails(self) -> None:
        broken, whole = Place(), Place()
        with listening(broken, whole):
            listen(broken.url, whole.url)
            told = tell(1, 2)

            def send(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
                if url == broken.url:
                    raise RuntimeError("out of memory")
                over_http(url, headers, body)
                return OK

            with pytest.raises(RuntimeError, match="out of memory"):
                dispatch(clock=utc_now, send=send, senders=2, chance=lambda: 0.5)
            assert whole.ids() == told
            assert sent() == 0
            Webhook.objects.update(leased_until=utc_now())
            assert sent() == 2
        assert broken.ids() == told
