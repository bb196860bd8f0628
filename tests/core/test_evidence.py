"""An evidence pack says all that is known, and whoever has it can prove that nothing in it was bent."""

from __future__ import annotations

import io
import json
import random
import runpy
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from core import evidence, seals, sql
from core.attestation import attest
from core.http.problem import Problem
from settlement.evidence import evidence_of_batch
from settlement.services.claim import claim_batch
from tests.settlement.support import batch_of, validated
from tests.settlement.support import seal as seal_batches
from tests.support.api import Api, problem
from tests.support.factories import check_everything, equity, world
from tests.support.packs import lines_of, unpack, verify
from tests.support.records import LATER, NOW, TODAY
from tests.support.sealing import WHO, bend, seal, tell
from trades.evidence import evidence_of_trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Capture, batch and seal six trades in small ranges; return them. One event is not sealed yet."""
    monkeypatch.setattr(seals, "IDS_PER_SEAL", 7)
    monkeypatch.setattr(evidence, "_AT_ONCE", 4)
    world()
    trade_ids = validated(*(equity() for _ in range(6)))
    seal_batches()
    seal()
    tell(1)
    return trade_ids


@pytest.fixture
def pack(sealed: list[int], tmp_path: Path) -> Path:
    """Unpack the evidence of the securities batch."""
    return unpack(evidence_of_batch(batch_of("SECURITIES"), actor=WHO, now=LATER), tmp_path / "pack")


class TestAPackOfATrade:
    def test_has_its_events_and_terms_and_no_others(self, sealed: list[int], tmp_path: Path) -> None:
        folder = unpack(evidence_of_trade(sealed[2], actor=WHO, now=LATER), tmp_path)

        events = lines_of(folder, "events.jsonl")
        known = sql.rows(
            "SELECT id::text FROM core_event WHERE subject = 'trade' AND subject_id = %s"
            " ORDER BY core_event.id",
            [sealed[2]],
        )
        assert [(each["row"]["id"],) for each in events] == known
        (terms,) = lines_of(folder, "records.jsonl")
        assert terms["name"] == f"trades_version {sealed[2]} 1"
        assert all(each["seal"] for each in (*events, terms))
        (obligation, *_) = lines_of(folder, "obligations.jsonl")
        assert obligation["quantity"] == "100.0000000000"
        (sent, *_) = lines_of(folder, "instructions.jsonl")
        assert json.loads(sent["sent"])["line"] == sent["line"]
        status, said = verify(folder)
        assert (status, f"{len(events) + 1} sealed rows and 0 batches are as they were" in said) == (0, True)

    def test_has_findings_exceptions_and_the_answer_to_its_message(self, tmp_path: Path) -> None:
        world()
        api = Api(scopes=["trades:write", "audit:read"])
        sent = equity(counterparty="NOBODY")
        reference = api.trade(sent).json()["id"]
        check_everything()
        answer = api.get(f"/trades/{reference}/evidence")

        assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
        assert answer["Content-Disposition"] == f'attachment; filename="evidence-{reference}.zip"'
        folder = unpack(io.BytesIO(answer.getvalue()), tmp_path)
        assert [each["code"] for each in lines_of(folder, "findings.jsonl")] == ["UNKNOWN_PARTY"]
        assert len(lines_of(folder, "exceptions.jsonl")) == 1
        (kept,) = lines_of(folder, "answers.jsonl")
        assert (kept["status"], json.loads(kept["answer"])["id"]) == (201, reference)
        status, said = verify(folder)
        assert (status, "rows were not sealed yet when the pack was made" in said) == (0, True)
        page = (folder / "index.html").read_text()
        assert "UNKNOWN_PARTY" in page
        assert "<script" not in page

    def test_shows_what_people_wrote_as_text(self, sealed: list[int], tmp_path: Path) -> None:
        sql.run(
            "INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, actor, request_id, reason)"
            " VALUES (now(), 1, 't', 'trade', %s, 'x', '', '<script>alert(1)</script>')",
            [sealed[0]],
        )
        folder = unpack(evidence_of_trade(sealed[0], actor=WHO, now=LATER), tmp_path)
        assert "&lt;script&gt;" in (folder / "index.html").read_text()


class TestAPackOfABatch:
    def test_has_the_bytes_and_all_trades(self, pack: Path, sealed: list[int]) -> None:
        (row,) = lines_of(pack, "batches.jsonl")
        (content,) = (pack / "content").iterdir()
        assert content.stat().st_size == row["byte_count"]
        assert {each["trade_id"] for each in lines_of(pack, "versions.jsonl")} == set(sealed)
        status, said = verify(pack)
        assert (status, " and 1 batches are as they were" in said) == (0, True)
        (manifest,) = lines_of(pack, "manifests.jsonl")
        assert json.loads(manifest["statement"])["batch"] == manifest["batch"] == row["batch"]
        assert "1 signed manifests say the same of them." in said

    def test_is_tied_to_what_somebody_knows_from_elsewhere(self, pack: Path) -> None:
        attested = attest(day=TODAY)
        assert attested is not None
        statement = attested["statement"]
        last = lines_of(pack, "seals.jsonl")[-1]
        assert verify(pack, f"{last['sequence']}={last['hash']}")[0] == 0
        assert statement["sequence"] >= last["sequence"]
        status, said = verify(pack, f"{last['sequence']}={'0' * 64}")
        assert (status, said) == (1, f"NOT VERIFIED: seal {last['sequence']} is not the one you know\n")

    def test_is_bounded(self, sealed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(evidence, "SUBJECTS_MAX", 5)
        with pytest.raises(Problem) as refused:
            evidence_of_batch(batch_of("SECURITIES"), actor=WHO, now=LATER)
        assert (refused.value.status, refused.value.title) == (413, "6 of trade are too many.")

    def test_has_claims(self, sealed: list[int], tmp_path: Path) -> None:
        from core.http.authentication import Client

        client = Client(7, "bo", frozenset(), frozenset())
        claim_batch(
            batch_id=batch_of("CASH"), client=client, lease_seconds=300, actor=client.actor(), now=NOW
        )
        folder = unpack(evidence_of_batch(batch_of("CASH"), actor=WHO, now=LATER), tmp_path)
        assert [each["client_name"] for each in lines_of(folder, "claims.jsonl")] == ["bo"]


def test_the_script_finds_any_changed_byte(pack: Path) -> None:
    chance = random.Random(7)
    files = sorted(path for path in pack.rglob("*") if path.is_file() and path.name != "verify.py")
    for path in files:
        kept = path.read_bytes()
        if path.name == "manifest.json" or not kept:
            continue
        at = chance.randrange(len(kept))
        path.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
        assert verify(pack)[0] == 1, path
        path.write_bytes(kept)
    assert verify(pack)[0] == 0


@pytest.mark.parametrize("name", ["events.jsonl", "records.jsonl", "seals.jsonl"])
def test_a_row_that_was_changed_with_its_manifest_is_still_found(pack: Path, name: str) -> None:
    import hashlib

    rows = lines_of(pack, name)
    bent = rows[0].get("row", rows[0])
    column = "actor" if name == "events.jsonl" else "source_ref" if name == "records.jsonl" else "sealed_at"
    bent[column] = "somebody else"
    (pack / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    manifest = json.loads((pack / "manifest.json").read_text())
    manifest["files"][name]["sha256"] = hashlib.sha256((pack / name).read_bytes()).hexdigest()
    (pack / "manifest.json").write_text(json.dumps(manifest))
    status, said = verify(pack)
    assert (status, said.startswith("NOT VERIFIED: ")) == (1, True)
    assert "is not what" in said


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("statement", "{}", "was changed"),
        ("hash", "0" * 64, "was changed"),
        ("signature", "AAAA", "is not signed with its key"),
    ],
)
def test_a_manifest_of_a_batch_that_was_changed_is_found(
    pack: Path, name: str, value: str, what: str
) -> None:
    script = runpy.run_path(str(pack / "verify.py"))
    assert script["check_manifests"](script["check_contents"]()) == 1
    (row,) = lines_of(pack, "manifests.jsonl")
    row[name] = value
    (pack / "manifests.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(script["Unverified"], match=what):
        script["check_manifests"](script["check_contents"]())


def test_a_manifest_of_other_bytes_is_found(pack: Path) -> None:
    script = runpy.run_path(str(pack / "verify.py"))
    with pytest.raises(script["Unverified"], match="is of other bytes"):
        script["check_manifests"](set())


def test_a_file_more_or_less_is_found(pack: Path) -> None:
    (pack / "more.txt").write_text("x")
    assert verify(pack) == (1, "NOT VERIFIED: more.txt does not belong to the pack\n")
    (pack / "more.txt").unlink()
    (pack / "claims.jsonl").unlink()
    assert verify(pack) == (1, "NOT VERIFIED: claims.jsonl is missing\n")


def test_a_day_has_whatever_was_told_on_it(sealed: list[int], tmp_path: Path) -> None:
    file = tmp_path / "day.zip"
    call_command("export_evidence", str(file), "--date", "2026-11-23", stdout=io.StringIO())
    folder = unpack(file, tmp_path / "day")

    told = {each["name"] for each in lines_of(folder, "events.jsonl")}
    known = {f"core_event {id}" for (id,) in sql.rows("SELECT id FROM core_event")}
    assert told == known
    assert len(list((folder / "content").iterdir())) == 2
    assert verify(folder)[0] == 0
    call_command("export_evidence", str(file), "--date", "2026-11-22", stdout=io.StringIO())
    other = unpack(file, tmp_path / "other")
    assert lines_of(other, "events.jsonl") == []
    assert verify(other)[0] == 0


def test_a_day_that_is_too_large_leaves_no_file(sealed, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(evidence, "SUBJECTS_MAX", 5)
    with pytest.raises(CommandError, match="6 of trade are too many"):
        call_command("export_evidence", str(tmp_path / "day.zip"), "--date", "2026-11-23")
    assert list(tmp_path.iterdir()) == []
    call_command(
        "export_evidence",
        str(tmp_path / "day.zip"),
        "--date",
        "2026-11-23",
        "--most",
        "6",
        stdout=io.StringIO(),
    )
    assert [path.name for path in tmp_path.iterdir()] == ["day.zip"]


def test_a_row_that_was_put_among_sealed_ones_is_not_taken_for_a_new_one(sealed, tmp_path: Path) -> None:
    bend(
        "UPDATE core_event SET id = -5, subject = 'trade', subject_id = %s"
        " WHERE id = (SELECT max(id) FROM core_event)",
        [sealed[0]],
    )
    folder = unpack(evidence_of_trade(sealed[0], actor=WHO, now=LATER), tmp_path)
    status, said = verify(folder)
    assert (status, said) == (1, "NOT VERIFIED: core_event -5 is not what was sealed\n")


class TestTheApi:
    def test_demands_its_scope(self, sealed: list[int]) -> None:
        api = Api(scopes=["trades:read", "settlement:read"])
        for path in ("/trades/trd_1", "/settlement-batches/bat_1"):
            assert problem(api.get(f"{path}/evidence"), 403, "missing-scope")["scope"] == "audit:read"

    def test_answers_a_batch_as_a_zip(self, sealed: list[int], tmp_path: Path) -> None:
        from core.ids import BATCH, public_id

        reference = public_id(BATCH, batch_of("CASH"))
        api = Api("auditor", scopes=["audit:read"])
        answer = api.get(f"/settlement-batches/{reference}/evidence", headers={"Accept": "application/zip"})
        assert answer.status_code == 200
        folder = unpack(io.BytesIO(answer.getvalue()), tmp_path)
        assert json.loads((folder / "manifest.json").read_text())["made_by"] == "client:auditor"

    def test_keeps_other_sources_from_a_bound_client(self, sealed: list[int]) -> None:
        from core.ids import BATCH, TRADE, public_id

        api = Api("bound", scopes=["audit:read"], sources=["ELSEWHERE"])
        batch, trade = public_id(BATCH, batch_of("CASH")), public_id(TRADE, sealed[0])
        problem(api.get(f"/settlement-batches/{batch}/evidence"), 403, "bound-client")
        problem(api.get(f"/trades/{trade}/evidence"), 404, "not-found")

    @pytest.mark.parametrize("path", ["/trades/trd_zz", "/settlement-batches/bat_zz"])
    def test_knows_no_evidence_of_what_is_not_there(self, path: str) -> None:
        problem(Api(scopes=["audit:read"]).get(f"{path}/evidence"), 404, "not-found")
