"""Byte ranges (RFC 9110): a pull that was cut goes on where it stopped."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


class Unsatisfiable(Exception):  # noqa: N818
    """The range begins behind the last byte."""


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first byte of a range and the one behind its last, of `size` bytes.

    None for a header to be ignored, as the standard has it for several ranges and malformed ones.
    Unsatisfiable for a range without any byte.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None:
        return None
    first, last = found.groups()
    if not first:
        if not last:
            return None
        if int(last) == 0 or size == 0:
            raise Unsatisfiable
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return int(first), min(int(last) + 1, size) if last else size
