"""The columns of batches."""

from __future__ import annotations

from django.template import Context

from ops.lists.batches import BATCHES


def test_a_hash_is_shown_short_and_told_whole() -> None:
    cell, row = BATCHES.by_code["sha256"].cell, {"sha256": "0123456789abcdef"}
    assert (cell.show(row, Context()), cell.value(row)) == ("0123456789ab", "0123456789abcdef")


def test_rejections_stand_out() -> None:
    cell = BATCHES.by_code["rejected"].cell
    assert cell.show({"rejected": 2}, Context()) == "<strong>2</strong>"
    assert cell.show({"rejected": 0}, Context()) == "0"
