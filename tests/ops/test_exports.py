"""A list leaves as it is shown: its rows, its columns in their order, every digit, and nothing to be computed."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from core import sql
from core.http.problem import Problem
from core.ids import EXCEPTION, TRADE, public_id
from ops import exports
from ops.exports import Export, harmless, parts
from ops.lists import LISTS, _cells
from ops.lists.base import Column
from ops.lists.trades import TRADES
from ops.saved_views import Content
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, checked, equity, goods
from tests.support.records import CLERK, LATER, NOW, TODAY
from trades.models import ExceptionItem
from trades.selectors import blotter
from trades.services.change import Change, change_trades

ADDRESS = "status=captured&sort=captured&columns=source_ref,net_amount,currency,trade_date,recorded"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def ann(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ann")


def _file(client: Client, form: str, address: str = ADDRESS, listed: str = "trades") -> bytes:
    answer: Any = client.get(f"/views/{listed}/export?{address}&format={form}")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Disposition"].endswith(f'.{form}"')
    return b"".join(answer.streaming_content)


def _lines(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode())))


def _cells_of(data: bytes) -> list[list[tuple[str, str]]]:
    """Return the cells of a workbook's sheet by row: their type and what they hold; `f` for a formula."""
    with ZipFile(io.BytesIO(data)) as book:
        sheet = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    return [
        [
            ("f" if cell.find(f"{SHEET}f") is not None else cell.get("t", "n"), "".join(cell.itertext()))
            for cell in row
        ]
        for row in sheet.iter(f"{SHEET}row")
    ]


def test_each_form_has_the_rows_and_columns_that_are_shown(world: World, ann: Client) -> None:
    bought, sold = captured_ids(
        equity("=HYPERLINK(1)", quantity="3", price="1.10"), equity("E-2", quantity="2", price="7")
    )
    captured_ids(goods())
    refs = [public_id(TRADE, each) for each in (bought, sold)]
    head, *rows = _lines(_file(ann, "csv", ADDRESS + "&product=EQUITY"))
    assert head == ["Trade", "Reference", "Net amount", "Ccy", "Trade date", "Recorded (UTC)"]
    assert [row[:4] for row in rows] == [
        [refs[0], "'=HYPERLINK(1)", "3.30", "USD"],
        [refs[1], "E-2", "14.00", "USD"],
    ]
    told = json.loads(_file(ann, "json", ADDRESS + "&product=EQUITY"))
    assert [each["code"] for each in told["columns"]][:3] == ["trade", "source_ref", "net_amount"]
    assert told["filter"] == {"status": "captured", "product": "EQUITY"}
    assert [(each["source_ref"], each["net_amount"]) for each in told["items"]] == [
        ("=HYPERLINK(1)", "3.30"),
        ("E-2", "14.00"),
    ]
    assert told["items"][0]["recorded"] == rows[0][5]
    heads, first, second = _cells_of(_file(ann, "xlsx", ADDRESS + "&product=EQUITY"))
    assert [text for _, text in heads] == head
    assert first[1] == ("inlineStr", "=HYPERLINK(1)")
    assert (first[2][0], Decimal(first[2][1])) == ("n", Decimal("3.3"))
    assert [kind for kind, _ in second] == ["inlineStr", "inlineStr", "n", "inlineStr", "n", "n"]


