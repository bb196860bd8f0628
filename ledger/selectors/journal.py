"""The journal, read: entries with their postings, balances as they were known, accounts and periods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from core import sql
from core.as_of import KNOWN, NOW, AsOf
from core.money import round_money
from ledger.accounts import CHART


@dataclass(frozen=True, slots=True)
class Which:
    """Which entries are asked for: by the codes of what they are of, or the id of a trade. None narrows nothing."""

    entity: str | None = None
    book: str | None = None
    currency: str | None = None
    account: str | None = None
    rule: str | None = None
    trade_id: int | None = None
    first: date | None = None
    last: date | None = None

    def sql(self) -> tuple[str, dict[str, Any]]:
        """Return the condition on an entry `j`, and its parameters."""
        conditions = [condition for name, condition in _CONDITIONS.items() if getattr(self, name) is not None]
        return " AND ".join(["true", *conditions]), {name: getattr(self, name) for name in self.__slots__}


_CONDITIONS = {
    "entity": "j.entity_id = (SELECT id FROM refdata_party WHERE code = %(entity)s)",
    "book": "j.book_id = (SELECT id FROM refdata_book WHERE code = %(book)s)",
    "currency": "j.currency = %(currency)s",
    "account": "EXISTS (SELECT FROM ledger_posting a WHERE a.entry_id = j.id AND a.account = %(account)s)",
    "rule": "j.rule = %(rule)s",
    "trade_id": "j.source = 'T' AND j.source_id = %(trade_id)s",
    "first": "j.posting_date >= %(first)s",
    "last": "j.posting_date <= %(last)s",
}
_NAMED = f"""
SELECT p.*, k.code AS book, e.code AS entity, c.reference AS action, back.id AS reversed_by, told.day AS run_day,
       told.base_currency, rate.price AS rate
FROM page p JOIN refdata_book k ON k.id = p.book_id JOIN refdata_party e ON e.id = p.entity_id
LEFT JOIN ledger_corporate_action c ON p.source = 'A' AND c.id = p.source_id
LEFT JOIN ledger_profit_run told ON p.source = 'P' AND told.id = p.source_id
LEFT JOIN ledger_profit_price rate
    ON rate.run_id = told.id AND rate.instrument_id = 0 AND rate.currency = p.currency
LEFT JOIN ledger_journal back ON back.reverses = p.id AND core_known(back.xid, back.recorded_at, {KNOWN})
"""


def list_in_order_of_commit(
    *, which: Which, after: tuple[int, ...] | None = None, limit: int
) -> list[dict[str, Any]]:
    """Return entries with their `postings` in the order of commit, after a (transaction, id).

    Only what no open transaction can still precede is shown, so a reader that keeps its cursor misses none.
    """
    condition, parameters = which.sql()
    xid, last_id = after or (0, 0)
    rows = sql.records(
        f"""
WITH page AS MATERIALIZED (
    SELECT j.* FROM ledger_journal j
    WHERE j.xid < {sql.OLDEST_OPEN} AND (j.xid, j.id) > (%(xid)s, %(id)s) AND {condition}
    ORDER BY j.xid, j.id LIMIT %(limit)s
) {_NAMED} ORDER BY p.xid, p.id
""",
        {**parameters, **NOW.parameters(), "xid": xid, "id": last_id, "limit": limit},
    )
    return _with_postings(rows, None)


def list_by_day(
    *, which: Which, as_of: AsOf = NOW, after: tuple[date, int] | None = None, limit: int
) -> list[dict[str, Any]]:
    """Return entries as known at a moment, with their `postings` (of `which.account` alone where there is one), by the
    day they are booked on, after a (day, id)."""
    condition, parameters = which.sql()
    last_day, last_id = after or (date.min, 0)
    rows = sql.records(
        f"""
