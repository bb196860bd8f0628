"""The console as of a moment: the address keeps it, every screen respects it or says so, and nothing can be done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client

from core import four_eyes, sql
from core.audit import Actor, system
from core.ids import BATCH, EXCEPTION, PROPOSAL, TRADE, database_id, public_id
from ops.permissions import ensure_roles
from settlement.services.report import Report, report_status
from tests.settlement.support import seal, validated
from tests.support.factories import captured_ids, equity, fx, world
from tests.support.records import NOW, hold, minute
from tests.trades.test_as_of import revise
from trades.lifecycle import State, move_trades
from trades.services.exceptions import (
    NewException,
    claim_exceptions,
    close_exceptions,
    open_exceptions,
)
from trades.work_items import About

pytestmark = pytest.mark.django_db(transaction=True)
NOON = "2026-11-23T14:00:00Z"
ENDS = datetime(2026, 11, 23, 16, 0, tzinfo=NOW.tzinfo)


@pytest.fixture(autouse=True)
def _later_that_day() -> Iterator[None]:
    with time_machine.travel(ENDS, tick=False):
        yield


@pytest.fixture
def desk() -> Client:
    """Return a browser of somebody in operations who reads moments in UTC."""
    world()
    ensure_roles()
    ann = User.objects.create_user("ann")
    ann.groups.set(Group.objects.filter(name="operations"))
    client = Client()
    client.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    client.cookies["zone"] = "utc"
    return client


@pytest.fixture
def story(desk: Client) -> dict[str, str]:
    """Return references: a trade held at noon, taken by ann at 5, repaired and freed at 10; another, sealed."""
    settled, held = validated(equity("GOOD"), fx("BAD"))
    move(held, State.VALIDATED, State.CAPTURED, at=NOW)
    hold(held)
    ((exception,),) = sql.rows("SELECT id FROM trades_exception")
    ann, clerk = User.objects.get(username="ann"), Actor("user:ann")
    claim_exceptions(exception_ids=[exception], user=ann, actor=clerk, now=minute(5))
    with transaction.atomic():
        revise(held, at=minute(10), trader="somebody-else")
        move(held, State.EXCEPTION, State.CAPTURED, at=minute(10))
        close_exceptions(trade_ids=[held], resolution="repaired", closed_by=clerk, at=minute(10))
    seal("CASH")
    ((batch,),) = sql.rows("SELECT id FROM settlement_batch")
    return {
        "held": public_id(TRADE, held), "good": public_id(TRADE, settled),
        "exception": public_id(EXCEPTION, exception), "batch": public_id(BATCH, batch),
    }  # fmt: skip


def move(trade_id: int, source: State, target: State, *, at: datetime) -> None:
    with transaction.atomic():
        move_trades(trade_ids=[trade_id], source=source, target=target, at=at, actor=system("checks"))


def at(n: int, path: str = "/") -> str:
    """Return an address as of some minutes after noon."""
    return f"/as-of/{minute(n).isoformat().replace('+00:00', 'Z')}{path}"


def shown(answer: Any) -> str:
    """Return the screen of a page as text, without the shell."""
    assert answer.status_code == 200, answer.status_code
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


class TestTheSwitch:
    @pytest.mark.parametrize(
        ("zone", "local", "moment"),
        [
            ("utc", "2026-11-23T14:05", "2026-11-23T14:05:00Z"),
            ("desk", "2026-07-01T14:05:30", "2026-07-01T12:05:30Z"),
            ("desk", "2026-10-25T02:30", "2026-10-25T00:30:00Z"),
            ("desk", "2026-10-25T03:00", "2026-10-25T02:00:00Z"),
        ],
    )
    def test_leads_to_the_same_page_as_of_the_moment_in_the_zone_of_the_person(
        self, desk, settings, zone, local, moment
    ):
        settings.BUSINESS_TIME_ZONE = "Europe/Berlin"
        desk.cookies["zone"] = zone
        for here in ("/trades?status=captured&size=50", f"/as-of/{NOON}/trades?status=captured&size=50"):
            answer = desk.get("/as-of", {"at": local, "next": here})
            assert (answer.status_code, answer["Location"]) == (
                302, f"/as-of/{moment}/trades?status=captured&size=50",
            )  # fmt: skip

    @pytest.mark.parametrize(
        "local", ["", "noon", "2026-11-23T16:00:01", "9999-12-31T23:59", "2026-11-23T14:05\0"]
    )
    def test_stays_where_it_is_and_says_why_without_a_moment_of_the_past(self, desk, local):
        answer = desk.get("/as-of", {"at": local, "next": "/batches"}, follow=True)
        assert answer.redirect_chain == [("/batches", 302)]
        assert 'class="notice error"' in answer.content.decode()

    @pytest.mark.parametrize(
        "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""]
    )
    def test_leads_nowhere_else(self, desk, target):
        answer = desk.get("/as-of", {"at": "2026-11-23T14:05", "next": target})
        assert answer["Location"] == "/as-of/2026-11-23T14:05:00Z/"

    def test_is_on_every_page_with_the_moment_it_shows(self, desk, story):
        assert 'value="2026-11-23T16:00:00"' in desk.get("/trades").content.decode()
        page = desk.get(at(5, "/trades?status=exception")).content.decode()
        assert 'name="at" step="1" required value="2026-11-23T14:05:00"' in page
        assert '<a class="button" href="/trades?status=exception">Back to now</a>' in page

    def test_is_not_for_strangers(self, db):
        assert Client().get("/as-of", {"at": "2026-11-23T14:05"})["Location"].startswith("/log-in?next=")
        target = Client().get(f"/as-of/{NOON}/trades")["Location"]
        assert unquote(target) == f"/as-of/{NOON}/log-in?next=/as-of/{NOON}/trades"


class TestAMoment:
    @pytest.mark.parametrize("moment", ["noon", "2026-11-23T14:00:00", "2026-11-23"])
    def test_that_is_none_is_no_address(self, desk, moment):
        assert desk.get(f"/as-of/{moment}/trades").status_code == 404

    @pytest.mark.parametrize(
        "path", ["/admin/", "/api/v1/trades", "/healthz", "/nowhere", "/as-of/" + NOON + "/"]
    )
    def test_is_before_screens_only(self, desk, path):
        assert desk.get(f"/as-of/{NOON}{path}").status_code == 404

    def test_to_come_leads_to_the_present(self, desk, story):
        answer = desk.get(at(121, "/trades?size=50"), follow=True)
        assert answer.redirect_chain == [("/trades?size=50", 302)]

    def test_is_kept_by_every_link_of_a_page(self, desk, story):
        for path in (
            "/trades",
            f"/trades/{story['held']}",
            "/exceptions",
            "/",
            "/approvals",
            "/batches",
            f"/batches/{story['batch']}",
        ):
            page = desk.get(at(30, path)).content.decode()
            links = re.findall(r'(?:href|action|hx-get)="(/[^"]*)"', page)
            outside = {each for each in links if not each.startswith(f"{at(30)}") and "/static/" not in each}
            assert outside == {path}, path  # the way back to the present
            assert len(links) > 10

    def test_is_forgotten_by_the_next_request(self, desk, story):
        desk.get(at(5, "/trades"))
        assert "/as-of/" not in desk.get("/trades").content.decode().replace('action="/as-of"', "")


class TestAScreen:
    def test_of_trades_shows_their_states_of_then(self, desk, story):
        now, then = shown(desk.get("/trades")), shown(desk.get(at(5, "/trades")))
        assert f"{story['held']} v2 captured" in now
        assert f"{story['held']} exception" in then
        assert "As of 2026-11-23 14:05:00 UTC — read only" in then
        assert "read only" not in now
        assert story["held"] not in shown(desk.get(at(5, "/trades?status=captured")))
        assert story["held"] in shown(desk.get(at(10, "/trades?status=captured")))
        assert "No trade had been captured by then" in shown(desk.get(at(-1, "/trades")))

    def test_of_trades_is_paged_and_sorted(self, desk, story):
        first = shown(desk.get(at(5, "/trades?sort=captured")))
        assert first.index(story["good"]) < first.index(story["held"])
        rest = shown(desk.get(at(5, f"/trades?after={story['held']}&page=2")))
        assert story["good"] in rest
        assert f"{story['held']} exception" not in rest
        by_date = desk.get(at(5, "/trades?from=2026-11-23&to=2026-11-23&sort=trade_date"))
        assert story["held"] in shown(by_date)
        assert "Sort by trade date" not in by_date.content.decode()
        assert story["held"] not in shown(desk.get(at(5, "/trades?to=2026-11-22")))

    def test_of_a_trade_shows_its_version_findings_and_timeline_of_then(self, desk, story):
        then = shown(desk.get(at(5, f"/trades/{story['held']}")))
        now = shown(desk.get(f"/trades/{story['held']}"))
        assert "somebody-else" in now
        assert "somebody-else" not in then
        assert "v2" not in then
        assert "Held until its exception is worked" in then
        assert "repaired" not in then
        assert "claimed" in then
        assert desk.get(at(-1, f"/trades/{story['held']}")).status_code == 404

    def test_of_a_trade_shows_the_legs_that_were_sealed(self, desk, story):
        assert "CASH 1" in shown(desk.get(at(0, f"/trades/{story['good']}")))
        sql.run("DELETE FROM core_work")
        report_status(
            reports=[Report(each, "FAILED", "LACK") for (each,) in sql.rows("SELECT id FROM settlement_instruction")],
            actor=Actor("client:back-office"), now=minute(20),
        )  # fmt: skip
        assert "LACK" in shown(desk.get(at(20, f"/trades/{story['good']}")))
        assert "LACK" not in shown(desk.get(at(19, f"/trades/{story['good']}")))

    def test_of_exceptions_shows_what_was_open_and_whose_it_was(self, desk, story):
        assert "The queue is clear" in shown(desk.get("/exceptions"))
        unowned, owned = (shown(desk.get(at(n, "/exceptions"))) for n in (4, 5))
        assert story["exception"] in unowned
        assert " ann " in owned
        assert " ann " not in unowned
        assert story["exception"] in shown(desk.get(at(5, "/exceptions?view=mine")))
        assert story["exception"] not in shown(desk.get(at(4, "/exceptions?view=mine")))
        assert "There was no exception here" in shown(desk.get(at(10, "/exceptions")))
        assert "repaired" in shown(desk.get(at(10, "/exceptions?view=closed")))
        assert "There was no exception here" in shown(desk.get(at(9, "/exceptions?view=closed")))

    def test_of_an_exception_told_anew_shows_what_it_said(self, desk, story):
        ((trade_id,),) = sql.rows("SELECT trade_id FROM trades_exception")
        for n, summary in ((20, "first"), (30, "second"), (40, "third")):
            item = NewException(trade_id, "FINDING", [summary.upper()], summary, Decimal(n), minute(n))
            open_exceptions(items=[item], at=minute(n), actor=system("checks"))
        assert "The queue" not in shown(desk.get("/exceptions"))
        for n, summary in ((20, "first"), (29, "first"), (30, "second"), (39, "second"), (40, "third")):
            page = shown(desk.get(at(n, "/exceptions")))
            assert {each for each in ("first", "second", "third") if each in page} == {summary}
        assert "second" in shown(desk.get(at(30, "/exceptions?code=SECOND")))
        assert "There was no exception here" in shown(desk.get(at(30, "/exceptions?code=FIRST")))

    def test_of_an_exception_is_its_trade(self, desk, story):
        answer = desk.get(at(5, f"/exceptions/{story['exception']}"))
        assert answer["Location"] == at(5, f"/trades/{story['held']}")

    def test_of_an_exception_on_no_trade_is_the_exception_as_it_was(self, desk, story):
        told = NewException(None, "FIGURE", ["WRONG_FIGURE"], "first", about=About("limit", 7, "CUST-9"))
        open_exceptions(items=[told], at=minute(20), actor=system("checks"))
        ((number,),) = sql.rows("SELECT id FROM trades_exception WHERE kind = 'FIGURE'")
        address = f"/exceptions/{public_id('exc', number)}"
        open_exceptions(items=[replace(told, summary="second")], at=minute(30), actor=system("checks"))
        before, after = shown(desk.get(at(25, address))), shown(desk.get(at(35, address)))
        assert ("first" in before, "second" in before) == (True, False)
        assert ("first" in after, "second" in after) == (False, True)
        assert "Assign" not in before
        assert "CUST-9" in shown(desk.get(at(25, "/exceptions")))
        assert desk.get(at(15, address)).status_code == 404

    def test_of_batches_shows_those_that_were_sealed(self, desk, story):
        assert story["batch"] in shown(desk.get(at(1, "/batches")))
        assert story["batch"] not in shown(desk.get(at(-1, "/batches")))
        assert "Instructions" in shown(desk.get(at(1, f"/batches/{story['batch']}")))
        assert desk.get(at(-1, f"/batches/{story['batch']}")).status_code == 404

    def test_of_approvals_shows_what_waited_and_what_had_been_decided(self, desk, story):
        ((trade_id,),) = sql.rows("SELECT trade_id FROM trades_exception")
        ann, bea = User.objects.get(username="ann"), User.objects.create_user("bea")
        asked = {"version": 1, "findings": []}
        proposal = public_id(PROPOSAL, four_eyes.propose(
            kind="excess", subject="trade", subject_id=trade_id, content=asked, user=ann, reason="agreed by phone",
            now=minute(6), actor=Actor("user:ann"),
        ))  # fmt: skip
        waiting = shown(desk.get(at(6, "/approvals")))
        four_eyes.decline(
            proposal_id=database_id(PROPOSAL, proposal), user=bea, note="too large",
            now=minute(8), actor=Actor("user:bea"),
        )  # fmt: skip
        pages = {n: shown(desk.get(at(n, "/approvals"))) for n in (5, 6, 7, 8)}
        assert pages[6] == waiting
        assert "Nothing awaited approval then" in pages[5]
        assert proposal not in pages[5]
        for n in (6, 7):
            assert "awaits approval" in pages[n].lower()
            assert "agreed by phone" in pages[n]
            assert "held" in pages[n] or "At risk 17" in pages[n]
            assert "too large" not in pages[n]
        assert "Nothing awaited approval then" in pages[8]
        assert "too large" in pages[8]
        page = desk.get(at(7, "/approvals")).content.decode()
        assert "/withdraw" not in page
        assert "/approve" not in page.replace("/approvals", "")

    def test_of_today_shows_the_day_as_it_stood(self, desk, story):
        then = {n: desk.get(at(n, "/")) for n in (-1, 5, 10)}
        assert "No trade had been captured by then" in shown(then[-1])
        for n, held, captured in ((5, 1, 0), (10, 0, 1)):
            counts = {state.name: count for state, count in then[n].context["counts"]}
            assert (counts["EXCEPTION"], counts["CAPTURED"], counts["INSTRUCTED"]) == (held, captured, 0)
        assert [row["id"] for row in then[5].context["urgent"]] == [
            database_id(EXCEPTION, story["exception"])
        ]
        summary = then[5].context["summary"]
        assert (summary.open, summary.mine, summary.unassigned, summary.at_risk) == (1, 1, 0, Decimal(17227))
        assert then[10].context["summary"].open == 0
        assert then[10].context["summary"].last_closed_by == "user:ann"
        before = shown(then[5])
        captured_ids(equity("LATER"))
        assert shown(desk.get(at(5, "/"))) == before

    def test_of_today_tells_what_stood_before_each_cut_off_and_what_was_stuck(self, desk, story):
        stuck = {n: desk.get(at(n, "/")).context["stuck"] for n in (10, 13, 20)}
        assert [each.number.count for each in stuck[10]] == [0, 0, 0, 0]
        assert [each.number.count for each in stuck[13]] == [1, 0, 0, 0]
        assert [each.number.count for each in stuck[20]] == [1, 0, 1, 0]
        assert {each.target.partition("?")[0] for each in stuck[20]} == {
            at(20, "/trades"),
            at(20, "/batches"),
            at(20, "/holds"),
        }
        held = {
            line.cut.channel: [each.count for each in line.open]
            for line in desk.get(at(5, "/")).context["days"]
        }
        assert held["CASH"] == [0, 0, 0]

    @pytest.mark.parametrize("path", ["/limits", "/integrations"])
    def test_without_a_history_says_so_and_leads_to_the_present(self, desk, path):
        answer = desk.get(f"/as-of/{NOON}{path}")
        assert f"{path[1:].capitalize()}: this screen shows the present only" in shown(answer)
        assert f'<a class="button filled" href="{path}">' in answer.content.decode()

    def test_of_a_reference_is_found_as_of_the_moment(self, desk, story):
        assert desk.get(at(5, "/search?q=BAD"))["Location"] == at(5, f"/trades/{story['held']}")


class TestThePast:
    def test_offers_no_action(self, desk, story):
        for path in (
            "/trades",
            f"/trades/{story['held']}",
            "/exceptions",
            "/batches",
            f"/batches/{story['batch']}",
        ):
            page = desk.get(at(5, path)).content.decode()
            forms = set(re.findall(r'method="post" action="([^"]*)"', page))
            assert forms <= {at(5, "/preferences"), at(5, "/log-out")}, path
            assert "Work the exception" not in page

    @pytest.mark.parametrize(
        "path",
        ["/trades/{held}/re-check", "/exceptions/next", "/exceptions/{exception}/repair", "/batches/seal"],
    )
    def test_refuses_to_be_changed(self, desk, story, path):
        before = sql.rows("SELECT count(*) FROM core_event")
        answer = desk.post(at(5, path.format(**story)), {"reason": "because"})
        assert answer.status_code == 405
        assert "The past is read only" in answer.content.decode()
        assert sql.rows("SELECT count(*) FROM core_event") == before

    def test_keeps_the_choices_of_the_person(self, desk, story):
        answer = desk.post(at(5, "/preferences"), {"theme": "dark", "next": at(5, "/trades")})
        assert (answer.status_code, answer["Location"]) == (302, at(5, "/trades"))
        assert answer.cookies["theme"].value == "dark"