@pytest.mark.parametrize("sort", ["captured", "-captured", "trade_date", "-trade_date"])
def test_all_pages_leave_in_their_order_each_row_once(
    sort: str, world: World, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.lists.trades._AT_ONCE", 4)
    made = captured_ids(*(equity(f"E-{n}") for n in range(11)))
    found = [row[0] for row in _lines(_file(ann, "csv", f"sort={sort}"))[1:]]
    expected = [public_id(TRADE, each) for each in sorted(made, reverse=sort.startswith("-"))]
    assert found == expected


@pytest.mark.parametrize("sort", ["trade_date", "-trade_date"])
def test_a_trade_whose_date_is_amended_meanwhile_leaves_once(
    sort: str, world: World, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.lists.trades._AT_ONCE", 1)
    made = captured_ids(*(equity(f"E-{n}") for n in range(3)))
    read = blotter.page

    def read_and_amend(*asked: Any, **how: Any) -> blotter.Page:
        page = read(*asked, **how)
        day = TODAY + timedelta(days=1 if sort == "trade_date" else -1)
        changes = {"trade_date": day.isoformat()}
        change_trades(
            changes=[Change("AMEND", page.rows[0]["trade_id"], "r", changes=changes)], actor=CLERK, at=LATER
        )
        return page

    monkeypatch.setattr(blotter, "page", read_and_amend)
    found = [row[0] for row in _lines(_file(ann, "csv", f"sort={sort}"))[1:]]
    assert sorted(found) == sorted(public_id(TRADE, each) for each in made)


def test_a_search_through_windows_finds_what_lies_far_back(
    world: World, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order,) = captured_ids(goods())
    captured_ids(*(equity(f"E-{n}") for n in range(9)))
    monkeypatch.setattr("trades.selectors.blotter.WINDOW", 3)
    (found,) = _lines(_file(ann, "csv", "product=GOODS"))[1:]
    assert found[0] == public_id(TRADE, order)


def test_more_than_the_bound_is_refused_and_nothing_told(
    world: World, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured_ids(*(equity(f"E-{n}") for n in range(3)))
    monkeypatch.setattr(exports, "ROWS_MAX", 2)
    answer = ann.get("/views/trades/export?format=csv")
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "There are more than 2 trades." in text
    assert 'action="/views/trades/make' in text
    assert not sql.rows("SELECT 1 FROM core_event WHERE type = 'list.exported'")


def test_an_unknown_form_is_refused_by_name(ann: Client) -> None:
    answer = ann.get("/views/trades/export?format=pdf")
    assert answer.status_code == 422
    assert "One of csv, json, xlsx." in answer.content.decode()


def test_who_takes_what_away_is_in_the_log(world: World, ann: Client) -> None:
    captured_ids(equity())
    _file(ann, "csv", "status=captured&columns=status")
    ((actor, data),) = sql.rows("SELECT actor, data FROM core_event WHERE type = 'list.exported'")
    assert actor == "user:ann"
    assert sql.json_value(data) == {
        "list": "trades",
        "format": "csv",
        "rows": 1,
        "filter": {"status": "captured"},
        "columns": ["trade", "status"],
    }


def test_what_a_list_does_not_show_to_a_role_does_not_leave(sign_in: SignIn) -> None:
    reader = sign_in("front-office reader")
    assert reader.get("/views/exceptions/export?format=csv").status_code == 403
    assert reader.get("/views/trades/export?format=csv").status_code == 200


@pytest.mark.parametrize("code", sorted(LISTS))
@pytest.mark.parametrize("form", sorted(exports.FORMATS))
def test_every_list_leaves_in_every_form_also_when_it_is_empty(form: str, code: str, sign_in: SignIn) -> None:
    assert _file(sign_in("supervisor"), form, "", code)


def test_exceptions_leave_as_they_are_queued(world: World, ann: Client) -> None:
    checked(equity(book="NO-BOOK"))
    (row,) = json.loads(_file(ann, "json", "view=unassigned&code=", "exceptions"))["items"]
    item = ExceptionItem.objects.get()
    assert (row["exception"], row["why"]) == (public_id(EXCEPTION, item.id), item.summary)
    assert json.loads(_file(ann, "json", "view=closed", "exceptions"))["items"] == []


VALUES = (
    st.none()
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18, places=4)
    | st.dates(date(1950, 1, 1), date(2100, 1, 1))
    | st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("=1+1", "'=1+1"),
        ("1-1; 2", "1-1; 2"),
        ("dear;=cmd()", "dear;'=cmd()"),
        ("two\n@lines\r\n+more", "two\n'@lines\r\n'+more"),
        ("tab\t-1", "tab\t'-1"),
        ("\t=1", "'\t'=1"),
        ("", ""),
    ],
)
def test_no_part_of_a_text_is_a_formula_wherever_a_spreadsheet_ends_its_cells(text: str, told: str) -> None:
    assert harmless(text) == told


@given(st.lists(st.tuples(st.text("ab=+-@1", min_size=1, max_size=5), VALUES), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_every_value_leaves_whole_and_no_text_is_a_formula(rows: list[tuple[str, Any]]) -> None:
    columns = [
        Column("a", "A", _cells.told(lambda row: row["a"])),
        Column("b", "B", _cells.told(lambda row: row["b"])),
    ]
    made = Export(TRADES, Content(), columns, [{"a": a, "b": b} for a, b in rows], NOW)
    lines = _lines(b"".join(parts(made, "csv")))[1:]
    for (a, b), (first, second) in zip(rows, lines, strict=True):
        assert first == harmless(a)
        assert first[0] not in "=+-@"
        assert second == (harmless(b) if isinstance(b, str) else exports.plain(b))
        if isinstance(b, Decimal):
            assert Decimal(second) == b
    items = json.loads(b"".join(parts(made, "json")))["items"]
    assert [each["a"] for each in items] == [a for a, _ in rows]
    sheet = _cells_of(b"".join(parts(made, "xlsx")))[1:]
    assert len(sheet) == len(rows)
    for (a, b), cells in zip(rows, sheet, strict=True):
        assert cells[0] == ("inlineStr", a)
        assert "f" not in {kind for kind, _ in cells}
        if isinstance(b, (Decimal, int)):
            assert Decimal(cells[1][1]) == b


def test_a_workbook_has_one_style_for_each_way_to_show_a_value_however_many_rows_there_are() -> None:
    columns = [
        Column("a", "A", _cells.told(lambda row: row["a"])),
        Column("b", "B", _cells.told(lambda row: row["b"])),
    ]
    rows = [{"a": Decimal("1.50") + each, "b": TODAY} for each in range(50)]
    data = b"".join(parts(Export(TRADES, Content(), columns, rows, NOW), "xlsx"))
    with ZipFile(io.BytesIO(data)) as book:
        styles = etree.fromstring(book.read("xl/styles.xml"))
    (used,) = styles.iter(f"{SHEET}cellXfs")
    assert len(used) == 4, "the usual one, the heads, two decimals, a day"


def test_a_search_that_takes_too_long_says_how_to_narrow_it(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(**_: Any) -> Any:
        raise exports.TooBroad

    monkeypatch.setattr("trades.selectors.blotter.page", lambda *_, **__: slow())
    asked = exports.Asked({}, "", 1, NOW, 10)
    with pytest.raises(Problem, match="too many records"):
        exports.gather(listed=TRADES, content=Content(), shown=TRADES.columns, asked=asked)
