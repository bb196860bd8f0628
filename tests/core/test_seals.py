"""The sealer chains what is final, once, in order, and makes nobody wait."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, connections
from hypothesis import given
from hypothesis import strategies as st

from core import seals, sql
from core.models import AuditSeal, Event
from core.seals import MerkleTree
from tests.support.factories import captured_ids, equity, world
from tests.support.records import LATER, NOW
from tests.support.sealing import seal, tell


@pytest.mark.django_db
class TestASeal:
    def test_closes_the_events_up_to_now_and_follows_the_one_before(self) -> None:
        tell(1, 2, 3)
        assert seal() == 3
        tell(4)
        assert seal(now=LATER) == 1
        assert seal() == 0

        first, second = AuditSeal.objects.order_by("sequence")
        ids = list(Event.objects.order_by("id").values_list("id", flat=True))
        assert (first.sequence, first.last_id, first.event_count, first.total_count) == (1, ids[2], 3, 3)
        assert (second.sequence, second.first_id, second.last_id) == (2, ids[2] + 1, ids[3])
        assert (second.total_count, second.previous, second.sealed_at) == (4, first.hash, LATER)
        assert first.previous == "0" * 64

    def test_hashes_rows_as_sorted_json_of_texts(self) -> None:
        tell(7, reason='so "so"\n', data={"b": "ü", "a": 1})
        seal()
        row, made = Event.objects.get(), AuditSeal.objects.get()
        canonical = (
            '{"actor":"user:jdoe","data":"{\\"a\\": 1, \\"b\\": \\"ü\\"}",'
            f'"id":"{row.id}","reason":"so \\"so\\"\\n","recorded_at":"2026-11-23T14:00:00.000000Z",'
            '"request_id":"req-7","subject":"thing","subject_id":"7","type":"thing.done","version":null,'
            f'"xid":"{row.xid}"}}'
        )
        leaf = hashlib.sha256(b"\0" + canonical.encode()).digest()
        assert (made.names, bytes(made.leaves), made.root) == (f"core_event {row.id}", leaf, leaf.hex())

    def test_has_the_terms_of_a_version_beside_the_event_that_brings_it(self) -> None:
        world()
        (trade_id,) = captured_ids(equity())
        sql.run(
            "INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason)"
            " VALUES (now(), 1, 'trade.looked_at', 'trade', %s, 1, 'x', '', '')",
            [trade_id],
        )
        seal()
        made = AuditSeal.objects.get()
        names = [name for name in made.names.split("\n") if str(trade_id) in name or "trades" in name]
        assert names == [f"trades_version {trade_id} 1"]
        assert json.loads(made.layout)["trades_version"]["key"] == ["trade_id", "version"]
        captured = Event.objects.get(type="trade.captured").id
        lines = made.names.split("\n")
        assert lines.index(names[0]) == lines.index(f"core_event {captured}") + 1

    def test_is_bounded_and_skips_what_never_came(self, monkeypatch) -> None:
        monkeypatch.setattr(seals, "IDS_PER_SEAL", 10)
        tell(*range(1, 8))
        sql.run("SELECT setval('core_event_id_seq', nextval('core_event_id_seq') + 1000)")
        tell(*range(1, 15))
        counts: list[int] = []
        assert seals.seal_events(now=NOW, on_seal=counts.append) == 21
        assert counts == [7, 10, 4]

    def test_a_backlog_is_sealed_in_portions(self, monkeypatch) -> None:
        monkeypatch.setattr(seals, "IDS_PER_SEAL", 5)
        tell(*range(1, 18))
        assert [seals.seal_events(now=NOW, most=2) for _ in range(3)] == [10, 7, 0]


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70), st.data())
def test_the_path_of_every_leaf_leads_to_the_root(leaves, data):
    at = data.draw(st.integers(0, len(leaves) - 1))
    tree, found = MerkleTree(leaves), leaves[at]
    for side, neighbour in tree.path(at):
        other = bytes.fromhex(neighbour)
        found = hashlib.sha256(b"\1" + (other + found if side == "left" else found + other)).digest()
    assert found == tree.root


@contextmanager
def open_writer(*ids: int) -> Iterator[None]:
    """Hold a transaction open, on a connection of its own, that has written events."""
    wrote, end = threading.Event(), threading.Event()

    def write() -> None:
        from django.db import transaction

        with transaction.atomic():
            tell(*ids)
            wrote.set()
            end.wait(60)
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(write)
        assert wrote.wait(60)
        try:
            yield
        finally:
            end.set()
            done.result(60)


@pytest.mark.django_db(transaction=True)
class TestBesideWriters:
    def test_nothing_is_sealed_above_what_a_writer_may_still_commit(self, monkeypatch) -> None:
        monkeypatch.setattr(seals, "_PATIENCE", 1)
        with open_writer(1, 2):
            tell(3)
            assert seal() == 0
        assert seal() == 3
        assert [int(name.split()[1]) for name in AuditSeal.objects.get().names.split("\n")] == sorted(
            Event.objects.values_list("id", flat=True)
        )

    def test_a_transaction_that_writes_no_event_is_not_waited_for(self) -> None:
        tell(1)
        with ThreadPoolExecutor(1) as pool:
            reading, end = threading.Event(), threading.Event()

            def read() -> None:
                from django.db import transaction

                with transaction.atomic():
                    sql.rows("SELECT 1 FROM core_event")
                    reading.set()
                    end.wait(60)
                connections.close_all()

            done = pool.submit(read)
            assert reading.wait(60)
            try:
                assert seal() == 1
            finally:
                end.set()
                done.result(60)

    def test_a_seal_in_the_making_holds_up_no_writer_and_no_second_sealer_makes_it_again(self) -> None:
        from django.db import transaction

        tell(1)
        with transaction.atomic():
            assert seal() == 1

            def meanwhile() -> int:
                sql.run("SET lock_timeout = 1000")
                tell(2)
                counted = seal()
                connections.close_all()
                return counted

            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(meanwhile).result(60) == 0
        assert seal() == 1
        assert list(AuditSeal.objects.order_by("sequence").values_list("sequence", "event_count")) == [
            (1, 1),
            (2, 1),
        ]

    @pytest.mark.concurrency
    def test_many_writers_and_sealers_at_once_leave_one_chain_of_all_events(self, monkeypatch) -> None:
        from core.verification import verify

        monkeypatch.setattr(seals, "IDS_PER_SEAL", 20)

        def write(at: int) -> None:
            for each in range(25):
                tell(*range(1, 2 + (at + each) % 4))
            connections.close_all()

        def chain(_: int) -> None:
            for _ in range(15):
                seal()
            connections.close_all()

        with ThreadPoolExecutor(9) as pool:
            done = [*pool.map(write, range(6)), *pool.map(chain, range(3))]
        assert len(done) == 9
        seal()
        outcome = verify(connection)
        assert (outcome.fault, outcome.unsealed, outcome.events) == (None, 0, Event.objects.count())
