"""What a person of one desk sees and does, on a day on which another desk has one of everything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import product

import pytest
from django.contrib.auth.models import Group, User
from django.db import DataError, OperationalError, ProgrammingError, connection, transaction
from django.http import HttpResponse
from django.test import Client

from core import ids, sql
from core.sight import ALL, SCHEMA, Seen, build_views, close_views, declared, seeing
from middleoffice.access import routes
from ops.as_of import SCREENS as AS_OF
from ops.models import DeskScope
from ops.permissions import OF_THE_FIRM, ROLES
from refdata.models import Book
from tests.settlement.support import seal, validated
from tests.support import factories, records
from tests.support.records import minute, person, state_of
from tests.test_authorisation import Things, logged_in, things  # noqa: F401
from trades.lifecycle import State
from trades.models import ExceptionItem, TradeState
from trades.services.bulk_run import start_run
from trades.services.change import Change
from trades.services.desk import Asked
from trades.services.single_change import change_trade

OURS = "OURS-4711"
AMOUNTS = ("18,725", "18725")  # what each trade of the first desk comes to


def of_one_desk(desk: str = "DESK-2", *roles: str) -> Client:
    """Return a browser of somebody who has roles, every one that is not about the firm unless told, and one desk."""
    limited = person(f"limited to {desk or 'none'}")
    limited.groups.set(Group.objects.filter(name__in=roles or set(ROLES) - OF_THE_FIRM))
    DeskScope.objects.create(user=limited, desks=[desk] if desk else [])
    return logged_in(limited)


@pytest.fixture
def own(things: Things) -> set[str]:  # noqa: F811
    """Return what tells of a held trade of the second desk, beside everything that the first has."""
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=Book.objects.get().entity)
    (trade,) = factories.captured_ids(factories.equity(OURS, book="BOOK-2", trader="ours", quantity="7"))
    records.hold(trade)
    ((exception,),) = sql.rows("SELECT max(id) FROM trades_exception")
    return {OURS, ids.public_id(ids.TRADE, trade), ids.public_id(ids.EXCEPTION, exception)}


def tell_tales() -> set[str]:
    """Return what would tell of the other desk: its people, the names of its deals and of what hangs on them."""
    found = {"jdoe", "asmith"}
    for statement, prefix in (
        ("SELECT DISTINCT v.trade_id FROM trades_version v WHERE v.trader <> 'ours'", ids.TRADE),
        ("SELECT id FROM trades_exception e WHERE e.trade_id IS NULL OR e.trade_id NOT IN"
         " (SELECT trade_id FROM trades_version WHERE trader = 'ours')", ids.EXCEPTION),
        ("SELECT id FROM settlement_instruction", ids.INSTRUCTION),
        ("SELECT id FROM settlement_batch", ids.BATCH),
        ("SELECT id FROM core_proposal", ids.PROPOSAL),
        ("SELECT id FROM trades_confirmation", ids.CONFIRMATION),
        ("SELECT id FROM settlement_invoice", ids.INVOICE),
        ("SELECT id FROM ledger_break", ids.BREAK),
    ):  # fmt: skip
        found |= {ids.public_id(prefix, number) for (number,) in sql.rows(statement)}
    rows = sql.rows("SELECT DISTINCT source_ref FROM trades_version WHERE source_ref <> %s", [OURS])
    return found | {ref for (ref,) in rows}


def looked_at(caller: Client, path: str, method: str = "GET") -> tuple[HttpResponse, bytes]:
    """Return what a request comes to, and all of its bytes; it is then undone."""
    with transaction.atomic():
        got: HttpResponse = caller.generic(method, path)
        body = b"".join(got) if got.streaming else got.content  # type: ignore[arg-type]
        transaction.set_rollback(True)
    return got, body


def told_in(body: bytes, tales: set[str]) -> list[str]:
    """Return the tell-tales in an answer; a grid's data has them one after the other."""
    words = set(re.findall(r"[A-Za-z0-9_-]+", body.decode(errors="replace")))
    grid = body.startswith(b"\xff\xff\xff\xff")
    return sorted(
        each for each in tales if each in words or (grid and len(each) > 3 and each.encode() in body)
    )


