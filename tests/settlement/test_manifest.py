"""Manifests: what was sealed is signed and chained, and whatever is changed of it afterwards is found and named."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client as HttpClient

from core import sql
from core.signing import present_key_id, public_key
from settlement.models import CHANNELS
from settlement.services.manifest import write_manifests
from tests.settlement.support import BackOffice, batch, instruction_ids, seal, validated
from tests.support.factories import equity, fx, world
from tests.support.records import NOW
from tests.support.sealing import bend

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed() -> dict[tuple[str, int], int]:
    """Seal three times; return the batches by channel and sequence."""
    world()
    for n in range(3):
        validated(equity(f"E-{n}"), fx(f"X-{n}"))
        seal()
    found = sql.rows("SELECT channel_id, sequence, id FROM settlement_batch")
    return {(channel, sequence): batch_id for channel, sequence, batch_id in found}


def manifests(channel: str = "CASH") -> list[dict]:
    return sql.records(
        "SELECT * FROM settlement_batch_manifest WHERE channel = %s ORDER BY sequence", [channel]
    )


def verified(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_batches", *arguments, stdout=out)
    return out.getvalue()


def fault(*arguments: str) -> str:
    with pytest.raises(CommandError) as found:
        verified(*arguments)
    return str(found.value)


def test_a_manifest_says_what_was_sealed_and_follows_from_the_one_before_it(sealed):
    previous = "0" * 64
    for sequence, manifest in enumerate(manifests(), start=1):
        row = batch(sealed["CASH", sequence])
        statement = json.loads(manifest["statement"])
        for name in (
            "sequence",
            "instruction_count",
            "trade_count",
            "byte_count",
            "sha256",
            "control_totals",
        ):
            assert statement[name] == row[name]
        assert (statement["channel"], statement["value_date"]) == ("CASH", row["value_date"].isoformat())
        assert statement["previous"] == previous
        previous = hashlib.sha256(manifest["statement"].encode()).hexdigest()
        assert manifest["hash"] == previous
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key()))
        key.verify(base64.b64decode(manifest["signature"]), manifest["statement"].encode())
    assert sequence == 3


def test_it_is_served_with_the_batch_and_in_the_list_and_can_be_written_again_from_its_json(sealed):
    office = BackOffice()
    items = office.get("settlement-batches?channel=CASH").json()["items"]
    assert [each["manifest"] for each in items] == [
        office.get(f"settlement-batches/{each['id']}").json()["manifest"] for each in items
    ]
    for each in items:
        text = json.dumps(
            each["manifest"]["statement"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        assert hashlib.sha256(text.encode()).hexdigest() == each["manifest"]["hash"]
        assert each["manifest"]["statement"]["batch"] == each["id"]
        assert each["manifest"]["statement"]["sha256"] == each["sha256"]


def test_whoever_asks_gets_the_public_keys_also_those_of_before_a_rotation(sealed, settings):
    first = present_key_id()
    settings.AUDIT_SIGNING_KEY = bytes(range(32))
    second = present_key_id()
    (before,) = [each for each in HttpClient().get("/api/v1/keys").json()["items"] if not each["present"]]
    assert before["key_id"] == first
    validated(equity("after"))
    seal()

    items = HttpClient().get("/api/v1/keys").json()["items"]
    assert [(each["key_id"], each["present"], each["first_used_at"] is None) for each in items] == [
        (first, False, False),
        (second, True, False),
    ]
    assert [each["key_id"] for each in manifests()] == [first, first, first, second]
    assert hashlib.sha256(base64.b64decode(items[1]["public_key"])).hexdigest()[:16] == second
    assert verified().startswith("8 batches")
    told = "SELECT data->>'key_id' FROM core_event WHERE type = 'signing_key.first_used' ORDER BY id"
    assert sql.rows(told) == [(first,), (second,)]


def test_manifests_and_keys_are_never_changed(sealed):
    for table in ("settlement_batch_manifest", "core_signing_key"):
        for statement in (f"UPDATE {table} SET key_id = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError), transaction.atomic():
                sql.run(statement)


def test_batches_that_were_sealed_before_there_were_manifests_get_theirs_once(sealed):
    before = [manifests(channel) for channel in CHANNELS]
    bend("DELETE FROM settlement_batch_manifest")
    later = NOW + timedelta(days=3)
    assert write_manifests(channels=CHANNELS, now=later) == len(sealed) == 6
    assert write_manifests(channels=CHANNELS, now=later) == 0
    assert [manifests(channel) for channel in CHANNELS] == before


def test_what_is_as_it_was_sealed_is_verified(sealed):
    count = sql.rows("SELECT count(*) FROM settlement_instruction")[0][0]
    assert verified() == f"6 batches with {count} instructions are as they were sealed.\n"
    assert verified("--public-key", public_key()) == verified()


FLIPS = {
    "UPDATE settlement_batch SET sha256 = reverse(sha256) WHERE id = %s": "is not the batch that the log tells of",
    "UPDATE settlement_batch SET byte_count = byte_count + 1 WHERE id = %s": "has another byte_count than",
    "UPDATE settlement_batch SET value_date = value_date + 1 WHERE id = %s": "has another value_date than",
    "UPDATE settlement_batch SET trade_count = trade_count + 1 WHERE id = %s": "has another trade_count than",
    "UPDATE settlement_batch SET control_totals = '{}' WHERE id = %s": "has another control_totals than",
    "UPDATE settlement_batch SET sealed_at = sealed_at + interval '1 us' WHERE id = %s": "has another sealed_at",
    "UPDATE settlement_batch_page SET content = set_byte(content, 0, 91) WHERE batch_id = %s": "has a line 1 that",
    "UPDATE settlement_batch_page SET first_line = 2 WHERE batch_id = %s": "has a gap before its page 1",
    "UPDATE settlement_batch_page SET content = convert_to(replace(convert_from(content, 'UTF8'), '\"kind\":\"NEW\"',"
    " '\"kind\":\"new\"'), 'UTF8') WHERE batch_id = %s": "has other bytes than were sealed",
    "UPDATE settlement_batch_page SET content = content || '\\x0a' WHERE batch_id = %s": "has a line",
    "UPDATE settlement_batch_page SET content = substr(content, 2) WHERE batch_id = %s": "has a line 1 that",
    "UPDATE settlement_instruction SET quantity = quantity + 0.01 WHERE batch_id = %s": "has an instruction that is",
    "UPDATE settlement_instruction SET direction = 'NIL' WHERE batch_id = %s": "has an instruction that is",
    "DELETE FROM settlement_instruction WHERE batch_id = %s": "has an instruction that is",
    "DELETE FROM settlement_batch_page WHERE batch_id = %s": "has other bytes than were sealed",
    "DELETE FROM settlement_batch_manifest WHERE batch_id = %s": "has lost its manifest",
    "UPDATE settlement_batch_manifest SET hash = reverse(hash) WHERE batch_id = %s": "has a manifest that was changed",
    "UPDATE settlement_batch_manifest SET statement = statement || ' ' WHERE batch_id = %s": "has a manifest that was",
    "UPDATE settlement_batch_manifest SET signature = '' WHERE batch_id = %s": "has a manifest that is not signed",
    "UPDATE settlement_batch_manifest SET key_id = 'other' WHERE batch_id = %s": "is signed with the key other",
    "DELETE FROM core_event WHERE subject_id = %s AND type = 'batch.sealed'": "was inserted: the log does not tell",
}


@pytest.mark.parametrize("statement", FLIPS)
def test_a_change_is_found_and_its_batch_is_named(sealed, statement):
    assert bend(statement, [sealed["CASH", 2]]) > 0
    assert fault().startswith(f"CASH 2 {FLIPS[statement]}")


def test_a_batch_that_was_deleted_with_all_that_is_of_it_is_found(sealed):
    for table, key in (
        ("settlement_batch", "id"),
        ("settlement_batch_page", "batch_id"),
        ("settlement_batch_manifest", "batch_id"),
        ("settlement_instruction", "batch_id"),
    ):
        bend(f"DELETE FROM {table} WHERE {key} = %s", [sealed["SECURITIES", 2]])
    assert fault() == "SECURITIES 2 is missing."


def test_batches_whose_places_were_swapped_are_found(sealed):
    swap = (
        "UPDATE {} SET sequence = CASE sequence WHEN 1 THEN -2 ELSE -1 END WHERE {} = 'CASH' AND sequence < 3"
    )
    for table, channel in (("settlement_batch", "channel_id"), ("settlement_batch_manifest", "channel")):
        bend(swap.format(table, channel))
        bend(f"UPDATE {table} SET sequence = -sequence WHERE sequence < 0")
    assert fault() == "CASH 1 is not the batch that the log tells of."


def test_a_batch_that_was_put_in_is_found(sealed):
    bend(
        "INSERT INTO settlement_batch (id, channel_id, sequence, value_date, sealed_at, sealed_by, instruction_count,"
        " trade_count, control_totals, byte_count, sha256)"
        " SELECT 900000, channel_id, 4, value_date, sealed_at, sealed_by,"
        " instruction_count, trade_count, control_totals, byte_count, sha256 FROM settlement_batch WHERE id = %s",
        [sealed["CASH", 3]],
    )
    assert fault() == "CASH 4 was inserted: the log does not tell of it."


def test_a_tail_that_was_cut_is_found(sealed):
    bend("DELETE FROM settlement_batch_manifest WHERE channel = 'CASH' AND sequence > 1")
    bend("DELETE FROM settlement_batch WHERE channel_id = 'CASH' AND sequence > 1")
    sql.run("UPDATE settlement_channel SET last_sequence = 1 WHERE code = 'CASH'")
    assert fault() == "CASH 2 is missing."


def test_what_was_cut_and_signed_anew_shows_only_against_a_kept_manifest(sealed, tmp_path: Path):
    reference = BackOffice().get("settlement-batches?channel=CASH").json()["items"][2]
    kept = tmp_path / "manifest.json"
    kept.write_text(json.dumps(reference["manifest"]))
    assert verified("--manifest", str(kept)).startswith("6 batches")

    bend("DELETE FROM settlement_batch_manifest")
    bend("UPDATE settlement_batch SET trade_count = 77 WHERE id = %s", [sealed["CASH", 1]])
    write_manifests(channels=CHANNELS, now=NOW)
    assert verified().startswith("6 batches")
    assert fault("--manifest", str(kept)) == "CASH 3 has another manifest than the one that was kept."


def test_a_key_that_is_not_trusted_is_found(sealed, settings):
    settings.AUDIT_SIGNING_KEY = bytes(range(32))
    assert fault("--public-key", public_key()).startswith("CASH 1 is signed with the key")


@pytest.mark.parametrize("content", ["{}", "[]", "not json", '{"statement": {"channel": "CASH"}}'])
def test_what_is_not_a_manifest_cannot_be_verified_against(sealed, tmp_path: Path, content):
    file = tmp_path / "manifest.json"
    file.write_text(content)
    assert "cannot be used" in fault("--manifest", str(file))


def test_a_public_key_that_is_none_is_refused(sealed):
    assert fault("--public-key", "AAAA").startswith("A public key cannot be used")


def test_instructions_that_were_added_to_a_batch_are_found(sealed):
    batch_id = sealed["CASH", 3]
    (first, *_) = instruction_ids(batch_id)
    columns = [
        name
        for (name,) in sql.rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'settlement_instruction'::regclass AND attnum > 0"
        )
    ]
    read = ", ".join({"id": "900000", "line": "99"}.get(name, name) for name in columns)
    bend(
        f"INSERT INTO settlement_instruction SELECT {read} FROM settlement_instruction WHERE id = %s", [first]
    )
    assert fault() == "CASH 3 has not as many instructions as were sealed."
