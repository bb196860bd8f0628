"""A signed statement of how far the log went: made again it is the same, and a cut tail shows against it."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command

from core.attestation import attest, public_key
from core.verification import read_attestation
from tests.support.records import NOW, TODAY
from tests.support.sealing import bend, seal, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Attest today's two seals."""
    for each in (1, 2):
        tell(each, 2, 3)
        seal()
    out = StringIO()
    call_command("attest_audit", "--date", "2026-11-23", stdout=out)
    path = tmp_path / "attestation.json"
    path.write_text(out.getvalue())
    return path


def verified(file: Path, *more: str) -> str:
    out = StringIO()
    call_command("verify_audit", "--attestation", str(file), *more, stdout=out)
    return out.getvalue()


def test_what_is_attested_is_found(file):
    tell(9)
    seal(now=NOW + timedelta(days=1))
    assert verified(file).startswith("7 events in 3 seals")


def test_it_is_the_same_whenever_it_is_made(file):
    before = file.read_text()
    tell(9)
    seal(now=NOW + timedelta(days=1))
    out = StringIO()
    call_command("attest_audit", "--date", "2026-11-23", stdout=out)
    assert out.getvalue() == before


def test_it_says_count_and_root(file):
    statement = json.loads(file.read_text())["statement"]
    assert (statement["date"], statement["sequence"], statement["total_count"]) == ("2026-11-23", 2, 6)
    assert len(statement["root"]) == len(statement["seal_hash"]) == 64


def test_a_cut_tail_is_found_only_against_it(file):
    bend("DELETE FROM core_event WHERE id > (SELECT last_id FROM core_audit_seal WHERE sequence = 1)")
    bend("DELETE FROM core_audit_seal WHERE sequence = 2")
    call_command("verify_audit", stdout=StringIO())
    with pytest.raises(CommandError, match=r"core_audit_seal 2 is missing: .* 3 attested events are gone"):
        verified(file)


def test_a_tail_that_was_cut_and_grown_again_is_found(file):
    bend("DELETE FROM core_event WHERE id > (SELECT last_id FROM core_audit_seal WHERE sequence = 1)")
    bend("DELETE FROM core_audit_seal WHERE sequence = 2")
    tell(7, 8, 9)
    seal()
    call_command("verify_audit", stdout=StringIO())
    with pytest.raises(CommandError, match="core_audit_seal 2 is not the seal that was attested"):
        verified(file)


def test_an_emptied_log_is_found(file):
    for table in ("core_event", "core_audit_seal"):
        bend(f"DELETE FROM {table}")
    with pytest.raises(CommandError, match="core_audit_seal 1 is missing"):
        verified(file)


@pytest.mark.parametrize(
    "bent",
    [
        lambda d: d["statement"].update(total_count=3),
        lambda d: d["statement"].pop("date"),
        lambda d: d.update(signature=base64.b64encode(b"x" * 64).decode()),
        lambda d: d.pop("signature"),
        lambda d: d.update(statement=[]),
    ],
    ids=["count", "date", "signature", "unsigned", "empty"],
)
def test_a_bent_one_is_refused(file, bent):
    document = json.loads(file.read_text())
    bent(document)
    file.write_text(json.dumps(document))
    with pytest.raises(CommandError, match="cannot be used"):
        verified(file)


def test_it_must_be_signed_by_the_key_that_is_trusted(file):
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(CommandError, match="it is not signed with this key"):
        verified(file, "--public-key", base64.b64encode(other).decode())
    out = StringIO()
    call_command("attest_audit", "--public-key", stdout=out)
    assert out.getvalue().strip() == public_key()
    assert read_attestation(file.read_bytes(), public_key=public_key()).total_count == 6


def test_there_is_none_of_a_day_before_the_first_seal(file):
    assert attest(day=TODAY - timedelta(days=1)) is None
    with pytest.raises(CommandError, match="Nothing was sealed"):
        call_command("attest_audit", "--date", "2026-11-22", stdout=StringIO())
