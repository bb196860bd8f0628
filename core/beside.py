"""Beside: Python and PostgreSQL at work at the same time, in one transaction.

While a thread has PostgreSQL store one run of rows, the caller's thread computes the next.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from django.db import DEFAULT_DB_ALIAS, connections


class Beside:
    """Does one thing at a time on the caller's connection in a thread of its own, within the caller's transaction.

    One connection serves one statement at a time: who uses it in between waits first.
    """

    def __init__(self) -> None:
        self._connection = connections[DEFAULT_DB_ALIAS]
        self._thread: ThreadPoolExecutor | None = None
        self._busy: Future[None] | None = None

    def start(self, act: Callable[[], None]) -> None:
        """Have something done as soon as what is under way is done; raises what that met."""
        self.wait()
        if self._thread is None:
            self._connection.inc_thread_sharing()
            self._thread = ThreadPoolExecutor(
                max_workers=1, thread_name_prefix="beside", initializer=self._share_connection
            )
        self._busy = self._thread.submit(act)

    def _share_connection(self) -> None:
        connections[DEFAULT_DB_ALIAS] = self._connection

    def wait(self) -> None:
        """Wait until what is under way is done; raises what it met."""
        if self._busy is not None:
            busy, self._busy = self._busy, None
            busy.result()

    def __enter__(self) -> Beside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            if self._thread is not None:
                self._thread.shutdown(wait=True)
                self._connection.dec_thread_sharing()
