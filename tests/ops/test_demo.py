"""Demo data are loaded from the console, step by step, into an installation that allows it and has no trades."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core import sql
from middleoffice.tasks import load_demo
from ops.demo import Step, ask_demo, newest_load
from ops.models import DemoLoad
from tests.ops.conftest import SignIn
from tests.support.factories import World, checked, equity
from tests.support.records import CLERK, NOW

pytestmark = pytest.mark.django_db
BUTTON = 'action="/demo/load"'


@pytest.fixture(autouse=True)
def _allowed(settings, tmp_path: Path) -> None:
    settings.DEMO_DATA, settings.VAR_DIR = True, tmp_path


@pytest.fixture
def ada(sign_in: SignIn) -> Client:
    return sign_in("administrator", name="ada")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the demo have two steps, and return which were taken."""
    taken: list[str] = []
    steps = [Step(each, lambda each=each: taken.append(each), begins_empty=True) for each in ("one", "two")]
    monkeypatch.setattr("middleoffice.tasks.steps_of", lambda _: steps)
    return taken


def events() -> list[tuple[str, str]]:
    return sql.rows("SELECT type, actor FROM core_event WHERE subject = 'demo' ORDER BY id")


def text(client: Client, url: str) -> str:
    return client.get(url).content.decode()


class TestAnEmptyInstallation:
    @pytest.mark.parametrize("path", ["/", "/trades"])
    def test_offers_a_command_to_copy_and_the_demo_to_administrators(self, ada, sign_in, path) -> None:
        page = text(ada, path)
        assert "curl -sS http://testserver/api/v1/trades" in page
        assert BUTTON in page
        other = text(sign_in("operations"), path)
        assert BUTTON not in other
        assert "somebody with the role administrator can load demo data" in other

    @pytest.mark.parametrize("path", ["/", "/trades"])
    def test_that_takes_no_demo_does_not_offer_it(self, ada, settings, path) -> None:
        settings.DEMO_DATA = False
        assert BUTTON not in text(ada, path)
        assert "This installation takes no demo data" in text(ada, "/demo")
        refused = ada.post("/demo/load")
        assert (refused.status_code, newest_load()) == (409, None)

    def test_loads_the_demo_step_by_step_and_shows_how_far_it_is(self, ada, short) -> None:
        assert ada.post("/demo/load")["Location"] == "/demo"
        assert 'hx-trigger="every 2s"' in text(ada, "/demo")
        assert "It begins in a moment" in text(ada, "/demo")
        assert load_demo() == 2
        assert short == ["one", "two"]
        page = text(ada, "/demo")
        assert "The demo is loaded" in page
        assert "every 2s" not in page
        assert events() == [("demo.asked", "user:ada"), ("demo.loaded", "system:demo")]

    def test_is_asked_once_by_two_at_once(self, ada, short) -> None:
        ada.post("/demo/load")
        ada.post("/demo/load")
        assert DemoLoad.objects.count() == 1
        load_demo()
        assert short == ["one", "two"]

    def test_gets_all_of_the_demo(self, ada, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr("middleoffice.demo_story.DEALS_A_DAY", 40)  # it is the steps that are tried
        ada.post("/demo/load")
        assert load_demo() == 8
        found = newest_load()
        assert found is not None
        assert (found.state, found.why) == ("DONE", "")
        assert sql.rows("SELECT count(DISTINCT state) > 5 FROM trades_state") == [(True,)]
        assert sql.rows("SELECT count(*) > 0 FROM ledger_break") == [(True,)]
        told = json.loads((tmp_path / "demo-credentials.json").read_text())
        assert told["url"] == "http://testserver"
        assert not User.objects.filter(is_superuser=True).exists()
        assert BUTTON not in text(ada, "/")


class TestItIsRefused:
    def test_once_there_are_trades(self, world: World, ada, short) -> None:
        checked(equity())
        assert "There are trades already" in text(ada, "/demo")
        assert ada.post("/demo/load").status_code == 409
        assert newest_load() is None
        assert BUTTON not in text(ada, "/")

    def test_when_a_trade_comes_before_its_first(self, world: World, ada, short) -> None:
        ada.post("/demo/load")
        checked(equity())
        load_demo()
        assert short == []
        assert "Trades have been captured meanwhile." in text(ada, "/demo")
        assert events() == [("demo.asked", "user:ada"), ("demo.failed", "system:demo")]

    def test_where_others_have_the_names_of_its_people(self, ada) -> None:
        olivia = User.objects.create_user("olivia", password="a password of her own")
        ada.post("/demo/load")
        load_demo()
        page = text(ada, "/demo")
        assert "There are people or API clients of these names already: olivia." in page
        olivia.refresh_from_db()
        assert olivia.check_password("a password of her own")
        assert not sql.rows("SELECT 1 FROM refdata_party")

    def test_to_whoever_is_no_administrator(self, sign_in: SignIn) -> None:
        refused = sign_in("supervisor").post("/demo/load")
        assert refused.status_code == 403
        assert "Only the role <strong>administrator</strong> has this right." in refused.content.decode()
        assert newest_load() is None


def test_one_that_failed_goes_on_where_it_stopped(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    steps = [Step("one", lambda: taken.append("one")), Step("two", fail)]
    monkeypatch.setattr("middleoffice.tasks.steps_of", lambda _: steps)
    monkeypatch.setattr("core.work.MAX_ATTEMPTS", 0)
    ask_demo(url="http://x", actor=CLERK, now=NOW)
    load_demo()
    found = newest_load()
    assert found is not None
    assert (found.state, found.step) == ("FAILED", 1)
    steps[1] = Step("two", lambda: taken.append("two"))
    ask_demo(url="http://x", actor=CLERK, now=NOW)
    load_demo()
    assert taken == ["one", "two"]
    assert DemoLoad.objects.get().state == "DONE"
