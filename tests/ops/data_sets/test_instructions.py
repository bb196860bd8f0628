"""Settlement instructions, as the grid gets them."""

import pytest

from core.ids import BATCH, INSTRUCTION, public_id
from ops.data_sets.base import Span
from settlement.models import Batch
from tests.ops.data_sets.reading import rows_of
from tests.settlement.support import instruction_ids, seal, validated
from tests.support.factories import equity, world

pytestmark = pytest.mark.django_db


def test_each_is_a_row_with_what_became_of_it():
    world()
    validated(equity())
    seal()
    told = rows_of(
        "instructions",
        only=("batch", "instruction", "channel", "processing", "settlement", "settled quantity"),
    )
    assert told == [
        {
            "batch": public_id(BATCH, batch.id),
            "instruction": public_id(INSTRUCTION, instruction_id),
            "channel": batch.channel_id,
            "processing": "SEALED",
            "settlement": "PENDING",
            "settled quantity": 0.0,
        }
        for batch in Batch.objects.order_by("-id")
        for instruction_id in reversed(instruction_ids(batch.id))
    ]
    assert told


def test_a_span_of_value_dates_narrows_them():
    world()
    validated(equity())
    seal()
    (day,) = {each["value date"] for each in rows_of("instructions")}
    assert rows_of("instructions", Span(day, day)) == rows_of("instructions")
    assert rows_of("instructions", Span(None, day.replace(year=2020))) == []
