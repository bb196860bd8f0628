"""What of the journal leaves for the general ledger: the entries of closed books, in the order of their days.

Books once closed never change again, so what a closing covers is known for good when it is done: a closing is one
package. What is found out later is entered, and reversed, on open days, and leaves with a later closing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.contents import Content
from core.ids import JOURNAL_ENTRY

# How far an entity's journal is sealed: entries are in the order of their days and numbers.
_SEALED_TO = """
SELECT posting_date, entry_id FROM ledger_hand_off h WHERE h.entity_id = {entity} ORDER BY h.id DESC LIMIT 1
"""
_BEYOND = "(j.posting_date, j.id) > (coalesce(m.posting_date, '-infinity'::date), coalesce(m.entry_id, 0))"
_PACKAGES = f"""
SELECT c.entity_id AS package, min(c.closed_through) AS value_date
FROM ledger_period_closing c LEFT JOIN LATERAL ({_SEALED_TO.format(entity="c.entity_id")}) m ON true
WHERE c.closed_through >= coalesce(m.posting_date, '-infinity'::date) AND EXISTS (
    SELECT FROM ledger_journal j
    WHERE j.entity_id = c.entity_id AND j.posting_date <= c.closed_through AND {_BEYOND})
GROUP BY c.entity_id
"""
_WAITING = f"""
SELECT j.id AS record_id, row_number() OVER (ORDER BY j.posting_date, j.id) AS place
FROM (SELECT 1) one LEFT JOIN LATERAL ({_SEALED_TO.format(entity="%(package)s")}) m ON true
JOIN ledger_journal j ON j.entity_id = %(package)s AND j.posting_date <= %(value_date)s AND {_BEYOND}
ORDER BY j.posting_date, j.id LIMIT %(most)s
"""
# Accounts are called as they are when the batch is sealed.
_LINES = """
SELECT j.id AS record_id, e.code || ' ' || j.currency AS asset, p.quantities, row_to_json(b)::text AS body
FROM wanted w JOIN ledger_journal j ON j.id = w.record_id
JOIN refdata_party e ON e.id = j.entity_id
JOIN refdata_book k ON k.id = j.book_id
LEFT JOIN ledger_corporate_action c ON j.source = 'A' AND c.id = j.source_id
LEFT JOIN ledger_profit_run r ON j.source = 'P' AND r.id = j.source_id
CROSS JOIN LATERAL (
    SELECT ARRAY[sum(l.debit), sum(l.credit)] AS quantities,
           array_to_json(array_agg(row_to_json(t) ORDER BY l.id)) AS lines
    FROM ledger_posting l LEFT JOIN refdata_instrument i ON i.id = l.instrument_id
    LEFT JOIN LATERAL (
        SELECT number, name FROM ledger_account_name a WHERE a.entity_id = j.entity_id AND a.account = l.account
        ORDER BY a.version DESC LIMIT 1
    ) n ON true
    CROSS JOIN LATERAL (
        SELECT l.account, n.number, n.name, i.code AS instrument, trim_scale(l.debit)::text AS debit,
               trim_scale(l.credit)::text AS credit, trim_scale(l.price)::text AS price,
               settlement_public_id('trd', l.lot_trade_id) AS lot_trade
    ) t
    WHERE l.entry_id = j.id
) p
CROSS JOIN LATERAL (
    SELECT e.code AS entity, k.code AS book, j.currency, j.posting_date, j.effective_date, j.recorded_at, j.rule,
           j.rule_version, CASE WHEN j.source = 'T' THEN settlement_public_id('trd', j.source_id) END AS trade,
           c.reference AS corporate_action, CASE WHEN j.source = 'P' THEN r.day END AS valuation_day, j.version,
           settlement_public_id('{prefix}', j.reverses) AS reverses, p.lines AS postings
) b
""".replace("{prefix}", JOURNAL_ENTRY)
_NOTE = """
INSERT INTO ledger_hand_off (entity_id, closed_through, posting_date, entry_id, entry_count, batch_id, sealed_at)
SELECT j.entity_id, %(value_date)s, j.posting_date, j.id, count(*) OVER (), %(batch)s, %(at)s
FROM sealed s JOIN ledger_journal j ON j.id = s.record_id
ORDER BY j.posting_date DESC, j.id DESC LIMIT 1
"""
_OF_ENTRY = (
    ("entity", "code of our own legal entity"),
    ("book", "the book"),
    ("currency", "of both sides"),
    ("posting_date", "the day it is booked on"),
    ("effective_date", "the day it is about"),
    ("recorded_at", "when it was entered"),
    ("rule", "the posting rule"),
    ("rule_version", "and its version"),
    ("trade", "the trade it is of"),
    ("corporate_action", "or the corporate action"),
    ("valuation_day", "or the day whose close it values positions by"),
    ("version", "of the trade or of the corporate action, or the run of the day"),
    ("reverses", "the record that it takes back"),
)
_OF_POSTING = (
    ("account", "code of the account"),
    ("number", "in the general ledger"),
    ("name", "in the general ledger"),
    ("instrument", "ISIN, SKU or code"),
    ("debit", "a decimal with a point"),
    ("credit", "a decimal with a point"),
    ("price", "that it comes from"),
    ("lot_trade", "the trade whose lot was closed"),
)


def _rows(line: Mapping[str, Any]) -> Iterator[Sequence[object]]:
    """Yield a row for each posting of an entry."""
    entry = line["content"]
    of_entry = [line["record"], line["line"], line["attempt"], *(entry[name] for name, _ in _OF_ENTRY)]
    for posting in entry["postings"]:
        yield [*of_entry, *(posting[name] for name, _ in _OF_POSTING)]


JOURNAL = Content(
    code="JOURNAL",
    title="Journal",
    prefix=JOURNAL_ENTRY,
    scope="journal:read",
    directions=("DEBIT", "CREDIT"),
    packages=_PACKAGES,
    waiting=_WAITING,
    lines=_LINES,
    sealed=_NOTE,
    balanced=True,
    columns=(
        ("record", "public id of the entry"),
        ("line", "of the batch; an entry has several rows"),
        ("attempt", "from 1, more where it was rejected before"),
        *_OF_ENTRY,
        *_OF_POSTING,
    ),
    rows=_rows,
)
