"""CSV: every line, with nothing added to a text and nothing taken away."""

from __future__ import annotations

import csv
import io

import pytest

from refdata.models import Party
from tests.settlement.formats.support import exported, firm
from tests.settlement.support import batch_of, instruction_ids, ref, seal, trade_ref, validated
from tests.support.factories import equity

pytestmark = pytest.mark.django_db


def test_a_row_has_all_that_its_line_says():
    made = firm()
    Party.objects.filter(id=made.broker.id).update(name='=A "quoted", name\nof two lines')
    (trade_id,) = validated(equity("E-77"))
    seal()

    content = exported(batch_of("CASH"), "csv").decode()
    (row,) = csv.DictReader(io.StringIO(content, newline=""))
    (instruction_id,) = instruction_ids(batch_of("CASH"))

    assert content.startswith("instruction,line,batch,channel,value_date,kind,cancels,replaces,counterparty,")
    assert content.count("\r\n") == 2
    assert row["counterparty_name"] == '=A "quoted", name\nof two lines'
    assert {name: value for name, value in row.items() if not name.startswith(("counterparty", "batch"))} == {
        "instruction": ref(instruction_id), "line": "1", "channel": "CASH", "value_date": "2026-11-25",
        "kind": "NEW", "cancels": "", "replaces": "", "entity": "OURS", "entity_name": "Ours", "entity_lei": "",
        "entity_bic": "OURSDEFF", "asset_kind": "CASH", "asset": "USD", "direction": "DELIVER",
        "quantity": "18725.00", "our_account": "USD-0001", "our_agent_bic": "CORRDE2X",
        "our_place_of_settlement": "", "our_delivery_address": "", "their_account": "USD-0001",
        "their_agent_bic": "CORRDE2X", "their_place_of_settlement": "", "their_delivery_address": "",
        "legs": "1", "trade": trade_ref(trade_id), "source": "FO-EQ", "source_ref": "E-77",
        "settlement_type": "PAYMENT", "linked": "", "common_reference": "", "linked_asset": "", "linked_quantity": "",
        "shape": "", "shapes": "", "shape_reference": "",
    }  # fmt: skip
