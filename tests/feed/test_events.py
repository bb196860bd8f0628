"""The feed: in order, complete, bounded, and as narrow as its reader may see."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from core import audit, sql
from core.http.cursor import encode_cursor
from core.ids import TRADE, public_id
from feed.selectors import MAX_SCAN, WINDOW, Position, Selection, last_event_id, read_page
from feed.services import wait
from feed.services.summarise import summarise_log
from tests.support.api import Api, pointers, problem
from tests.support.records import CLERK, EQUITY, FX, NOW, captured, held, race, reference_data

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api() -> Iterator[Api]:
    reference_data()
    yield Api("listener", scopes=["events:read"], sources=[])


def tell(*ids: int, type: str = "thing.happened") -> None:
    audit.record(type=type, subject="thing", ids=ids, actor=CLERK, at=NOW)


def things(page: Any) -> list[int]:
    return [each["subject_id"] for each in page.events if each["subject"] == "thing"]


def newest() -> Position:
    """Return the position behind all that has happened so far."""
    return Position(last_event_id())


def test_an_event_says_who_did_what_to_which_subject_when_and_why(api: Api) -> None:
    start = encode_cursor(newest().key())
    trade = held(EQUITY)
    document = api.get("/events", after=start, types="trade.captured").json()
    (event,) = document["items"]
    assert event == {
        "id": event["id"],
        "cursor": encode_cursor((event["id"], 0, 0)),
        "type": "trade.captured",
        "subject": "trade",
        "subject_id": public_id(TRADE, trade),
        "version": 1,
        "actor": "client:fo",
        "request_id": "",
        "reason": "",
        "recorded_at": "2026-11-23T14:00:00Z",
        "data": None,
    }
    assert document["more"] is False


def test_pages_follow_each_other_without_gap_or_overlap(api: Api) -> None:
    start = newest()
    tell(*range(1, 26))
    at, seen = encode_cursor(start.key()), []
    while True:
        page = api.get("/events", after=at, limit=10).json()
        seen += [each["subject_id"] for each in page["items"]]
        at = page["next"]
        if not page["more"]:
            break
    assert seen == [public_id("thing", number) for number in range(1, 26)]
    assert api.get("/events", after=at).json()["items"] == []


def test_reading_goes_on_from_the_cursor_of_any_event(api: Api) -> None:
    start = newest()
    tell(1, 2, 3)
    items = api.get("/events", after=encode_cursor(start.key())).json()["items"]
    again = api.get("/events", after=items[0]["cursor"]).json()["items"]
    assert again == items[1:]


def in_the_middle(work: Any, meanwhile: Any) -> None:
    """Run `meanwhile` here while a transaction in which `work` was done is open in another thread."""
    begun, end = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                work()
                begun.set()
                end.wait(30)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(10)
        meanwhile()
    finally:
        end.set()
        writer.join(10)


def test_a_commit_that_comes_late_is_not_skipped() -> None:
    start = newest()
    pages = []

    def meanwhile() -> None:
        tell(2)
        pages.append(read_page(after=start, limit=100))

    in_the_middle(lambda: tell(1), meanwhile)
    assert pages[0].events == []
    assert things(read_page(after=pages[0].next, limit=100)) == [1, 2]


def test_a_transaction_that_has_only_begun_to_write_holds_later_events_back() -> None:
    """It has its transaction id and will draw ids later: these stand behind what was committed meanwhile."""
    start = newest()
    seen: list[int] = []
    at = [start]

    def meanwhile() -> None:
        tell(2)
        page = read_page(after=at[0], limit=100)
        at[0] = page.next
        seen.extend(things(page))

    in_the_middle(lambda: sql.run("SELECT pg_current_xact_id()"), meanwhile)
    seen += things(read_page(after=at[0], limit=100))
    assert seen == [2]


def test_a_reader_comes_forward_although_writers_never_pause() -> None:
    """The mark in its position is settled by those who had begun before it; who began later does not matter."""
    start = newest()
    later: list[Any] = []

    def first() -> None:
        waiting = read_page(after=start, limit=100)
        assert waiting.events == []
        later.append(waiting.next)

    in_the_middle(lambda: tell(1), first)
    in_the_middle(lambda: tell(2), lambda: later.append(read_page(after=later[0], limit=100)))
    assert things(later[1]) == [1]
    assert things(read_page(after=later[1].next, limit=100)) == [2]


def test_a_rolled_back_event_leaves_a_gap_and_holds_nobody_up() -> None:
    start = newest()
    with transaction.atomic():
        tell(1)
        transaction.set_rollback(True)
    tell(2)
    page = read_page(after=start, limit=100)
    assert (things(page), page.more) == ([2], False)


def test_a_writer_has_its_transaction_id_before_it_draws_an_id() -> None:
    """Else a reader could take its mark between the two, and believe that nobody is behind it."""
    with transaction.atomic():
        assert sql.row("SELECT pg_current_xact_id_if_assigned()") == (None,)
        sql.run("INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, actor, request_id, reason)"
                " SELECT now(), 0, CASE WHEN pg_current_xact_id_if_assigned() IS NULL THEN 'late' ELSE 'held' END,"
                " 'thing', 77, 'user:clerk', '', ''")  # fmt: skip
        assert sql.row("SELECT type FROM core_event WHERE subject = 'thing' AND subject_id = 77") == ("held",)
        transaction.set_rollback(True)


def test_ids_are_drawn_one_by_one() -> None:
    """A session that drew ids ahead of its transactions would write below marks that are settled."""
    assert sql.row("SELECT seqcache FROM pg_sequence WHERE seqrelid = 'core_event_id_seq'::regclass") == (1,)


@pytest.mark.parametrize("mark", [(1 << 62, 5), (0, 1 << 62), (1 << 62, 1 << 62)])
def test_a_mark_of_a_database_that_was_restored_is_taken_anew(mark: tuple[int, int]) -> None:
    start = newest()
    tell(1)
    assert things(read_page(after=Position(start.event_id, *mark), limit=10)) == [1]


def test_types_are_named_one_by_one_or_as_a_family(api: Api) -> None:
    start = encode_cursor(newest().key())
    held(EQUITY)
    tell(1, type="thing.broke")

    def types(wanted: str) -> list[str]:
        return [each["type"] for each in api.get("/events", after=start, types=wanted).json()["items"]]

    assert types("trade.*") == ["trade.captured", "trade.held"]
    assert types("trade.held, thing.broke") == ["trade.held", "thing.broke"]
    assert types("thing.*,trade.captured") == ["trade.captured", "thing.broke"]
    assert types("nothing.*") == []


def test_a_bound_client_sees_the_trades_of_its_sources_and_nothing_else() -> None:
    reference_data()
    bound = Api("fo-fx", scopes=["events:read"], sources=["FO-FX"])
    captured(EQUITY)
    theirs = captured(FX)
    tell(theirs)  # another subject with the number of their trade
    seen = api_items(bound)
    assert [(each["type"], each["subject_id"]) for each in seen] == [
        ("trade.captured", public_id(TRADE, theirs))
    ]


def api_items(api: Api) -> list[dict[str, Any]]:
    """Return what a client reads from the beginning: a page over ids of long ago may be empty, and goes on."""
    items: list[dict[str, Any]] = []
    page = {"next": "", "more": True}
    while page["more"]:
        page = api.get(f"/events?after={page['next']}").json()
        items += page["items"]
    return items


def test_a_narrow_reader_comes_forward_over_what_it_does_not_see() -> None:
    start = newest()
    tell(*range(1, 20))
    tell(20, type="thing.broke")
    page = read_page(after=start, limit=5, selection=Selection(("thing.broke",)))
    assert things(page) == [20]
    nothing = read_page(after=start, limit=5, selection=Selection(("thing.lost",)))
    assert (nothing.events, nothing.more) == ([], False)
    assert nothing.next.event_id == page.events[0]["id"]


def test_a_page_looks_at_a_bounded_stretch_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    start = newest()
    monkeypatch.setattr("feed.selectors.MAX_SCAN", 10)
    tell(*range(1, 26))
    lost = Selection(("thing.lost",))
    page = read_page(after=start, limit=5, selection=lost)
    assert (page.events, page.more, page.next.event_id) == ([], True, start.event_id + 10)
    assert MAX_SCAN == 50_000


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"after": "x"}, "query:after"),
        ({"after": encode_cursor((1, 2))}, "query:after"),
        ({"after": encode_cursor((-1, 0, 0))}, "query:after"),
        ({"after": encode_cursor((1 << 63, 0, 0))}, "query:after"),
        ({"types": "trade"}, "query:types"),
        ({"types": "trade.*,trade.it's"}, "query:types"),
        ({"types": ",".join(f"thing.{'x' * n}" for n in range(1, 52))}, "query:types"),
        ({"wait": "31"}, "query:wait"),
        ({"wait": "-1"}, "query:wait"),
        ({"wait": "²"}, "query:wait"),
        ({"limit": "1001"}, "query:limit"),
    ],
)  # fmt: skip
def test_a_bent_parameter_is_named(api: Api, query: dict[str, str], pointer: str) -> None:
    assert pointers(problem(api.get("/events", **query), 400, "unreadable")) == [pointer]


def test_the_feed_needs_its_scope() -> None:
    assert problem(Api("none", scopes=["trades:read"]).get("/events"), 403, "missing-scope")["scope"] == (
        "events:read"
    )


def test_a_waiting_reader_is_answered_when_something_happens(api: Api) -> None:
    start = encode_cursor(newest().key())
    answers = race(
        lambda: api.get("/events", after=start, wait=30).json()["items"],
        lambda: tell(1),
    )
    assert [each["subject_id"] for each in answers[0]] == [public_id("thing", 1)]


def test_who_finds_no_place_to_wait_is_answered_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    start = encode_cursor(newest().key())

    def never(*_: Any) -> None:
        raise AssertionError("it waited")

    monkeypatch.setattr(wait, "_waited", never)
    for _ in range(wait.MAX_WAITING):
        assert wait._places.acquire(blocking=False)
    try:
        assert api.get("/events", after=start, wait=30).json()["items"] == []
    finally:
        for _ in range(wait.MAX_WAITING):
            wait._places.release()


def fill(count: int) -> None:
    sql.run(
        "INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, actor, request_id, reason)"
        " SELECT now(), 1, 'thing.happened', 'thing', n, 'user:clerk', '', '' FROM generate_series(1, %s) n",
        [count],
    )


def blocks_read(above: int, up_to: int) -> tuple[int, int]:
    """Return how many blocks a page reads, and how many the log has."""
    ((plan,),) = sql.rows(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {WINDOW.format(condition='true')}",
        {"above": above, "up_to": up_to, "limit": 1000},
    )
    root = sql.json_value(plan)[0]["Plan"]
    assert root["Actual Rows"] == 1000
    whole = sql.row("SELECT pg_relation_size('core_event') / 8192")
    assert whole is not None
    return root["Shared Hit Blocks"] + root["Shared Read Blocks"], whole[0]


def test_a_page_deep_in_a_long_log_reads_only_its_own_blocks() -> None:
    """The BRIN on the id serves the feed, also where PostgreSQL has no statistics of the log yet."""
    fill(200_000)
    assert summarise_log()
    middle = newest_id() - 100_000
    read, whole = blocks_read(middle, middle + 1000)
    # Two or three ranges of 32 blocks, out of thousands of blocks.
    assert read < 200 < whole / 10


def test_what_was_written_since_is_read_by_every_page_until_it_is_summarised() -> None:
    fill(100_000)
    assert summarise_log()
    middle = newest_id() - 50_000
    fill(100_000)
    before, whole = blocks_read(middle, middle + 1000)
    assert before > whole / 3
    assert summarise_log()
    after, _ = blocks_read(middle, middle + 1000)
    assert after < 200


def test_summarising_gives_way_to_a_vacuum() -> None:
    given_way: list[bool] = []
    in_the_middle(
        lambda: sql.run("LOCK TABLE core_event IN SHARE UPDATE EXCLUSIVE MODE"),
        lambda: given_way.append(summarise_log()),
    )
    assert given_way == [False]


def newest_id() -> int:
    found = sql.row("SELECT max(id) FROM core_event")
    assert found is not None
    return int(found[0])
