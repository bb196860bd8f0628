"""Profit and loss: the lines of the latest run of each day."""

from ops.data_sets.base import Column, DataSet, Type
from ops.permissions import Right

_PARTS = ("new_trades", "amendments", "market", "fx", "carry", "fees", "adjustments", "unexplained", "total")
PROFIT = DataSet(
    code="profit",
    title="P&L",
    about="What each position came to, by day: the latest run of each, in base currency.",
    right=Right.READ_PROFIT,
    source=(
        "ledger_profit_line l JOIN ledger_profit_run r ON r.id = l.run_id"
        " LEFT JOIN refdata_book b ON b.id = l.book_id LEFT JOIN refdata_instrument i ON i.id = l.instrument_id"
        " LEFT JOIN refdata_party p ON p.id = l.counterparty_id"
    ),
    where=(
        "r.kind <> 'OPENING' AND NOT EXISTS (SELECT FROM ledger_profit_run n"
        " WHERE n.day = r.day AND n.number > r.number AND n.kind <> 'OPENING')"
    ),
    order="l.id DESC",
    day="r.day",
    day_name="Day",
    columns=(
        Column("day", "r.day", Type.DATE),
        Column("run", "r.number", Type.NUMBER),
        Column("kind", "r.kind"),
        Column("desk", "b.desk"),
        Column("book", "b.code"),
        Column("trader", "l.trader"),
        Column("product", "l.product"),
        Column("instrument", "i.code"),
        Column("counterparty", "p.code"),
        Column("currency", "l.currency"),
        Column("quantity", "l.quantity", Type.NUMBER),
        Column("value", "l.value", Type.NUMBER),
        Column("base value", "l.base_value", Type.NUMBER),
        *(Column(name.replace("_", " "), f"l.{name}", Type.NUMBER) for name in _PARTS),
        Column("priced", "l.is_priced", Type.FLAG),
        Column("base currency", "r.base_currency"),
    ),
    layout={
        "group_by": ["day", "book"],
        "columns": [name.replace("_", " ") for name in _PARTS],
        "sort": [["day", "desc"]],
    },
)
