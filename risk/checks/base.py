"""What a check declares. All of them are composed into one statement over a claimed batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One rule over trades.

    condition: SQL over a row `b` of the batch (see risk/checks/_composition.py for its columns), true when
        the rule is broken. Null counts as not broken.
    products: the products whose terms the condition is about; none: it is asked of every trade.
    rows: instead of a condition, SQL that gives trade_id, subject, expected, actual for what is broken, over
        the relations that risk/checks/_composition.py names; for rules that look beyond one row.
    subject, expected, actual: SQL over `b`, as text, for the finding of a broken condition.
    message: what a person reads; may use {subject}, {expected} and {actual}.
    fix: what the person can do about it. example: a case in words, for the docs.
    parameters: numbers the SQL may use as `{name}`; they travel as bound parameters. These are the defaults: people
        set others (risk/services/parameters.py).
    active: whether it runs until two people say otherwise; one that is declared off is back-tested before it is on.
    meanings: what each parameter means, in words. bounds: the least and greatest value that people may set it to.
    confirm: a last look in Python at the `actual` of a broken row; False withdraws the finding.
    overridable: whether two people may accept the finding and let the trade go on.
    precedence: order in which findings are shown; lower is more fundamental.
    """

    code: str
    title: str
    severity: Literal["BLOCK", "WARN", "INFO"]
    precedence: int
    message: str
    fix: str
    example: str
    condition: str = ""
    products: tuple[str, ...] = ()
    rows: str = ""
    subject: str = "''"
    expected: str = "''"
    actual: str = "''"
    parameters: Mapping[str, str] = field(default_factory=dict)
    confirm: Callable[[str], bool] | None = None
    overridable: bool = False
    active: bool = True
    meanings: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, tuple[str, str]] = field(default_factory=dict)