def addresses(things: Things) -> Iterator[tuple[str, str]]:  # noqa: F811
    """Yield the name and an address of every screen, of the record of the other desk that it can show."""
    for route in routes():
        if route.rights and not route.form_of:
            yield route.name, things.path(route)
            if route.name in AS_OF:
                yield route.name, f"/as-of/{minute(2):%Y-%m-%dT%H:%M:%SZ}{things.path(route)}"


# Where a record of another desk may be addressed: it is not there, or its screen is of the whole firm.
NOT_SEEN = {403, 404, 405}
ABOUT_A_RECORD = re.compile(r"/[a-z]{3}_[0-9A-Z]+")


def test_of_another_desk_no_screen_tells_and_no_form_takes_a_record(
    own: set[str],
    things: Things,  # noqa: F811
    later_that_day: None,
) -> None:
    caller, tales, wrong, ours = of_one_desk(), tell_tales(), [], set()
    for method, (name, path) in product(("GET", "POST"), list(addresses(things))):
        got, body = looked_at(caller, path, method)
        told = told_in(body, tales - set(re.findall(r"[A-Za-z0-9_-]+", path)))
        if name != "limits" and "limits" not in path:  # which tell the firm's use of each, and no trade
            told += [each for each in AMOUNTS if each.encode() in body]
        seen = ABOUT_A_RECORD.search(path) and got.status_code not in NOT_SEEN
        if told or seen or got.status_code >= 500:
            wrong.append((method, path, got.status_code, told))
        if told_in(body, own):
            ours.add(name)
    assert wrong == []
    assert ours >= {"today", "blotter", "view_export", "explore_rows", "exceptions"}
    before = sql.rows("SELECT max(id) FROM core_event")
    for route in routes():
        if route.form_of and ABOUT_A_RECORD.search(things.path(route)):
            for path in {
                things.path(route),
                *(f"/approvals/{each}/approve" for each in things.proposals.values()),
            }:
                assert (path, caller.post(path).status_code in NOT_SEEN) == (path, True)
    for field in ("ids", "chosen", "subject", "replaces"):  # wherever a form may name it
        for reference in (things.trade, things.exception, things.instruction):
            assert (
                caller.post("/exceptions/bulk", {"action": "wake", field: f"{reference}:1"}).status_code
                == 404
            )
    assert sql.rows("SELECT max(id) FROM core_event") == before
    # Whoever has a role of the firm is told all of it, whatever desk the person was given.
    firm = of_one_desk("", *OF_THE_FIRM)
    for path in ("/", "/trades", "/exceptions", "/approvals", "/confirmations", f"/trades/{things.trade}"):
        assert (path, told_in(looked_at(firm, path)[1], tales) != []) == (path, True)


def test_of_another_desk_no_address_of_the_api_tells_a_client_of_one(
    own: set[str],
    things: Things,  # noqa: F811
    later_that_day: None,
) -> None:
    _, token = factories.api_client("of one desk", desks=["DESK-2"])
    caller, tales, wrong = Client(headers={"Authorization": f"Bearer {token}"}), tell_tales(), []
    for route in routes():
        for method in route.scopes or ():
            path = things.path(route)
            got, body = looked_at(caller, path, method)
            told = told_in(body, tales - set(re.findall(r"[A-Za-z0-9_-]+", path)))
            told += [each for each in AMOUNTS if each.encode() in body]
            closed = method not in route.of_desks
            seen = got.status_code != 403 if closed else "<" in route.path and got.status_code != 404
            if told or seen or got.status_code >= 500:
                wrong.append((method, path, got.status_code, told))
    assert wrong == []


def test_what_is_told_to_other_systems_is_shown_to_nobody_of_one_desk(
    own: set[str],
    things: Things,  # noqa: F811
) -> None:
    caller = of_one_desk()
    for path, status in (("/integrations", 403), (f"/integrations/{things.webhook}", 404), ("/audit", 403)):
        assert (path, looked_at(caller, path)[0].status_code) == (path, status)


def test_bulk_runs_are_listed_to_whoever_asked_for_them(two_desks: tuple[int, int]) -> None:
    desk, other = of_one_desk(), person("other")
    own = User.objects.get(username="limited to DESK-2")
    trades = factories.captured_ids(
        *(factories.equity(f"R-{n}", book="BOOK-2", trader="ours") for n in range(2))
    )
    made = [
        start_run(
            subject="trade",
            seen=dict.fromkeys(trades, ""),
            asked=Asked("re-check", reason="because", user=user),
            key="key",
            actor=records.CLERK,
            now=records.NOW,
        )
        for user in (own, other)
    ]
    page = desk.get("/bulk").content.decode()
    shown = [ids.public_id(ids.BULK_RUN, each.id) in page for each in made]
    assert shown == [True, False]


