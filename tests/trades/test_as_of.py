"""A trade can be asked for as it was known, and as it was in force, at any moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from core import sql
from core.as_of import known_at
from core.audit import Actor, system
from core.http.cursor import encode_cursor
from core.ids import TRADE, public_id
from tests.support.api import Api, pointers, problem
from tests.support.factories import captured_ids, equity, fx, other_connection, world
from tests.support.records import NOW, minute, race
from trades.lifecycle import State, lock_trades, move_trades
from trades.services.findings import CLEARED, NewFinding, add_findings, clear_findings
from trades.services.versions import Revision, add_versions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("later_that_day")]
CLERK = Actor("user:clerk", "req-9")


@pytest.fixture
def api() -> Api:
    world()
    return Api()


def revise(trade_id: int, *, at: datetime, version: int = 1, cause: str = "AMEND", **changed: Any) -> None:
    """Store the next version of a trade."""
    with transaction.atomic():
        lock_trades([trade_id])
        add_versions(
            revisions=[Revision(trade_id, version, changed)],
            cause=cause, event="trade.repaired", reason="typing error", at=at, actor=CLERK,
        )  # fmt: skip


def move(trade_id: int, source: State, target: State, *, at: datetime) -> None:
    with transaction.atomic():
        assert move_trades(
            trade_ids=[trade_id], source=source, target=target, at=at, actor=system("checks")
        ) == [trade_id]


def path(trade_id: int, *more: str) -> str:
    return "/".join(["/trades", public_id(TRADE, trade_id), *more])


def told(answer: Any, *names: str) -> tuple[Any, ...]:
    assert answer.status_code == 200, answer.content
    return tuple(answer.json()[name] for name in names)


@pytest.fixture
def life(api) -> int:
    """Return a trade: captured at noon, held at 5, repaired to 200 shares at 10, captured again, validated at 15."""
    (trade_id,) = captured_ids(equity("A", executed_at="2026-11-23T13:30:00Z"))
    with transaction.atomic():
        add_findings(findings=[NewFinding(trade_id, 1, "OFF_MARKET_PRICE", "BLOCK", "price")], at=minute(5))
        move(trade_id, State.CAPTURED, State.EXCEPTION, at=minute(5))
    with transaction.atomic():
        revise(trade_id, at=minute(10), quantity="200")
        move(trade_id, State.EXCEPTION, State.CAPTURED, at=minute(10))
    with transaction.atomic():
        clear_findings(trade_ids=[trade_id], closing=CLEARED, at=minute(15))
        move(trade_id, State.CAPTURED, State.VALIDATED, at=minute(15))
    return trade_id


class TestWhatWasKnown:
    @pytest.mark.parametrize(
        ("as_at", "expected"),
        [
            ("2026-11-23T14:00:00Z", ("CAPTURED", 1, "100", "2026-11-23T14:00:00Z")),
            ("2026-11-23T14:04:59.999999Z", ("CAPTURED", 1, "100", "2026-11-23T14:00:00Z")),
            ("2026-11-23T14:05:00Z", ("EXCEPTION", 1, "100", "2026-11-23T14:05:00Z")),
            ("2026-11-23T09:09:59-05:00", ("EXCEPTION", 1, "100", "2026-11-23T14:05:00Z")),
            ("2026-11-23T19:55:00+05:45", ("CAPTURED", 2, "200", "2026-11-23T14:10:00Z")),
            ("2026-11-23 14:15:00+00:00", ("VALIDATED", 2, "200", "2026-11-23T14:15:00Z")),
        ],
    )
    def test_is_the_version_and_the_state_of_that_moment(self, api, life, as_at, expected):
        assert (
            told(api.get(path(life), as_at=as_at), "status", "version", "quantity", "changed_at") == expected
        )

    def test_of_this_moment_is_what_is_read_without_it(self, api, life):
        now = api.get(path(life)).json()
        assert api.get(path(life), as_at=minute(60).isoformat()).json() == now
        assert api.get("/trades", as_at=minute(60).isoformat()).json() == api.get("/trades").json()
        events = api.get(path(life, "events")).json()
        assert api.get(path(life, "events"), as_at=minute(60).isoformat()).json() == events

    def test_before_the_first_version_is_nothing(self, api, life):
        before = "2026-11-23T13:59:59.999999Z"
        for more in ((), ("events",)):
            problem(api.get(path(life, *more), as_at=before), 404, "not-found")
        assert api.get("/trades", as_at=before).json() == {"items": [], "next": None}
        assert api.get("/trades", as_at="0001-01-01T00:00:00Z").json() == {"items": [], "next": None}

    @pytest.mark.parametrize(
        ("n", "expected"),
        [
            (4, []),
            (5, [("OFF_MARKET_PRICE", None, "")]),
            (14, [("OFF_MARKET_PRICE", None, "")]),
            (15, [("OFF_MARKET_PRICE", "2026-11-23T14:15:00Z", "CLEARED")]),
        ],
    )
    def test_of_findings_is_what_was_open_and_closed(self, api, life, n, expected):
        (findings,) = told(api.get(path(life), as_at=minute(n).isoformat()), "findings")
        assert [(each["code"], each["closed_at"], each["closing"]) for each in findings] == expected

    def test_of_the_timeline_is_what_had_happened_in_pages_that_keep_the_moment(self, api, life):
        first = api.get(path(life, "events"), as_at=minute(10).isoformat(), limit=3).json()
        rest = api.get(path(life, "events"), cursor=first["next"], limit=3).json()
        assert [each["type"] for each in first["items"] + rest["items"]] == [
            "trade.captured", "trade.held", "trade.repaired", "trade.rechecked",
        ]  # fmt: skip
        assert rest["next"] is None

    def test_has_no_etag_since_the_past_is_not_changed(self, api, life):
        assert "ETag" in api.get(path(life))
        assert "ETag" not in api.get(path(life), as_at=minute(5).isoformat())

    def test_of_a_foreign_source_is_nothing(self, api, life):
        bound = Api("bound", sources=["FO-FX"])
        problem(bound.get(path(life), as_at=minute(5).isoformat()), 404, "not-found")
        assert bound.get("/trades", as_at=minute(5).isoformat()).json()["items"] == []


class TestAList:
    @pytest.fixture
    def three(self, life) -> int:
        captured_ids(fx("B"), at=minute(2))
        captured_ids(equity("C", on=NOW.date() - timedelta(days=3)), at=minute(12))
        return life

    @pytest.mark.parametrize(
        ("n", "query", "expected"),
        [
            (1, {}, ["A"]),
            (2, {}, ["A", "B"]),
            (59, {}, ["A", "B", "C"]),
            (6, {"status": "EXCEPTION"}, ["A"]),
            (10, {"status": "EXCEPTION"}, []),
            (10, {"status": "CAPTURED"}, ["A", "B"]),
            (59, {"status": "SETTLED"}, []),
            (59, {"source": "FO-EQ"}, ["A", "C"]),
            (59, {"source_ref": "C"}, ["C"]),
            (11, {"source_ref": "C"}, []),
            (59, {"source_ref": "C", "source": "FO-FX"}, []),
            (59, {"trade_date": "2026-11-20"}, ["C"]),
            (59, {"updated_since": minute(12).isoformat()}, ["A", "C"]),
            (14, {"updated_since": minute(12).isoformat()}, ["C"]),
        ],
    )
    def test_shows_what_the_filter_would_have_found_then(self, api, three, n, query, expected):
        answer = api.get("/trades", as_at=minute(n).isoformat(), **query)
        assert [each["source_ref"] for each in answer.json()["items"]] == expected
        assert answer.json()["next"] is None

    def test_goes_on_by_its_cursor_alone(self, api, three):
        first = api.get("/trades", as_at=minute(11).isoformat(), limit=1).json()
        second = api.get("/trades", cursor=first["next"], limit=1).json()
        third = api.get("/trades", cursor=second["next"], as_at=minute(11).isoformat(), limit=1).json()
        assert [page["items"][0]["source_ref"] for page in (first, second)] == ["A", "B"]
        assert third == {"items": [], "next": None}

    def test_looks_through_a_window_at_a_time(self, api, three, monkeypatch):
        monkeypatch.setattr("trades.selectors.as_of.WINDOW", 2)
        pages, query = [], {"as_at": minute(59).isoformat(), "source": "FO-EQ"}
        while query:
            page = api.get("/trades", **query).json()
            pages.append([each["source_ref"] for each in page["items"]])
            query = {"cursor": page["next"], "source": "FO-EQ"} if page["next"] else {}
        assert pages == [["A"], ["C"]]


class TestWhatWasInForce:
    @pytest.fixture
    def amended(self, life) -> int:
        """Return the trade with a price put right at 20, from 13:45 on, and another from tomorrow on."""
        revise(life, at=minute(20), version=2, price="190", effective_at="2026-11-23T13:45:00Z")
        revise(life, at=minute(30), version=3, price="195", effective_at="2026-11-24T00:00:00+01:00")
        return life

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"effective_at": "2026-11-23T13:30:00Z"}, (2, "187.25", "CAPTURED")),
            ({"effective_at": "2026-11-23T13:44:59.999999Z"}, (2, "187.25", "CAPTURED")),
            ({"effective_at": "2026-11-23T13:45:00Z"}, (3, "190", "CAPTURED")),
            ({"effective_at": "2026-11-23T14:07:00Z"}, (3, "190", "EXCEPTION")),
            ({"effective_at": "2026-11-23T22:59:59Z"}, (3, "190", "VALIDATED")),
            ({"effective_at": "2026-11-23T18:00:00-05:00"}, (4, "195", "VALIDATED")),
            (
                {"effective_at": "2026-11-23T13:45:00Z", "as_at": minute(19).isoformat()},
                (2, "187.25", "CAPTURED"),
            ),
            (
                {"effective_at": "2026-11-23T13:45:00Z", "as_at": minute(20).isoformat()},
                (3, "190", "CAPTURED"),
            ),
            (
                {"effective_at": "2026-12-01T00:00:00Z", "as_at": minute(20).isoformat()},
                (3, "190", "VALIDATED"),
            ),
            (
                {"effective_at": "2026-12-01T00:00:00Z", "as_at": minute(5).isoformat()},
                (1, "187.25", "EXCEPTION"),
            ),
        ],
    )
    def test_is_the_latest_version_that_had_begun_by_what_is_known(self, api, amended, query, expected):
        assert told(api.get(path(amended), **query), "version", "price", "status") == expected
        (item,) = api.get("/trades", **query).json()["items"]
        assert (item["version"], item["price"], item["status"]) == expected

    def test_before_the_deal_was_done_is_nothing(self, api, amended):
        before = "2026-11-23T13:29:59.999999Z"
        problem(api.get(path(amended), effective_at=before), 404, "not-found")
        assert api.get("/trades", effective_at=before).json() == {"items": [], "next": None}

    def test_of_a_deal_called_off_later_is_the_deal(self, api, life):
        revise(life, at=minute(40), version=2, cause="CANCEL", effective_at="2026-11-23T13:50:00Z")
        move(life, State.VALIDATED, State.CANCELLED, at=minute(40))
        assert told(api.get(path(life), effective_at="2026-11-23T13:49:00Z"), "status") == ("CAPTURED",)
        assert told(api.get(path(life), effective_at="2026-11-23T13:50:00Z"), "status") == ("CANCELLED",)
        assert told(api.get(path(life), as_at=minute(39).isoformat()), "status") == ("VALIDATED",)

    def test_of_the_timeline_and_the_findings_is_what_had_happened(self, api, life):
        by = minute(12).isoformat()
        events = api.get(path(life, "events"), effective_at=by, limit=2).json()
        rest = api.get(path(life, "events"), cursor=events["next"]).json()
        assert len(events["items"] + rest["items"]) == 4
        (findings,) = told(api.get(path(life), effective_at=by), "findings")
        assert [each["closed_at"] for each in findings] == [None]

    def test_around_the_end_of_summer_time_goes_by_the_offset(self, api):
        """In Berlin 02:30 came twice on 2026-10-25: first at +02:00, an hour later at +01:00."""
        (trade_id,) = captured_ids(equity("S", executed_at="2026-10-25T02:30:00+02:00"))
        revise(trade_id, at=minute(1), quantity="7", effective_at="2026-10-25T02:30:00+01:00")
        for moment, quantity in (
            ("2026-10-25T02:30:00+02:00", "100"),
            ("2026-10-25T02:59:59+02:00", "100"),
            ("2026-10-25T02:00:00+01:00", "100"),
            ("2026-10-25T02:30:00+01:00", "7"),
            ("2026-10-25T01:30:00Z", "7"),
        ):
            assert told(api.get(path(trade_id), effective_at=moment), "quantity") == (quantity,)
        problem(api.get(path(trade_id), effective_at="2026-10-25T02:29:59+02:00"), 404, "not-found")


class TestABadMoment:
    @pytest.mark.parametrize("where", ["/trades", "trade", "events"])
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"as_at": "yesterday"}, ["query:as_at"]),
            ({"as_at": ""}, ["query:as_at"]),
            ({"as_at": "2026-11-23T14:00:00"}, ["query:as_at"]),
            ({"as_at": "2026-11-23"}, ["query:as_at"]),
            ({"as_at": "2026-11-23T14:00:00Z\0"}, ["query:as_at"]),
            ({"as_at": "9999-12-31T23:59:59-12:00"}, ["query:as_at"]),
            ({"as_at": "2026-11-23T15:30:00Z"}, ["query:as_at"]),
            ({"effective_at": "2026-13-01T00:00:00Z"}, ["query:effective_at"]),
            ({"as_at": "x", "effective_at": "y"}, ["query:as_at", "query:effective_at"]),
            ({"as_at": "2027-01-01T00:00:00Z", "effective_at": "y"}, ["query:as_at", "query:effective_at"]),
        ],
    )
    def test_is_named_with_all_its_faults(self, api, life, where, query, expected):
        target = {"trade": path(life), "events": path(life, "events")}.get(where, where)
        assert pointers(problem(api.get(target, **query), 400, "unreadable")) == expected

    def test_beside_the_cursor_of_another_is_refused(self, api, life):
        captured_ids(fx("B"))
        cursor = api.get("/trades", as_at=minute(1).isoformat(), limit=1).json()["next"]
        for query, expected in (
            ({"as_at": minute(2).isoformat()}, ["query:as_at"]),
            ({"effective_at": minute(2).isoformat()}, ["query:effective_at"]),
        ):
            assert (
                pointers(problem(api.get("/trades", cursor=cursor, **query), 400, "unreadable")) == expected
            )

    @pytest.mark.parametrize(
        "numbers",
        [
            (0, 0, 5), (-1, 0, 5), (2**62, 0, 5), (0, 2**62, 5), (0, 1, -5), (0, 1, 2**63),
            (63_900_000_000_000_000 * 4, 0, 5),
        ],
    )  # fmt: skip
    def test_in_a_bent_cursor_is_refused(self, api, life, numbers):
        for target in ("/trades", path(life, "events")):
            answer = problem(api.get(target, cursor=encode_cursor(numbers)), 400, "unreadable")
            assert pointers(answer) == ["query:cursor"]

    def test_beside_a_cursor_of_the_present_is_refused(self, api, life):
        captured_ids(fx("B"))
        cursor = api.get("/trades", limit=1).json()["next"]
        answer = api.get("/trades", limit=1, cursor=cursor, as_at=minute(1).isoformat())
        assert pointers(problem(answer, 400, "unreadable")) == ["query:cursor"]


class TestWhatCommitsLate:
    """Recorded before the moment, committed after somebody has asked for it."""

    def test_is_never_seen_at_that_moment_and_from_the_next_one_on(self, api, life):
        at, after = minute(21).isoformat(), (minute(21) + timedelta(microseconds=1)).isoformat()
        with other_connection() as other:
            other.execute("BEGIN")
            other.execute("SELECT pg_current_xact_id()")
            before = api.get(path(life), as_at=at).content, api.get("/trades", as_at=at).content
            other.execute(
                "INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, version, actor, request_id,"
                " reason) VALUES (%s, pg_current_xact_id()::text::bigint, 'trade.instructed', 'trade', %s, 2, 'x',"
                " '', '')",
                [minute(20), life],
            )
            other.execute("COMMIT")
        assert (api.get(path(life), as_at=at).content, api.get("/trades", as_at=at).content) == before
        assert told(api.get(path(life), as_at=minute(20).isoformat()), "status") == ("VALIDATED",)
        assert told(api.get(path(life), as_at=after), "status") == ("INSTRUCTED",)

    def test_and_is_asked_for_before_an_earlier_moment_is_seen_in_neither(self, api, life):
        """An earlier moment asked for later is answered by the later one's snapshot: knowledge only grows."""
        api.get(path(life), as_at=minute(21).isoformat())
        move(life, State.VALIDATED, State.INSTRUCTED, at=minute(16))
        assert told(api.get(path(life), as_at=minute(18).isoformat()), "status") == ("VALIDATED",)
        assert told(api.get(path(life), as_at=minute(21).isoformat()), "status") == ("VALIDATED",)
        assert told(api.get(path(life), as_at=minute(22).isoformat()), "status") == ("INSTRUCTED",)

    def test_as_a_finding_or_its_closing_is_not_seen_either(self, api, life):
        moment = minute(21).isoformat()
        before = api.get(path(life), as_at=moment).content
        add_findings(findings=[NewFinding(life, 2, "STALE_PRICE", "WARN", "price")], at=minute(16))
        assert api.get(path(life), as_at=moment).content == before
        later = minute(22).isoformat()
        (findings,) = told(api.get(path(life), as_at=later), "findings")
        clear_findings(trade_ids=[life], closing=CLEARED, at=minute(17), codes=["STALE_PRICE"])
        assert told(api.get(path(life), as_at=later), "findings") == (findings,)
        assert [each["code"] for each in findings] == ["STALE_PRICE", "OFF_MARKET_PRICE"]

    def test_as_a_capture_does_not_lengthen_the_list(self, api, life):
        first = api.get("/trades", as_at=minute(21).isoformat(), limit=2).content
        captured_ids(equity("LATE"), at=minute(1))
        assert api.get("/trades", as_at=minute(21).isoformat(), limit=2).content == first


