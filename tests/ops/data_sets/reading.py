"""What the grid would get of a data set."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ops.arrow import arrow_file
from ops.data_sets import DATA_SETS
from ops.data_sets.base import Span


def rows_of(code: str, span: Span = Span(), *, only: tuple[str, ...] = ()) -> list[dict[str, Any]]:  # noqa: B008
    """Return the rows of a data set, with only some of its columns where these are named."""
    with arrow_file(DATA_SETS[code], span) as file:
        table = pa.ipc.open_stream(file).read_all()
    return table.select(only).to_pylist() if only else table.to_pylist()
