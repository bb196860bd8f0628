"""Reads of lists page by page, each after the key of the last row of the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

K = TypeVar("K")
AT_ONCE = 1_000


def keyed(
    read: Callable[[K | None, int], list[dict[str, Any]]], *, key: Callable[[dict[str, Any]], K]
) -> Iterator[list[dict[str, Any]]]:
    """Yield the pages of a read, `read(after, limit)`, until one is not full."""
    after: K | None = None
    while True:
        rows = read(after, AT_ONCE)
        yield rows
        if len(rows) < AT_ONCE:
            return
        after = key(rows[-1])
