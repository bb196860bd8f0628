"""The real product tells: a reader rebuilds the state of all trades from its feed while it works."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from core.audit import system
from core.clock import business_date, utc_now
from core.http.authentication import issue_client
from refdata.demo import load_demo_refdata


@pytest.fixture
def url(live_product) -> str:
    now = utc_now()
    load_demo_refdata(today=business_date(now), actor=system("test"), now=now)
    return str(live_product.base_url)


def token(*scopes: str) -> str:
    _, made = issue_client(
        name="-".join(scopes).replace(":", "-"),
        scopes=list(scopes),
        sources=[],
        expires_at=None,
        actor=system("test"),
        at=utc_now(),
    )
    return made


def test_the_state_of_300_simulated_trades_is_rebuilt_from_the_feed(url: str) -> None:
    out = io.StringIO()
    call_command(
        "simulate_front_office",
        f"--url={url}",
        f"--token={token('trades:read', 'trades:write')}",
        "--seed=7",
        "--count=300",
        stdout=out,
        stderr=out,
    )
    shown = io.StringIO()
    call_command("rebuild_state", f"--url={url}", f"--token={token('events:read')}", stdout=shown)
    assert "trades from" in shown.getvalue()
    assert "as the tables say" in shown.getvalue()
