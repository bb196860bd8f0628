"""Trades and orders as they stand: the current version of each."""

from core.ids import TRADE
from ops.data_sets.base import Column, DataSet, Place, Type, state_sql
from ops.permissions import Right

TRADES = DataSet(
    code="trades",
    title="Trades",
    about="The current version of every trade and order.",
    right=Right.READ_TRADES,
    source=(
        "trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version"
        " LEFT JOIN refdata_party p ON p.id = v.counterparty_id LEFT JOIN refdata_book b ON b.id = v.book_id"
        " LEFT JOIN refdata_instrument i ON i.id = v.instrument_id"
    ),
    order="s.trade_id DESC",
    day="v.trade_date",
    day_name="Traded",
    columns=(
        Column("trade", "s.trade_id", Type.REFERENCE, TRADE),
        Column("status", state_sql("s.state")),
        Column("product", "v.product"),
        Column("side", "v.side"),
        Column("instrument", "coalesce(i.code, v.instrument_ref)"),
        Column("instrument name", "i.name"),
        Column("counterparty", "coalesce(p.code, v.counterparty_ref)"),
        Column("counterparty name", "p.name"),
        Column("group", "p.party_group"),
        Column("country", "p.country"),
        Column("desk", "b.desk"),
        Column("book", "coalesce(b.code, v.book_ref)"),
        Column("trader", "v.trader"),
        Column("source", "v.source"),
        Column("source reference", "v.source_ref"),
        Column("quantity", "v.quantity", Type.NUMBER),
        Column("price", "v.price", Type.NUMBER),
        Column("currency", "v.currency"),
        Column("net amount", "v.net_amount", Type.NUMBER),
        Column("base amount", "v.base_amount", Type.NUMBER),
        Column("trade date", "v.trade_date", Type.DATE),
        Column("settlement date", "v.settlement_date", Type.DATE),
        Column("recorded", "v.recorded_at", Type.MOMENT),
        Column("version", "v.version", Type.NUMBER),
    ),
    layout={
        "group_by": ["product"],
        "columns": ["trade", "base amount", "book", "counterparty"],
        "aggregates": {"trade": "count", "book": "distinct count", "counterparty": "distinct count"},
        "sort": [["base amount", "desc"]],
    },
    record=Place("trade", "trade"),
    list=Place(
        "blotter",
        filters={
            "status": "status",
            "product": "product",
            "counterparty": "counterparty",
            "book": "book",
            "source": "source",
        },
    ),
)
