"""The events alone say where every trade stands: a reader's hash equals the one of the tables."""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from datetime import date

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from core import audit, sql
from core.http.client import ApiClient
from core.ids import TRADE, public_id
from feed.management.commands import rebuild_state
from feed.services.rebuild import Rebuilt, rebuild
from feed.services.state import GROUP, StateHash, fold, hash_of, hash_states
from settlement.models import CHANNELS
from settlement.services.seal import seal_batches
from tests.feed.test_events import in_the_middle
from tests.support.api import Api, problem
from tests.support.factories import capture, checked, equity, fx, goods, settle, world
from tests.support.records import CLERK, LATER, NOW
from trades.lifecycle import CAPTURE_EVENT, TRANSITIONS, State
from trades.services.reject import reject_trade
from trades.services.repair import repair_trade

transactional = pytest.mark.django_db(transaction=True)


def client() -> ApiClient:
    """Return an HTTP client of the product in this process."""
    token = Api("reader", scopes=["events:read"], sources=[]).token
    transport = httpx.WSGITransport(app=get_wsgi_application())
    return ApiClient(url="http://localhost", token=token, transport=transport)


def rebuilt() -> Rebuilt:
    with client() as api:
        return rebuild(api, Rebuilt())


def stored() -> dict[int, tuple[int, State]]:
    """Return where every trade stands by the table."""
    return {
        trade_id: (version, State(state))
        for trade_id, version, state in sql.rows("SELECT trade_id, version, state FROM trades_state")
    }


def live_a_day() -> int:
    """Store trades that stand in many states, one of them corrected, and return that one."""
    world()
    sealed = checked(fx())
    seal_batches(value_date=date(2026, 12, 31), channels=CHANNELS, actor=CLERK, now=NOW)
    settle([checked(goods()), checked(equity())])
    corrected, rejected, _ = (checked(equity(book="NO-BOOK")) for _ in range(3))
    repair_trade(
        trade_id=corrected, version=1, changes={"book": "BOOK-1"}, reason="typed", actor=CLERK, now=LATER
    )
    reject_trade(trade_id=rejected, version=1, reason="not ours", actor=CLERK, now=LATER)
    capture(*[equity() for _ in range(60)])
    assert stored()[sealed] == (1, State.INSTRUCTED)
    return corrected


@transactional
def test_the_events_make_what_the_tables_say() -> None:
    corrected = live_a_day()
    found = rebuilt()
    assert found.states == stored()
    assert {state for _, state in found.states.values()} == {
        State.CAPTURED, State.EXCEPTION, State.INSTRUCTED, State.SETTLED, State.CANCELLED,
    }  # fmt: skip
    assert found.states[corrected] == (2, State.CAPTURED)
    assert found.sha256() == found.wanted_sha256


@transactional
def test_a_product_without_trades_is_rebuilt_too() -> None:
    found = rebuilt()
    assert (found.states, found.wanted_sha256) == ({}, hashlib.sha256().hexdigest())
    assert found.sha256() == found.wanted_sha256


@transactional
def test_the_hash_differs_when_the_tables_say_something_else() -> None:
    live_a_day()
    before = hash_states()
    trade_id = min(stored())
    sql.run("UPDATE trades_state SET state = %s WHERE trade_id = %s", [State.EXCEPTION.value, trade_id])
    found = rebuilt()
    assert (found.sha256(), found.wanted_sha256 != before.sha256) == (before.sha256, True)


@transactional
def test_the_command_reads_the_feed_and_says_whether_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    live_a_day()
    monkeypatch.setattr(rebuild_state, "ApiClient", lambda **_: client_of_the_test)
    for wrong in (False, True):
        client_of_the_test = client()
        out = io.StringIO()
        if wrong:
            sql.run("UPDATE trades_state SET version = version + 1 WHERE trade_id = %s", [min(stored())])
            with pytest.raises(CommandError, match="they differ"):
                call_command("rebuild_state", "--url=x", "--token=x", stdout=out)
        else:
            call_command("rebuild_state", "--url=x", "--token=x", stdout=out)
            assert f"{len(stored())} trades from" in out.getvalue()
            assert "as the tables say" in out.getvalue()
        sql.run("DELETE FROM core_api_client")


@transactional
def test_the_hash_is_refused_while_it_cannot_be_told_what_it_is_as_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("feed.services.state._TRIES", 1)
    monkeypatch.setattr("feed.selectors._SETTLE_TRIES", 1)
    reader = Api("reader", scopes=["events:read"], sources=[])

    def ask() -> None:
        answer = reader.get("/events/state-hash")
        problem(answer, 503, "trades-are-moving")
        assert answer["Retry-After"] == "1"

    in_the_middle(lambda: audit.record(type="trade.held", subject="trade", ids=[1], actor=CLERK, at=NOW), ask)
    assert reader.get("/events/state-hash").status_code == 200


@pytest.mark.django_db
def test_only_a_client_of_every_source_compares_all_trades() -> None:
    bound = Api("bound", scopes=["events:read"], sources=["FO-EQ"])
    problem(bound.get("/events/state-hash"), 403, "bound-to-sources")


STATES = st.dictionaries(
    st.integers(1, 4 * GROUP), st.tuples(st.integers(1, 99), st.sampled_from(State)), max_size=40
)


@pytest.mark.django_db
@given(states=STATES)
def test_both_sides_hash_the_same_trades_to_the_same_value(states: dict[int, tuple[int, State]]) -> None:
    with transaction.atomic():
        sql.run(
            "INSERT INTO trades_state (trade_id, version, state, changed_at, changed_xid)"
            " SELECT id, version, state, now(), 1"
            " FROM unnest(%s::bigint[], %s::int[], %s::smallint[]) AS t(id, version, state)",
            [
                list(states),
                [version for version, _ in states.values()],
                [state.value for _, state in states.values()],
            ],
        )
        found = hash_states()
        transaction.set_rollback(True)
    assert found == StateHash(len(states), hash_of(states), found.event_id)


@given(data=st.data(), trades=st.integers(1, 5))
def test_folding_a_walk_of_the_lifecycle_ends_where_the_walk_ends(data: st.DataObject, trades: int) -> None:
    """Events that are not of the lifecycle, with and without a version, change no state."""
    made: dict[int, tuple[int, State]] = {}
    walked: dict[int, tuple[int, State]] = {}
    ways = defaultdict(list)
    for way in TRANSITIONS:
        ways[way.source].append(way)

    def tell(number: int, type: str, version: int | None) -> None:
        fold(
            made,
            {
                "subject": "trade",
                "subject_id": public_id(TRADE, number),
                "type": type,
                "version": version,
            },
        )

    for number in range(1, trades + 1):
        version, state = 1, State.CAPTURED
        tell(number, CAPTURE_EVENT, 1)
        for _ in range(data.draw(st.integers(0, 12))):
            step = data.draw(st.sampled_from(["move", "version", "note"]))
            if step == "move" and ways[state]:
                way = data.draw(st.sampled_from(ways[state]))
                state = way.target
                tell(number, way.event, version)
            elif step == "version":
                version += 1
                tell(number, "trade.repaired", version)
            else:
                tell(number, "exception.commented", None)
        walked[number] = (version, state)
    fold(made, {"subject": "batch", "subject_id": "bat_11", "type": "batch.sealed", "version": None})
    assert made == walked
