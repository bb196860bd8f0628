"""The batch that an address is about."""

from __future__ import annotations

from typing import Any

from core.as_of import AsOf
from core.http.problem import not_found
from core.ids import BATCH, database_id
from settlement.selectors import read_batch


def batch_id_of(reference: str) -> int:
    """Return the database id of a batch's reference, which need not exist; Problem 404 for what is none."""
    batch_id = database_id(BATCH, reference)
    if batch_id is None:
        raise not_found("settlement batch")
    return batch_id


def batch_of(reference: str, where: AsOf | None = None) -> dict[str, Any]:
    """Return a batch, now or as it was; Problem 404 when there is none."""
    row = read_batch(batch_id_of(reference), as_of=where)
    if row is None:
        raise not_found("settlement batch")
    return row