WITH page AS MATERIALIZED (
    SELECT j.* FROM ledger_journal j
    WHERE core_known(j.xid, j.recorded_at, {KNOWN}) AND {condition}
      AND (j.posting_date, j.id) > (%(last_day)s, %(last_id)s)
    ORDER BY j.posting_date, j.id LIMIT %(limit)s
) {_NAMED} ORDER BY p.posting_date, p.id
""",
        {**parameters, **as_of.parameters(), "last_day": last_day, "last_id": last_id, "limit": limit},
    )
    return _with_postings(rows, which.account)


_SIDES = ("debit", "credit")
_POSTINGS = """
SELECT p.id, p.entry_id, p.account, i.code AS instrument, p.leg, p.debit, p.credit, p.price, p.lot_trade_id, p.lot_leg
FROM ledger_posting p LEFT JOIN refdata_instrument i ON i.id = p.instrument_id
WHERE p.entry_id = ANY(%(entries)s::bigint[]) AND (%(account)s::text IS NULL OR p.account = %(account)s)
ORDER BY p.entry_id, p.id
"""


def _with_postings(rows: list[dict[str, Any]], account: str | None) -> list[dict[str, Any]]:
    found: dict[int, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
    for each in sql.records(_POSTINGS, {"entries": list(found), "account": account}):
        found[each["entry_id"]].append(each)
    return [{**row, "postings": [_in_base(each, row) for each in found[row["id"]]]} for row in rows]


def _in_base(posting: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Give a posting of a valuation what it is in base currency, at the rate of its run; None for any other."""
    if entry["rate"] is None:
        return {**posting, "base_debit": None, "base_credit": None}
    sides = {
        f"base_{name}": round_money(posting[name] * entry["rate"], entry["base_currency"]) for name in _SIDES
    }
    return {**posting, **sides}


# What is booked before a day are the months before its own and the days of that before it. What was not known at a
# moment is taken off again: entries that were recorded later, or whose transactions had not ended when it was asked.
_EDGES = """
edges(edge, until) AS (
    VALUES ('closing', %(until)s::date), ('opening', %(first)s::date)
), late AS MATERIALIZED (
    SELECT j.entity_id, j.currency, p.account, j.posting_date, sum(p.debit) AS debit, sum(p.credit) AS credit,
           count(*) AS postings
    FROM ledger_journal j JOIN ledger_posting p ON p.entry_id = j.id
    WHERE %(as_at)s::timestamptz IS NOT NULL AND (j.recorded_at > %(as_at)s::timestamptz
        OR j.xid >= pg_snapshot_xmin(%(seen)s::pg_snapshot)::text::bigint
           AND NOT pg_visible_in_snapshot(j.xid::text::xid8, %(seen)s::pg_snapshot))
    GROUP BY 1, 2, 3, 4
)
"""
_WHICH_TOTALS = """
(%(entity)s::text IS NULL OR t.entity_id = (SELECT id FROM refdata_party WHERE code = %(entity)s))
AND (%(currency)s::text IS NULL OR t.currency = %(currency)s)
"""
_BALANCE = f"""
WITH {_EDGES}, cumulated AS (
    SELECT e.edge, t.entity_id, t.currency, t.account, t.debit, t.credit, t.postings
    FROM edges e JOIN ledger_account_total t ON t.span = 'M'
        AND (t.starts_on < date_trunc('month', e.until) OR e.until IS NULL AND e.edge = 'closing')
    WHERE {_WHICH_TOTALS}
    UNION ALL
    SELECT e.edge, t.entity_id, t.currency, t.account, t.debit, t.credit, t.postings
    FROM edges e JOIN ledger_account_total t ON t.span = 'D' AND t.starts_on < e.until
        AND t.starts_on >= date_trunc('month', e.until)
    WHERE {_WHICH_TOTALS}
    UNION ALL
    SELECT e.edge, t.entity_id, t.currency, t.account, -t.debit, -t.credit, -t.postings
    FROM edges e JOIN late t ON t.posting_date < e.until OR e.until IS NULL AND e.edge = 'closing'
    WHERE {_WHICH_TOTALS}
), summed AS MATERIALIZED (
    SELECT entity_id, currency, account,
           coalesce(sum(debit - credit) FILTER (WHERE edge = 'opening'), 0) AS opening,
           sum(CASE edge WHEN 'closing' THEN debit ELSE -debit END) AS debit,
           sum(CASE edge WHEN 'closing' THEN credit ELSE -credit END) AS credit,
           sum(debit - credit) FILTER (WHERE edge = 'closing') AS closing
    FROM cumulated GROUP BY entity_id, currency, account HAVING sum(postings) FILTER (WHERE edge = 'closing') > 0
)
SELECT e.code AS entity, s.*, coalesce(n.number, '') AS number, coalesce(n.name, '') AS name
FROM summed s JOIN refdata_party e ON e.id = s.entity_id
LEFT JOIN LATERAL (
    SELECT number, name FROM ledger_account_name a WHERE a.entity_id = s.entity_id AND a.account = s.account
      AND core_known(a.xid, a.approved_at, {KNOWN})
    ORDER BY a.version DESC LIMIT 1
) n ON true
"""


