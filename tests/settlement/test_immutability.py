"""Sealed means sealed: PostgreSQL itself refuses any change."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from core import sql
from tests.settlement.support import SEALER, everything, seal, validated
from tests.support.factories import equity, world
from tests.support.records import NOW
from trades.services.change import Change
from trades.services.single_change import change_trade

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE settlement_batch SET sha256 = ''",
        "DELETE FROM settlement_batch",
        "UPDATE settlement_batch_page SET content = ''",
        "DELETE FROM settlement_batch_page",
        "UPDATE settlement_instruction SET quantity = 0",
        "DELETE FROM settlement_instruction",
        "UPDATE settlement_obligation SET quantity = 0",
        "UPDATE settlement_obligation SET instruction_id = NULL",
        "DELETE FROM settlement_obligation",
        "DELETE FROM settlement_instruction_state",
        "DELETE FROM settlement_batch_state",
    ],
)
def test_a_change_to_what_is_sealed_is_refused(statement):
    world()
    validated(equity())
    seal()
    before = everything()

    with pytest.raises(IntegrityError, match="change"), transaction.atomic():
        sql.run(statement)

    assert everything() == before


def test_a_leg_that_has_waited_gets_its_instruction_once_and_nothing_else_changes():
    world()
    (trade_id,) = validated(equity())
    sql.run(
        "INSERT INTO settlement_obligation"
        " (trade_id, leg, attempt, version, asset_kind, asset, direction, quantity, value_date)"
        " VALUES (%s, 1, 1, 1, 'CASH', 'USD', 'DELIVER', 5, '2026-11-26')",
        [trade_id],
    )

    with pytest.raises(IntegrityError), transaction.atomic():
        sql.run("UPDATE settlement_obligation SET instruction_id = 1, quantity = 6")
    sql.run("UPDATE settlement_obligation SET instruction_id = 1")
    with pytest.raises(IntegrityError), transaction.atomic():
        sql.run("UPDATE settlement_obligation SET instruction_id = 2")

    assert sql.rows("SELECT instruction_id, quantity FROM settlement_obligation") == [(1, 5)]


def test_a_recall_gets_its_cancellation_once():
    world()
    (trade_id,) = validated(equity())
    seal()
    change_trade(change=Change("CANCEL", trade_id, "off"), actor=SEALER, now=NOW)
    for statement in (
        "UPDATE settlement_recall SET recalled_by = ''",
        "DELETE FROM settlement_recall",
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            sql.run(statement)
    seal()
    for statement in (
        "UPDATE settlement_recall SET cancellation_id = NULL",
        "UPDATE settlement_recall SET cancellation_id = 1",
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            sql.run(statement)
