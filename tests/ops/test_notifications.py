"""People are told of what concerns them: once, of what others did, by the kinds that they chose."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from core import four_eyes, sql
from core.audit import Actor
from core.ids import EXCEPTION, NOTIFICATION, public_id
from core.notifications import (
    KEPT_FOR,
    KEPT_MAX,
    choose_kinds,
    forget_notifications,
    notifications_of,
    notify,
    read_notifications,
    unread,
)
from ops.export_making import _close
from ops.models import DeskScope, Export
from ops.permissions import ensure_roles
from refdata.models import Book
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, equity
from tests.support.records import LATER, NOW, person
from trades.models import ExceptionItem
from trades.services import bulk_run
from trades.services.bulk_run import advance_runs, start_run
from trades.services.comments import MENTIONS_MAX, comment_exceptions, mentioned_in
from trades.services.desk import Asked, act_on_exceptions

BY_SUE = Actor("user:sue")


@pytest.fixture
def ann(db: None) -> User:
    return _of_operations("ann")


def _of_operations(name: str) -> User:
    ensure_roles()
    made = person(name)
    made.groups.set(Group.objects.filter(name="operations"))
    return made


def _tell(*people: User, number: int = 1, kind: str = "export_ready", actor: Actor = BY_SUE) -> None:
    data = {"title": "trades", "rows": number, "why": "It took too long."}
    people_ids = [each.pk for each in people]
    notify(kind=kind, people=people_ids, subject="export", subject_id=number, data=data, actor=actor, now=NOW)


def _kinds(user: User) -> list[tuple[str, dict[str, Any]]]:
    return [
        (each["kind"], {name: value for name, value in each["data"].items() if name != "of"})
        for each in notifications_of(user.pk)
    ]


class TestTelling:
    def test_is_not_of_what_one_did_oneself_nor_to_who_is_gone(self, ann: User) -> None:
        sue, gone = person("sue"), person("gone", is_active=False)
        _tell(ann, sue, gone)
        assert [len(notifications_of(each.pk)) for each in (ann, sue, gone)] == [1, 0, 0]

    def test_is_only_of_the_kinds_that_one_chose(self, ann: User) -> None:
        for _ in range(2):  # the same choice again
            choose_kinds(person_id=ann.pk, off=["export_ready", "export_ready"])
        _tell(ann)
        _tell(ann, kind="export_failed")
        assert [kind for kind, _ in _kinds(ann)] == ["export_failed"]
        choose_kinds(person_id=ann.pk, off=[])
        _tell(ann)
        assert [kind for kind, _ in _kinds(ann)] == ["export_ready", "export_failed"]

    def test_keeps_the_last_of_each_person(self, ann: User) -> None:
        bob = person("bob")
        _tell(bob)
        sql.run(
            "INSERT INTO core_notification (person_id, kind, subject, subject_id, told_at)"
            " SELECT %s, 'export_ready', 'export', n, %s FROM generate_series(1, %s) AS n",
            [ann.pk, NOW, KEPT_MAX],
        )
        _tell(ann, bob, number=KEPT_MAX + 1)
        found = [each["subject_id"] for each in notifications_of(ann.pk)]
        assert found == list(range(KEPT_MAX + 1, 1, -1))
        assert sql.row("SELECT count(*) FROM core_notification") == (KEPT_MAX + 2,)

    def test_is_forgotten_in_time(self, ann: User) -> None:
        _tell(ann)
        assert forget_notifications(now=NOW + KEPT_FOR) == 0
        assert forget_notifications(now=NOW + KEPT_FOR + timedelta(seconds=1)) == 1

    def test_is_read_once_by_whom_it_was_told(self, ann: User) -> None:
        bob = person("bob")
        _tell(ann, bob)
        _tell(ann, number=2)
        last, first = (each["id"] for each in notifications_of(ann.pk))
        assert unread(ann.pk) == (2, last)
        assert read_notifications(person_id=bob.pk, ids=[first], now=NOW) == 0
        assert [read_notifications(person_id=ann.pk, ids=[first], now=NOW) for _ in range(2)] == [1, 0]
        assert unread(ann.pk) == (1, last)
        assert read_notifications(person_id=ann.pk, now=LATER) == 1
        assert unread(ann.pk) == (0, 0)
        assert [each["read_at"] for each in notifications_of(ann.pk)] == [LATER, NOW]


class TestWhatPeopleDo:
    def test_to_assign_exceptions_tells_their_new_owner_once(self, world: World, ann: User) -> None:
        for number in range(2):
            checked(equity(f"E-{number}", book="NO-BOOK"))
        items = sorted(ExceptionItem.objects.values_list("id", flat=True))
        asked = Asked("assign", reason="because", owner="ann")
        act_on_exceptions(exception_ids=items, asked=asked, actor=BY_SUE, now=NOW, dry_run=True)
        assert _kinds(ann) == []
        for _ in range(2):  # what they have already is not told again
            act_on_exceptions(exception_ids=items, asked=asked, actor=BY_SUE, now=NOW)
        assert _kinds(ann) == [("exception_assigned", {"count": 2, "by": "sue"})]
        assert notifications_of(ann.pk)[0]["subject_id"] == items[0]

    def test_of_many_at_once_tells_each_person_once_however_many_steps_it_takes(
        self, world: World, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk_run, "AT_ONCE", 1)
        monkeypatch.setattr(bulk_run, "CHUNK", 2)
        sue = _of_operations("sue")
        for number in range(5):
            checked(equity(f"E-{number}", book="NO-BOOK"))
        items = sorted(ExceptionItem.objects.values_list("id", flat=True))
        for number, asked in enumerate(
            (
                Asked("assign", reason="because", owner="ann", user=sue),
                Asked("comment", text="@ann", user=sue),
                Asked("comment", text="@ann", user=sue),
            )
        ):
            start_run(
                subject="exception",
                seen=dict.fromkeys(items, ""),
                asked=asked,
                key=f"key {number}",
                actor=Actor("user:sue", f"request-{number}"),
                now=NOW,
            )
            read_notifications(person_id=ann.pk, now=NOW)
            while advance_runs(now=NOW):
                pass
            assert unread(ann.pk)[0] == 1
        said = {"count": 5, "by": "sue"}
        assert _kinds(ann) == [("comment_mention", said)] * 2 + [("exception_assigned", said)]
        assert {each["subject_id"] for each in notifications_of(ann.pk)} == {items[0]}

    def test_to_mention_somebody_in_a_comment_among_ourselves_tells_them(
        self, world: World, ann: User
    ) -> None:
        person("sue")
        checked(equity(book="NO-BOOK"))
        item = ExceptionItem.objects.get()
        said = "@ann, see @nobody and @sue: mail ann@example.org. Again, @ann."
        how: dict[str, Any] = {"exception_ids": [item.id, 10**9], "text": said, "actor": BY_SUE, "now": NOW}
        comment_exceptions(**how)
        comment_exceptions(**how, audience="FRONT_OFFICE")  # who reads that is elsewhere
        assert _kinds(ann) == [("comment_mention", {"count": 1, "by": "sue"})]
        assert notifications_of(ann.pk)[0]["subject_id"] == item.id
        assert sql.row("SELECT count(*) FROM core_notification") == (1,)

    def test_to_mention_somebody_who_does_not_see_it_tells_the_writer_instead(
        self, world: World, ann: User, sign_in: SignIn
    ) -> None:
        Book.objects.create(code="BOOK-2", desk="DESK-2", entity=world.ours)
        for number, book in enumerate(("BOOK-1", "BOOK-2")):
            checked(equity(f"E-{number}", book=book, counterparty="NOBODY-8"))
        theirs, own = ExceptionItem.objects.order_by("trade_id").values_list("id", flat=True)
        DeskScope.objects.create(user=ann, desks=["DESK-2"])
        person("nobody")  # of no role
        asked = Asked("comment", text="@ann, @nobody")
        told = act_on_exceptions(exception_ids=[theirs, own], asked=asked, actor=BY_SUE, now=NOW)
        assert [each.detail for each in told] == [
            "Not told, as they do not see it: ann, nobody.",
            "Not told, as they do not see it: nobody.",
        ]
        assert _kinds(ann) == [("comment_mention", {"count": 1, "by": "sue"})]
        assert notifications_of(ann.pk)[0]["subject_id"] == own
        path = f"/exceptions/{public_id(EXCEPTION, theirs)}"
        sent = {"text": "@ann?", "audience": "INTERNAL"}
        page = sign_in("operations", name="bob").post(f"{path}/comment", sent, follow=True)
        assert "Not told, as they do not see it: ann." in page.content.decode()
        assert len(_kinds(ann)) == 1

    def test_to_decide_on_a_proposal_tells_its_maker(
        self, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(four_eyes._KINDS, "thing", four_eyes._Kind(lambda *_: None, None, False))
        made = [
            four_eyes.propose(
                kind="thing",
                subject="thing",
                subject_id=number,
                content={},
                user=ann,
                reason="because",
                now=NOW,
                actor=Actor("user:ann"),
            )
            for number in range(1, 5)
        ]
        sue = person("sue")
        how: dict[str, Any] = {"user": sue, "now": LATER, "actor": BY_SUE}
        four_eyes.approve(proposal_id=made[0], note="", **how)
        four_eyes.decline(proposal_id=made[1], note="not yet", **how)
        four_eyes.void(proposal_ids=[made[2]], reason="it is gone", now=LATER, actor=BY_SUE)
        four_eyes.withdraw(proposal_id=made[3], user=ann, note="", now=LATER, actor=Actor("user:ann"))
        assert _kinds(ann) == [
            ("proposal_voided", {"proposal_id": made[2], "why": "it is gone"}),
            ("proposal_declined", {"proposal_id": made[1], "by": "sue", "why": "not yet"}),
            ("proposal_approved", {"proposal_id": made[0], "by": "sue", "why": ""}),
        ]
        assert notifications_of(sue.pk) == []


def test_a_mention_is_a_name_after_an_at_sign_that_begins_a_word() -> None:
    assert mentioned_in("@a.b-c. (@d) x@e @ @d, @f") == ["a.b-c", "d", "f"]
    assert len(mentioned_in(" ".join(f"@n{number}" for number in range(30)))) == MENTIONS_MAX


def test_the_end_of_an_export_tells_who_asked(ann: User) -> None:
    for state, why in ((Export.State.DONE, ""), (Export.State.FAILED, "It took too long.")):
        found = Export.objects.create(owner=ann, listed="trades", form="csv", asked_at=NOW, columns=["trade"])
        _close(found, state, NOW, why=why, rows=3)
    assert _kinds(ann) == [
        ("export_failed", {"title": "trades", "why": "It took too long."}),
        ("export_ready", {"title": "trades", "rows": 3}),
    ]


class TestTheBell:
    @pytest.fixture
    def desk(self, sign_in: SignIn) -> Client:
        return sign_in("operations", name="ann")

    def _seen(self, desk: Client) -> str:
        (seen,) = re.findall(r'data-seen="([^"]+)"', desk.get("/").content.decode())
        return str(seen)

    def test_rings_when_something_is_told_and_rests_while_nothing_is(self, ann: User, desk: Client) -> None:
        seen = self._seen(desk)
        assert desk.get(f"/notifications/bell?seen={seen}").status_code == 204
        _tell(ann)
        rung = desk.get(f"/notifications/bell?seen={seen}")
        assert rung.status_code == 200
        assert "1 notification not read" in rung.content.decode()
        (again,) = re.findall(r'data-seen="([^"]+)"', rung.content.decode())
        assert desk.get(f"/notifications/bell?seen={again}").status_code == 204
        assert self._seen(desk) == again

    def test_leads_to_the_record_which_reads_it(self, world: World, ann: User, desk: Client) -> None:
        checked(equity(book="NO-BOOK"))
        item = ExceptionItem.objects.get()
        act_on_exceptions(
            exception_ids=[item.id], asked=Asked("assign", reason="r", owner="ann"), actor=BY_SUE, now=NOW
        )
        reference = public_id(EXCEPTION, item.id)
        page = desk.get("/notifications").content.decode()
        assert f"sue assigned {reference} to you." in page
        (address,) = re.findall(r'data-row-link href="([^"]+)"', page)
        assert desk.get(address)["Location"] == f"/exceptions/{reference}"
        assert unread(ann.pk) == (0, 0)
        assert desk.get(address)["Location"] == f"/exceptions/{reference}"

    def test_leads_nobody_else(self, ann: User, sign_in: SignIn) -> None:
        _tell(ann)
        reference = public_id(NOTIFICATION, notifications_of(ann.pk)[0]["id"])
        assert sign_in("operations", name="bob").get(f"/notifications/{reference}").status_code == 404
        assert unread(ann.pk)[0] == 1

    def test_is_silenced_up_to_what_the_page_showed(self, ann: User, desk: Client) -> None:
        _tell(ann)
        (upto,) = re.findall(r'name="upto" value="(\d+)"', desk.get("/notifications").content.decode())
        _tell(ann, number=2)
        assert desk.post("/notifications/read", {"upto": upto})["Location"] == "/notifications"
        assert unread(ann.pk)[0] == 1

    def test_rings_for_the_kinds_that_one_chose(self, ann: User, desk: Client) -> None:
        desk.post("/notifications/choose", {"kinds": ["export_failed"]})
        _tell(ann)
        _tell(ann, kind="export_failed")
        assert [kind for kind, _ in _kinds(ann)] == ["export_failed"]
        page = desk.get("/notifications").content.decode()
        assert re.findall(r'name="kinds" value="(\w+)" checked', page) == ["export_failed"]

    def test_is_not_shown_in_the_past(self, desk: Client) -> None:
        assert "data-bell" not in desk.get(f"/as-of/{NOW.isoformat()}/trades").content.decode()
