"""Sealing all validated trades against the one statement that groups their legs and inserts as many rows."""

from __future__ import annotations

import time
from typing import Any

from bench.backlog import seal, validate
from bench.drainer import drainers
from bench.measurement import Samples, interleave
from bench.measurements.seal_vs_copy import verify_sealed
from bench.product import Bench, Database

# The legs as the seal stored them, grouped as the same agreements have it; no SSIs, bytes, states or events.
_GROUPING = """
WITH leg AS MATERIALIZED (
    SELECT o.*, v.counterparty_id, k.entity_id,
           CASE WHEN a.id IS NULL THEN (o.trade_id << 20) + o.leg ELSE 0 END AS apart
    FROM settlement_obligation o
    JOIN trades_version v ON v.trade_id = o.trade_id AND v.version = o.version
    JOIN refdata_book k ON k.id = v.book_id
    LEFT JOIN refdata_netting_agreement a ON a.party_id = v.counterparty_id
    WHERE o.trade_id > %(above)s
), net AS (
    INSERT INTO floor_instruction
        (id, batch_id, line, channel, counterparty_id, entity_id, asset_kind, asset, direction, quantity, value_date,
         our_ssi_id, their_ssi_id, gross_count, trade_ids)
    SELECT row_number() OVER (), 1, row_number() OVER (), asset_kind, counterparty_id, entity_id, asset_kind, asset,
           CASE sign(sum(signed)) WHEN 1 THEN 'RECEIVE' WHEN -1 THEN 'DELIVER' ELSE 'NIL' END, abs(sum(signed)),
           value_date, 0, 0, count(*), array_agg(trade_id)
    FROM (SELECT *, CASE direction WHEN 'RECEIVE' THEN quantity ELSE -quantity END AS signed FROM leg) AS legs
    GROUP BY counterparty_id, entity_id, asset, value_date, asset_kind, apart
)
INSERT INTO floor_obligation
    (trade_id, leg, attempt, version, instruction_id, asset_kind, asset, direction, quantity, value_date)
SELECT trade_id, leg, attempt, version, instruction_id, asset_kind, asset, direction, quantity, value_date FROM leg
"""


class Grouping:
    """Empty tables like those of instructions and obligations, and the statement that fills them."""

    def __init__(self, database: Database) -> None:
        self._connection: Any = database.connect()
        self._cursor = self._connection.cursor()
        for name in ("instruction", "obligation"):
            self._cursor.execute(f"CREATE TABLE floor_{name} (LIKE settlement_{name} INCLUDING ALL)")

    def group(self, *, above: int) -> float:
        """Group and insert the legs of the trades above an id; return the seconds."""
        self._cursor.execute("TRUNCATE floor_instruction, floor_obligation")
        started = time.perf_counter()
        self._cursor.execute(_GROUPING, {"above": above})
        return time.perf_counter() - started

    def verify(self, *, above: int) -> None:
        """Raise unless there are as many instructions and legs as the seal has made."""
        self._cursor.execute(
            "SELECT (SELECT count(*) FROM floor_instruction), (SELECT count(*) FROM floor_obligation),"
            " count(DISTINCT instruction_id), count(*) FROM settlement_obligation WHERE trade_id > %s",
            [above],
        )
        instructions, legs, *sealed = self._cursor.fetchone()
        assert [instructions, legs] == sealed, f"{instructions} and {legs}, where the seal made {sealed}"

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def measure(bench: Bench) -> Samples:
    """Capture and check trades, untimed; seal them; then group the same legs by one statement, both in trades/s."""
    trades = bench.size(60_000, 20_000)
    database, messages = bench.database("grouping"), bench.messages()
    above, due = 0, 0
    with drainers(bench, database, 1) as worker:
        grouping = Grouping(database)

        def this() -> float:
            nonlocal above, due
            above = int(database.row("SELECT coalesce(max(trade_id), 0) FROM trades_state")[0])
            due = validate(bench, database, messages, worker, trades)
            _, seconds = seal(bench, database)
            return due / seconds

        def against() -> float:
            seconds = grouping.group(above=above)
            grouping.verify(above=above)
            return due / seconds

        this()
        database.settle()
        samples = interleave(this=this, against=against, rounds=bench.rounds)
        grouping.close()
    sealed = verify_sealed(database)
    samples.notes.append(f"{sealed[0]:,} legs netted to {sealed[2]:,} instructions.")
    return samples
