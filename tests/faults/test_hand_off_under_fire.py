"""Whatever dies while trades are captured, amended, sealed and pulled, the back office has each deal exactly once.

The product runs as `make run` starts it, with servers that keep what they say they have, and its parts are killed
at random. The back office is the one of `clients/python`, and what it has in its folder is all that counts.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from middleoffice_client import Client, Folder, Problem, Pull

from middleoffice import lifeline
from tests.faults.under_fire import NETTING
from tests.support.factories import exact_trade, live_today, settles_on
from tests.support.launch import (
    INHERITED,
    PARTS,
    PRODUCT,
    ROOT,
    kill,
    launched,
    processes_of,
    query,
    ready,
    var_folder,
)
from tests.support.product import free_port
from trades.lifecycle import State

pytestmark = pytest.mark.faults

SMALL = {"trades": 1_200, "sealers": 3, "amenders": 3, "kills": 5, "bulk": 200}
FULL = {"trades": 50_000, "sealers": 16, "amenders": 16, "kills": 50, "bulk": 1_000}
# Quantities of deals, and of what they are amended to: none twice, and none unusual beside the others.
DEALT, AMENDED = 1_000_000, 1_100_000
PATIENCE = 300.0  # seconds for whatever was killed to be back, and for a call to be answered


class Office:
    """A client that repeats a call, under the same key, until it is answered."""

    def __init__(self, port: int, token: str) -> None:
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=30,
        )

    def post(self, path: str, body: Any) -> httpx.Response:
        """Return the answer to a change; those that only say `later` are no answers."""
        key, answers = os.urandom(8).hex(), []

        def answered() -> bool:
            try:
                answer = self._http.post(
                    path, content=msgspec.json.encode(body), headers={"Idempotency-Key": key}
                )
            except httpx.TransportError:
                return False
            answers.append(answer)
            return answer.status_code < 500 and answer.status_code not in {409, 429}

        assert lifeline.wait_until(answered, seconds=PATIENCE, pause=0.2), [
            each.text for each in answers[-1:]
        ]
        return answers[-1]


class FrontOffice:
    """Deals and changes its mind; `deals` are the deals that it has made, with the quantity of each (0: cancelled)."""

    def __init__(self, office: Office, today: date) -> None:
        self._office, self._today = office, today
        self._lock = threading.Lock()
        self._fresh = 0
        self._busy: set[int] = set()
        self.deals: dict[int, int] = {}
        self.refused: Counter[str] = Counter()

    def deal(self, count: int) -> None:
        """Make deals with parties that net and with those that do not."""
        first = len(self.deals)
        numbers = range(first, first + count)
        documents = [
            exact_trade(n, on=self._today, counterparty=f"PARTY-{n % (2 * NETTING)}", quantity=str(DEALT + n))
            for n in numbers
        ]
        answer = self._office.post("/trade-batches", {"items": documents})
        assert answer.status_code == 207, answer.text
        assert answer.json()["created"] == count, answer.text
        with self._lock:
            self.deals |= {n: DEALT + n for n in numbers}

    def change(self, chance: random.Random, size: int = 5) -> None:
        """Amend some deals to quantities that no other has; or cancel one."""
        with self._lock:
            free = [n for n, quantity in self.deals.items() if quantity and n not in self._busy]
            chosen = chance.sample(free, min(size, len(free)))
            self._busy |= set(chosen)
            self._fresh += len(chosen)
            wanted = {n: AMENDED + self._fresh - place for place, n in enumerate(chosen)}
        cancel = chance.random() < 0.1
        items: list[dict[str, Any]] = [{"source": "FO-EQ", "source_ref": f"X-{n}"} for n in chosen]
        if not cancel:
            for item, quantity in zip(items, wanted.values(), strict=True):
                item["changes"] = {"quantity": str(quantity)}
        path = "/trade-cancellations" if cancel else "/trade-amendments"
        answer = self._office.post(path, {"reason": "the client changed its mind", "items": items})
        assert answer.status_code == 207, answer.text
        with self._lock:
            for n, result in zip(chosen, answer.json()["items"], strict=True):
                self._busy.discard(n)
                if result["status"] == 200:
                    self.deals[n] = 0 if cancel else wanted[n]
                else:
                    self.refused[result["problem"]["code"]] += 1


@contextmanager
def without_end(*acts: Callable[[], None]) -> Iterator[None]:
    """Do all of it again and again beside the block, each in a thread; what fails there fails the test."""
    stop, failed = threading.Event(), []

    def run(act: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                act()
                stop.wait(0.05)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert failed == []


@contextmanager
def beside(var: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `under_fire` on the database of `var`, and kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.under_fire", *arguments],
        cwd=ROOT,
        env={
            **INHERITED,
            "MIDDLEOFFICE_VAR": str(var),
            "DJANGO_SETTINGS_MODULE": "middleoffice.settings",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def tokens(var: Path) -> dict[str, str]:
    with beside(var, "world") as process:
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    return dict(json.loads(printed.splitlines()[-1]))


class BackOffice:
    """Pulls batch after batch into a folder."""

    def __init__(self, port: int, token: str, folder: Path) -> None:
        self.client = Client(f"http://127.0.0.1:{port}", token)
        self.spool = folder / "spool"
        self._own = folder / "own"

    def pull(self) -> None:
        """Pull what can be had; what fails is there for the next time."""
        try:
            Pull(self.client, self._own, Folder(self.spool)).run()
        except (Problem, httpx.TransportError):
            return

    def lines(self) -> list[dict[str, Any]]:
        """Return every line that was handed over, batch by batch."""
        files = sorted(self.spool.glob("*.ndjson"))
        return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]

    def pulled_again(self) -> tuple[int, int]:
        """Pull all batches again; return how many there are, and how many have the bytes that were handed over."""
        batches = list(self.client.batches())
        folder = Folder(self.spool)
        same = [
            batch.id
            for batch in batches
            if b"".join(self.client.content(batch)) == (self.spool / folder.name(batch)).read_bytes()
        ]
        return len(batches), len(same)


def fire(var: Path, port: int, times: int, chance: random.Random) -> Counter[str]:
    """Kill parts of the product, all of them first, and wait each time until it works again."""
    kinds = ["web", "worker", "redis", "postgres"]
    killed = [*chance.sample(kinds, len(kinds)), *chance.choices(kinds, k=times)][:times]
    assert set(killed) <= set(PARTS)
    for part in killed:
        threading.Event().wait(chance.uniform(0.5, 3))
        kill(processes_of(part, var))
        assert lifeline.wait_until(lambda: ready(port), seconds=PATIENCE, pause=0.2), part
    return Counter(killed)


UNFINISHED = (
    "SELECT count(*) FROM trades_state"
    f" WHERE state NOT IN ({State.ACKNOWLEDGED.value}, {State.CANCELLED.value})"
)


def owed(deals: dict[int, int]) -> dict[tuple[str, str], Decimal]:
    """Return what the deals come to: by party and asset, what we receive less what we deliver. A share costs 1."""
    total: dict[tuple[str, str], Decimal] = {}
    for n, quantity in deals.items():
        for asset, sign in (("DE0007164600", 1), ("EUR", -1)):
            key = (f"PARTY-{n % (2 * NETTING)}", asset)
            total[key] = total.get(key, Decimal(0)) + sign * quantity
    return {key: value for key, value in total.items() if value}


def told(lines: list[dict[str, Any]]) -> dict[tuple[str, str], Decimal]:
    """Return what the lines come to that are not cancelled, in the same form."""
    cancelled = {line["cancels"] for line in lines if line["kind"] == "CANCEL"}
    signs = {"RECEIVE": 1, "DELIVER": -1, "NIL": 0}
    total: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        if line["kind"] == "NEW" and line["instruction"] not in cancelled:
            key = (line["counterparty"]["code"], line["asset"])
            total[key] = total.get(key, Decimal(0)) + signs[line["direction"]] * Decimal(line["quantity"])
    return {key: value for key, value in total.items() if value}


def hand_over_under_fire(
    folder: Path, *, trades: int, sealers: int, amenders: int, kills: int, bulk: int, seed: int
) -> None:
    chance, today, port = random.Random(seed), live_today(), free_port()
    with var_folder() as var, launched(var, *PRODUCT, PORT=str(port)):
        token = tokens(var)
        front = FrontOffice(Office(port, token["front"]), today)
        back = BackOffice(port, token["back"], folder)
        front.deal(bulk)
        changes = [partial(front.change, random.Random(chance.random())) for _ in range(amenders)]
        with beside(var, "seal", str(sealers), str(settles_on(today))), without_end(back.pull):
            with without_end(*changes, lambda: front.deal(bulk) if len(front.deals) < trades else None):
                fire(var, port, kills, chance)
                assert lifeline.wait_until(
                    lambda: len(front.deals) >= trades, seconds=20 * PATIENCE, pause=0.5
                )
            assert lifeline.wait_until(
                lambda: query(var, UNFINISHED) == [(0,)], seconds=10 * PATIENCE, pause=0.5
            ), query(var, "SELECT state, count(*) FROM trades_state GROUP BY 1")
        back.pull()
        assert front.refused.keys() <= {"not-possible"}, front.refused
        assert_exactly_once(var, back, front)


def assert_exactly_once(var: Path, back: BackOffice, front: FrontOffice) -> None:
    """Assert that what the back office has in its folder is what the front office dealt, once."""
    lines = back.lines()
    names = [line["instruction"] for line in lines]
    assert len(names) == len(set(names))
    assert told(lines) == owed(front.deals)
    numbers = query(
        var, "SELECT channel_id, min(sequence), max(sequence), count(*) FROM settlement_batch GROUP BY 1"
    )
    assert {channel: (first, last) for channel, first, last, _ in numbers} == {
        channel: (1, count) for channel, _, _, count in numbers
    }
    batches, same = back.pulled_again()
    assert batches == same == sum(count for *_, count in numbers)
    for command in ("verify_batches", "verify_audit"):
        checked = subprocess.run(
            [sys.executable, "manage.py", command],
            cwd=ROOT,
            env={**INHERITED, "MIDDLEOFFICE_VAR": str(var)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_back_office_has_each_deal_exactly_once(tmp_path):
    hand_over_under_fire(tmp_path, **SMALL, seed=5)


@pytest.mark.nightly
def test_a_hundred_thousand_instructions_survive_fifty_kills(tmp_path):
    hand_over_under_fire(tmp_path, **FULL, seed=int.from_bytes(os.urandom(4)))
