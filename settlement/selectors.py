"""Reads of settlement. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator

from core import sql

# As text in UTF-8, because the driver would read bytes as hexadecimal digits, twice as many.
_PAGES = """
SELECT convert_from(content, 'UTF8') FROM settlement_batch_page
WHERE batch_id = %s AND number BETWEEN %s AND %s ORDER BY number
"""
PAGES_AT_ONCE = 4


def pages(batch_id: int, *, first: int = 1) -> Iterator[bytes]:
    """Yield a batch's canonical bytes page by page, from a page on."""
    while found := sql.rows(_PAGES, [batch_id, first, first + PAGES_AT_ONCE - 1]):
        for (content,) in found:
            yield content.encode()
        first += len(found)
