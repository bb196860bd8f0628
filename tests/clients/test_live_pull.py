"""`middleoffice-pull` against the live product: killed with SIGKILL at every step, and its exit statuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core import sql
from core.ids import BATCH, public_id
from settlement.services.recall_line import recall_instruction
from tests.settlement.support import batch_of, bytes_of, instruction_ids, ref, seal, validated
from tests.support.factories import api_client, equity, fx, world
from tests.support.records import CLERK, LATER

CLIENT = Path(__file__).parents[2] / "clients" / "python"

# Kills itself at its n-th step: what is not on the disk by then is lost.
_DEADLY = """
import itertools, os, signal, sys
from middleoffice_client import command, pull
numbers, last = itertools.count(1), int(os.environ["KILLED_AT"])
begin = pull.Pull.__init__
def deadly(self, *given, **named):
    begin(self, *given, **named)
    self._on_step = lambda step, batch: os.kill(os.getpid(), signal.SIGKILL) if next(numbers) == last else None
pull.Pull.__init__ = deadly
sys.exit(command.main())
"""


@pytest.mark.faults
def test_a_pull_that_is_killed_at_every_step_takes_each_batch_once(live_product, tmp_path):
    world()
    validated(equity(), fx())
    seal()
    batch_id = batch_of("CASH")
    recalled = instruction_ids(batch_id)[0]
    recall_instruction(instruction_id=recalled, reason="held", actor=CLERK, now=LATER)
    content, reference = bytes_of(batch_id), public_id(BATCH, batch_id)
    _, token = api_client("puller")
    taken: list[tuple[str, bytes]] = []

    def pull(killed_at: int) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "-c", _DEADLY, live_product.base_url, tmp_path / "own", "--to", tmp_path / "spool",
             "--channel", "CASH"],
            env={
                **os.environ, "PYTHONPATH": str(CLIENT), "MIDDLEOFFICE_TOKEN": token, "KILLED_AT": str(killed_at)
            },
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        for path in (tmp_path / "spool").glob("[!.]*"):
            taken.append((path.name, path.read_bytes()))
            path.unlink()
        return ended

    # The n-th kill comes after the steps that every resumed pull repeats, so each comes further than the last.
    ended = [pull(n) for n in range(1, 16)]
    assert all(each.returncode in (-signal.SIGKILL, 0) for each in ended), [each.stderr for each in ended]
    assert ended[0].returncode == -signal.SIGKILL
    last = pull(0)

    assert (last.returncode, last.stderr) == (0, "")
    assert sorted(taken) == [
        (f"CASH-000000001-{reference}.ndjson", content),
        (f"CASH-000000001-{reference}.recalled", f"{ref(recalled)}\n".encode()),
    ]
    assert "".join(each.stdout for each in (*ended, last)) in ("", f"{reference} acknowledged\n")
    assert sql.rows(
        "SELECT instruction_count, accepted, rejected FROM settlement_batch_state WHERE batch_id = %s",
        [batch_id],
    ) == [(2, 2, 0)]


@pytest.mark.faults
def test_it_says_what_went_wrong_by_its_exit_status(live_product, tmp_path):
    def run(token: str, *arguments: str) -> int:
        environment = {**os.environ, "PYTHONPATH": str(CLIENT), "MIDDLEOFFICE_TOKEN": token}
        command = [sys.executable, "-m", "middleoffice_client.command", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, timeout=60, check=False
        ).returncode

    own, spool = str(tmp_path / "own"), str(tmp_path / "spool")
    assert run("wrong", live_product.base_url, own, "--to", spool) == 1
    assert run("wrong", "http://127.0.0.1:9", own, "--to", spool) == 1
    assert run("wrong", live_product.base_url, own) == 2
    assert run("", live_product.base_url, own, "--to", spool) == 2
    assert run("wrong", live_product.base_url, own, "--to", spool, "--public-key", "no key") == 2
