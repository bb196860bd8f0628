"""Reading reconciliations: what they say, their last runs, and their breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core import sql

COUNT_CAP = 10_000
_COLUMNS = """
SELECT r.id, r.code, v.version, v.title, v.kind, v.source, v.levels, v.window_days, v.basis, v.schedule, v.owner,
       v.is_active, v.approved_at, v.proposal_id, coalesce(m.username, a.name, '') AS maker,
       coalesce(k.username, '') AS checker, o.reason
FROM ledger_reconciliation r
JOIN ledger_reconciliation_version v ON v.reconciliation_id = r.id
LEFT JOIN core_proposal o ON o.id = v.proposal_id
LEFT JOIN auth_user m ON m.id = o.maker_id
LEFT JOIN core_api_client a ON a.id = o.maker_client_id
LEFT JOIN auth_user k ON k.id = o.checker_id
"""
_NEWEST = "v.version = (SELECT max(w.version) FROM ledger_reconciliation_version w WHERE w.reconciliation_id = r.id)"


def newest_versions(*, codes: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return what every reconciliation says, or those of some codes, by code."""
    found = sql.records(
        f"{_COLUMNS} WHERE {_NEWEST} AND (%(codes)s::text[] IS NULL OR r.code = ANY(%(codes)s)) ORDER BY r.code",
        {"codes": None if codes is None else list(codes)},
    )
    return [_read(each) for each in found]


def newest_version(code: str) -> dict[str, Any] | None:
    """Return what a reconciliation says, or None."""
    found = newest_versions(codes=[code])
    return found[0] if found else None


def versions_of(code: str) -> list[dict[str, Any]]:
    """Return every version of a reconciliation, the newest first."""
    return [
        _read(each) for each in sql.records(f"{_COLUMNS} WHERE r.code = %s ORDER BY v.version DESC", [code])
    ]


def reading_statements(*, kind: str, source: str) -> list[dict[str, Any]]:
    """Return the active reconciliations that compare statements of a kind and source."""
    return [
        each
        for each in newest_versions()
        if each["is_active"] and (each["kind"], each["source"]) == (kind, source)
    ]


def _read(found: Mapping[str, Any]) -> dict[str, Any]:
    return {**found, "levels": sql.json_value(found["levels"])}


def pending_proposals(kind: str, subject: str) -> dict[int, int]:
    """Return the proposals of a kind that wait, by what they are about."""
    return dict(
        sql.rows(
            "SELECT subject_id, id FROM core_proposal WHERE kind = %s AND subject = %s AND state = 'PENDING'",
            [kind, subject],
        )
    )


# --- runs


