"""What the ledger contributes to evidence packs of trades: what each makes us hold, and what became of lots by it."""

from core.evidence import Section

_MOVED = "SELECT * FROM ledger_lot_movement m WHERE m"

SECTIONS = (
    Section(
        "position_entries",
        "Entries in positions",
        "trade",
        "SELECT e.trade_id AS trade, e.id, e.version, e.leg, e.basis, k.code AS book, i.code AS instrument, e.currency,"
        " c.code AS counterparty, e.quantity, e.amount, e.fees, e.effective_date, e.settles_on, e.moment, e.reverses,"
        " e.recorded_at FROM ledger_position_entry e JOIN refdata_book k ON k.id = e.book_id"
        " LEFT JOIN refdata_instrument i ON i.id = e.instrument_id"
        " LEFT JOIN refdata_party c ON c.id = e.counterparty_id"
        " WHERE e.trade_id = ANY(%s) ORDER BY e.trade_id, e.id",
    ),
    Section(
        "lot_movements",
        "What it did to lots, and what became of its own",
        "trade",
        "SELECT t.trade, m.id, m.kind, k.code AS book, i.code AS instrument, m.currency, m.day,"
        " CASE m.rank WHEN 'T' THEN m.source_id END AS trade_id, a.reference AS corporate_action, m.version, m.leg,"
        " nullif(m.lot_trade_id, 0) AS lot_trade_id, m.lot_version, m.lot_leg, m.quantity, m.cost, m.value, m.gain"
        " FROM unnest(%s::bigint[]) AS t(trade) CROSS JOIN LATERAL ("
        f" {_MOVED}.source_id = t.trade AND m.rank = 'T' UNION {_MOVED}.lot_trade_id = t.trade) AS m"
        " JOIN refdata_book k ON k.id = m.book_id JOIN refdata_instrument i ON i.id = m.instrument_id"
        " LEFT JOIN ledger_corporate_action a ON m.rank = 'A' AND a.id = m.source_id ORDER BY t.trade, m.id",
    ),
)
