"""Claims: one consumer at a time, for as long as its lease holds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import sql
from core.http.problem import Problem
from settlement.services.claim import claim_batch, release_batch
from tests.settlement.support import (
    advance,
    batch_of,
    client,
    everything,
    instruction_ids,
    seal,
    state,
    validated,
)
from tests.support.factories import equity, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db


def claim(batch_id, by, *, seconds=60, now=NOW):
    return claim_batch(batch_id=batch_id, client=by, lease_seconds=seconds, actor=by.actor(), now=now)


@pytest.fixture
def sealed():
    world()
    (trade_id,) = validated(equity())
    seal()
    return trade_id


def test_a_claim_lasts_as_long_as_its_lease(sealed):
    made = claim(batch_of("CASH"), client(), seconds=300)

    assert made.is_new
    assert (made.claimed_at, made.expires_at) == (NOW, NOW + timedelta(seconds=300))
    assert sql.rows(
        "SELECT type, actor, data->>'lease_seconds' FROM core_event WHERE type = 'batch.claimed'"
    ) == [("batch.claimed", "client:back-office", "300")]


def test_another_client_is_told_how_long_to_wait_and_nothing_is_stored(sealed):
    first, second = client("first"), client("second")
    claim(batch_of("CASH"), first, seconds=60)
    before = everything()

    with pytest.raises(Problem) as refused:
        claim(batch_of("CASH"), second, now=NOW + timedelta(seconds=20, milliseconds=1))

    assert (refused.value.status, refused.value.code) == (409, "claimed-by-another")
    assert refused.value.headers == {"Retry-After": "40"}
    assert everything() == before


def test_the_batch_is_free_again_the_moment_the_lease_has_run_out(sealed):
    first, second = client("first"), client("second")
    claim(batch_of("CASH"), first, seconds=60)

    with pytest.raises(Problem):
        claim(batch_of("CASH"), second, now=NOW + timedelta(seconds=59, microseconds=999_999))
    assert claim(batch_of("CASH"), second, now=NOW + timedelta(seconds=60)).is_new
    ended = sql.rows("SELECT client_name, ended_at FROM settlement_batch_claim ORDER BY id")
    assert ended == [("first", NOW + timedelta(seconds=60)), ("second", None)]


def test_the_same_client_extends_its_own_claim(sealed):
    by = client()
    first = claim(batch_of("CASH"), by, seconds=60)
    again = claim(batch_of("CASH"), by, seconds=90, now=NOW + timedelta(seconds=50))

    assert (again.id, again.is_new, again.claimed_at) == (first.id, False, NOW)
    assert again.expires_at == NOW + timedelta(seconds=140)


def test_a_released_batch_can_be_claimed_at_once_and_releasing_again_does_nothing(sealed):
    first, second = client("first"), client("second")
    claim(batch_of("CASH"), first)

    assert not release_batch(batch_id=batch_of("CASH"), client=second, actor=second.actor(), now=NOW)
    assert release_batch(batch_id=batch_of("CASH"), client=first, actor=first.actor(), now=NOW)
    assert not release_batch(batch_id=batch_of("CASH"), client=first, actor=first.actor(), now=NOW)
    assert claim(batch_of("CASH"), second).is_new


@pytest.mark.parametrize("seconds", [9, 3601, 0, -1])
def test_a_lease_out_of_bounds_is_refused(sealed, seconds):
    by = client()
    before = everything()

    with pytest.raises(Problem) as refused:
        claim(batch_of("CASH"), by, seconds=seconds)

    assert (refused.value.status, refused.value.faults[0].pointer) == (422, "/lease_seconds")
    assert everything() == before


def test_an_unknown_batch_is_not_found(sealed):
    with pytest.raises(Problem) as refused:
        claim(999_999, client())
    assert refused.value.status == 404


def test_a_trade_is_handed_off_once_every_batch_of_its_legs_was_claimed(sealed):
    by = client()
    claim(batch_of("CASH"), by)
    advance()
    assert state(sealed) == "INSTRUCTED"

    claim(batch_of("SECURITIES"), by)
    advance()
    assert state(sealed) == "HANDED_OFF"


def test_only_the_first_claim_queues_the_trades(sealed):
    by = client()
    claim(batch_of("CASH"), by)
    claim(batch_of("CASH"), by)
    claim(batch_of("CASH"), client("other"), now=NOW + timedelta(hours=2))

    assert sql.rows("SELECT task, subject_ids FROM core_work") == [
        ("settlement.advance", instruction_ids(batch_of("CASH")))
    ]
