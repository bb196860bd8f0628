"""Positions as they stand: what the trades add up to by book, instrument, currency and counterparty."""

from ops.data_sets.base import Column, DataSet, Place, Type
from ops.permissions import Right

POSITIONS = DataSet(
    code="positions",
    title="Positions",
    about="What the trades add up to; of cash the instrument is empty and the quantity is of the currency.",
    right=Right.READ_POSITIONS,
    source=(
        "ledger_position q LEFT JOIN refdata_book b ON b.id = q.book_id"
        " LEFT JOIN refdata_instrument i ON i.id = q.instrument_id"
        " LEFT JOIN refdata_party p ON p.id = q.counterparty_id"
    ),
    order="q.book_id, q.instrument_id, q.currency, q.counterparty_id",
    day="",
    day_name="",
    columns=(
        Column("desk", "b.desk"),
        Column("book", "b.code"),
        Column("instrument", "i.code"),
        Column("instrument name", "i.name"),
        Column("currency", "q.currency"),
        Column("counterparty", "p.code"),
        Column("traded", "q.traded", Type.NUMBER),
        Column("settled", "q.settled", Type.NUMBER),
        Column("to settle", "q.traded - q.settled", Type.NUMBER),
    ),
    layout={
        "group_by": ["book", "currency", "instrument"],
        "columns": ["traded", "settled", "to settle"],
    },
    list=Place(
        "positions",
        filters={"book": "book", "instrument": "instrument", "currency": "currency", "counterparty": "party"},
    ),
)
