"""Wake-ups: coalesced Celery messages that carry no state. Losing one costs seconds, never work.

A thread of the process publishes, so a request never waits for Redis and a stopped Redis stops no capture;
what is lost with a killed process or a wiped Redis is found by the sweeper.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from celery import current_app
from django.db import transaction

_log = logging.getLogger(__name__)
# Seconds between two messages of one process. The first goes at once; under load the workers are awake
# anyway, and a message costs as much as half a capture.
_PAUSE = 0.1


class _Waker:
    """One daemon thread per process; made anew after a fork."""

    def __init__(self) -> None:
        self._tasks: set[str] = set()
        self._condition = threading.Condition()
        self._pid = 0

    def wake(self, task: str) -> None:
        with self._condition:
            self._tasks.add(task)
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._publish, name="waker", daemon=True).start()
            self._condition.notify()

    def _publish(self) -> None:
        while True:
            with self._condition:
                while not self._tasks:
                    self._condition.wait()
                tasks, self._tasks = self._tasks, set()
            for task in tasks:
                try:
                    current_app.send_task(task, retry=False, expires=60)
                except Exception as error:
                    _log.warning("could not wake %s: %s", task, error)
            time.sleep(_PAUSE)


_waker = _Waker()


def wake(task: str) -> None:
    """Wake a task's worker now; for work that is committed already."""
    _waker.wake(task)


def wake_on_commit(task: str) -> None:
    """Wake a task's worker once the present transaction has committed (at once outside of one)."""
    transaction.on_commit(lambda: _waker.wake(task))
