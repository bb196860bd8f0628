"""The journal of closed books leaves in batches: once, whole, tied out, and again where it was rejected."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from core import sql
from core.as_of import NOW as PRESENT
from core.as_of import known_at
from core.audit import Actor
from core.contents import contents, register_contents
from core.http.problem import Problem
from core.ids import BATCH, JOURNAL_ENTRY, public_id
from ledger.models import HandOff, PeriodClosing
from refdata.models import Party
from settlement.models import Record
from settlement.records import records_of
from settlement.services import seal_records as seal_records_service
from settlement.services.recall_batch import recall_batch
from settlement.services.seal_records import seal_records
from tests.clients.support import Office
from tests.ledger.journal_support import journal
from tests.ledger.support import amend, post
from tests.settlement.support import BackOffice, batch, bytes_of, lines_of
from tests.support.factories import captured_ids, equity, world
from tests.support.records import NOW, TODAY
from trades.models import ExceptionItem
from trades.work_items import About, kind_of

pytestmark = pytest.mark.django_db

SEALER = Actor("hand-off", "req-1")
TOMORROW = NOW + timedelta(days=1)


def closed(through, *, entity_id: int) -> None:
    PeriodClosing(
        entity_id=entity_id,
        closed_through=through,
        proposal_id=PeriodClosing.objects.count() + 1,
        approved_at=NOW,
    ).save(force_insert=True)


def sealed(*, now=NOW, most: int = 50_000) -> list[int]:
    return seal_records(now=now, actor=SEALER, most=most)


def closed_books() -> Party:
    """Enter two deals and an amendment, four entries, and close the books up to their day; return whose they are."""
    made = world()
    (trade_id, _) = captured_ids(equity(), equity(quantity="10"))
    post()
    journal()
    amend(trade_id, quantity="50")
    post()
    journal()
    closed(TODAY, entity_id=made.ours.id)
    return made.ours


@pytest.fixture
def ours() -> Party:
    return closed_books()


def ids_in(batch_id: int) -> list[str]:
    return [line["record"] for line in lines_of(batch_id)]


class TestASeal:
    def test_takes_every_entry_of_closed_books_once_and_ties_debits_out_against_credits(self, ours):
        (batch_id,) = sealed()
        made = batch(batch_id)
        assert ids_in(batch_id) == [
            public_id(JOURNAL_ENTRY, each)
            for (each,) in sql.rows("SELECT id FROM ledger_journal ORDER BY id")
        ]
        total = "48685"  # twice 18,725 and 1,872.5 and 9,362.5
        assert made["control_totals"] == {
            f"{ours.code} USD": {
                "DEBIT": {"count": 4, "sum": total},
                "CREDIT": {"count": 4, "sum": total},
            }
        }
        assert (made["channel_id"], made["sequence"], made["value_date"]) == ("JOURNAL", 1, TODAY)
        assert sealed() == []

    def test_writes_what_an_entry_is_and_what_it_takes_back(self, ours):
        (batch_id,) = sealed()
        lines = lines_of(batch_id)
        first, back = lines[0], lines[2]
        assert {
            name: first[name] for name in ("line", "batch", "channel", "value_date", "attempt", "totals")
        } == {
            "line": 1,
            "batch": public_id(BATCH, batch_id),
            "channel": "JOURNAL",
            "value_date": TODAY.isoformat(),
            "attempt": 1,
            "totals": {"DEBIT": "18725", "CREDIT": "18725"},
        }
        assert back["content"]["reverses"] == first["record"]
        assert [(each["account"], each["debit"], each["credit"]) for each in back["content"]["postings"]] == [
            (each["account"], each["credit"], each["debit"]) for each in first["content"]["postings"]
        ]

    def test_leaves_open_days_alone_and_goes_on_with_the_next_closing(self, ours):
        (first,) = sealed()
        captured_ids(equity(quantity="20"))
        post()
        journal()  # on the first day that is open
        assert sealed() == []
        closed(TODAY + timedelta(days=1), entity_id=ours.id)
        (second,) = sealed()
        assert (len(ids_in(first)), len(ids_in(second))) == (4, 1)
        assert batch(second)["sequence"] == 2

    def test_cut_into_batches_of_so_many_lines_leaves_nothing_out_and_nothing_twice(self, ours):
        batches = sealed(most=3)
        assert [len(ids_in(each)) for each in batches] == [3, 1]
        assert len({record for each in batches for record in ids_in(each)}) == 4
        assert list(HandOff.objects.order_by("id").values_list("entry_count", flat=True)) == [3, 1]

    def test_makes_so_many_batches_at_once_and_leaves_the_rest_to_the_next(self, ours):
        made = [seal_records(now=NOW, actor=SEALER, most=1, batches=3) for _ in range(3)]
        assert [len(each) for each in made] == [3, 1, 0]

    def test_ends_with_its_turn_and_the_next_turn_goes_on(self, ours):
        turn = iter([True, True, False])
        first = seal_records(now=NOW, actor=SEALER, most=1, goes_on=lambda: next(turn))
        second = seal_records(now=NOW, actor=SEALER, most=1)
        assert (len(first), len(second), seal_records(now=NOW, actor=SEALER)) == (2, 2, [])

    def test_that_is_ended_after_any_batch_is_gone_on_with(self, ours, monkeypatch):
        whole = seal_records_service.write_manifests
        left = [2]

        def killed(**given):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return whole(**given)

        monkeypatch.setattr(seal_records_service, "write_manifests", killed)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            sealed(most=1)
        monkeypatch.setattr(seal_records_service, "write_manifests", whole)
        sealed(most=1)
        records = list(Record.objects.values_list("record_id", flat=True))
        assert (len(records), len(set(records))) == (4, 4)

    def test_finds_nothing_left_of_what_another_seal_took_meanwhile(self, ours, monkeypatch):
        waited = iter([seal_records_service.seal_records])

        def another_first():
            for seal in waited:
                assert len(seal(now=NOW, actor=SEALER)) == 1

        monkeypatch.setattr(seal_records_service, "wait_for_seals", another_first)
        assert sealed() == []
        assert Record.objects.count() == 4

    def test_stops_at_what_does_not_balance(self, ours, caplog):
        sql.run("ALTER TABLE ledger_posting DISABLE TRIGGER USER")
        sql.run(
            "UPDATE ledger_posting SET debit = debit + 1"
            " WHERE id = (SELECT min(id) FROM ledger_posting WHERE debit > 0)"
        )
        sql.run("ALTER TABLE ledger_posting ENABLE TRIGGER USER")
        assert sealed() == []
        assert "does not balance" in caplog.text
        assert not Record.objects.exists()


class TestTheBackOffice:
    def test_claims_pulls_and_acknowledges_and_the_batch_is_done(self, ours):
        (batch_id,) = sealed()
        office = BackOffice()
        claimed = office.post("settlement-claims", {"channel": "JOURNAL"})
        assert claimed.json()["batch"] == public_id(BATCH, batch_id)
        lines = office.lines(batch_id)
        answered = acknowledged(office, batch_id, lines)
        assert (answered.status_code, answered.json()["applied"]) == (207, 4)
        told = office.get(f"settlement-batches/{public_id(BATCH, batch_id)}").json()
        assert (told["status"], told["progress"]) == ("SETTLED", {"accepted": 4, "rejected": 0, "settled": 4})
        assert (
            acknowledged(office, batch_id, lines).status_code == 409
        )  # the claim has ended with the last answer

    def test_is_refused_other_control_totals(self, ours):
        (batch_id,) = sealed()
        office = BackOffice()
        office.claim(batch_id)
        lines = office.lines(batch_id)
        totals = control(lines)
        totals["totals"][f"{ours.code} USD"]["CREDIT"] = "1"
        answered = acknowledged(office, batch_id, lines, totals=totals)
        assert (answered.status_code, [each["pointer"] for each in answered.json()["errors"]]) == (
            422,
            [f"/control_totals/totals/{ours.code} USD/CREDIT"],
        )
        assert set(Record.objects.values_list("status", flat=True)) == {"SEALED"}

    def test_answers_each_record_once_and_none_of_another_batch(self, ours):
        first, second = sealed(most=3)
        office = BackOffice()
        office.claim(first)
        lines = office.lines(first)
        acknowledged(office, first, lines[:1])
        again = acknowledged(office, first, lines[:1])
        assert [each["status"] for each in again.json()["items"]] == [200]
        other = acknowledged(office, first, lines[:1], rejected={lines[0]["record"]: "AC04"})
        assert [each["status"] for each in other.json()["items"]] == [409]
        stray = acknowledged(office, first, lines_of(second), totals={"count": 1, "totals": {}})
        assert [(each["record"], each["status"]) for each in stray.json()["items"]] == [
            (ids_in(second)[0], 404)
        ]

    def test_names_what_is_wrong_with_an_answer(self, ours):
        (batch_id,) = sealed()
        office = BackOffice()
        office.claim(batch_id)
        body = {
            "items": [{"record": "ins_4S7H", "status": "ACCEPTED"}, {"record": 7, "instruction": "x"}],
            "control_totals": {"count": 2, "totals": {"X": {"DEBT": "1"}}},
        }
        answered = office.post(f"settlement-batches/{public_id(BATCH, batch_id)}/acknowledgements", body)
        assert [each["pointer"] for each in answered.json()["errors"]] == [
            "/items/0/record",
            "/items/1/instruction",
            "/items/1/record",
            "/items/1/status",
            "/control_totals/totals/X/DEBT",
        ]

    def test_pulls_the_same_bytes_every_time_also_as_csv(self, ours):
        (batch_id,) = sealed()
        office = BackOffice()
        address = f"settlement-batches/{public_id(BATCH, batch_id)}/instructions"
        pulls = [b"".join(office.get(f"{address}?format=csv").streaming_content) for _ in range(2)]
        assert pulls[0] == pulls[1]
        rows = list(csv.DictReader(io.StringIO(pulls[0].decode())))
        assert len(rows) == 8
        assert {name: rows[0][name] for name in ("entity", "account", "debit", "credit", "rule")} == {
            "entity": ours.code,
            "account": "INVENTORY",
            "debit": "18725",
            "credit": "0",
            "rule": "TRADE_DATE",
        }
        assert office.lines(batch_id) == lines_of(batch_id)
        assert len(office.get(f"{address}?limit=3").json()["items"]) == 3
        assert office.get(f"{address}?format=pacs.008").status_code == 422

    def test_without_the_scope_of_the_journal_sees_nothing_of_it(self, ours):
        (batch_id,) = sealed()
        office = BackOffice(scopes=["settlement:read", "settlement:ack"])
        assert office.get("settlement-batches").json()["items"] == []
        assert office.get(f"settlement-batches/{public_id(BATCH, batch_id)}").status_code == 404
        assert office.claim(batch_id).status_code == 404
        assert office.post("settlement-claims", {"channel": "JOURNAL"}).status_code == 403


def control(lines: list[dict]) -> dict:
    totals: dict[str, dict[str, Decimal]] = {}
    for line in lines:
        sums = totals.setdefault(line["asset"], {})
        for direction, amount in line["totals"].items():
            sums[direction] = sums.get(direction, Decimal(0)) + Decimal(amount)
    told = {asset: {side: f"{each:f}" for side, each in sums.items()} for asset, sums in totals.items()}
    return {"count": len(lines), "totals": told}


def acknowledged(office, batch_id, lines, *, rejected=None, totals=None):
    items = [
        {"record": line["record"], "status": "REJECTED", "reason": rejected[line["record"]]}
        if rejected and line["record"] in rejected
        else {"record": line["record"], "status": "ACCEPTED"}
        for line in lines
    ]
    return office.post(
        f"settlement-batches/{public_id(BATCH, batch_id)}/acknowledgements",
        {"items": items, "control_totals": totals or control(lines)},
    )


class TestThePullClient:
    def test_takes_a_journal_and_answers_every_entry(self, ours, tmp_path):
        (batch_id,) = sealed()
        office = Office(tmp_path)
        reference = public_id(BATCH, batch_id)
        assert office.pull(channel="JOURNAL").done == (reference,)
        assert office.taken == [(f"JOURNAL-000000001-{reference}.ndjson", bytes_of(batch_id))]
        assert list(Record.objects.values_list("status", flat=True)) == ["ACCEPTED"] * 4

    @pytest.mark.parametrize("killed_at", [3, 7, 10])
    def test_killed_between_steps_takes_it_once(self, ours, tmp_path, killed_at):
        (batch_id,) = sealed()
        office = Office(tmp_path)
        assert office.pull(channel="JOURNAL", killed_at=killed_at) is None
        office.pull(channel="JOURNAL")
        assert [content for _, content in office.taken] == [bytes_of(batch_id)]
        assert list(Record.objects.values_list("status", flat=True)) == ["ACCEPTED"] * 4


class TestWhatIsRejected:
    def test_is_work_and_comes_again_the_next_day_until_it_is_accepted(self, ours):
        (first,) = sealed()
        office = BackOffice()
        office.claim(first)
        lines = office.lines(first)
        acknowledged(office, first, lines, rejected={lines[1]["record"]: "NO-ACCOUNT"})
        item = ExceptionItem.objects.get(kind="RECORDS_REJECTED")
        facts = kind_of("RECORDS_REJECTED").facts(About("batch", first), PRESENT)
        assert [(row[0], row[4], row[6]) for row in facts.rows] == [
            (lines[1]["record"], "NO-ACCOUNT", "waits to be sealed again")
        ]
        said = Record.objects.get(status="REJECTED").answered_at
        assert sealed(now=said) == []  # the same day
        (second,) = sealed(now=said + timedelta(days=1))
        (again,) = lines_of(second)
        assert (again["record"], again["attempt"], again["content"]) == (
            lines[1]["record"],
            2,
            lines[1]["content"],
        )
        assert batch(second)["value_date"] == TODAY
        office.claim(second)
        acknowledged(office, second, [again])
        item.refresh_from_db()
        assert item.resolution == "accepted in a later batch"
        assert sealed(now=said + timedelta(days=3)) == []

    def test_of_a_recalled_batch_comes_again_whole(self, ours):
        (first,) = sealed()
        recall_batch(batch_id=first, reason="accounts are renamed", actor=SEALER, now=NOW)
        assert sealed(now=NOW) == []
        (second,) = sealed(now=TOMORROW)
        assert ids_in(second) == ids_in(first)
        assert [line["attempt"] for line in lines_of(second)] == [2, 2, 2, 2]
        assert BackOffice().claim(first).status_code == 409

    def test_is_not_recalled_once_something_is_accepted(self, ours):
        (first,) = sealed()
        office = BackOffice()
        office.claim(first)
        acknowledged(office, first, office.lines(first)[:1])
        with pytest.raises(Problem, match="cannot be recalled"):
            recall_batch(batch_id=first, reason="too late", actor=SEALER, now=NOW)


class TestTheRecord:
    def test_of_a_batch_is_never_changed_but_for_one_answer(self, ours):
        sealed()
        for change in (
            "SET record_id = 9",
            "SET status = 'ACCEPTED', answered_at = now(), quantities = '{1,1}'",
            "SET again_in = 4",
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                sql.run(f"UPDATE settlement_record {change}")
        sql.run("UPDATE settlement_record SET status = 'ACCEPTED', answered_at = now()")
        for change in ("SET status = 'REJECTED'", "SET reason = 'x'"):
            with pytest.raises(DatabaseError), transaction.atomic():
                sql.run(f"UPDATE settlement_record {change}")
        with pytest.raises(DatabaseError), transaction.atomic():
            sql.run("DELETE FROM settlement_record")

    def test_is_verified_against_its_bytes_and_the_log(self, ours):
        sealed()
        call_command("verify_batches", stdout=(out := io.StringIO()))
        assert out.getvalue() == "1 batches with 4 instructions are as they were sealed.\n"
        sql.run("ALTER TABLE settlement_record DISABLE TRIGGER USER")
        sql.run("UPDATE settlement_record SET quantities = '{1,1}' WHERE line = 2")
        sql.run("ALTER TABLE settlement_record ENABLE TRIGGER USER")
        with pytest.raises(CommandError, match="JOURNAL 1 has a record that is not what its line 2 says"):
            call_command("verify_batches", stdout=io.StringIO())

    def test_is_shown_as_it_was(self, ours):
        (batch_id,) = sealed()
        office = BackOffice()
        office.claim(batch_id)
        acknowledged(office, batch_id, office.lines(batch_id))
        assert {row["status"] for row in records_of(batch_id, limit=9)} == {"ACCEPTED"}
        before = records_of(batch_id, limit=9, as_of=known_at(NOW))
        assert {(row["status"], row["answered_at"]) for row in before} == {("SEALED", None)}
        statuses = office.get(f"settlement-batches/{public_id(BATCH, batch_id)}/statuses").json()["items"]
        assert {each["processing"] for each in statuses} == {"ACCEPTED"}


def test_a_kind_of_records_is_registered_once():
    (journal_content,) = contents()
    with pytest.raises(ImproperlyConfigured):
        register_contents(replace(journal_content, title="Another"))
    with pytest.raises(ImproperlyConfigured):
        register_contents(replace(journal_content, code="OTHER"))
    assert contents() == (journal_content,)


class TestAnEvidencePack:
    def test_has_the_bytes_of_a_batch_of_records(self, ours):
        (first,) = sealed()
        answer = BackOffice().get(f"settlement-batches/{public_id(BATCH, first)}/evidence")
        assert answer.status_code == 200
        with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as pack:
            names = pack.namelist()
        assert any(name.endswith(f"{first}.ndjson") for name in names)
