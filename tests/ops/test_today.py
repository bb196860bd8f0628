"""Today shows what flows, what is new since somebody last looked, and which limits are over a mark."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from core.audit import Actor
from core.four_eyes import decline, propose
from feed.selectors import last_event_id
from ops import flow
from ops.looked import SITTING
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, equity, limit
from tests.support.records import NOW


def count() -> None:
    """Count the log up to its end."""
    while flow.count_up_to(up_to=last_event_id(), now=NOW):
        pass


@pytest.fixture
def desk(sign_in: SignIn) -> Client:
    return sign_in("supervisor", name="sue")


def text_of(client: Client, url: str = "/") -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def news(client: Client) -> dict[str, int]:
    """Return what the page says is new, with how many."""
    return {title: count for title, count, _ in client.get("/").context["news"]}


def test_it_draws_what_flows_with_the_same_figures_in_a_table(world: World, desk: Client) -> None:
    checked(equity())
    checked(equity(book="NO-BOOK", quantity="5"))
    count()
    page = text_of(desk)
    assert page.count('<svg class="bars"') == page.count(": how many flowed</caption>") == 3
    lanes = desk.get("/").context["lanes"]
    assert [(each.name, each.lately) for each in lanes[1].series] == [("passed", 1), ("held", 1)]


def test_what_is_new_leads_to_where_it_is_and_is_seen_once(world: World, desk: Client) -> None:
    checked(equity())
    count()
    assert news(desk) == {"Trades captured": 1, "Trades that passed every check": 1}
    assert 'href="/trades?status=validated"' in text_of(desk)
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        answer = desk.post("/today/seen")
        assert (answer.status_code, answer["Location"]) == (303, "/")
        assert news(desk) == {}


def test_who_comes_back_sees_what_is_new_since_the_last_look(world: World, desk: Client) -> None:
    checked(equity())
    count()
    desk.get("/")
    with time_machine.travel(NOW + SITTING - timedelta(minutes=1), tick=False):
        assert news(desk) == {"Trades captured": 1, "Trades that passed every check": 1}
    away = NOW + 3 * SITTING
    with time_machine.travel(away, tick=False):
        assert news(desk) == {}
        assert desk.get("/").context["since"] == NOW + SITTING - timedelta(minutes=1)


@pytest.mark.parametrize("cookie", ["", "x.y", "1", "99999999999.99999999999", "0.0", "1.2.3", "-1.-1"])
def test_a_cookie_that_is_no_pair_of_moments_is_none(cookie: str, desk: Client, db: None) -> None:
    desk.cookies["looked"] = cookie
    since = desk.get("/").context["since"]
    assert NOW - flow.KEPT <= since <= NOW


def test_nobody_is_told_of_what_they_may_not_see(world: World, sign_in: SignIn) -> None:
    checked(equity(book="NO-BOOK"))
    count()
    reader = sign_in("front-office reader")
    assert news(reader) == {"Trades captured": 1, "Trades held": 1}
    assert "/exceptions" not in text_of(reader, "/today/now")


def test_the_part_that_moves_is_not_sent_again_while_it_is_the_same(world: World, desk: Client) -> None:
    checked(equity())
    mark = re.search(r'data-live="(\w+)"', text_of(desk))
    assert mark is not None
    same = desk.get(f"/today/now?since={mark[1]}")
    assert (same.status_code, same["X-As-Of"], same["Cache-Control"]) == (204, "14:00:00", "no-store")
    count()
    other = desk.get(f"/today/now?since={mark[1]}")
    assert other.status_code == 200
    assert "Trades captured" in other.content.decode()
    assert "<html" not in other.content.decode()


def test_looking_at_the_part_alone_does_not_count_as_a_look(world: World, desk: Client) -> None:
    desk.get("/")
    with time_machine.travel(NOW + 2 * SITTING, tick=False):
        desk.get("/today/now")
        assert desk.get("/").context["since"] == NOW


def test_answers_to_ones_own_requests_are_new_until_they_are_seen(world: World, desk: Client) -> None:
    checked(equity())
    sue, other = User.objects.get(username="sue"), User.objects.create(username="other")
    asked = propose(
        kind="limit.terms",
        subject="limit",
        subject_id=0,
        content={"code": "X"},
        reason="more room",
        user=sue,
        actor=Actor("user:sue"),
        now=NOW,
    )
    decline(proposal_id=asked, kind="limit.terms", user=other, note="no", actor=Actor("user:other"), now=NOW)
    assert "Your requests that were declined" in text_of(desk)
    assert desk.get("/").context["answers"] == {"REJECTED": 1}


def test_members_over_a_mark_are_named_those_over_the_hard_one_first(world: World, desk: Client) -> None:
    limit("CPTY", hard="20000", warn="10000")
    limit("CPTY-2", hard="15000", warn="10000")
    checked(equity())
    found = desk.get("/").context["breaches"]
    assert [(each["limit"], each["status"]) for each in found] == [("CPTY-2", "OVER"), ("CPTY", "NEAR")]
    assert "/limits/member?limit=CPTY-2&amp;key=BROKER-01" in text_of(desk)


def test_a_first_run_shows_a_command_that_can_be_copied(db: None, desk: Client) -> None:
    page = text_of(desk)
    assert "curl -sS http://testserver/api/v1/trades" in page
    assert 'data-copy="[data-copied]"' in page


def test_times_are_shown_in_the_zone_that_the_browser_is_set_to(world: World, desk: Client) -> None:
    desk.cookies["local_zone"] = "Asia%2FTokyo"
    assert desk.post("/preferences", {"zone": "local"}).status_code == 302
    assert "23:00:00 JST" in re.sub(r"<[^>]+>", "", text_of(desk))
    for unknown in ("Nowhere%2FAtAll", "..%2F..%2Fetc%2Fpasswd", "Asia", "%00"):
        desk.cookies["local_zone"] = unknown
        assert "14:00:00 GMT" in re.sub(r"<[^>]+>", "", text_of(desk))
