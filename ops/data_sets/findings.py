"""What checks and the back office found, open and closed."""

from core.ids import TRADE
from ops.data_sets.base import Column, DataSet, Place, Type
from ops.permissions import Right

FINDINGS = DataSet(
    code="findings",
    title="Findings",
    about="What the checks and the back office found, open and closed.",
    right=Right.READ_EXCEPTIONS,
    source=(
        "trades_finding f JOIN trades_version v ON v.trade_id = f.trade_id AND v.version = f.version"
        " LEFT JOIN refdata_party p ON p.id = v.counterparty_id LEFT JOIN refdata_book b ON b.id = v.book_id"
    ),
    order="f.id DESC",
    day="(f.found_at AT TIME ZONE 'UTC')::date",
    day_name="Found (UTC)",
    columns=(
        Column("trade", "f.trade_id", Type.REFERENCE, TRADE),
        Column("finding", "f.code"),
        Column("severity", "f.severity"),
        Column("subject", "f.subject"),
        Column("message", "f.message"),
        Column("expected", "f.expected"),
        Column("actual", "f.actual"),
        Column("open", "f.closed_at IS NULL", Type.FLAG),
        Column("closing", "f.closing"),
        Column("found", "f.found_at", Type.MOMENT),
        Column("closed", "f.closed_at", Type.MOMENT),
        Column(
            "hours open", "extract(epoch FROM coalesce(f.closed_at, now()) - f.found_at) / 3600", Type.NUMBER
        ),
        Column("version", "f.version", Type.NUMBER),
        Column("product", "v.product"),
        Column("source", "v.source"),
        Column("counterparty", "coalesce(p.code, v.counterparty_ref)"),
        Column("desk", "b.desk"),
        Column("book", "coalesce(b.code, v.book_ref)"),
        Column("base amount", "v.base_amount", Type.NUMBER),
    ),
    layout={
        "group_by": ["finding"],
        "split_by": ["severity"],
        "columns": ["trade", "hours open"],
        "aggregates": {"trade": "distinct count", "hours open": "avg"},
        "sort": [["trade", "desc"]],
    },
    record=Place("trade", "trade"),
    list=Place(
        "blotter",
        filters={"product": "product", "counterparty": "counterparty", "book": "book", "source": "source"},
    ),
)
