"""Several consumers on one channel: each gets the next batch that nobody has, for as long as it asks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import sql
from core.http.problem import Problem
from core.ids import CLAIM, public_id
from settlement.services.claim import claim_batch, claim_next, extend_claim, release_batch
from tests.settlement.support import BackOffice, client, everything, lines_of, seal, validated
from tests.support.factories import equity, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed() -> list[int]:
    """Seal three batches of CASH (and of SECURITIES); return the first."""
    world()
    for n in range(3):
        validated(equity(f"E-{n}"))
        seal()
    found = sql.rows("SELECT id FROM settlement_batch WHERE channel_id = 'CASH' ORDER BY sequence")
    return [batch_id for (batch_id,) in found]


def take(by, *, channel="CASH", now=NOW, seconds=60):
    return claim_next(channel=channel, client=by, lease_seconds=seconds, actor=by.actor(), now=now)


def extend(claim_id, by, *, now=NOW, seconds=60):
    return extend_claim(claim_id=claim_id, client=by, lease_seconds=seconds, actor=by.actor(), now=now)


def code_of(call, *arguments, **named) -> tuple[int, str]:
    before = everything()
    with pytest.raises(Problem) as refused:
        call(*arguments, **named)
    assert everything() == before
    return refused.value.status, refused.value.code


def test_each_consumer_gets_the_first_batch_that_nobody_has(sealed):
    first, second = client("first"), client("second")
    assert [take(by).batch_id for by in (first, second, first)] == sealed
    assert code_of(take, second) == (404, "nothing-to-claim")


def test_of_another_channel_it_gets_none(sealed):
    by = client()
    (other,) = sql.rows("SELECT id FROM settlement_batch WHERE channel_id = 'SECURITIES' AND sequence = 1")
    assert take(by, channel="SECURITIES").batch_id == other[0]
    assert code_of(take, by, channel="GOODS") == (404, "nothing-to-claim")


def test_what_was_given_up_or_has_run_out_comes_before_later_ones(sealed):
    first, second = client("first"), client("second")
    for _ in range(2):
        take(first)
    release_batch(batch_id=sealed[1], client=first, actor=first.actor(), now=NOW)
    assert take(second).batch_id == sealed[1]
    assert take(second, now=NOW + timedelta(seconds=60)).batch_id == sealed[0]


def test_what_is_answered_in_full_is_never_taken_again(sealed):
    office = BackOffice()
    office.claim(sealed[0])
    assert office.acknowledge(sealed[0], lines_of(sealed[0])).status_code == 207
    assert take(client("other")).batch_id == sealed[1]


def test_a_withheld_batch_is_passed_over(sealed):
    sql.run("INSERT INTO settlement_withholding (batch_id, withheld_at) VALUES (%s, %s)", [sealed[0], NOW])
    assert take(client()).batch_id == sealed[1]


def test_an_open_claim_is_extended_and_never_made_shorter(sealed):
    by = client()
    claim = take(by, seconds=60)
    later = extend(claim.id, by, now=NOW + timedelta(seconds=50), seconds=60)
    assert (later.id, later.expires_at) == (claim.id, NOW + timedelta(seconds=110))
    assert extend(claim.id, by, now=NOW + timedelta(seconds=51), seconds=10).expires_at == later.expires_at


def test_a_claim_that_has_ended_is_not_begun_anew_by_extending_it(sealed):
    first, second = client("first"), client("second")
    claim = take(first)
    assert code_of(extend, claim.id, first, now=NOW + timedelta(seconds=60)) == (409, "claim-ended")
    claim_batch(
        batch_id=sealed[0],
        client=second,
        lease_seconds=60,
        actor=second.actor(),
        now=NOW + timedelta(seconds=61),
    )
    assert code_of(extend, claim.id, first, now=NOW + timedelta(seconds=62)) == (409, "claim-ended")


def test_a_claim_of_another_client_is_not_there(sealed):
    claim = take(client("first"))
    assert code_of(extend, claim.id, client("second")) == (404, "not-found")
    assert code_of(extend, 999_999, client("third")) == (404, "not-found")


@pytest.mark.parametrize("seconds", [9, 3601])
def test_a_lease_out_of_bounds_is_refused(sealed, seconds):
    by = client()
    assert code_of(take, by, seconds=seconds) == (422, "lease-out-of-range")
    claim = take(by)
    assert code_of(extend, claim.id, by, seconds=seconds) == (422, "lease-out-of-range")


class TestTheApi:
    def test_gives_the_next_batch_once_for_a_key(self, sealed):
        office = BackOffice()
        first = office.post("settlement-claims", {"channel": "CASH", "lease_seconds": 120}, key="k-1")
        again = office.post("settlement-claims", {"channel": "CASH", "lease_seconds": 120}, key="k-1")
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert [each["id"] for each in office.get("settlement-claims").json()["items"]] == [
            first.json()["id"]
        ]
        assert BackOffice("other").get("settlement-claims").json()["items"] == []

    def test_says_when_to_ask_again_and_does_not_keep_that_answer(self, sealed):
        office = BackOffice()
        none = office.post("settlement-claims", {"channel": "GOODS"}, key="k-2")
        assert (none.status_code, none.json()["code"], none["Retry-After"]) == (404, "nothing-to-claim", "5")
        assert sql.rows("SELECT count(*) FROM core_idempotency_key") == [(0,)]

    def test_extends_a_claim(self, sealed):
        office = BackOffice()
        claim = office.post("settlement-claims", {"channel": "CASH", "lease_seconds": 10}).json()
        answer = office.post(f"settlement-claims/{claim['id']}/extensions", {"lease_seconds": 600})
        assert answer.status_code == 200
        assert answer.json()["expires_at"] > claim["expires_at"]
        unknown = office.post(f"settlement-claims/{public_id(CLAIM, 999)}/extensions", {})
        assert (unknown.status_code, office.post("settlement-claims/x/extensions", {}).status_code) == (
            404,
            404,
        )

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({}, ["/channel"]),
            ({"channel": "POST"}, ["/channel"]),
            ({"channel": [], "lease_seconds": "5", "x": 1}, ["/x", "/lease_seconds", "/channel"]),
        ],
    )
    def test_names_every_fault(self, sealed, body, pointers):
        answer = BackOffice().post("settlement-claims", body)
        assert answer.status_code == 400
        assert [each["pointer"] for each in answer.json()["errors"]] == pointers
