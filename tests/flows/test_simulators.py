"""The simulators against the real product: they speak its public API only, and what they say is true."""

from __future__ import annotations

import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from core import sql
from core.audit import system
from core.clock import business_date, utc_now
from core.http.authentication import issue_client
from middleoffice.lifeline import wait_until
from refdata.demo import load_demo_refdata
from settlement.management.commands.simulate_back_office import CHANNELS, BackOffice
from settlement.services.seal import seal_batches
from settlement.simulation import Pull, Temper
from trades.lifecycle import State


@pytest.fixture
def url(live_product) -> str:
    now = utc_now()
    load_demo_refdata(today=business_date(now), actor=system("test"), now=now)
    return str(live_product.base_url)


def token(*scopes: str, name: str = "simulator") -> str:
    _, made = issue_client(
        name=name, scopes=list(scopes), sources=[], expires_at=None, actor=system("test"), at=utc_now()
    )
    return made


def front_office(url: str, *options: str, token: str) -> str:
    out = io.StringIO()
    call_command(
        "simulate_front_office",
        f"--url={url}",
        f"--token={token}",
        "--seed=5",
        *options,
        stdout=out,
        stderr=out,
    )
    return out.getvalue()


def counts(shown: str) -> dict[str, int]:
    """Return the figures of the last summary line."""
    line = [each for each in shown.splitlines() if each.startswith("sent ")][-1]
    return {name: int(value.replace(",", "")) for name, value in re.findall(r"(\w+) ([\d,]+)", line)[:5]}


def stored() -> int:
    found = sql.row("SELECT count(*) FROM trades_version")
    assert found is not None
    return int(found[0])


def test_deals_arrive_once_however_they_are_sent_and_sent_again(url):
    made = token("trades:read", "trades:write")
    singles = counts(front_office(url, "--count=60", "--clients=4", "--bad=20", token=made))
    assert (singles["created"], singles["existing"], singles["refused"]) == (60, 0, 0)
    bulk = counts(front_office(url, "--count=100", "--bulk=40", "--bad=20", token=made))
    assert (bulk["created"], bulk["existing"], bulk["refused"]) == (40, 60, 0)
    assert stored() == 100


def test_deals_come_no_faster_than_they_are_asked_for(url):
    made = token("trades:read", "trades:write")
    began = utc_now()
    front_office(url, "--count=10", "--rate=5", token=made)
    assert (utc_now() - began).total_seconds() > 1.7


def test_a_client_that_may_not_read_reference_data_deals_in_the_demo(url):
    shown = front_office(url, "--count=5", token=token("trades:write"))
    assert "the demo's is used" in shown
    assert stored() == 5


def test_a_token_that_is_not_known_ends_the_run(url):
    with pytest.raises(CommandError, match="401"):
        front_office(url, "--count=5", token="mo_nobody_x")


def test_a_client_that_may_not_write_ends_the_run(url):
    with pytest.raises(CommandError, match="missing-scope"):
        front_office(url, "--count=5", token=token("trades:read"))


def test_options_that_make_no_sense_are_all_named():
    with pytest.raises(CommandError) as raised:
        front_office("http://127.0.0.1:1", "--count=0", "--bulk=0", "--products=TULIPS", token="x")
    assert all(part in str(raised.value) for part in ("--count", "--bulk", "TULIPS"))


def back_office(url: str, *options: str, token: str) -> str:
    out = io.StringIO()
    call_command("simulate_back_office", f"--url={url}", f"--token={token}", *options, stdout=out, stderr=out)
    return out.getvalue()


def said(shown: str) -> dict[str, int]:
    """Return the figures of the back office's last summary line."""
    line = [each for each in shown.splitlines() if each.startswith("batches ")][-1]
    return {
        name: int(value.replace(",", "")) for name, value in re.findall(r"([a-z ]+) ([\d,]+)(?:, |$)", line)
    }


def states() -> dict[str, int]:
    found = sql.rows("SELECT state, count(*) FROM trades_state GROUP BY state")
    return {State(state).name: count for state, count in found}


@pytest.fixture
def sealed(url) -> int:
    """Have deals captured, checked and sealed; return how many of them were instructed."""
    front_office(
        url,
        "--count=150",
        "--bulk=150",
        "--products=EQUITY,GOODS",
        token=token("trades:read", "trades:write"),
    )
    assert wait_until(lambda: "CAPTURED" not in states(), seconds=20, pause=0.1)
    now = utc_now()
    seal_batches(value_date=now.date() + timedelta(days=10), channels=CHANNELS, actor=system("test"), now=now)
    return states()["INSTRUCTED"]


def test_a_back_office_takes_over_and_settles_everything(url, sealed):
    made = token("settlement:read", "settlement:ack", name="back office")
    found = said(back_office(url, token=made))
    assert found["accepted"] == found["instructions"] > 0
    assert found["refused"] == 0
    assert wait_until(lambda: states().get("SETTLED") == sealed, seconds=20, pause=0.1)
    assert said(back_office(url, token=made))["batches"] == 0


def test_what_it_rejects_or_fails_becomes_exceptions(url, sealed):
    made = token("settlement:read", "settlement:ack", name="back office")
    found = said(back_office(url, "--reject=10", "--fail=10", "--partial=10", token=made))
    assert min(found[each] for each in ("accepted", "rejected", "settled", "failed", "partial")) > 0
    kinds = {
        kind for (kind,) in sql.rows("SELECT DISTINCT kind FROM trades_exception WHERE closed_at IS NULL")
    }
    assert {"REJECTION", "FAIL"} <= kinds


def test_two_back_offices_share_the_work_and_contradict_each_other_nowhere(url, sealed):
    tokens = [token("settlement:read", "settlement:ack", name=f"back office {n}") for n in (1, 2)]
    with ThreadPoolExecutor() as pool:
        shown = list(pool.map(lambda each: run_office(url, each), tokens))
    assert sum(office.counts.instructions for office in shown) >= sealed_instructions()
    assert [(office.failure, office.faults, office.counts.refused) for office in shown] == [("", [], 0)] * 2
    assert wait_until(lambda: states().get("SETTLED") == sealed, seconds=20, pause=0.1)


def run_office(url: str, made: str) -> BackOffice:
    office = BackOffice(
        url=url,
        token=made,
        channels=CHANNELS,
        temper=Temper(),
        lease=60,
        follow=False,
        stop=threading.Event(),
    )
    office.run()
    return office


def sealed_instructions() -> int:
    return int(sql.rows("SELECT count(*) FROM settlement_instruction")[0][0])


def test_a_batch_that_is_not_what_it_says_is_left_alone_and_named(url, sealed, monkeypatch):
    made = token("settlement:read", "settlement:ack", name="back office")
    monkeypatch.setattr(Pull, "take", lambda self, chunk: None)
    with pytest.raises(CommandError, match="not what they say of themselves"):
        back_office(url, token=made)
    assert sql.rows("SELECT count(*) FROM settlement_status_report") == [(0,)]
