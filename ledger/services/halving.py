"""Work on many things of which one may be impossible: it must not keep the others from being done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import DataError, IntegrityError, transaction

_log = logging.getLogger(__name__)
T = TypeVar("T")


def halving(things: Sequence[T], do: Callable[[Sequence[T]], None], *, told: str) -> None:
    """Do something for all of `things`; where figures come to be that the database refuses, for all but what makes
    them.

    These are told to the log, as `told` with the thing and the error, and found again by whoever verifies.
    """
    try:
        with transaction.atomic():
            do(things)
    except (DataError, IntegrityError) as error:
        if len(things) == 1:
            _log.error(told, things[0], error)
            return
        for half in (things[: len(things) // 2], things[len(things) // 2 :]):
            halving(half, do, told=told)
