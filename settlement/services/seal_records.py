"""Seal the records that other apps have registered (core.contents): each package becomes immutable batches.

A batch takes its records and notes them as sealed in one transaction, so that whatever ends the seal, the next goes on
where it was: nothing leaves twice, and nothing is left. What was rejected, or recalled with its batch, comes again on a
later day, as its next attempt, until it is accepted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.db import transaction

from core import sql
from core.audit import Actor
from core.clock import business_date
from core.contents import Content, contents
from settlement.formats.canonical import PAGE_LINES
from settlement.services._batch_rows import Written, next_number, write_batch
from settlement.services.manifest import write_manifests
from settlement.services.release import hold_for_release
from settlement.services.seal import wait_for_seals

MAX_RECORDS = 50_000  # lines of one batch, which is one transaction
MAX_BATCHES = 20  # of one call, so that a stop or a deploy never waits long: the next goes on

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Package:
    """What is sealed in one batch: a package of a content and the date it is of, for the first time or again."""

    content: Content
    package: int
    value_date: date
    again: bool

    def parameters(self, now: datetime, most: int) -> dict[str, Any]:
        """Return the parameters of the statements. today: since when answers are too fresh to seal again."""
        today = datetime.combine(business_date(now), time(), UTC)
        return {
            "package": self.package,
            "value_date": self.value_date,
            "channel": self.content.code,
            "today": today,
            "most": most,
        }


def seal_records(
    *,
    now: datetime,
    actor: Actor,
    most: int = MAX_RECORDS,
    batches: int = MAX_BATCHES,
    goes_on: Callable[[], bool] = lambda: True,
) -> list[int]:
    """Seal the registered records that wait, in up to so many batches, and return their ids. One seal runs at a time.

    most: lines of a batch; goes_on: asked before each batch, so that the first seal of a long journal takes turns. A
    package whose sums are not the same in all directions, where its content says that they must be, stays where it is,
    and the log tells of it.
    """
    sealed: list[int] = []
    for content in contents():
        stuck: set[tuple[int, date, bool]] = set()
        while len(sealed) < batches and goes_on():
            package = _next_package(content, stuck, now)
            if package is None:
                break
            batch_id = _seal(package, actor, now, most)
            if batch_id is None:
                stuck.add((package.package, package.value_date, package.again))
            else:
                sealed.append(batch_id)
    return sealed


_AGAIN = """
SELECT r.package, b.value_date FROM settlement_record r JOIN settlement_batch b ON b.id = r.batch_id
WHERE r.channel = %(channel)s AND r.status IN ('REJECTED', 'RECALLED') AND r.again_in IS NULL
  AND r.answered_at < %(today)s
GROUP BY 1, 2
"""


def _next_package(content: Content, stuck: set[tuple[int, date, bool]], now: datetime) -> _Package | None:
    """Return a package that waits and is not stuck, the earliest first, or None."""
    asked = _Package(content, 0, business_date(now), False).parameters(now, 0)
    first = sql.rows(f"SELECT package, value_date FROM ({content.packages}) p")
    again = sql.rows(_AGAIN, asked)
    waiting = [(day, package, False) for package, day in first] + [
        (day, package, True) for package, day in again
    ]
    found = (each for each in sorted(waiting) if (each[1], each[0], each[2]) not in stuck)
    return next((_Package(content, package, day, is_again) for day, package, is_again in found), None)


_DROP = "DROP TABLE IF EXISTS pg_temp.seal_record"
_WANTED_AGAIN = """
SELECT r.record_id, r.attempt + 1 AS attempt, row_number() OVER (ORDER BY r.batch_id, r.line) AS place
FROM settlement_record r JOIN settlement_batch b ON b.id = r.batch_id
WHERE r.channel = %(channel)s AND r.package = %(package)s AND b.value_date = %(value_date)s
  AND r.status IN ('REJECTED', 'RECALLED') AND r.again_in IS NULL AND r.answered_at < %(today)s
