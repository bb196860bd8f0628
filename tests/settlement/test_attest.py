"""A day is attested once it is over, and the back office's counts of it agree with ours or make a named break."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import DatabaseError, transaction

from core import sql
from core.as_of import NOW as KNOWN_NOW
from core.http.problem import Problem
from core.seals import json_text
from core.signing import public_key
from settlement.open_records import Wanted, list_open
from settlement.selectors import open_breaks
from settlement.services.attest import MEASURES, attest_day, close_break, compare_day
from settlement.services.recall_batch import recall_batch
from tests.settlement.support import (
    BackOffice,
    batch_of,
    client,
    everything,
    instruction_ids,
    lines_of,
    ref,
    seal,
    validated,
)
from tests.support.factories import equity, fx, world
from tests.support.records import CLERK, NOW, TODAY
from trades.models import ExceptionItem
from trades.work_items import About, kind_of

pytestmark = pytest.mark.django_db

NEXT = TODAY + timedelta(days=1)
OVER = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)
NOTHING = dict.fromkeys(MEASURES, 0)


def counts(channel: str = "CASH", *, day=TODAY, now: datetime | None = None) -> dict:
    found = attest_day(day=day, now=now or OVER + timedelta(days=5))
    told = json.loads(found["statement"])["channels"][channel]
    return {measure: told[measure] for measure in MEASURES}


@pytest.fixture
def office() -> BackOffice:
    """Seal two fx deals (two nets of CASH) and one equity deal (one, and one of SECURITIES); give a back office."""
    world()
    validated(fx("X-1"), fx("X-2"), equity("E-1"))
    seal()
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        return BackOffice()


def do(office: BackOffice, what: str, at: datetime) -> None:
    batch_id = batch_of("CASH")
    with time_machine.travel(at, tick=False):
        if what == "claim":
            office.claim(batch_id, lease_seconds=3600)
        elif what == "answer":
            first, *rest = lines_of(batch_id)
            office.acknowledge(batch_id, [first], **{first["asset"]: "AC04"})
            office.acknowledge(batch_id, rest)
        else:
            office.report({"instruction": ref(instruction_ids(batch_id)[-1]), "status": "SETTLED"})


def test_a_day_says_what_was_sealed_claimed_answered_settled_and_open(office):
    count = len(instruction_ids(batch_of("CASH")))
    assert count >= 2
    for minute, what in enumerate(("claim", "answer", "settle"), start=2):
        do(office, what, NOW + timedelta(minutes=minute))
    assert counts() == {
        "sealed": count,
        "claimed": count,
        "accepted": count - 1,
        "rejected": 1,
        "settled": 1,
        "open": count - 2,
    }
    assert counts("SECURITIES") == {**NOTHING, "sealed": 1}
    assert counts("GOODS") == NOTHING


def test_each_day_has_what_happened_on_it_and_what_was_open_at_its_end(office):
    count = len(instruction_ids(batch_of("CASH")))
    do(office, "claim", datetime(2026, 11, 23, 23, 59, 59, 999999, tzinfo=UTC))
    do(office, "answer", datetime(2026, 11, 24, 0, 0, tzinfo=UTC))
    do(office, "settle", datetime(2026, 11, 25, 12, 0, tzinfo=UTC))
    assert counts() == {**NOTHING, "sealed": count, "claimed": count, "open": count}
    assert counts(day=NEXT) == {**NOTHING, "accepted": count - 1, "rejected": 1, "open": count - 1}
    assert counts(day=NEXT + timedelta(days=1)) == {**NOTHING, "settled": 1, "open": count - 2}
    assert counts(day=TODAY - timedelta(days=1)) == NOTHING


def test_what_was_recalled_is_not_open(office):
    recall_batch(batch_id=batch_of("CASH"), reason="wrong day", actor=CLERK, now=NOW + timedelta(minutes=2))
    assert counts() == {**NOTHING, "sealed": len(instruction_ids(batch_of("CASH")))}


def test_it_is_signed_and_names_the_last_manifest_and_is_the_same_for_ever(office):
    found = attest_day(day=TODAY, now=OVER)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key()))
    key.verify(base64.b64decode(found["signature"]), found["statement"].encode())
    told = json.loads(found["statement"])["channels"]["CASH"]
    last = "SELECT sequence, hash FROM settlement_batch_manifest WHERE channel = 'CASH'"
    assert sql.rows(last) == [(told["last_sequence"], told["last_manifest"])]
    do(office, "claim", NOW + timedelta(minutes=2))  # as if its clock had been late
    assert attest_day(day=TODAY, now=OVER + timedelta(days=30)) == found
    with pytest.raises(DatabaseError), transaction.atomic():
        sql.run("UPDATE settlement_attestation SET statement = ''")


@pytest.mark.parametrize("now", [NOW, OVER - timedelta(microseconds=1)])
def test_a_day_that_is_not_over_is_not_attested(office, now):
    with pytest.raises(Problem) as refused:
        attest_day(day=TODAY, now=now)
    assert (refused.value.status, refused.value.code) == (409, "day-not-over")
    assert sql.rows("SELECT count(*) FROM settlement_attestation") == [(0,)]


def work() -> list[str]:
    """Return what the queue says of breaks that are open."""
    found = ExceptionItem.objects.filter(kind="ATTESTATION", closed_at=None).order_by("id")
    return list(found.values_list("summary", flat=True))


class TestTheOtherSide:
    def compare(self, theirs: dict, *, by=None, now: datetime = OVER):
        by = by or self.by
        return compare_day(day=TODAY, counts={"CASH": theirs}, client=by, actor=by.actor(), now=now)

    @pytest.fixture(autouse=True)
    def _client(self, office) -> None:
        self.by = client("their system")
        self.ours = counts()

    def test_that_agrees_makes_no_break(self):
        assert self.compare(self.ours) == []
        assert open_breaks() == []

    def test_that_differs_makes_a_break_with_a_name_once(self):
        theirs = {**self.ours, "settled": 7, "open": 1}
        found = self.compare(theirs)
        assert [(each.measure, each.ours, each.theirs) for each in found] == [
            ("settled", 0, 7),
            ("open", 0, 1),
        ]
        assert self.compare(theirs, now=OVER + timedelta(hours=1)) == found
        told = [
            (each["day"], each["client_name"], each["channel"], each["measure"]) for each in open_breaks()
        ]
        assert told == [(TODAY, "their system", "CASH", "settled"), (TODAY, "their system", "CASH", "open")]
        events = "SELECT type, count(*) FROM core_event WHERE type LIKE 'attestation.%%' GROUP BY type"
        assert sql.rows(events) == [("attestation.broken", 2)]

    def test_that_differs_is_worked_in_the_queue_until_both_sides_agree(self):
        self.compare({**self.ours, "settled": 7, "open": 1})
        self.compare({**self.ours, "settled": 7, "open": 1})  # tells nothing anew
        assert work() == [
            f"their system counts 7 instructions of CASH settled on {TODAY}, we 0",
            f"their system counts 1 instructions of CASH open on {TODAY}, we 0",
        ]
        assert sql.rows("SELECT count(*) FROM trades_exception_before") == [(0,)]
        self.compare({**self.ours, "settled": 8})
        assert work() == [f"their system counts 8 instructions of CASH settled on {TODAY}, we 0"]
        (item,) = ExceptionItem.objects.filter(closed_at=None)
        told = kind_of(item.kind).facts(About(item.subject, item.subject_id), KNOWN_NOW)
        assert told.rows == [("settled", "0", "8", "+8")]
        self.compare(self.ours)
        assert work() == []
        assert set(ExceptionItem.objects.values_list("resolution", flat=True)) == {"both sides agree"}

    def test_that_differs_is_operations_move_among_what_is_open(self):
        self.compare({**self.ours, "settled": 7})
        (found,) = [
            each for each in list_open(wanted=Wanted(), now=OVER, limit=100) if each["record"] == "EXCEPTION"
        ]
        assert (found["rule"], found["trade_id"]) == ("ITEM_OPERATIONS", None)

    def test_that_agrees_later_closes_only_what_agrees(self):
        self.compare({**self.ours, "settled": 7, "open": 1})
        self.compare({**self.ours, "settled": 8})
        (left,) = open_breaks()
        assert (left["measure"], left["theirs"]) == ("settled", 8)
        self.compare(self.ours)
        assert open_breaks() == []
        closed = "SELECT DISTINCT closed_by, resolution FROM settlement_attestation_break"
        assert sql.rows(closed) == [("client:their system", "both sides agree")]

    def test_of_another_client_or_channel_stays_as_it_is(self):
        self.compare({**self.ours, "settled": 7})
        other = client("another system")
        self.compare(self.ours, by=other)
        compare_day(day=TODAY, counts={"GOODS": NOTHING}, client=self.by, actor=self.by.actor(), now=OVER)
        assert [each["client_name"] for each in open_breaks()] == ["their system"]

    def test_is_closed_by_a_person_with_a_reason(self):
        self.compare({**self.ours, "settled": 7})
        (found,) = open_breaks()
        before = everything()
        with pytest.raises(Problem) as refused:
            close_break(break_id=found["id"], reason=" ", actor=CLERK, now=OVER)
        assert (refused.value.status, everything() == before) == (422, True)
        close_break(break_id=found["id"], reason="their clock was late", actor=CLERK, now=OVER)
        assert open_breaks() == []
        assert work() == []
        assert ExceptionItem.objects.get().resolution == "their clock was late"
        with pytest.raises(Problem) as again:
            close_break(break_id=found["id"], reason="twice", actor=CLERK, now=OVER)
        assert again.value.status == 404


class TestTheApi:
    def test_serves_and_compares_a_day(self, office):
        with time_machine.travel(OVER, tick=False):
            answer = office.get(f"settlement-attestations/{TODAY}").json()
            text = json_text(answer["statement"])
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key()))
            key.verify(base64.b64decode(answer["signature"]), text.encode())
            told = {each: answer["statement"]["channels"]["CASH"][each] for each in MEASURES}
            posted = office.post(f"settlement-attestations/{TODAY}", {"channels": {"CASH": told}})
            assert posted.json() == {"date": TODAY.isoformat(), "equal": True, "breaks": []}
            differs = office.post(
                f"settlement-attestations/{TODAY}", {"channels": {"CASH": {**told, "open": 9}}}
            ).json()
            assert differs["breaks"] == [
                {"channel": "CASH", "measure": "open", "ours": told["open"], "theirs": 9}
            ]
            assert office.get(f"settlement-attestations/{NEXT}").status_code == 409
        assert office.get("settlement-attestations/yesterday").status_code == 404

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({}, ["/channels"]),
            ({"channels": {}}, ["/channels"]),
            ({"channels": {"X": NOTHING}}, ["/channels/X"]),
            ({"channels": {"CASH": 1}}, ["/channels/CASH"]),
            (
                {"channels": {"CASH": {**NOTHING, "open": -1, "settled": True, "x": 1}}},
                ["/channels/CASH/x", "/channels/CASH/settled", "/channels/CASH/open"],
            ),
            (
                {"channels": {"CASH": {"open": 1}}},
                [f"/channels/CASH/{each}" for each in MEASURES if each != "open"],
            ),
        ],
    )
    def test_names_every_fault(self, office, body, pointers):
        answer = office.post(f"settlement-attestations/{TODAY}", body)
        assert answer.status_code == 400
        assert [each["pointer"] for each in answer.json()["errors"]] == pointers
