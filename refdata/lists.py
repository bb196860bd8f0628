"""Listing reference data: a page after a key, filtered by equality."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from core import sql
from refdata.kinds.base import Kind
from refdata.services import KINDS


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


_SSIS = """
SELECT t.id, p.name AS party_name, {fields},
       CASE WHEN t.valid_from > %(on)s THEN 'COMING' WHEN t.valid_to < %(on)s THEN 'ENDED' ELSE 'IN_FORCE' END AS state
FROM refdata_ssi t JOIN refdata_party p ON p.id = t.party_id
WHERE %(party)s = '' OR p.code = %(party)s OR p.lei = %(party)s
ORDER BY p.code, t.kind, t.key, t.book, t.product, t.market, t.currency, t.valid_from DESC LIMIT %(most)s
"""


def list_ssis(*, party: str, on: date, most: int) -> list[dict[str, Any]]:
    """Return the SSIs of a party, by code or LEI, or of all (empty), by party and place, the latest first.

    Each has its id, its party's name, its fields, and how it stands on a day: COMING, IN_FORCE or ENDED.
    """
    kind = KINDS["ssis"]
    fields = ", ".join(f"{each.read or f't.{name}'} AS {name}" for name, each in kind.fields.items())
    return sql.records(_SSIS.format(fields=fields), {"party": party, "on": on, "most": most})


def ssi_of(ssi_id: int) -> dict[str, Any] | None:
    """Return an SSI as a load takes it, its dates as text; None when there is none."""
    found = KINDS["ssis"].stored([ssi_id]).get(ssi_id)
    if found is None:
        return None
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in found.items()}
