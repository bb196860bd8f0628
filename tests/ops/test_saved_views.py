"""Views of lists are kept under a name, shared, seen first by a team, and mean the same to the API."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from core import sql
from core.audit import Actor
from core.http.problem import Problem
from core.ids import BATCH, EXCEPTION, TRADE, VIEW, public_id
from ops.lists import LISTS
from ops.lists.trades import TRADES
from ops.models import SavedView
from ops.saved_views import By, Content, Wish, content_of, delete_view, save_view, views_of
from tests.ops.conftest import SignIn
from tests.settlement.support import batch_of, seal, validated
from tests.support.api import Api
from tests.support.factories import World, captured_ids, checked, equity, goods, wait_for
from tests.support.records import NOW, person
from trades.models import ExceptionItem

HELD = "status=captured&product=EQUITY&sort=captured&columns=net_amount,currency,status&density=roomy"


def _save(client: Client, address: str, **form: str) -> HttpResponse:
    return client.post(f"/views/trades/save?{address}", form)  # type: ignore[return-value]


def _by(name: str, *, supervises: bool = False) -> By:
    known = User.objects.filter(username=name).first()
    return By(known or person(name), supervises, Actor(f"user:{name}"))


def _wish(name: str, **how: Any) -> Wish:
    return Wish(name, how.pop("content", Content({"product": "EQUITY"})), **how)


def _new(by: By, name: str = "Equities", **how: Any) -> int:
    return save_view(listed=TRADES, wish=_wish(name, **how), by=by, now=NOW)


@pytest.fixture
def ann(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ann")


class TestAList:
    def test_is_seen_under_its_view_from_the_address_it_leads_to(self, world: World, ann: Client) -> None:
        bought, sold, _ = captured_ids(equity(), equity("E-2", side="SELL"), goods())
        to = _save(ann, HELD, what="new", name="  Equities   to check ", who="own")["Location"]
        saved = SavedView.objects.get()
        assert (saved.name, saved.is_shared, saved.version) == ("Equities to check", False, 1)
        answer = ann.get(to)
        text = answer.content.decode()
        assert [row["trade_id"] for row in answer.context["rows"]] == [bought, sold]
        heads = re.findall(r'<th scope="col"[^>]*>(?:<a [^>]*>)?([^<]+)', text)
        assert heads == ["Trade", "Net amount", "Ccy", "Status"]
        assert 'data-density="roomy"' in text
        assert f'<a href="{to}"'.replace("&", "&amp;") in text
        assert answer.context["arranged"].is_changed is False
        assert ann.get(f"{to}&book=BOOK-1").context["arranged"].is_changed is True

    def test_keeps_its_columns_on_every_link_and_form(self, world: World, ann: Client) -> None:
        captured_ids(*(equity(f"E-{n}") for n in range(51)))
        text = unescape(ann.get("/trades?columns=side,book&density=cosy").content.decode())
        (turn,) = re.findall(r'rel="next" href="([^"]+)"', text)
        assert "columns=side%2Cbook" in turn and "density=cosy" in turn
        assert text.count('<input type="hidden" name="columns" value="side,book">') == 4

    def test_has_the_columns_that_a_form_chose_in_its_order(self, world: World, ann: Client) -> None:
        chosen = "show=status&at-status=2&show=net_amount&at-net_amount=1&show=book&show=nonsense"
        answer = ann.get(f"/views/trades/columns?{chosen}&status=captured&density=cosy&sort=captured&page=3")
        assert answer["Location"] == (
            "/trades?status=captured&density=cosy&sort=captured&columns=net_amount%2Cstatus%2Cbook"
        )
        usual = ann.get("/views/trades/columns?columns=book&what=usual&status=captured")
        assert usual["Location"] == "/trades?status=captured"
        as_usual = "&".join(f"show={each.code}" for each in TRADES.usual_columns({}))
        assert ann.get(f"/views/trades/columns?{as_usual}")["Location"] == "/trades"

    def test_of_a_team_opens_with_what_the_team_sees_first(self, world: World, sign_in: SignIn) -> None:
        sue, ann = sign_in("supervisor", name="sue"), sign_in("operations", name="ann")
        to = _save(sue, "product=GOODS", what="new", name="Orders", who="shared", team="operations")[
            "Location"
        ]
        assert ann.get("/trades")["Location"] == to
        assert sue.get("/trades").status_code == 200
        text = ann.get(to).content.decode()
        assert "saved=none" in text
        assert ann.get("/trades?saved=none").status_code == 200
        assert ann.get("/trades?status=captured").status_code == 200

    @pytest.mark.parametrize("code", sorted(LISTS))
    def test_of_every_kind_has_views_and_columns(self, code: str, sign_in: SignIn) -> None:
        sue, listed = sign_in("supervisor", name="sue"), LISTS[code]
        first = listed.columns[1].code
        to = sue.post(f"/views/{code}/save?columns={first}", {"what": "new", "name": "Mine", "who": "own"})
        assert to.status_code == 303
        page = sue.get(to["Location"]).content.decode()
        assert ">Mine</a>" in page
        assert sue.get(f"/views/{code}/columns?show={first}")["Location"].endswith(f"?columns={first}")
        assert "<h1>Save a view" in sue.get(f"/views/{code}/save").content.decode()

    def test_that_is_none_has_none(self, ann: Client) -> None:
        for what in ("save", "delete", "columns"):
            assert ann.get(f"/views/nonsense/{what}").status_code == 404


class TestSaving:
    def test_the_same_again_changes_nothing(self, db: None) -> None:
        ann = _by("ann")
        assert _new(ann) == _new(ann)
        assert SavedView.objects.get().version == 1
        assert sql.rows("SELECT type, actor FROM core_event WHERE subject = 'view'") == [
            ("view.saved", "user:ann")
        ]

    def test_a_name_is_taken_once_among_the_shared_and_once_for_each_person(self, db: None) -> None:
        ann, bob = _by("ann"), _by("bob")
        _new(ann), _new(bob)
        _new(ann, is_shared=True)
        for by, how in ((bob, {"is_shared": True}), (ann, {"content": Content({"product": "GOODS"})})):
            with pytest.raises(Problem) as refused:
                _new(by, **how)
            assert (refused.value.status, [each.pointer for each in refused.value.faults]) == (409, ["/name"])
        assert SavedView.objects.count() == 3

    def test_what_is_wrong_is_said_all_at_once_with_what_was_typed(self, ann: Client) -> None:
        answer = _save(ann, HELD, what="new", name="x" * 61, who="own", team="operations")
        text = answer.content.decode()
        assert answer.status_code == 422
        assert "A name of at most 60 characters" in text
        assert "What a team sees first is shared." in text
        assert "x" * 61 in text
        assert not SavedView.objects.exists()

    def test_what_a_team_sees_first_is_chosen_by_a_supervisor_and_once(self, sign_in: SignIn) -> None:
        sue, ann = sign_in("supervisor", name="sue"), sign_in("operations", name="ann")
        form = {"what": "new", "who": "shared", "team": "operations"}
        assert _save(ann, "", name="Ours", **form).status_code == 403
        assert _save(sue, "", name="Ours", **form).status_code == 303
        assert "operations sees “Ours” first." in _save(sue, "", name="Other", **form).content.decode()
        assert _save(sue, "", name="Other", **form | {"team": "nobody"}).status_code == 422
        assert SavedView.objects.get().name == "Ours"

    def test_one_too_many_is_refused(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ops.saved_views.OWN_MAX", 2)
        ann = _by("ann")
        _new(ann, "One"), _new(ann, "Two"), _new(ann, "Shared", is_shared=True)
        with pytest.raises(Problem, match="cannot be saved"):
            _new(ann, "Three")
        assert _new(_by("bob"), "Three")

    @given(st.dictionaries(st.sampled_from([*TRADES.filters, "sort", "columns", "x"]), st.text(max_size=9)))
    @settings(max_examples=60, deadline=None)
    def test_what_an_address_shows_survives_being_an_address(self, given: dict[str, str]) -> None:
        found = content_of(TRADES, given)
        assert content_of(TRADES, found.address()) == found
        assert "x" not in found.address()


class TestChanging:
    def test_anothers_shared_view_needs_a_supervisor(self, sign_in: SignIn) -> None:
        bob, ann, sue = (
            sign_in(role, name=name)
            for role, name in (("operations", "bob"), ("operations", "ann"), ("supervisor", "sue"))
        )
        shared = _new(_by("bob"), is_shared=True)
        form = {"view": public_id(VIEW, shared), "version": "1"}
        again = form | {"what": "change", "name": "Other", "who": "shared"}
        assert _save(ann, "", **again).status_code == 403
        assert ann.post("/views/trades/delete", form).status_code == 403
        assert (SavedView.objects.get().name, SavedView.objects.get().version) == ("Equities", 1)
        assert _save(sue, "", **again).status_code == 303
        assert (SavedView.objects.get().name, SavedView.objects.get().owner.username) == ("Other", "bob")
        assert bob.post("/views/trades/delete", form | {"version": "2"})["Location"] == "/trades?saved=none"
        assert not SavedView.objects.exists()
        assert sql.rows("SELECT type, actor FROM core_event WHERE subject = 'view' ORDER BY id") == [
            ("view.saved", "user:bob"),
            ("view.changed", "user:sue"),
            ("view.deleted", "user:bob"),
        ]

    def test_anothers_own_view_is_as_if_it_were_not_there(self, ann: Client) -> None:
        own = _new(_by("bob"))
        form = {"view": public_id(VIEW, own), "version": "1"}
        assert ann.post("/views/trades/delete", form).status_code == 404
        assert ann.post("/views/exceptions/delete", form).status_code == 404
        assert views_of(listed="trades", user_id=_by("ann").user.id) == []
        assert "Equities" not in ann.get(f"/trades?saved={public_id(VIEW, own)}").content.decode()

    def test_a_stale_save_says_what_changed_and_keeps_what_was_typed(self, sign_in: SignIn) -> None:
        bob = sign_in("operations", name="bob")
        shared = _new(_by("bob"), is_shared=True)
        save_view(
            listed=TRADES,
            wish=_wish("Renamed", is_shared=True),
            by=_by("sue", supervises=True),
            now=NOW,
            view_id=shared,
            version=1,
        )
        reference = public_id(VIEW, shared)
        form = {"what": "change", "view": reference, "version": "1", "name": "Mine", "who": "shared"}
        answer = _save(bob, f"product=EQUITY&saved={reference}", **form)
        text = unescape(answer.content.decode())
        assert answer.status_code == 412
        assert 'sue changed name from "Equities" to "Renamed".' in text
        assert 'value="Mine"' in text
        (seen,) = set(re.findall(r'name="version" value="(\d+)"', text))
        assert _save(bob, "product=EQUITY", **form | {"version": seen}).status_code == 303
        assert SavedView.objects.get().name == "Mine"

    def test_a_deleted_one_is_gone_for_a_second_time(self, db: None) -> None:
        ann, own = _by("ann"), _new(_by("ann"))
        assert delete_view(listed=TRADES, view_id=own, version=1, by=ann, now=NOW) == "Equities"
        with pytest.raises(Problem) as refused:
            delete_view(listed=TRADES, view_id=own, version=1, by=ann, now=NOW)
        assert refused.value.status == 404

    def test_a_person_leaves_with_their_views_and_a_team_without(self, db: None) -> None:
        team = Group.objects.create(name="Desk A")
        _new(_by("sue", supervises=True), is_shared=True, team="Desk A")
        team.delete()
        assert SavedView.objects.get().team is None
        User.objects.get(username="sue").delete()
        assert not SavedView.objects.exists()

    def test_the_database_keeps_what_a_team_sees_shared(self, db: None) -> None:
        _new(_by("sue", supervises=True), is_shared=True, team=Group.objects.create(name="Desk A").name)
        with pytest.raises(Exception, match="ops_view_of_a_team_is_shared"), connection.cursor() as cursor:
            cursor.execute("UPDATE ops_saved_view SET is_shared = false")


class TestTheApi:
    @pytest.mark.django_db(transaction=True)
    def test_filters_trades_by_the_name_of_a_shared_view(self, world: World) -> None:
        bought, sold, order = captured_ids(equity(), equity("E-2", side="SELL"), goods())
        _new(_by("ann"), is_shared=True, content=Content({"product": "EQUITY", "status": "captured"}))
        _new(_by("ann"), "Mine", content=Content({"product": "GOODS"}))
        api = Api(sources=[])

        def found(address: str) -> list[str]:
            return [each["id"] for each in api.get(f"/trades?{address}").json()["items"]]

        # The API shows nothing that a transaction open anywhere in the server could still precede.
        wait_for(lambda: len(found("")) == 3, seconds=60)
        assert found("view=Equities") == [public_id(TRADE, each) for each in (bought, sold)]
        assert found("view=Equities&product=GOODS") == [public_id(TRADE, order)]
        assert found("view=Equities&status=SETTLED") == []
        assert found(f"q={public_id(TRADE, sold)}") == [public_id(TRADE, sold)]
        assert found("counterparty=BROKER-01&book=BOOK-1&product=EQUITY") == found("view=Equities")
        assert found("from=2000-01-01&to=2000-01-02") == []
        (wrong,) = api.get("/trades?view=Mine").json()["errors"]
        assert wrong["pointer"] == "query:view"
        assert wrong["detail"] == "No view “Mine” of trades is shared."
        wrongs = api.get("/trades?book=NONE&from=yesterday").json()["errors"]
        assert {each["pointer"] for each in wrongs} == {"query:book", "query:from"}

    def test_filters_trades_of_its_own_sources_only(self, world: World) -> None:
        captured_ids(equity())
        _new(_by("ann"), is_shared=True)
        assert Api(sources=["ELSEWHERE"]).get("/trades?view=Equities").json()["items"] == []

    @pytest.mark.django_db(transaction=True)
    def test_filters_exceptions_as_the_queue_does(self, world: World) -> None:
        checked(equity(book="NO-BOOK"))
        item = ExceptionItem.objects.get()
        for name, queue in (("Free", "unassigned"), ("Done", "closed"), ("Mine", "mine")):
            save_view(
                listed=LISTS["exceptions"],
                wish=Wish(name, Content({"view": queue}), is_shared=True),
                by=_by("ann"),
                now=NOW,
            )
        api = Api(sources=[])
        wait_for(lambda: api.get("/exceptions").json()["items"], seconds=60)
        (found,) = api.get("/exceptions?view=Free").json()["items"]
        assert found["id"] == public_id(EXCEPTION, item.id)
        assert api.get("/exceptions?view=Done").json()["items"] == []
        assert len(api.get("/exceptions?view=Done&status=open").json()["items"]) == 1
        (wrong,) = api.get("/exceptions?view=Mine").json()["errors"]
        assert (wrong["pointer"], "who looks" in wrong["detail"]) == ("query:view", True)
        assert api.get("/exceptions?queue=mine").status_code == 400

    def test_filters_batches_alike(self, world: World) -> None:
        validated(equity())
        sealed = seal()
        for name, content in (
            ("Free", {"view": "unclaimed", "channel": "CASH"}),
            ("Theirs", {"view": "claimed"}),
            ("Odd", {"view": "rejected", "value_date": "2020-01-01"}),
        ):
            wish = Wish(name, Content(content), is_shared=True)
            save_view(listed=LISTS["batches"], wish=wish, by=_by("ann"), now=NOW)
        api = Api(sources=[])

        def found(query: str) -> set[str]:
            return {each["id"] for each in api.get(f"/settlement-batches?{query}").json()["items"]}

        (cash,) = found("view=Free")
        assert cash == public_id(BATCH, batch_of("CASH"))
        assert found("view=Theirs") == found("view=Odd") == set()
        every = {public_id(BATCH, each) for each in sealed}
        assert found("standing=unclaimed") == every
        assert found("view=Free&channel=SECURITIES") == every - {cash}
        assert api.get("/settlement-batches?standing=lost").status_code == 400

    def test_filters_invoices_alike(self, db: None) -> None:
        save_view(
            listed=LISTS["invoices"],
            wish=Wish("Notes", Content({"kind": "CREDIT_NOTE"}), is_shared=True),
            by=_by("ann"),
            now=NOW,
        )
        api = Api(sources=[])
        assert api.get("/invoices?view=Notes").json()["items"] == []
        assert api.get("/invoices?view=No%00tes").status_code == 400
