"""What the record of trades contributes to evidence packs."""

from __future__ import annotations

from datetime import datetime
from typing import IO

from core.audit import Actor
from core.evidence import Section, Wanted, pack_bytes
from core.ids import TRADE, public_id

SUBJECT = "trade"
# Longer answers are those of bulk loads, mostly about other trades: their hash is told.
_ANSWER_MAX = 64 * 1024

SECTIONS = (
    Section(
        "trades",
        "Trades",
        SUBJECT,
        "SELECT trade_id AS trade, version, checked_version, state, changed_at FROM trades_state"
        " WHERE trade_id = ANY(%s) ORDER BY trade_id",
    ),
    Section(
        "versions",
        "Versions",
        SUBJECT,
        "SELECT v.trade_id AS trade, v.* FROM trades_version v WHERE v.trade_id = ANY(%s)"
        " ORDER BY v.trade_id, v.version",
    ),
    Section(
        "allocations",
        "Blocks and their parts",
        SUBJECT,
        "WITH wanted AS (SELECT unnest(%s::bigint[]) AS trade_id), pair AS ("
        " SELECT trade_id AS trade, p.trade_id AS part FROM wanted w JOIN trades_state p USING (trade_id)"
        " WHERE p.block_id IS NOT NULL UNION ALL"
        " SELECT w.trade_id, p.trade_id FROM wanted w JOIN trades_state p ON p.block_id = w.trade_id)"
        " SELECT pair.trade, p.block_id AS block, p.trade_id AS part, p.state, v.source_ref, v.counterparty_ref,"
        " v.book_ref, v.quantity, v.currency, v.net_amount"
        " FROM pair JOIN trades_state p ON p.trade_id = pair.part"
        " JOIN trades_version v ON v.trade_id = p.trade_id AND v.version = p.version"
        " ORDER BY pair.trade, p.trade_id",
    ),
    Section(
        "findings",
        "Findings",
        SUBJECT,
        "SELECT trade_id AS trade, id, version, code, severity, subject, message, expected, actual,"
        " parameter_version, inputs, found_at, closed_at, closing FROM trades_finding WHERE trade_id = ANY(%s)"
        " ORDER BY trade_id, id",
    ),
    Section(
        "exceptions",
        "Exceptions",
        SUBJECT,
        "SELECT e.trade_id AS trade, e.id, e.kind, e.codes, e.summary, e.amount_at_risk, e.deadline,"
        " u.username AS owner, e.opened_at, e.closed_at, e.closed_by, e.resolution, e.move, e.causes, e.root_cause,"
        " e.reopenings, (SELECT jsonb_agg(to_jsonb(c) - 'id' - 'exception_id' ORDER BY c.id)"
        " FROM trades_exception_closing c WHERE c.exception_id = e.id) AS closed_before"
        " FROM trades_exception e LEFT JOIN auth_user u ON u.id = e.owner_id"
        " WHERE e.trade_id = ANY(%s) ORDER BY e.trade_id, e.id",
    ),
    Section(
        "comments",
        "Comments",
        SUBJECT,
        "SELECT e.trade_id AS trade, c.exception_id, c.author, c.audience, c.text, c.written_at FROM trades_comment c"
        " JOIN trades_exception e ON e.id = c.exception_id"
        " WHERE e.trade_id = ANY(%s) ORDER BY e.trade_id, c.id",
    ),
    Section(
        "approvals",
        "Approvals",
        SUBJECT,
        "SELECT p.subject_id AS trade, p.id, p.kind, p.state, m.username AS maker, p.made_at, p.reason,"
        " c.username AS checker, p.decided_at, p.decision_note, p.content, p.content_hash"
        " FROM core_proposal p JOIN auth_user m ON m.id = p.maker_id"
        " LEFT JOIN auth_user c ON c.id = p.checker_id"
        " WHERE p.subject = 'trade' AND p.subject_id = ANY(%s) ORDER BY p.subject_id, p.id",
    ),
    Section(
        "overrides",
        "Accepted findings",
        SUBJECT,
        "SELECT trade_id AS trade, version, code, subject, proposal_id, made_at FROM trades_override"
        " WHERE trade_id = ANY(%s) ORDER BY trade_id, id",
    ),
    Section(
        "answers",
        "Messages in and our answers, as long as they are kept",
        SUBJECT,
        "SELECT DISTINCT e.subject_id AS trade, k.created_at, c.name AS client, k.key AS idempotency_key,"
        " encode(k.request_hash, 'hex') AS request_sha256, k.status, encode(sha256(k.body), 'hex') AS answer_sha256,"
        f" CASE WHEN length(k.body) <= {_ANSWER_MAX} THEN convert_from(k.body, 'UTF8') END AS answer"
        " FROM core_event e JOIN core_api_client c ON e.actor = 'client:' || c.name"
        " JOIN core_idempotency_key k ON k.client_id = c.id AND k.created_at = e.recorded_at"
        " WHERE e.subject = 'trade' AND e.subject_id = ANY(%s) ORDER BY 1, 2",
    ),
)


def evidence_of_trade(trade_id: int, *, actor: Actor, now: datetime) -> IO[bytes]:
    """Return the evidence pack of a trade as an open file."""
    title = f"Evidence of {public_id(TRADE, trade_id)}"
    return pack_bytes(wanted=Wanted(title, {SUBJECT: [trade_id]}), actor=actor, now=now)