class TestKeptMoments:
    def test_are_one_for_any_number_of_questions_about_the_past(self, api, life):
        for n in (30, 30, 20, 10, 29):
            known_at(minute(n))
        assert sql.rows("SELECT at FROM core_moment") == [(minute(30),)]
        known_at(minute(31))
        assert sql.rows("SELECT count(*) FROM core_moment") == [(2,)]

    def test_asked_for_at_once_are_kept_in_the_order_of_their_snapshots(self, db):
        answers = race(*[lambda n=n: known_at(minute(n)) for n in range(8)])
        assert {each.as_at for each in answers} == {minute(n) for n in range(8)}
        seen = [text.split(":") for (text,) in sql.rows("SELECT seen FROM core_moment ORDER BY at")]
        assert seen == sorted(seen, key=lambda each: (int(each[0]), int(each[1])))

    @pytest.mark.parametrize("change", ["UPDATE core_moment SET seen = '1:1:'", "DELETE FROM core_moment"])
    def test_are_never_changed(self, db, change):
        known_at(minute(1))
        with pytest.raises(IntegrityError, match="refused"), transaction.atomic():
            sql.run(change)


class TestVersions:
    """Their recorded ranges have no gap and no overlap, whoever writes them."""

    @staticmethod
    def insert(trade_id: int, version: int, *, after: timedelta = timedelta(seconds=1), of: int = 1) -> None:
        sql.run(
            "INSERT INTO trades_version SELECT (jsonb_populate_record(v, jsonb_build_object('version', %s,"
            " 'recorded_at', v.recorded_at + %s))).* FROM trades_version v WHERE trade_id = %s AND version = %s",
            [version, after, trade_id, of],
        )

    @pytest.mark.parametrize("version", [3, 17, 0, -1])
    def test_follow_one_another(self, api, version):
        (trade_id,) = captured_ids(equity())
        with pytest.raises(IntegrityError, match="has no version before it"), transaction.atomic():
            self.insert(trade_id, version)

    @pytest.mark.parametrize("after", [timedelta(0), timedelta(microseconds=-1), timedelta(days=-3)])
    def test_are_recorded_one_after_another(self, api, after):
        (trade_id,) = captured_ids(equity())
        with pytest.raises(IntegrityError, match="not recorded after"), transaction.atomic():
            self.insert(trade_id, 2, after=after)
        self.insert(trade_id, 2)
        with pytest.raises(IntegrityError, match="not recorded after"), transaction.atomic():
            self.insert(trade_id, 3, of=2, after=after)

    def test_are_in_force_from_some_moment(self, api):
        (trade_id,) = captured_ids(equity())
        with pytest.raises(IntegrityError, match="effective_at"), transaction.atomic():
            revise(trade_id, at=minute(1), effective_at=None)

    def test_added_by_a_slow_clock_are_recorded_a_microsecond_later(self, api):
        (trade_id,) = captured_ids(equity())
        revise(trade_id, at=minute(-5), quantity="2")
        revise(trade_id, at=NOW, version=2, quantity="3")
        found = sql.rows(
            "SELECT version, recorded_at FROM trades_version WHERE trade_id = %s ORDER BY version", [trade_id]
        )
        tick = timedelta(microseconds=1)
        assert found == [(1, NOW), (2, NOW + tick), (3, NOW + 2 * tick)]

    def test_added_at_once_without_a_lock_leave_no_gap(self, api):
        (trade_id,) = captured_ids(equity())
        results = race(*[lambda n=n: self.insert(trade_id, 2 + n % 3) for n in range(9)])
        kept = [version for (version,) in sql.rows("SELECT version FROM trades_version ORDER BY version")]
        assert kept == list(range(1, len(kept) + 1))
        assert len(kept) >= 2
        assert results.count(None) == len(kept) - 1
        assert all(each is None or isinstance(each, IntegrityError) for each in results)

    def test_the_current_one_is_found_by_its_key(self, api, life):
        statement = (
            "EXPLAIN (COSTS OFF) SELECT v.price FROM trades_state s JOIN trades_version v"
            " ON v.trade_id = s.trade_id AND v.version = s.version WHERE s.trade_id = 1001"
        )
        with transaction.atomic():
            sql.run("SET LOCAL enable_seqscan = off")
            plan = [line for (line,) in sql.rows(statement)]
        assert any("trades_version_pkey" in line for line in plan), plan
        assert Decimal(sql.rows("SELECT count(*) FROM trades_version")[0][0]) == 2


def test_an_offset_of_a_day_is_read_in_utc(api, life):
    assert told(api.get(path(life), as_at="2026-11-24T13:10:00+23:00"), "version") == (2,)
    assert minute(10).astimezone(UTC) == minute(10)