@pytest.fixture
def two_desks(db: None) -> tuple[int, int]:
    """Return a sealed trade of either desk that were netted, the first desk's first."""
    world = factories.world()
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=world.ours)
    first, second = validated(
        factories.equity("OTHER-1"), factories.equity(OURS, book="BOOK-2", trader="ours", quantity="7")
    )
    seal()
    return first, second


def instructions_of(trade_id: int) -> list[int]:
    """Return the instructions of a trade's delivery that stand, through the tables."""
    found = sql.rows(
        "SELECT i.id FROM settlement_instruction i LEFT JOIN settlement_recall r ON r.instruction_id = i.id"
        " WHERE %s = ANY(i.trade_ids) AND i.asset_kind = 'SECURITY' AND i.cancels IS NULL"
        " AND r.instruction_id IS NULL ORDER BY i.id",
        [trade_id],
    )
    return [number for (number,) in found]


def test_a_trade_shows_its_leg_of_what_is_netted_with_another_desk_and_not_the_whole(
    two_desks: tuple[int, int],
) -> None:
    first, second = two_desks
    (shared,) = instructions_of(second)
    assert instructions_of(first) == [shared]
    desk = of_one_desk()
    page = desk.get(f"/trades/{ids.public_id(ids.TRADE, second)}").content.decode()
    assert ids.public_id(ids.INSTRUCTION, shared) in page
    assert "107" not in re.sub(r"<[^>]+>", " ", page)  # 100 of theirs and 7 of ours
    with seeing([Book.objects.get(code="BOOK-2").id]):
        seen = sql.rows(
            "SELECT quantity, gross_count, trade_ids FROM settlement_instruction WHERE id = %s", [shared]
        )
    assert seen == [(None, None, [second])]


def test_a_change_by_one_desk_nets_the_trades_of_another_anew(two_desks: tuple[int, int]) -> None:
    first, second = two_desks
    (shared,) = instructions_of(first)
    desk, path = of_one_desk(), f"/trades/{ids.public_id(ids.TRADE, second)}/change/cancel"
    etag = re.search(r'name="etag" value="([^"]*)"', desk.get(path).content.decode())
    assert etag is not None
    sent = {"etag": unescape(etag[1]), "reason": "called off"}
    preview = desk.post(path, sent).content.decode()
    assert "the rest of it is netted anew" in preview
    answer = desk.post(path, {**sent, "step": "confirm"})
    assert answer.status_code == 303
    page = desk.get(answer["Location"]).content.decode()
    for body in (preview, page):
        assert told_in(body.encode(), {"OTHER-1", ids.public_id(ids.TRADE, first)}) == []
        assert "107" not in re.sub(r"<[^>]+>", " ", body)
    assert state_of(second)[0] == State.CANCELLED
    seal()
    (anew,) = instructions_of(first)
    assert anew != shared
    assert sql.rows("SELECT quantity, trade_ids FROM settlement_instruction WHERE id = %s", [anew]) == [
        (100, [first])
    ]


