"""Rows as an Arrow stream, the form in which the grid of Explore takes them."""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import IO, Any

import pyarrow as pa

from core import ids
from ops.data_sets.base import Column, DataSet, Span, Type, reading

_TYPES = {
    Type.TEXT: pa.string(),
    Type.NUMBER: pa.float64(),
    Type.DATE: pa.date32(),
    Type.MOMENT: pa.timestamp("ms", tz="UTC"),
    Type.FLAG: pa.bool_(),
    Type.REFERENCE: pa.string(),
}


def arrow_file(data: DataSet, span: Span) -> IO[bytes]:
    """Return a file at its start with the rows of a data set as an Arrow stream; it is gone when it is closed.

    It is whole before the first byte is answered: a stream that broke off would look like fewer rows.
    """
    schema = pa.schema([(each.name, _TYPES[each.type]) for each in data.columns])
    file = TemporaryFile()  # noqa: SIM115 - whoever answers with it closes it
    with reading(data, span) as chunks, pa.ipc.new_stream(file, schema) as stream:
        for rows in chunks:
            arrays = [_array(*each) for each in zip(data.columns, zip(*rows, strict=True), strict=True)]
            stream.write_batch(pa.record_batch(arrays, schema=schema))
    file.seek(0)
    return file


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    if column.type is Type.REFERENCE:
        values = [None if each is None else ids.public_id(column.prefix, each) for each in values]
    return pa.array(values, type=_TYPES[column.type])
