"""The screen of a trade tells what happened to it in one line of time, with where it came from and where it leads."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from django.test import Client

from core.audit import Actor
from core.ids import BATCH, EXCEPTION, TRADE, public_id
from tests.ops.conftest import SignIn
from tests.settlement.support import batch_of, seal, validated
from tests.support.factories import World, checked, equity
from tests.support.records import NOW
from trades.models import ExceptionItem
from trades.services.recheck import recheck_trades


def lines(client: Client, trade_id: int) -> list[tuple[str, str]]:
    """Return the lines of time of a trade, the newest first: where each came from, and what it says."""
    page = client.get(f"/trades/{public_id(TRADE, trade_id)}").content.decode()
    found = re.findall(r'<span class="origin" title="([^"]+)">.*?<strong>(.*?)</strong>', page, re.S)
    return [(origin, told) for origin, told in found]


def test_each_line_says_where_it_came_from_and_batches_stand_among_them(
    world: World, sign_in: SignIn
) -> None:
    (trade_id,) = validated(equity())
    seal()
    told = lines(sign_in("operations"), trade_id)
    assert told[-2:] == [
        ("From the checks", "The trade was validated"),
        ("From the API", "The trade was captured"),
    ]
    assert [each for _, each in told[:-2]].count("The batch was sealed") == 2
    page = sign_in("operations").get(f"/trades/{public_id(TRADE, trade_id)}").content.decode()
    timeline = page[page.index('<ol class="timeline">') :]
    for channel in ("CASH", "SECURITIES"):
        reference = public_id(BATCH, batch_of(channel))
        assert f'<a class="code" href="/batches/{reference}">{reference}</a>' in timeline


def test_a_line_leads_to_its_exception_and_its_request_for_those_who_may_see_them(
    world: World, sign_in: SignIn
) -> None:
    trade_id = checked(equity(book="NO-BOOK"))
    User.objects.create(username="pat")
    recheck_trades(
        trade_ids=[trade_id], reason="the book is there", actor=Actor("user:pat", "req-77"), now=NOW
    )
    address = f"/trades/{public_id(TRADE, trade_id)}"
    reference = public_id(EXCEPTION, ExceptionItem.objects.get().id)
    supervisor = sign_in("supervisor").get(address).content.decode()
    assert ("From a person", "The trade was sent to the checks again") in lines(
        sign_in("supervisor"), trade_id
    )
    assert 'href="/audit?request=req-77"' in supervisor
    assert f'<a class="code" href="/exceptions/{reference}">' in supervisor
    reader = sign_in("front-office reader").get(address).content.decode()
    assert "req-77" in reader
    assert "/audit" not in reader
    assert "/exceptions/" not in reader
