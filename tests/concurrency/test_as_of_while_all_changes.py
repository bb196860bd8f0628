"""What was read of a past moment stays the same to the byte, whatever is written meanwhile and however late."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from core import sql
from core.audit import Actor, system
from core.clock import utc_now
from core.http.problem import Problem
from core.ids import BATCH, TRADE, public_id
from settlement.models import CHANNELS
from settlement.services.advance import advance_queued
from settlement.services.seal import seal_batches
from tests.settlement.support import VALUE_DATE, BackOffice
from tests.support.api import Api
from tests.support.factories import capture, check_everything, equity, fx, world
from trades.lifecycle import State, lock_trades
from trades.services.exceptions import claim_exceptions
from trades.services.versions import Revision, add_versions

pytestmark = pytest.mark.django_db(transaction=True)
CLERK = Actor("user:clerk")
WRITERS = 4
STEPS = 12
READS = 12


class Writer:
    """Does random things to random trades and batches, with a clock that is up to half a second slow.

    So much of what it writes was recorded before a moment that somebody has read already.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.office = BackOffice(f"office-{seed}-{os.urandom(3).hex()}")
        self.errors: list[BaseException] = []
        self.acts: tuple[Callable[[datetime], Any], ...] = (
            self.capture, self.capture, self.check, self.repair, self.seal, self.hand_over, self.claim_exceptions,
        )  # fmt: skip

    def run(self) -> None:
        try:
            for _ in range(STEPS):
                now = utc_now() - timedelta(milliseconds=self.random.randrange(500))
                with contextlib.suppress(Problem):  # somebody else was faster
                    self.random.choice(self.acts)(now)
        except Exception as error:
            self.errors.append(error)
        finally:
            connections.close_all()

    def capture(self, now: datetime) -> None:
        wrong = self.random.random() < 0.3
        price = "1.00" if wrong else "187.25"
        many = self.random.choice([1, 3, 60])
        capture(*[equity(price=price, quantity=str(n + 1)) for n in range(many)], fx(), at=now)

    def check(self, now: datetime) -> None:
        check_everything(now=now, limit=40)

    def repair(self, now: datetime) -> None:
        found = sql.rows("SELECT trade_id FROM trades_state WHERE state = %s", [State.EXCEPTION.value])
        if not found:
            return
        trade_id = self.random.choice(found)[0]
        with transaction.atomic():
            lock_trades([trade_id])
            ((version,),) = sql.rows("SELECT version FROM trades_state WHERE trade_id = %s", [trade_id])
            add_versions(
                revisions=[Revision(trade_id, version, {"quantity": str(self.random.randrange(1, 9))})],
                cause="REPAIR", event="trade.repaired", reason="typing error", at=now, actor=CLERK,
            )  # fmt: skip

    def seal(self, now: datetime) -> None:
        seal_batches(value_date=VALUE_DATE, channels=CHANNELS, actor=CLERK, now=now)

    def hand_over(self, now: datetime) -> None:
        found = sql.rows("SELECT batch_id FROM settlement_batch_state WHERE accepted + rejected = 0")
        if not found:
            return
        batch_id = self.random.choice(found)[0]
        if self.office.claim(batch_id).status_code != 201:
            return
        lines = self.office.lines(batch_id)
        self.office.acknowledge(batch_id, lines, **({"EUR": "AC04"} if self.random.random() < 0.3 else {}))
        self.office.report(
            *[
                {"instruction": line["instruction"], "status": "FAILED", "reason": "LACK"}
                if self.random.random() < 0.2
                else {"instruction": line["instruction"], "status": "SETTLED"}
                for line in lines
            ]
        )
        advance_queued(now=now, actor=system("settlement"))

    def claim_exceptions(self, now: datetime) -> None:
        user, _ = User.objects.get_or_create(username=f"clerk-{self.seed}")
        found = [
            each for (each,) in sql.rows("SELECT id FROM trades_exception WHERE closed_at IS NULL LIMIT 3")
        ]
        claim_exceptions(exception_ids=found, user=user, actor=CLERK, now=now)


class Reader:
    """Reads everything there is to read of past moments."""

    def __init__(self) -> None:
        self.api = Api("reader")

    def pages(self, path: str, **query: str) -> list[bytes]:
        found, cursor = [], ""
        while cursor is not None:
            answer = self.api.get(
                path, **(query if not cursor else {"cursor": cursor, "limit": query["limit"]})
            )
            assert answer.status_code in {200, 404}, answer.content
            found.append(answer.content if answer.status_code == 200 else b"404")
            cursor = answer.json().get("next")
        return found

    def everything(self, as_at: str, trade_id: int, batch_id: int) -> list[list[bytes]]:
        trade, batch = public_id(TRADE, trade_id), public_id(BATCH, batch_id)
        return [
            self.pages(path, as_at=as_at, limit="40")
            for path in (
                "/trades", f"/trades/{trade}", f"/trades/{trade}/events", "/settlement-batches",
                f"/settlement-batches/{batch}", f"/settlement-batches/{batch}/statuses",
            )
        ]  # fmt: skip


def picked(random_: random.Random, statement: str) -> int:
    found = sql.rows(statement)
    return int(random_.choice(found)[0]) if found else 1


@pytest.mark.parametrize("seed", [1, 2])
def test_lists_of_past_moments_never_change(seed):
    world()
    writers = [Writer(seed * 100 + n) for n in range(WRITERS)]
    writers[0].capture(utc_now())
    reader, random_ = Reader(), random.Random(seed)
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    kept = []
    for n in range(READS):
        back = timedelta(milliseconds=0 if n % 2 else random_.randrange(300))
        wanted = (
            (utc_now() - back).isoformat(),
            picked(random_, "SELECT trade_id FROM trades_state"),
            picked(random_, "SELECT id FROM settlement_batch"),
        )
        kept.append((wanted, reader.everything(*wanted)))
    for wanted, before in kept:
        assert reader.everything(*wanted) == before
    for thread in threads:
        thread.join(120)
    assert [error for writer in writers for error in writer.errors] == []
    for wanted, before in kept:
        assert reader.everything(*wanted) == before
    assert committed_late() > 0, "nothing was written late: the test shows nothing"


def committed_late() -> int:
    """Return how many events were recorded before a kept moment and committed after it was kept."""
    ((found,),) = sql.rows(
        "SELECT count(*) FROM core_event e WHERE EXISTS (SELECT 1 FROM core_moment m"
        " WHERE e.recorded_at <= m.at AND NOT pg_visible_in_snapshot(e.xid::text::xid8, m.seen::pg_snapshot))"
    )
    return int(found)
