"""Workers look at the queues in an order in which nothing starves."""

from __future__ import annotations

import uuid

from django.conf import settings
from kombu import Connection

from middleoffice import processes
from middleoffice.celery import app
from middleoffice.queues import DEFAULT, LEDGER, QUEUES, RISK, SETTLEMENT, SLOW

# What the clock asks for often though it may take a turn.
IN_TURNS = {"ledger.post_journal", "ledger.post_positions", "ledger.refresh_profit"}


def taken(*sent: str) -> list[str]:
    """Send a message to each queue, all before any is taken; return the queues in the order in which a consumer of
    one message at a time takes them."""
    options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, "global_keyprefix": f"{uuid.uuid4().hex}-"}
    order: list[str] = []
    with Connection(settings.CELERY_BROKER_URL, transport_options=options) as connection:
        queues = {name: connection.SimpleQueue(name) for name in QUEUES}
        for name in sent:
            queues[name].put(name)
        channel = connection.channel()
        channel.basic_qos(0, 1, False)
        with connection.Consumer(
            [queue.queue for queue in queues.values()],
            channel=channel,
            callbacks=[lambda body, message: (order.append(body), message.ack())],
        ):
            while len(order) < len(sent):
                connection.drain_events(timeout=5)
        for queue in queues.values():
            queue.queue(channel).delete()
            queue.close()
    return order


def test_what_is_short_goes_first_what_is_slow_last_and_the_others_take_turns():
    sent = [SLOW, RISK, RISK, RISK, SETTLEMENT, SETTLEMENT, DEFAULT, DEFAULT]
    order = taken(*sent)
    assert order[:2] == [DEFAULT, DEFAULT]
    assert order[-1] == SLOW
    assert order[2:6] in ([RISK, SETTLEMENT] * 2, [SETTLEMENT, RISK] * 2)


def test_a_worker_listens_to_every_queue():
    assert f"--queues {','.join(QUEUES)} " in " ".join(processes.COMMANDS["worker"])


def test_what_the_clock_asks_for_twice_a_minute_or_more_often_waits_behind_no_turn_of_another():
    often = [each for each in app.conf.beat_schedule.values() if float_or_more(each["schedule"]) <= 30]
    assert len(often) > 8
    for entry in often:
        assert route(entry["task"]) == (LEDGER if entry["task"] in IN_TURNS else DEFAULT), entry
        assert entry["options"]["expires"] >= 30, entry


def float_or_more(schedule: object) -> float:
    """Return the seconds between two runs; of a time of day, a day."""
    return schedule if isinstance(schedule, float) else 86_400.0


def route(task: str) -> str:
    return str(app.amqp.router.route({}, task)["queue"].name)
