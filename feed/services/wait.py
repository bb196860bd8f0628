"""Long polls: a reader waits for the next event, but never so many that nobody else is served."""

from __future__ import annotations

import threading
import time

from feed.selectors import Page, Position, Selection, read_page

MAX_WAIT_SECONDS = 30
# Of the web server's 8 threads a process: the others go on serving. Who finds no place is answered at once.
MAX_WAITING = 3
_PAUSE_MS = 200

_places = threading.BoundedSemaphore(MAX_WAITING)


def read_or_wait(*, after: Position, limit: int, selection: Selection, wait_seconds: int) -> Page:
    """Return the next page; when it is empty, wait up to `wait_seconds` for an event, if there is a place."""
    page = read_page(after=after, limit=limit, selection=selection)
    if page.events or wait_seconds <= 0 or not _places.acquire(blocking=False):
        return page
    try:
        return _waited(page, limit, selection, time.monotonic() + wait_seconds)
    finally:
        _places.release()


def _waited(page: Page, limit: int, selection: Selection, until: float) -> Page:
    while not page.events and time.monotonic() < until:
        if not page.more:
            time.sleep(_PAUSE_MS / 1000)
        page = read_page(after=page.next, limit=limit, selection=selection)
    return page
