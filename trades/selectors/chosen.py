"""What people choose from lists to act on at once: records by id, each with what can be seen of it now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from core import sql
from trades.models import BulkItem, BulkRun
from trades.selectors import blotter

RUNS_SHOWN = 100
OWN_RUNS_SHOWN = 20

_TRADES = (
    "SELECT trade_id, version, changed_at FROM trades_state WHERE trade_id = ANY(%s) ORDER BY trade_id DESC"
)
_ITEMS = """
SELECT e.id, coalesce(s.version::text, '') FROM trades_exception e
LEFT JOIN trades_state s ON s.trade_id = e.trade_id WHERE e.id = ANY(%s)
"""
_OPEN_OF = """
SELECT e.id, s.version::text FROM trades_exception e JOIN trades_state s ON s.trade_id = e.trade_id
WHERE e.trade_id = ANY(%s) AND e.closed_at IS NULL ORDER BY e.deadline, e.id
"""


Standing = tuple[int, datetime]  # a trade's version, and when it changed last


def trades_seen(trade_ids: Iterable[int]) -> dict[int, Standing | None]:
    """Return trades as they stand, in the order given; None for one that does not exist."""
    ids = list(dict.fromkeys(trade_ids))
    found = {each: (version, at) for each, version, at in sql.rows(_TRADES, [ids])}
    return {each: found.get(each) for each in ids}


def trades_matching(wanted: blotter.Filter, *, most: int) -> tuple[dict[int, Standing | None], bool]:
    """Return the trades that a filter matches, up to `most` of those captured last, and whether there are more.

    TooBroad when that takes too long.
    """
    found = blotter.keys(wanted, most=most + 1)
    return {each: (version, at) for each, version, at in found[:most]}, len(found) > most


def items_seen(exception_ids: Iterable[int]) -> dict[int, str]:
    """Return exceptions, in the order given, each with the version of its trade; empty where it has none."""
    ids = list(dict.fromkeys(exception_ids))
    found = dict(sql.rows(_ITEMS, [ids]))
    return {each: found.get(each, "") for each in ids}


def open_items_of(trade_ids: Iterable[int]) -> dict[int, str]:
    """Return the open exceptions of trades, as `items_seen` does."""
    return dict(sql.rows(_OPEN_OF, [list(trade_ids)]))


def shown_trades(trade_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return trades as the blotter lists them, by id."""
    page = blotter.page(blotter.with_ids(blotter.Filter(), list(trade_ids)), size=max(len(trade_ids), 1))
    return {row["trade_id"]: row for row in page.rows}


# --- runs


def run(run_id: int) -> BulkRun | None:
    """Return a bulk run, or None."""
    return BulkRun.objects.filter(id=run_id).first()


def last_runs(*, of: int | None = None) -> list[BulkRun]:
    """Return the runs that were asked for last, the newest first, without those of a single record. of: a person's.

    Whoever sees some books only is shown a run if every record of it is seen, which is looked up record by record: of
    such a person's own runs there are few, and of the firm's any number would be looked through for one that is.
    """
    found = BulkRun.objects.filter(items__gt=1).order_by("-id")
    return list(found[:RUNS_SHOWN] if of is None else found.filter(user_id=of)[:OWN_RUNS_SHOWN])


RESULTS = ("", "refused", "done", "left")
_OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "refused": ("REFUSED", "UNKNOWN"),
    "done": ("DONE", "UNCHANGED", "PROPOSED"),
    "left": ("",),
}


def results(found: BulkRun, *, of: str = "", after: int = 0, limit: int) -> list[BulkItem]:
    """Return what became of items of a run, in their order after a place. of: one of RESULTS; empty: all."""
    items = BulkItem.objects.filter(run=found, place__gt=after)
    if of:
        items = items.filter(outcome__in=_OUTCOMES[of])
    return list(items.order_by("place")[:limit])


def not_done(found: BulkRun) -> list[int]:
    """Return the items of a run that were refused, or that it has not come to, in their order."""
    items = BulkItem.objects.filter(run=found, outcome__in=(*_OUTCOMES["refused"], *_OUTCOMES["left"]))
    return list(items.order_by("place").values_list("subject_id", flat=True))
