"""A pull takes every batch once and only once, whatever ends it."""

from __future__ import annotations

import base64
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from middleoffice_client import Command, NotAuthentic, Trust, api, pull
from middleoffice_client.journal import Busy, Journal
from middleoffice_client.verify import canonical, key_id

from core import sql
from core.ids import BATCH, public_id
from tests.clients.support import Office
from tests.settlement.support import (
    BackOffice,
    advance,
    batch_of,
    bytes_of,
    counts,
    lines_of,
    seal,
    state,
    validated,
)
from tests.support.factories import equity, fx, goods, settle_gross, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(monkeypatch):
    """Three lines of cash, which are downloaded and answered in more than one piece."""
    world()
    trade_ids = validated(equity(), fx(), goods())
    seal()
    monkeypatch.setattr(api, "_CHUNK", 700)
    monkeypatch.setattr(pull, "MAX_ITEMS", 2)
    return trade_ids


def name_of(batch_id):
    return f"CASH-000000001-{public_id(BATCH, batch_id)}.ndjson"


def answers():
    return sql.rows(
        "SELECT i.line, r.kind FROM settlement_status_report r JOIN settlement_instruction i ON i.id = r.instruction_id"
        " WHERE i.batch_id = %s ORDER BY i.line, r.id",
        [batch_of("CASH")],
    )


def test_a_batch_is_taken_whole_and_every_line_is_accepted(sealed, tmp_path):
    office = Office(tmp_path)
    batch_id = batch_of("CASH")

    assert office.pull().done == (public_id(BATCH, batch_id),)
    assert office.taken == [(name_of(batch_id), bytes_of(batch_id))]
    assert answers() == [(1, "ACCEPTED"), (2, "ACCEPTED"), (3, "ACCEPTED")]
    assert office.steps.count("bytes") >= 2
    assert office.steps.count("acknowledge") == 2
    assert list((tmp_path / "own" / "parts").iterdir()) == []

    again = office.pull()
    assert (again.done, again.failed, len(office.taken)) == ((), {}, 1)
    office.pull(channel="")
    advance()
    assert {state(each) for each in sealed} == {"ACKNOWLEDGED"}


def test_a_line_says_how_it_settles_and_against_which_other():
    made = world()
    settle_gross(made.broker)
    validated(equity())
    seal()
    batches = (batch_of("CASH"), batch_of("SECURITIES"))
    cash, security = (pull._line(bytes_of(each)) for each in batches)

    assert (cash.settlement_type, cash.linked) == ("DVP", security.instruction)
    assert (security.settlement_type, security.linked) == ("DVP", cash.instruction)


def test_killed_at_every_step_it_goes_on_and_nothing_is_taken_twice(sealed, tmp_path):
    """Each step once, in a product and folders of its own; at the end the run that no kill reached."""
    batch_id = batch_of("CASH")
    for n in range(1, 40):
        with transaction.atomic():
            office = Office(tmp_path / str(n), f"puller-{n}")
            reached = office.pull(killed_at=n) is None
            office.pull()
            assert office.taken == [(name_of(batch_id), bytes_of(batch_id))], office.steps
            assert answers() == [(1, "ACCEPTED"), (2, "ACCEPTED"), (3, "ACCEPTED")], office.steps
            assert Journal(office.folder / "own").unfinished() == []
            transaction.set_rollback(True)
        if not reached:
            break
    assert not reached
    assert n > len({"claim", "download", "verify", "prepare", "hand over", "acknowledge", "clear"})


@given(st.lists(st.integers(1, 12), max_size=8))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_again_and_again_it_comes_to_the_same_end(sealed, tmp_path_factory, kills):
    with transaction.atomic():
        office = Office(tmp_path_factory.mktemp("office"))
        for n in kills:
            office.pull(killed_at=n)
        office.pull()
        assert [name for name, _ in office.taken] == [name_of(batch_of("CASH"))]
        assert counts("settlement_status_report") == {"settlement_status_report": 3}
        transaction.set_rollback(True)


_SCRIPT = """
import os, pathlib, sys
ledger = pathlib.Path(sys.argv[1])
said = ledger.read_text() if ledger.exists() else ""
if os.environ["MIDDLEOFFICE_AGAIN"] == "0" or os.environ["MIDDLEOFFICE_BATCH"] not in said:
    ledger.write_text(said + f"{os.environ['MIDDLEOFFICE_BATCH']} {len(open(sys.argv[2]).readlines())}\\n")
    for line in open(sys.argv[2]):
        if '"asset":"USD"' in line:
            open(os.environ["MIDDLEOFFICE_REJECTIONS"], "w").write(line[16:].split('"')[0] + " AC04\\n")
"""


def test_a_command_that_looks_when_it_is_told_again_takes_nothing_twice_and_may_reject(sealed, tmp_path):
    script = tmp_path / "take.py"
    script.write_text(_SCRIPT)
    (line,) = [line["line"] for line in lines_of(batch_of("CASH")) if line["asset"] == "USD"]
    for n in (*range(9, 14), 99):
        with transaction.atomic():
            ledger = tmp_path / f"ledger-{n}"
            command = Command([sys.executable, str(script), str(ledger)])
            office = Office(tmp_path / str(n), f"puller-{n}", command)
            office.pull(killed_at=n)
            office.pull()
            assert ledger.read_text() == f"{public_id(BATCH, batch_of('CASH'))} 3\n"
            assert [kind for at, kind in answers() if at == line] == ["REJECTED"]
            assert len(answers()) == 3
            transaction.set_rollback(True)


