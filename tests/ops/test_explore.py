"""Explore: who sees which rows, and what the page allows the grid; that there is a bound, and what a bad span says."""

from __future__ import annotations

import json
import re
from html import unescape

import pyarrow as pa
import pytest

from core import sql
from core.ids import TRADE, public_id
from ops.data_sets import DATA_SETS, base
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, equity


def settings_of(page: bytes) -> dict:
    (found,) = re.findall(r'data-settings="([^"]*)"', page.decode())
    return json.loads(unescape(found))


def test_it_leads_to_the_trades(sign_in: SignIn) -> None:
    answer = sign_in("operations").get("/explore")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/explore/trades")


def test_the_page_offers_what_one_may_see(sign_in: SignIn) -> None:
    everybody = sign_in("front-office reader").get("/explore/trades").content.decode()
    (tabs,) = re.findall(r'<nav class="tabs" aria-label="Data sets">(.*?)</nav>', everybody, re.DOTALL)
    assert re.findall(r'href="/explore/(\w+)"', tabs) == ["limits", "positions", "trades"]
    assert sign_in("front-office reader").get("/explore/findings").status_code == 403
    assert sign_in("front-office reader").get("/explore/findings/rows").status_code == 403
    assert sign_in("auditor").get("/explore/nothing").status_code == 404


def test_the_policy_lets_the_grid_run_and_nothing_inline(sign_in: SignIn) -> None:
    answer = sign_in("operations").get("/explore/trades")
    policy = dict(each.strip().split(" ", 1) for each in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval' blob:"
    assert policy["style-src"] == f"'self' 'nonce-{settings_of(answer.content)['nonce']}'"
    other = sign_in("operations").get("/trades").headers["Content-Security-Policy"]
    assert "blob:" not in other
    assert "nonce" not in other


def test_the_rows_are_an_arrow_stream_with_every_column(world: World, sign_in: SignIn) -> None:
    (trade_id,) = captured_ids(equity())
    desk = sign_in("operations")
    settings = settings_of(desk.get("/explore/trades?from=2026-11-01").content)
    assert settings["rows"] == "/explore/trades/rows?from=2026-11-01"
    answer = desk.get(settings["rows"])
    assert answer.headers["Content-Type"] == "application/vnd.apache.arrow.stream"
    assert answer.headers["Cache-Control"] == "no-store"
    table = pa.ipc.open_stream(b"".join(answer)).read_all()
    assert table.column_names == [each.name for each in DATA_SETS["trades"].columns]
    assert table["trade"].to_pylist() == [public_id(TRADE, trade_id)]


def test_an_empty_day_is_a_stream_without_rows(world: World, sign_in: SignIn) -> None:
    captured_ids(equity())
    answer = sign_in("operations").get("/explore/trades/rows?to=2020-01-01")
    assert pa.ipc.open_stream(b"".join(answer)).read_all().num_rows == 0


def test_what_a_row_leads_to_is_named(sign_in: SignIn) -> None:
    settings = settings_of(sign_in("operations").get("/explore/trades").content)
    assert settings["record"] == {"column": "trade", "before": "/trades/", "after": ""}
    assert settings["list"]["url"] == "/trades"
    assert settings["list"]["filters"]["counterparty"] == "counterparty"


@pytest.mark.parametrize("code", DATA_SETS)
def test_a_layout_and_the_ways_back_name_columns_that_exist(code: str) -> None:
    data = DATA_SETS[code]
    known = {each.name for each in data.columns}
    named = {*data.layout.get("group_by", ()), *data.layout.get("split_by", ()), *data.layout["columns"]}
    named |= set(data.layout.get("aggregates", ())) | {name for name, _ in data.layout.get("sort", ())}
    named |= {place.column for place in (data.record,) if place} | set(data.list.filters if data.list else ())
    assert named - known == set()
    assert len(known) == len(data.columns)


@pytest.mark.parametrize("code", DATA_SETS)
def test_every_data_set_reads_what_there_is_of_a_span(db: None, sign_in: SignIn, code: str) -> None:
    answer = sign_in("supervisor").get(f"/explore/{code}/rows?from=2026-01-01&to=2026-12-31")
    assert answer.status_code == 200
    assert pa.ipc.open_stream(b"".join(answer)).read_all().num_rows == 0


def test_no_more_than_the_newest_rows_are_read_piece_by_piece(
    world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = captured_ids(*(equity(f"EQ-{n}") for n in range(5)))
    monkeypatch.setattr(base, "ROWS_MAX", 4)
    monkeypatch.setattr(base, "CHUNK", 3)
    stream = pa.ipc.open_stream(b"".join(sign_in("operations").get("/explore/trades/rows")))
    told = [batch.column("trade").to_pylist() for batch in stream]
    newest = [public_id(TRADE, each) for each in reversed(captured)]
    assert told == [newest[:3], newest[3:4]]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("from=yesterday", "Write a date as 2026-11-23."),
        ("from=2026-11-24&to=2026-11-23", "This is before the first day."),
    ],
)
def test_a_span_that_cannot_be_read_is_said_at_its_field(sign_in: SignIn, query: str, told: str) -> None:
    desk = sign_in("operations")
    page = desk.get(f"/explore/trades?{query}").content.decode()
    assert f'role="alert">{told}' in page
    answer = desk.get(f"/explore/trades/rows?{query}")
    assert answer.status_code == 422
    assert told in answer.content.decode()


def test_what_takes_too_long_says_so(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise sql.TookTooLong

    monkeypatch.setattr("ops.views.explore.arrow_file", never)
    answer = sign_in("operations").get("/explore/trades/rows")
    assert answer.status_code == 503
    assert "Choose fewer days" in answer.content.decode()
