"""The canonical format: the stored bytes."""

from __future__ import annotations

import pytest

from tests.settlement.formats.support import exported, firm, read
from tests.settlement.support import batch_of, bytes_of, instruction_ids, ref, seal, validated
from tests.support.factories import equity, fx

pytestmark = pytest.mark.django_db


def test_a_batch_is_exported_as_it_is_stored():
    firm()
    validated(equity(), fx())
    seal()
    content = exported(batch_of("CASH"), "ndjson")
    assert content == bytes_of(batch_of("CASH"))
    assert [row[0] for row in read("ndjson", content)] == [
        ref(each) for each in instruction_ids(batch_of("CASH"))
    ]