def test_a_command_that_fails_is_told_again_by_the_next_pull(sealed, tmp_path):
    office = Office(tmp_path, hand_over=Command([sys.executable, "-c", "raise SystemExit(3)"]))
    found = office.pull()
    assert found.done == ()
    assert found.failed == {
        public_id(
            BATCH, batch_of("CASH")
        ): f"the command ended with 3 for {public_id(BATCH, batch_of('CASH'))}"
    }
    assert answers() == []
    office.hand_over = Command([sys.executable, "-c", "pass"])
    assert office.pull().done == (public_id(BATCH, batch_of("CASH")),)


def test_what_somebody_else_has_is_left_alone_and_what_they_answered_is_forgotten(sealed, tmp_path):
    office, other = Office(tmp_path), BackOffice("other")
    assert office.pull(killed_at=3) is None
    sql.run("UPDATE settlement_batch_claim SET expires_at = claimed_at")
    other.claim(batch_of("CASH"))
    assert (office.pull(), office.taken) == (pull.Pulled((), {}), [])
    other.acknowledge(batch_of("CASH"), lines_of(batch_of("CASH")))
    assert (office.pull(), office.taken) == (pull.Pulled((), {}), [])
    assert Journal(tmp_path / "own").unfinished() == []
    assert counts("settlement_status_report") == {"settlement_status_report": 3}


def test_bytes_that_are_wrong_are_thrown_away_and_pulled_anew(sealed, tmp_path):
    office = Office(tmp_path)
    assert office.pull(killed_at=4) is None
    part = Journal(tmp_path / "own").part(office.client.batch(public_id(BATCH, batch_of("CASH"))))
    part.write_bytes(b"x" * 100)
    (why,) = office.pull().failed.values()
    assert "has the hash" in why
    assert (office.taken, part.exists()) == ([], False)
    assert len(office.pull().done) == 1
    assert office.taken == [(name_of(batch_of("CASH")), bytes_of(batch_of("CASH")))]


def test_one_pull_at_a_time_works_in_a_folder(sealed, tmp_path):
    office = Office(tmp_path)
    with Journal(tmp_path / "own").held(), pytest.raises(Busy):
        office.pull()
    assert len(office.pull().done) == 1


class TestSignatures:
    """Where keys are trusted, a batch without a right signature is not handed over."""

    def signed(self, batch, key, /, **changes):
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        facts = {name: getattr(batch, name) for name in ("channel", "sequence", "sha256")}
        statement = {"batch": batch.id, **facts, "format": 1, "note": "é", **changes}
        return replace(
            batch,
            manifest={
                "statement": statement,
                "hash": hashlib.sha256(canonical(statement)).hexdigest(),
                "key_id": key_id(raw),
                "signature": base64.b64encode(key.sign(canonical(statement))).decode(),
            },
        ), Trust.of([base64.b64encode(raw).decode()])

    def batch(self):
        return api.Batch("bat_11", "CASH", 1, "SEALED", "2026-11-25", 1, 1, "ab" * 32, None)

    def test_a_right_one_is_taken_and_none_is_asked_for_without_keys(self):
        batch, trust = self.signed(self.batch(), Ed25519PrivateKey.generate())
        trust.verify(batch)
        Trust().verify(self.batch())

    @pytest.mark.parametrize("name", ["batch", "channel", "sequence", "sha256"])
    def test_of_another_batch_is_refused(self, name):
        batch, trust = self.signed(self.batch(), Ed25519PrivateKey.generate(), **{name: "another"})
        with pytest.raises(NotAuthentic, match=f"another {name}"):
            trust.verify(batch)

    @pytest.mark.parametrize("name", ["hash", "key_id", "signature", "statement"])
    def test_that_was_changed_is_refused(self, name):
        batch, trust = self.signed(self.batch(), Ed25519PrivateKey.generate())
        batch.manifest[name] = (
            {"batch": batch.id} if name == "statement" else base64.b64encode(b"x" * 64).decode()
        )
        with pytest.raises(NotAuthentic):
            trust.verify(batch)

    def test_of_another_key_or_without_a_manifest_is_refused(self):
        batch, _ = self.signed(self.batch(), Ed25519PrivateKey.generate())
        _, other = self.signed(self.batch(), Ed25519PrivateKey.generate())
        for each in (batch, self.batch()):
            with pytest.raises(NotAuthentic):
                other.verify(each)

    def test_a_batch_without_one_is_not_handed_over(self, sealed, tmp_path):
        office = Office(tmp_path)
        _, trust = self.signed(self.batch(), Ed25519PrivateKey.generate())
        assert len(office.pull(trust=trust).failed) == 1
        assert office.taken == []
        assert Path(tmp_path / "own" / "journal").exists()
