"""The peer of the matching engine: a merge of two data frames on the keys, then the tolerances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd


def merge(
    *,
    ours: Mapping[str, Sequence[Any]],
    theirs: Mapping[str, Sequence[Any]],
    keys: Sequence[str],
    tolerances: Mapping[str, Decimal],
) -> list[tuple[int, int]]:
    """Return the pairs of ids with the keys in common and within absolute tolerances; keys come once a side."""
    both = pd.DataFrame(ours).merge(pd.DataFrame(theirs), on=list(keys), suffixes=("_ours", "_theirs"))
    for field, most in tolerances.items():
        ours_then, theirs_then = both[f"{field}_ours"], both[f"{field}_theirs"]
        both = both[(ours_then - theirs_then).abs() <= most]
    return list(zip(both["id_ours"].tolist(), both["id_theirs"].tolist(), strict=True))