def runs_of(*, reconciliation_id: int, before: int | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Return the runs of a reconciliation, the last first, from before an id on."""
    return sql.records(
        "SELECT * FROM ledger_reconciliation_run WHERE reconciliation_id = %(of)s"
        " AND (%(before)s::bigint IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s",
        {"of": reconciliation_id, "before": before, "limit": limit},
    )


def read_run(run_id: int) -> dict[str, Any] | None:
    """Return a run with the code of its reconciliation, or None."""
    found = sql.records(
        "SELECT u.*, r.code FROM ledger_reconciliation_run u"
        " JOIN ledger_reconciliation r ON r.id = u.reconciliation_id WHERE u.id = %s",
        [run_id],
    )
    return found[0] if found else None


def last_runs() -> dict[int, dict[str, Any]]:
    """Return the last run of every reconciliation by its id."""
    found = sql.records(
        "SELECT DISTINCT ON (reconciliation_id) * FROM ledger_reconciliation_run"
        " ORDER BY reconciliation_id, id DESC"
    )
    return {each["reconciliation_id"]: each for each in found}


def steps_of_run(run_id: int, *, limit: int = 500) -> list[dict[str, Any]]:
    """Return what a run made of breaks: the break with its step, those with the most money first."""
    found = sql.records(
        "SELECT s.step, s.reason AS because, b.* FROM ledger_break_step s JOIN ledger_break b ON b.id = s.break_id"
        " WHERE s.run_id = %s ORDER BY b.base_amount DESC NULLS LAST, b.id LIMIT %s",
        [run_id, limit],
    )
    return [_break(each) for each in found]


# --- breaks

_OPEN_FIGURES = f"""
SELECT reconciliation_id, count(*) AS open, count(*) FILTER (WHERE base_amount IS NULL) AS unvalued,
       coalesce(sum(base_amount), 0) AS money, min(coalesce(reopened_at, opened_at)) AS oldest
FROM (SELECT * FROM ledger_break WHERE closed_at IS NULL ORDER BY id LIMIT {COUNT_CAP * 10}) b
GROUP BY reconciliation_id
"""


def open_figures() -> dict[int, dict[str, Any]]:
    """Return of each reconciliation with open breaks how many, their money, and since when the oldest is open."""
    return {each["reconciliation_id"]: each for each in sql.records(_OPEN_FIGURES)}


def list_breaks(
    *, reconciliation_id: int, is_open: bool = True, before: int | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Return breaks of a reconciliation, the newest first, from before an id on."""
    found = sql.records(
        "SELECT * FROM ledger_break WHERE reconciliation_id = %(of)s AND (closed_at IS NULL) = %(open)s"
        " AND (%(before)s::bigint IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s",
        {"of": reconciliation_id, "open": is_open, "before": before, "limit": limit},
    )
    return [_break(each) for each in found]


def breaks_by_money(*, reconciliation_id: int, limit: int = 200) -> list[dict[str, Any]]:
    """Return the open breaks of a reconciliation, those with the most money first; what has no value comes first."""
    found = sql.records(
        "SELECT * FROM ledger_break WHERE reconciliation_id = %s AND closed_at IS NULL"
        " ORDER BY base_amount DESC NULLS FIRST, id LIMIT %s",
        [reconciliation_id, limit],
    )
    return [_break(each) for each in found]


def page_of_breaks(
    *, code: str = "", is_open: bool = True, before: int | None = None, limit: int
) -> list[dict[str, Any]]:
    """Return breaks with the `code` of their reconciliation, of one or of all (empty), the newest first, from before
    an id on."""
    found = sql.records(
        "SELECT b.*, r.code FROM ledger_break b JOIN ledger_reconciliation r ON r.id = b.reconciliation_id"
        " WHERE (b.closed_at IS NULL) = %(open)s AND (%(code)s = '' OR r.code = %(code)s)"
        " AND (%(before)s::bigint IS NULL OR b.id < %(before)s) ORDER BY b.id DESC LIMIT %(limit)s",
        {"code": code, "open": is_open, "before": before, "limit": limit},
    )
    return [_break(each) for each in found]


def read_break(break_id: int) -> dict[str, Any] | None:
    """Return a break with the code, kind and title of its reconciliation, or None."""
    found = sql.records(
        "SELECT b.*, r.code FROM ledger_break b JOIN ledger_reconciliation r ON r.id = b.reconciliation_id"
        " WHERE b.id = %s",
        [break_id],
    )
    return _break(found[0]) if found else None


def steps_of(break_id: int) -> list[dict[str, Any]]:
    """Return what happened to a break, the last first."""
    return sql.records(
        "SELECT step, reason, run_id, happened_at FROM ledger_break_step WHERE break_id = %s ORDER BY id DESC",
        [break_id],
    )


def forced_of(break_id: int) -> list[dict[str, Any]]:
    """Return the forced matches that a break was part of, the last first."""
    found = sql.records(
        "SELECT * FROM ledger_forced_match WHERE break_ids @> ARRAY[%s]::bigint[] ORDER BY id DESC",
        [break_id],
    )
    return [{**each, "condition": sql.json_value(each["condition"])} for each in found]


def _break(found: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: sql.json_value(found[name]) for name in ("ours", "theirs", "differences", "near")}
    return {**found, **told}
