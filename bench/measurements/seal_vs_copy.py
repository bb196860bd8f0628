"""Sealing all validated trades against COPY of as many."""

from __future__ import annotations

from bench.backlog import EXCEPTION, INSTRUCTED, seal, validate
from bench.drainer import drainers
from bench.floor import Floor
from bench.measurement import Samples, interleave
from bench.product import Bench, Database

# What a trade of each product obliges to, counted from its terms.
_LEGS_DUE = """
SELECT sum(CASE v.product WHEN 'GOODS' THEN 1 + jsonb_array_length(v.terms->'lines') ELSE 2 END)
FROM trades_state s JOIN trades_version v USING (trade_id, version) WHERE s.state = %s
"""
_SEALED = """
SELECT (SELECT count(*) FROM settlement_obligation), (SELECT sum(gross_count) FROM settlement_instruction),
       (SELECT count(*) FROM settlement_instruction), (SELECT sum(instruction_count) FROM settlement_batch),
       (SELECT count(DISTINCT subject_id) FROM core_event WHERE type = 'trade.instructed')
"""


def measure(bench: Bench) -> Samples:
    """Capture and check trades, untimed; seal them, four of five parties netting; then COPY as many rows."""
    trades = bench.size(60_000, 20_000)
    database, messages = bench.database("seal"), bench.messages()
    with drainers(bench, database, 1) as worker:

        def this() -> float:
            due = validate(bench, database, messages, worker, trades)
            _, seconds = seal(bench, database)
            return due / seconds

        this()
        floor = Floor(database, rows=trades)
        database.settle()
        samples = interleave(this=this, against=floor.copy, rounds=bench.rounds)
        floor.close()
    sealed = verify_sealed(database)
    samples.notes.append(f"{sealed[0]:,} legs netted to {sealed[2]:,} instructions.")
    return samples


def verify_sealed(database: Database) -> tuple[int, int, int]:
    """Raise unless every validated trade is in the batches, each leg once; return legs, trades, instructions."""
    states = database.states()
    assert set(states) == {EXCEPTION, INSTRUCTED}, f"states: {states}"
    due = int(database.row(_LEGS_DUE, [INSTRUCTED])[0])
    legs, gross, instructions, in_batches, told = map(int, database.row(_SEALED))
    assert due == legs == gross, f"{due} legs are due, {legs} stored, {gross} instructed"
    assert instructions == in_batches, f"{instructions} instructions, {in_batches} in batches"
    assert told == states[INSTRUCTED], f"{told} trades told of, {states[INSTRUCTED]} instructed"
    return legs, told, instructions