class TestTheQueueOfOneDesk:
    """Is worked like the whole, and is all there is."""

    @pytest.fixture(autouse=True)
    def held(self, two_desks: tuple[int, int]) -> None:
        self.theirs, self.own = factories.captured_ids(
            factories.equity("OTHER-2", trader="x"), factories.equity("OURS-2", book="BOOK-2", trader="ours")
        )
        for each in (self.theirs, self.own):
            records.hold(each)
        self.item = ExceptionItem.objects.get(trade_id=self.own)
        self.reference = ids.public_id(ids.EXCEPTION, self.item.id)
        self.other = ids.public_id(ids.EXCEPTION, ExceptionItem.objects.get(trade_id=self.theirs).id)

    def owners(self) -> dict[int | None, str | None]:
        return dict(ExceptionItem.objects.values_list("trade_id", "owner__username"))

    def test_is_taken_until_it_is_empty_and_not_beyond(self) -> None:
        desk = of_one_desk()
        assert desk.post("/exceptions/next")["Location"] == f"/exceptions/{self.reference}"
        assert desk.post("/exceptions/next")["Location"] == "/exceptions"
        assert self.owners() == {self.theirs: None, self.own: "limited to DESK-2"}

    def test_is_all_that_an_action_on_everything_means(self) -> None:
        sent = {
            "action": "snooze",
            "which": "all",
            "step": "preview",
            "until": "2099-01-01T10:00",
            "reason": "later",
        }
        body = of_one_desk().post("/exceptions/bulk", sent).content.decode()
        assert self.reference in body
        assert self.other not in body
        assert ExceptionItem.objects.get(trade_id=self.theirs).snoozed_until is None

    def test_is_worked_item_by_item(self) -> None:
        desk = of_one_desk()
        for action, sent in (
            ("claim", {}),
            ("comment", {"text": "asked", "audience": "INTERNAL"}),
            ("re-check", {"reason": "mended"}),
        ):
            assert desk.post(f"/exceptions/{self.reference}/{action}", sent).status_code == 303
        assert state_of(self.own)[0] == State.CAPTURED
        assert desk.post(f"/exceptions/{self.other}/claim").status_code == 404
        assert state_of(self.theirs)[0] == State.EXCEPTION

    def test_shows_a_form_that_failed_without_the_items_of_others(self) -> None:
        answer = of_one_desk().post(f"/exceptions/{self.reference}/comment", {"text": ""})
        assert answer.status_code == 422
        assert self.reference.encode() in answer.content
        assert self.other.encode() not in answer.content

    def test_is_empty_for_whoever_was_given_no_desk(self) -> None:
        body = of_one_desk("").get("/exceptions").content.decode()
        assert self.reference not in body
        assert self.other not in body


def test_a_trade_that_moves_to_another_desk_goes_with_its_book(two_desks: tuple[int, int]) -> None:
    first, _ = two_desks
    path = f"/trades/{ids.public_id(ids.TRADE, first)}"
    theirs, ours = of_one_desk("DESK-1"), of_one_desk()
    assert [each.get(path).status_code for each in (theirs, ours)] == [200, 404]
    change = Change(kind="AMEND", trade_id=first, changes={"book": "BOOK-2"}, reason="theirs after all")
    change_trade(change=change, user=person("the boss"), actor=records.CLERK, now=records.LATER)
    assert [each.get(path).status_code for each in (theirs, ours)] == [404, 200]


def test_nothing_is_written_while_a_part_is_seen(two_desks: tuple[int, int]) -> None:
    books = [Book.objects.get(code="BOOK-2").id]
    hidden = "UPDATE/**/trades_state SET version = 9"  # from whoever looks for statements that write
    with pytest.raises(OperationalError, match="cannot update view"), transaction.atomic(), seeing(books):
        sql.run(hidden)


def test_a_statement_that_fails_takes_only_its_savepoint_with_it(two_desks: tuple[int, int]) -> None:
    with transaction.atomic(), seeing([Book.objects.get(code="BOOK-2").id]):
        with pytest.raises(DataError), transaction.atomic():
            sql.rows("SELECT 1 / 0")
        assert sql.rows("SELECT trade_id FROM trades_state") == [(two_desks[1],)]
    assert sql.rows("SELECT count(*) FROM trades_state") == [(2,)]


@pytest.mark.django_db(transaction=True)
def test_nothing_of_what_somebody_sees_is_left_on_the_connection() -> None:
    made = factories.world()
    (trade,) = factories.captured_ids(factories.equity())
    every = TradeState.objects.values_list("trade_id", flat=True)
    for books, expected in (([made.book.id], [trade]), ([made.book.id + 1], [])):
        with seeing(books):
            assert list(every.all()) == expected
            assert list(every.iterator()) == expected  # by a cursor that is held outside a transaction
            with transaction.atomic(durable=True):
                sql.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                assert list(every.iterator()) == expected
            with pytest.raises(DataError), transaction.atomic():
                sql.rows("SELECT 1 / 0")
        assert list(every.iterator()) == [trade]
        assert sql.row("SELECT current_schema(), current_setting('middleoffice.sight', true)") == (
            "public",
            "",
        )


