"""Matching two sides of a million records against a pandas merge that finds the same pairs."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bench.measurement import Samples, interleave
from bench.peers.merge import merge
from bench.product import Bench
from core.matching import Absolute, Level, Rules, match

KEYS = ("ref", "account", "isin", "day")
TOLERANCES = {"quantity": Decimal(0), "amount": Decimal("0.05")}
RULES = Rules(
    levels=(Level(keys=KEYS, tolerances={field: Absolute(most) for field, most in TOLERANCES.items()}),)
)
FIELDS = ("id", *KEYS, *TOLERANCES)
Columns = dict[str, list[Any]]


def measure(bench: Bench) -> Samples:
    """Match both ways; of 200 records one is missing on their side, of 50 one is a cent off, of 300 one much more."""
    size = bench.size(1_000_000, 200_000)
    ours, theirs = sides(size)
    pairs: dict[str, list[tuple[int, int]]] = {}

    def engine() -> list[tuple[int, int]]:
        outcome = match(ours=ours, theirs=theirs, rules=RULES)
        assert len(outcome.pairs) + len(outcome.unmatched_ours) == size
        return list(zip(outcome.pairs.ours, outcome.pairs.theirs, strict=True))

    def data_frames() -> list[tuple[int, int]]:
        return merge(ours=ours, theirs=theirs, keys=KEYS, tolerances=TOLERANCES)

    def seconds(name: str, way: Callable[[], list[tuple[int, int]]]) -> float:
        gc.collect()
        began = time.perf_counter()
        pairs[name] = way()
        return time.perf_counter() - began

    samples = interleave(
        this=lambda: seconds("this", engine),
        against=lambda: seconds("against", data_frames),
        rounds=bench.rounds,
    )
    assert sorted(pairs["this"]) == sorted(pairs["against"]), "the two found other pairs"
    samples.notes.append(
        f"{len(pairs['this']):,} pairs of {size:,}; ours besides says of the rest what came nearest."
    )
    return samples


def sides(size: int) -> tuple[Columns, Columns]:
    """Return two sides by rule, from one seed: theirs in another order, and no value the same object as ours."""
    chance = random.Random(1)
    first = date(2026, 1, 2)

    def record(number: int) -> tuple[Any, ...]:
        return (
            f"REF{number:09}",
            f"ACC{chance.randrange(200):03}",
            f"XS{chance.randrange(500):010}",
            (first + timedelta(chance.randrange(250))).isoformat(),
            str(chance.randrange(1, 10**6)),
            f"{chance.randrange(10**9) / 100:.2f}",
        )

    records = [record(number) for number in range(size)]
    ours = _columns(list(range(size)), records, {})
    kept = [number for number in range(size) if number % 200]
    chance.shuffle(kept)
    moved = {number: Decimal("0.01") for number in kept if number % 50 == 1}
    moved |= {number: Decimal(7) for number in kept if number % 300 == 2}
    return ours, _columns(kept, records, moved)


def _columns(numbers: list[int], records: list[tuple[Any, ...]], moved: dict[int, Decimal]) -> Columns:
    chosen = [records[number] for number in numbers]
    refs, accounts, isins, days, quantities, amounts = ([row[at] for row in chosen] for at in range(6))
    values = (
        numbers,
        [f"{each}" for each in refs],
        ["".join(each) for each in accounts],
        ["".join(each) for each in isins],
        [date.fromisoformat(each) for each in days],
        [Decimal(each) for each in quantities],
        [
            Decimal(each) + moved.get(number, Decimal(0))
            for number, each in zip(numbers, amounts, strict=True)
        ],
    )
    return dict(zip(FIELDS, values, strict=True))
