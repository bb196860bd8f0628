"""Settlement instructions and what became of each."""

from core.ids import BATCH, INSTRUCTION
from ops.data_sets.base import Column, DataSet, Place, Type
from ops.permissions import Right

INSTRUCTIONS = DataSet(
    code="instructions",
    title="Instructions",
    about="Every sealed settlement instruction and what became of it.",
    right=Right.READ_BATCHES,
    source=(
        "settlement_instruction i JOIN settlement_instruction_state s ON s.instruction_id = i.id"
        " JOIN settlement_batch b ON b.id = i.batch_id LEFT JOIN refdata_party p ON p.id = i.counterparty_id"
        " LEFT JOIN refdata_party e ON e.id = i.entity_id"
    ),
    order="i.id DESC",
    day="i.value_date",
    day_name="Value date",
    columns=(
        Column("instruction", "i.id", Type.REFERENCE, INSTRUCTION),
        Column("batch", "i.batch_id", Type.REFERENCE, BATCH),
        Column("channel", "i.channel"),
        Column("entity", "e.code"),
        Column("counterparty", "p.code"),
        Column("counterparty name", "p.name"),
        Column("kind", "i.asset_kind"),
        Column("asset", "i.asset"),
        Column("direction", "i.direction"),
        Column("quantity", "i.quantity", Type.NUMBER),
        Column("settled quantity", "s.settled_quantity", Type.NUMBER),
        Column("legs", "i.gross_count", Type.NUMBER),
        Column("value date", "i.value_date", Type.DATE),
        Column("sealed", "b.sealed_at", Type.MOMENT),
        Column("processing", "s.processing"),
        Column("matching", "s.matching"),
        Column("settlement", "s.settlement"),
        Column("reason", "s.settlement_reason"),
        Column("cancels another", "i.cancels IS NOT NULL", Type.FLAG),
    ),
    layout={
        "group_by": ["asset", "direction"],
        "split_by": ["settlement"],
        "columns": ["instruction", "quantity", "legs"],
        "aggregates": {"instruction": "count"},
    },
    record=Place("instruction", "instruction"),
)
