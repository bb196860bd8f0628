"""What a long-running command shows: a live table on a terminal, plain lines elsewhere; and its clean end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

REFRESH_SECONDS = 0.25
LINE_SECONDS = 5.0


class Out(Protocol):
    """Where a command writes: Django's wrapper, or a file."""

    def isatty(self) -> bool: ...

    def write(self, text: str, /) -> object: ...


Figures = Callable[[], Mapping[str, str]]


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C or SIGTERM sets; the second Ctrl-C interrupts as usual."""
    stop = threading.Event()
    usual = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, usual)

    before = {each: signal.signal(each, note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show_until(done: threading.Event, *, title: str, figures: Figures, out: Out) -> None:
    """Show figures on `out` until done: refreshed in place on a terminal, else a line every few seconds."""
    if out.isatty():
        with Live(console=Console(), refresh_per_second=1 / REFRESH_SECONDS) as live:
            while not done.wait(REFRESH_SECONDS):
                live.update(_table(title, figures()))
            live.update(_table(title, figures()))
        return
    said = time.monotonic()
    while not done.wait(REFRESH_SECONDS):
        if time.monotonic() - said >= LINE_SECONDS:
            said = time.monotonic()
            out.write(_line(figures()) + "\n")
    out.write(_line(figures()) + "\n")


def _line(figures: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


def _table(title: str, figures: Mapping[str, str]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None, min_width=40)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in figures.items():
        table.add_row(name, value)
    return table