def trial_balance(
    *,
    entity: str | None = None,
    currency: str | None = None,
    first: date | None = None,
    last: date | None = None,
    as_of: AsOf = NOW,
) -> list[dict[str, Any]]:
    """Return what stands on each account of each entity and currency, in the order of the chart, as known at a moment,
    under the names that the accounts had then.

    first, last: the days of the period. opening and closing are debits less credits before it and at its end; debit
    and credit what it has booked. The closings of an entity's currency add up to nought, and so do its openings.
    It is read from totals by day and month, and takes as long however old the journal is. As of a moment, what has come
    since is read besides and taken off, so a moment far back takes as long as what came after it is long: the totals do
    not say when they came to be.
    """
    until = None if last is None or last == date.max else last + timedelta(days=1)
    first = min(first, until) if first and until else first
    rows = sql.records(
        _BALANCE,
        {"entity": entity, "currency": currency, "first": first, "until": until, **as_of.parameters()},
    )
    order = {each.code.value: n for n, each in enumerate(CHART)}
    names = {each.code.value: each.name for each in CHART}
    return [
        {**row, "name": row["name"] or names[row["account"]]}
        for row in sorted(rows, key=lambda row: (row["entity"], row["currency"], order[row["account"]]))
    ]


def entity_id_of(code: str) -> int | None:
    """Return the id of an entity that has books, by its code."""
    found = sql.row(
        "SELECT p.id FROM refdata_party p WHERE p.code = %s"
        " AND EXISTS (SELECT FROM refdata_book b WHERE b.entity_id = p.id)",
        [code.replace("\0", "")],
    )
    return None if found is None else int(found[0])


def names_of(entity_id: int) -> dict[str, dict[str, str]]:
    """Return the number and name of every account in the general ledger of an entity; no number: an empty text."""
    said = sql.rows(
        "SELECT DISTINCT ON (account) account, number, name FROM ledger_account_name WHERE entity_id = %s"
        " ORDER BY account, version DESC",
        [entity_id],
    )
    names = {each.code.value: {"number": "", "name": each.name} for each in CHART}
    return names | {account: {"number": number, "name": name} for account, number, name in said}


def closed_through(entity_id: int) -> date | None:
    """Return the day up to which the books of an entity are closed, None where they never were."""
    ((through,),) = sql.rows(
        "SELECT max(closed_through) FROM ledger_period_closing WHERE entity_id = %s", [entity_id]
    )
    return through


_BOOKS = """
SELECT p.id AS entity_id, p.code AS entity, p.name, c.closed_through, c.approved_at,
       coalesce(m.username, n.name) AS maker, k.username AS checker, w.id AS proposal_id,
       (w.content->>'closed_through')::date AS closing_through
FROM (SELECT DISTINCT entity_id FROM refdata_book) b JOIN refdata_party p ON p.id = b.entity_id
LEFT JOIN LATERAL (
    SELECT * FROM ledger_period_closing l WHERE l.entity_id = p.id ORDER BY l.closed_through DESC LIMIT 1
) c ON true
LEFT JOIN core_proposal o ON o.id = c.proposal_id
LEFT JOIN auth_user m ON m.id = o.maker_id
LEFT JOIN core_api_client n ON n.id = o.maker_client_id
LEFT JOIN auth_user k ON k.id = o.checker_id
LEFT JOIN core_proposal w ON w.kind = %s AND w.subject_id = p.id AND w.state = 'PENDING'
ORDER BY p.code
"""


def list_books(*, kind: str) -> list[dict[str, Any]]:
    """Return how far the books of each entity are closed, by whom, and what waits to close more. kind: of proposals."""
    return sql.records(_BOOKS, [kind])
