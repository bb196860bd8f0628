"""Listing reference data: a page after a key, filtered by equality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import sql
from refdata.kinds.base import Kind


def list_rows(
    *, kind: Kind, filters: Mapping[str, str], after: int, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    """Return up to `limit` rows with an id above `after`, oldest first, each with its id.

    A row has exactly the fields that a load takes, so what is listed can be loaded again.
    """
    conditions = ["t.id > %s", *(kind.filters[name] for name in filters)]
    found = sql.rows(
        f"{kind.select} WHERE {' AND '.join(conditions)} ORDER BY t.id LIMIT %s",
        [after, *filters.values(), limit],
    )
    return [(row[0], kind.as_row(row)) for row in found]
