"""The simulators against the real product: they speak its public API only, and what they say is true."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import CommandError, call_command

from core import sql
from core.audit import system
from core.clock import business_date, utc_now
from core.http.authentication import issue_client
from refdata.demo import load_demo_refdata


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
