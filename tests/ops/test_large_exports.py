"""Exports in the background: of one moment, whole or none, resumed after a crash, and their owner's alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from core import ids, sql, work
from core.audit import Actor
from core.http.problem import Problem
from ops import export_making, export_orders
from ops.export_making import make_exports
from ops.export_orders import (
    GOING_MAX,
    KEPT_FOR,
    KEPT_MAX,
    Order,
    ask_export,
    cancel_export,
    exports_of,
    forget_exports,
    take_export,
)
from ops.lists import LISTS
from ops.models import DeskScope, Export, ExportPart
from ops.permissions import ensure_roles
from ops.saved_views import Content
from tests.ops.conftest import SignIn
from tests.support import factories
from tests.support.factories import captured_ids, equity, states
from tests.support.records import NOW, person
from trades.lifecycle import State
from trades.selectors import blotter

BY_ANN = Actor("user:ann", "req-1")


def _ann() -> User:
    ensure_roles()
    ann = User.objects.filter(username="ann").first() or person("ann")
    ann.groups.set(Group.objects.filter(name="operations"))
    return ann


def _order(form: str = "csv", *, listed: str = "trades", sort: str = "captured", **parameters: str) -> Order:
    of = LISTS[listed]
    shown = of.columns_of("source_ref,status", {}) if listed == "trades" else list(of.columns)
    return Order(of, Content(parameters, [each.code for each in shown[1:]], sort), shown, form)


def _ask(form: str = "csv", *, at: datetime = NOW, **how: Any) -> int:
    return ask_export(order=_order(form, **how), user=_ann(), actor=BY_ANN, now=at)


def _make(later: float = 0) -> int:
    return make_exports(clock=lambda: NOW + timedelta(seconds=later))


def _file(export_id: int) -> bytes:
    _, data = take_export(export_id=export_id, user=_ann(), actor=BY_ANN, now=NOW)
    return b"".join(data)


def _references(data: bytes) -> list[str]:
    return [line[1] for line in csv.reader(io.StringIO(data.decode()))][1:]


def _events(type: str) -> list[Any]:
    found = sql.rows("SELECT actor, data, reason FROM core_event WHERE type = %s ORDER BY id", [type])
    return [(actor, sql.json_value(data), reason) for actor, data, reason in found]


@pytest.mark.django_db(transaction=True)
class TestMaking:
    """What a worker does, with connections of its own."""

    @pytest.fixture(autouse=True)
    def _trades(self) -> None:
        factories.world()
        captured_ids(*(equity(f"E-{number}") for number in range(7)))

    @pytest.mark.parametrize("sort", ["captured", "-trade_date"])
    def test_has_the_rows_of_one_moment_in_parts_that_are_the_file(
        self, sort: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ops.lists.trades._AT_ONCE", 2)
        monkeypatch.setattr(export_making, "PART", 20)
        monkeypatch.setattr(export_making, "_STEP", 3)
        monkeypatch.setattr("ops.exports._CHUNK", 2)
        export_id, read = _ask(sort=sort), blotter.page

        def read_while_another_checks(*asked: Any, **how: Any) -> blotter.Page:
            found = read(*asked, **how)
            other = connection.copy()
            with other.cursor() as cursor:
                cursor.execute("UPDATE trades_state SET state = %s", [State.VALIDATED.value])
            other.close()
            return found

        monkeypatch.setattr(blotter, "page", read_while_another_checks)
        assert _make() == 1
        made = Export.objects.get()
        data = _file(export_id)
        expected = [f"E-{number}" for number in range(7)]
        assert _references(data) == (expected if sort == "captured" else expected[::-1])
        assert data.count(b"CAPTURED") == 7
        assert states() == {"VALIDATED": 7}
        assert (made.state, made.rows, made.bytes, made.at) == ("DONE", 7, len(data), NOW)
        assert ExportPart.objects.count() == -(-len(data) // 20)
        ((actor, told, _),) = _events("list.exported")
        assert actor == "user:ann"
        assert (told["list"], told["rows"], told["columns"]) == (
            "trades",
            7,
            ["trade", "source_ref", "status"],
        )
        assert [each for each, *_ in _events("export.taken")] == ["user:ann"]

    def test_makes_every_list(self) -> None:
        sue = person("sue")
        sue.groups.set(Group.objects.filter(name="supervisor"))
        for code, of in LISTS.items():
            order = Order(of, Content(), list(of.columns), "json")
            made = ask_export(order=order, user=sue, actor=BY_ANN, now=NOW)
            _make()
            found, data = take_export(export_id=made, user=sue, actor=BY_ANN, now=NOW)
            assert len(json.loads(b"".join(data))["items"]) == found.rows, code

    def test_of_a_killed_worker_begins_anew_and_leaves_nothing_of_the_first_try(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        export_id = _ask()
        begun = export_making._begin(NOW)[1]  # and then the worker is killed
        assert begun is not None
        sql.run("INSERT INTO ops_export_part (export_id, number, data) VALUES (%s, 1, 'half')", [export_id])
        assert _make(1) == 0, "it may still be at it"
        assert _make(6) == 1
        assert _references(_file(export_id)) == [f"E-{number}" for number in range(7)]
        assert _make(30) == 1, "what was queued for another crash ends"
        assert not work.waiting(export_orders.TASK)
        # The first worker was only slow: it leaves the file of the second as it is.
        with pytest.raises(export_making._Left):
            export_making._make(begun, lambda: NOW)
        export_making._end(begun, Export.State.FAILED, NOW, why="late")
        assert Export.objects.get().state == "DONE"

    def test_that_fails_again_and_again_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: Any) -> Iterator[bytes]:
            raise RuntimeError("broken")

        monkeypatch.setattr("ops.exports.parts", broken)
        _ask()
        assert [_make(later) for later in (0, 10, 20, 30)] == [1, 1, 1, 1]
        found = Export.objects.get()
        assert (found.state, found.attempts) == ("FAILED", 3)
        assert found.why == "It failed several times; the operator’s log says why."
        assert [reason for *_, reason in _events("export.failed")] == [found.why]

    def test_of_more_than_may_be_made_fails_with_the_reason_and_keeps_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bounds: dict[str, tuple[Any, str]] = {
            "ROWS_MAX": (3, "It has more than 3 rows."),
            "BYTES_MAX": (4, "The file would be larger than 0 MB."),
            "LONGEST": (timedelta(minutes=-1), "It took longer than -1 minutes."),
        }
        for bound, (most, why) in bounds.items():
            with monkeypatch.context() as bounded:
                bounded.setattr(export_making, bound, most)
                export_id = _ask()
                assert _make() == 1
            found = Export.objects.get(id=export_id)
            assert found.state == "FAILED"
            assert found.why.startswith(why)
        assert not ExportPart.objects.exists()
        assert not _events("list.exported")

    def test_that_is_cancelled_meanwhile_is_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ops.lists.trades._AT_ONCE", 2)
        monkeypatch.setattr(export_making, "_STEP", 1)
        export_id, read = _ask(), blotter.page
        other = connection.copy()

        def read_while_it_is_cancelled(*asked: Any, **how: Any) -> blotter.Page:
            with other.cursor() as cursor:
                cursor.execute("UPDATE ops_export SET state = 'CANCELLED' WHERE id = %s", [export_id])
            return read(*asked, **how)

        monkeypatch.setattr(blotter, "page", read_while_it_is_cancelled)
        assert _make() == 1
        other.close()
        assert Export.objects.get().state == "CANCELLED"
        assert not ExportPart.objects.exists()

    def test_is_done_by_one_worker_at_a_time(self) -> None:
        _ask()
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [export_making._LOCK])
            assert _make() == 0
        other.close()
        assert Export.objects.get().state == "WAITING"

    def test_of_a_list_that_its_owner_may_not_see_any_more_fails(self) -> None:
        _ask()
        User.objects.get(username="ann").groups.clear()
        assert _make() == 1
        found = Export.objects.get()
        assert (found.state, found.why) == ("FAILED", "You may not see this list any more.")

    @pytest.mark.parametrize("narrowed", ["switched off", "of no role", "of no desk"])
    def test_for_an_owner_who_is_so_before_it_is_made_fails_and_keeps_nothing(
        self, narrowed: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _ask()
        ann, read = User.objects.get(username="ann"), blotter.page
        other = connection.copy()
        meanwhile = {
            "switched off": "UPDATE auth_user SET is_active = false WHERE id = %s",
            "of no role": "DELETE FROM auth_user_groups WHERE user_id = %s",
            "of no desk": "INSERT INTO ops_desk_scope (user_id, desks) VALUES (%s, '{}')",
        }

        def read_while_it_changes(*asked: Any, **how: Any) -> blotter.Page:
            with other.cursor() as cursor:
                cursor.execute(meanwhile[narrowed], [ann.pk])
            return read(*asked, **how)

        monkeypatch.setattr(blotter, "page", read_while_it_changes)
        assert _make() == 1
        other.close()
        found = Export.objects.get()
        assert (found.state, found.why) == ("FAILED", "You may not see this list any more.")
        assert not ExportPart.objects.exists()

    def test_is_given_to_nobody_who_sees_less_by_then(self) -> None:
        whole = _ask()
        _make()
        assert len(_references(_file(whole))) == 7
        DeskScope.objects.create(user=_ann(), desks=["DESK-1"])
        of_desk = _ask()
        _make()
        assert len(_references(_file(of_desk))) == 7
        with pytest.raises(Problem, match="You see fewer desks than when it was made"):
            _file(whole)
        DeskScope.objects.update(desks=[])
        with pytest.raises(Problem, match="You see fewer desks than when it was made"):
            _file(of_desk)
        DeskScope.objects.all().delete()
        assert [len(_references(_file(each))) for each in (whole, of_desk)] == [7, 7]
        assert len(_events("export.taken")) == 4


class TestAsking:
    def test_for_the_same_while_it_is_made_is_the_same(self, db: None) -> None:
        first = _ask()
        assert _ask(at=NOW + timedelta(seconds=1)) == first
        assert _ask("xlsx") != first
        ((actor, told, _), _) = _events("export.asked")
        assert (actor, told["format"], told["sort"]) == ("user:ann", "csv", "captured")
        assert sql.row("SELECT count(*) FROM core_work WHERE task = 'ops.make_exports'") == (2,)

    def test_for_one_too_many_is_refused_until_one_is_cancelled(self, db: None) -> None:
        made = [_ask(status=f"S{number}") for number in range(GOING_MAX)]
        with pytest.raises(Problem, match="3 exports of yours are not ready yet"):
            _ask(status="ONE-MORE")
        for _ in range(2):  # cancelling it again changes nothing
            cancel_export(export_id=made[0], user=_ann(), actor=BY_ANN, now=NOW)
        assert len(_events("export.cancelled")) == 1
        _ask(status="ONE-MORE")
        assert len(exports_of(_ann())) == GOING_MAX + 1

    def test_again_and_again_keeps_only_the_last(self, db: None) -> None:
        for number in range(KEPT_MAX + 2):
            cancel_export(export_id=_ask(status=f"S{number}"), user=_ann(), actor=BY_ANN, now=NOW)
        kept = [each.parameters["status"] for each in exports_of(_ann())]
        assert kept == [f"S{number}" for number in range(KEPT_MAX + 1, 1, -1)]

    def test_in_no_form_is_refused(self, db: None) -> None:
        with pytest.raises(Problem) as refused:
            _ask("pdf")
        assert [fault.pointer for fault in refused.value.faults] == ["/format"]


def test_exports_are_forgotten_after_their_time(db: None) -> None:
    export_id = _ask()
    cancel_export(export_id=export_id, user=_ann(), actor=BY_ANN, now=NOW)
    waiting = _ask()
    assert forget_exports(now=NOW + KEPT_FOR) == 0
    assert forget_exports(now=NOW + KEPT_FOR + timedelta(seconds=1)) == 1
    assert [each.id for each in exports_of(_ann())] == [waiting]


class TestTheScreen:
    @pytest.fixture
    def ann(self, sign_in: SignIn) -> Client:
        return sign_in("operations", name="ann")

    @pytest.fixture
    def done(self, ann: Client) -> Callable[[], str]:
        def make() -> str:
            found = Export.objects.latest("id")
            ExportPart.objects.create(export=found, number=1, data=b"Trade\r\n")
            ExportPart.objects.create(export=found, number=2, data=b"trd_1\r\n")
            Export.objects.filter(id=found.id).update(state="DONE", at=NOW, ended_at=NOW, bytes=14, rows=1)
            return ids.public_id(ids.EXPORT, found.id)

        return make

    def test_leads_from_the_list_to_the_file(self, ann: Client, done: Callable[[], str]) -> None:
        to = ann.post(
            "/views/trades/make?status=captured&columns=source_ref&sort=captured", {"format": "csv"}
        )
        assert to["Location"] == "/exports"
        found = Export.objects.get()
        assert (found.parameters, found.columns, found.sort) == (
            {"status": "captured"},
            ["trade", "source_ref"],
            "captured",
        )
        text = ann.get("/exports").content.decode()
        assert 'hx-trigger="every 3s"' in text
        assert "waiting" in text
        reference = done()
        assert 'hx-trigger="every 3s"' not in ann.get("/exports").content.decode().split("</header>")[1]
        answer: Any = ann.get(f"/exports/{reference}/file")
        assert b"".join(answer.streaming_content) == b"Trade\r\ntrd_1\r\n"
        assert answer["Content-Length"] == "14"
        assert answer["Content-Disposition"] == 'attachment; filename="trades-20261123-140000.csv"'

    def test_shows_and_gives_nothing_of_anothers(
        self, ann: Client, done: Callable[[], str], sign_in: SignIn
    ) -> None:
        ann.post("/views/trades/make", {"format": "csv"})
        reference, bob = done(), sign_in("supervisor", name="bob")
        assert reference not in bob.get("/exports").content.decode()
        assert bob.get(f"/exports/{reference}/file").status_code == 404
        assert bob.post(f"/exports/{reference}/cancel").status_code == 404
        assert not _events("export.taken")

    def test_says_why_what_has_ended_is_not_cancelled(self, ann: Client, done: Callable[[], str]) -> None:
        ann.post("/views/trades/make", {"format": "csv"})
        ref = ids.public_id(ids.EXPORT, Export.objects.get().id)
        assert ann.get(f"/exports/{ref}/file").status_code == 409
        done()
        assert ann.post(f"/exports/{ref}/cancel")["Location"] == "/exports"
        assert "The export has ended. It is done." in ann.get("/exports").content.decode()

    def test_offers_the_list_again_when_too_many_are_made(self, ann: Client) -> None:
        for number in range(GOING_MAX):
            ann.post(f"/views/trades/make?status=s{number}", {"format": "csv"})
        answer = ann.post("/views/trades/make?status=more", {"format": "xlsx"})
        assert answer.status_code == 409
        assert "3 exports of yours are not ready yet." in answer.content.decode()
        assert ann.get("/views/trades/make")["Location"] == "/exports"