def test_what_is_declared_is_there_and_what_is_not_is_seen_by_nobody(db: None) -> None:
    tables = set(connection.introspection.table_names())
    assert declared().keys() - tables == set()
    shown = dict(sql.rows("SELECT viewname, definition FROM pg_views WHERE schemaname = %s", [SCHEMA]))
    ours = tuple(
        f"{each}_" for each in ("core", "refdata", "trades", "risk", "settlement", "ledger", "feed", "ops")
    )
    for table in tables:
        if table.startswith(ours) and table not in declared():
            assert "WHERE false" in shown[table]
    assert not [table for table in shown if not table.startswith(ours)]
    for table, seen in declared().items():
        assert (table in shown) == (seen != Seen(ALL))


def test_views_are_made_again_only_when_the_tables_have_changed(db: None) -> None:
    count = "SELECT oid::bigint FROM pg_namespace WHERE nspname = %s"
    before = sql.rows(count, [SCHEMA])
    build_views(plan=[])
    assert sql.rows(count, [SCHEMA]) == before
    sql.run("ALTER TABLE trades_drawdown ADD COLUMN more text")
    build_views(plan=[])
    assert sql.rows(count, [SCHEMA]) != before
    close_views(plan=["anything"])
    with pytest.raises(ProgrammingError, match="enter"), transaction.atomic(), seeing([1]):
        sql.rows("SELECT 1")
    with pytest.raises(ProgrammingError, match="trade_id"), transaction.atomic():
        sql.run(f"SET LOCAL search_path = {SCHEMA}, public")  # of somebody who entered just before
        sql.rows("SELECT trade_id FROM trades_state")


class TestTheAdmin:
    """Is where an administrator gives people their desks, and the log tells of it."""

    ADDRESS = "/admin/ops/deskscope/"

    @pytest.fixture
    def admin(self, two_desks: tuple[int, int]) -> Client:
        return logged_in(person("root", is_superuser=True, is_staff=True))

    def told(self) -> list[tuple[str, str, object, object]]:
        rows = sql.rows("SELECT type, reason, data FROM core_event WHERE subject = 'desk_scope' ORDER BY id")
        found = [(type, reason, sql.json_value(data)) for type, reason, data in rows]
        return [
            (type, reason, *((each or {}).get("desks") for each in (data["before"], data["after"])))
            for type, reason, data in found
        ]

    def test_limits_a_person_from_the_next_request_on(
        self, admin: Client, two_desks: tuple[int, int]
    ) -> None:
        path = f"/trades/{ids.public_id(ids.TRADE, two_desks[0])}"
        dana = person("dana")
        dana.groups.set(Group.objects.filter(name="operations"))
        desk = logged_in(dana)
        seen = [desk.get(path).status_code]
        for address, sent in (
            ("add/", {"user": dana.pk, "desks": ["DESK-2"], "reason": "she has joined"}),
            (f"{dana.pk}/change/", {"desks": ["DESK-1", "DESK-2"], "reason": "she helps out"}),
            (f"{dana.pk}/delete/", {"post": "yes"}),
        ):
            assert admin.post(f"{self.ADDRESS}{address}", sent).status_code == 302
            seen.append(desk.get(path).status_code)
        assert seen == [200, 404, 200, 200]
        assert self.told() == [
            ("desk_scope.made", "she has joined", None, ["DESK-2"]),
            ("desk_scope.changed", "she helps out", ["DESK-2"], ["DESK-1", "DESK-2"]),
            ("desk_scope.ended", "", ["DESK-1", "DESK-2"], None),
        ]

    def test_shows_staff_of_one_desk_no_more_in_a_form_that_failed(self, two_desks: tuple[int, int]) -> None:
        factories.api_client("a client of the firm")
        limited = person("limited staff", is_superuser=True, is_staff=True)
        DeskScope.objects.create(user=limited, desks=["DESK-2"])
        desk = logged_in(limited)
        for answer in (desk.get("/admin/feed/webhook/add/"), desk.post("/admin/feed/webhook/add/", {})):
            assert answer.status_code == 200
            assert b"a client of the firm" not in answer.content

    def test_knows_the_desks_that_books_have(self, admin: Client) -> None:
        sent = {"user": person("dana").pk, "desks": ["DESK-3"]}
        answer = admin.post(f"{self.ADDRESS}add/", sent)
        assert answer.status_code == 200
        assert b"DESK-3 is not one of the available choices" in answer.content
        assert self.told() == []