ORDER BY place LIMIT %(most)s
"""
_TAKE = """
CREATE TEMPORARY TABLE seal_record ON COMMIT DROP AS
WITH wanted AS MATERIALIZED (SELECT record_id, attempt, place FROM ({wanted}) w)
SELECT (row_number() OVER (ORDER BY w.place))::int AS line, w.record_id, w.attempt, l.asset, l.quantities, l.body
FROM wanted w JOIN ({lines}) l USING (record_id)
"""
_TOTALS = """
SELECT asset, n, count(*), trim_scale(sum(quantities[n]))::text
FROM seal_record CROSS JOIN generate_series(1, %(directions)s) AS n GROUP BY asset, n ORDER BY asset COLLATE "C", n
"""
_INSERT = """
INSERT INTO settlement_record (batch_id, line, channel, package, record_id, attempt, asset, quantities, status, reason)
SELECT %(batch)s, line, %(channel)s, %(package)s, record_id, attempt, asset, quantities, 'SEALED', '' FROM seal_record
"""
_PAGES = """
INSERT INTO settlement_batch_page (batch_id, number, first_line, line_count, byte_count, content)
SELECT %(batch)s, n + 1, n * %(page)s + 1, line_count, octet_length(text), convert_to(text, 'UTF8')
FROM (
    SELECT (line - 1) / %(page)s AS n, count(*) AS line_count, string_agg(
        '{{"record":"' || settlement_public_id(%(prefix)s, record_id) || '","line":' || line || %(common)s
        || ',"attempt":' || attempt || ',"asset":' || to_json(asset) || ',"totals":{{' || {totals}
        || '}},"content":' || body || E'}}\n', '' ORDER BY line) AS text
    FROM seal_record GROUP BY 1
) AS page
"""
_FOLLOW = """
UPDATE settlement_record r SET again_in = %(batch)s FROM seal_record s
WHERE r.channel = %(channel)s AND r.record_id = s.record_id AND r.attempt = s.attempt - 1
"""


def _seal(package: _Package, actor: Actor, now: datetime, most: int) -> int | None:
    """Seal up to `most` records of a package in one transaction; return the batch's id, None where it must not be."""
    content, asked = package.content, package.parameters(now, most)
    with transaction.atomic():
        wait_for_seals()
        sql.run(_DROP)
        wanted = (
            _WANTED_AGAIN
            if package.again
            else f"SELECT record_id, 1 AS attempt, place FROM ({content.waiting}) x"
        )
        sql.run(_TAKE.format(wanted=wanted, lines=content.lines), asked)
        totals = _totals(content)
        if not totals or (content.balanced and not _balances(totals, content.code)):
            sql.run(_DROP)
            return None
        sequence, batch_id = next_number(content.code)
        asked |= {"batch": batch_id, "at": now}
        sql.run(_INSERT, asked)
        sql.run(_PAGES.format(totals=_totals_sql(content)), {**asked, **_bytes(content, batch_id, package)})
        if package.again:
            sql.run(_FOLLOW, asked)
        else:
            sql.run(
                f"WITH sealed AS MATERIALIZED (SELECT record_id FROM seal_record) {content.sealed}", asked
            )
        ((count,),) = sql.rows("SELECT count(*) FROM seal_record")
        batch = Written(batch_id, content.code, sequence, package.value_date, count, 0, totals)
        write_batch(batch, actor=actor, now=now)
        hold_for_release(batch_ids=[batch_id], actor=actor, now=now)
        write_manifests(channels=[content.code], now=now)
        sql.run(_DROP)
    return batch_id


def _totals(content: Content) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the totals of what is taken: asset → direction → {"count", "sum"}, sums as decimal strings."""
    totals: dict[str, dict[str, dict[str, Any]]] = {}
    for asset, n, count, total in sql.rows(_TOTALS, {"directions": len(content.directions)}):
        totals.setdefault(asset, {})[content.directions[n - 1]] = {"count": count, "sum": total}
    return totals


def _balances(totals: Mapping[str, Mapping[str, Mapping[str, Any]]], code: str) -> bool:
    """Tell whether the sums of every asset are the same in all directions; the log is told where they are not."""
    wrong = sorted(
        asset for asset, sums in totals.items() if len({each["sum"] for each in sums.values()}) > 1
    )
    if wrong:
        _log.error("%s is not sealed: it does not balance in %s", code, ", ".join(wrong))
    return not wrong


def _totals_sql(content: Content) -> str:
    return " || ',' || ".join(
        f"""'"{direction}":"' || trim_scale(quantities[{n}]) || '"'"""
        for n, direction in enumerate(content.directions, start=1)
    )


def _bytes(content: Content, batch_id: int, package: _Package) -> dict[str, Any]:
    """Return the parameters of _PAGES: what all lines of the batch have in common is put together once."""
    ((reference,),) = sql.rows("SELECT settlement_public_id('bat', %s::bigint)", [batch_id])
    common = (
        f',"batch":"{reference}","channel":"{content.code}","value_date":"{package.value_date.isoformat()}"'
    )
    return {"page": PAGE_LINES, "prefix": content.prefix, "common": common}
