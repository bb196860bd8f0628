"""Layouts of Explore are kept under a name, shared, changed by who may, and seen with the grid."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from core import sql
from core.http.problem import Problem
from core.ids import VIEW, public_id
from ops.layouts import KEPT, LAYOUT_MAX, content_of, layout_of
from ops.models import SavedView
from tests.ops.conftest import SignIn

BY_DESK = {"plugin": "Datagrid", "group_by": ["desk"], "columns": ["net_amount"]}


@pytest.fixture
def ann(sign_in: SignIn) -> Client:
    return sign_in("operations", name="ann")


def _save(client: Client, layout: Any = BY_DESK, **form: str) -> Any:
    sent = {"layout": json.dumps(layout), "name": "By desk", "who": "own", **form}
    return client.post("/explore/trades/layouts", sent)


def _settings(answer: Any) -> dict[str, Any]:
    (found,) = re.findall(r'data-settings="([^"]*)"', answer.content.decode())
    settings: dict[str, Any] = json.loads(unescape(found))
    return settings


def test_a_layout_is_seen_from_the_address_it_leads_to(ann: Client) -> None:
    to = _save(ann, days="2026-11-01.", what="new")["Location"]
    saved = SavedView.objects.get()
    assert to == f"/explore/trades?from=2026-11-01&saved={public_id(VIEW, saved.id)}"
    answer = ann.get(to)
    shown = _settings(answer)["layout"]
    assert {name: shown[name] for name in BY_DESK} == BY_DESK
    assert 'aria-current="true">By desk</a>' in answer.content.decode()
    assert _settings(ann.get("/explore/trades"))["layout"] != shown
    assert _save(ann)["Location"].endswith(public_id(VIEW, saved.id)), "the same again is the same"
    assert SavedView.objects.count() == 1


def test_a_shared_one_is_changed_by_who_made_it_and_seen_by_whoever_sees_the_rows(
    ann: Client, sign_in: SignIn
) -> None:
    _save(ann, who="shared")
    reference = public_id(VIEW, SavedView.objects.get().id)
    bob = sign_in("front-office reader", name="bob")
    page = bob.get(f"/explore/trades?saved={reference}").content.decode()
    assert ">By desk</a>" in page
    assert "Delete “By desk”" not in page
    change = {"what": "change", "view": reference, "version": "1", "who": "shared"}
    other = {**BY_DESK, "group_by": ["book"]}
    assert _save(bob, other, **change).status_code == 403
    assert _save(ann, other, **change).status_code == 303
    late = _save(ann, BY_DESK, **change)
    assert late.status_code == 412
    assert _settings(late)["layout"]["group_by"] == ["desk"], "what was shown is not lost"
    assert layout_of(content_of(SavedView.objects.get().parameters["layout"]))["group_by"] == ["book"]
    ann.post("/explore/trades/layouts/delete", {"view": reference, "version": "2"})
    assert not SavedView.objects.exists()
    assert [
        type for (type,) in sql.rows("SELECT type FROM core_event WHERE subject = 'view' ORDER BY id")
    ] == [
        "view.saved",
        "view.changed",
        "view.deleted",
    ]


def test_anothers_own_is_nobody_elses(ann: Client, sign_in: SignIn) -> None:
    _save(ann)
    reference, sue = public_id(VIEW, SavedView.objects.get().id), sign_in("supervisor", name="sue")
    assert "By desk" not in sue.get(f"/explore/trades?saved={reference}").content.decode()
    gone = sue.post("/explore/trades/layouts/delete", {"view": reference, "version": "1"})
    assert gone.status_code == 404


def test_what_cannot_be_saved_keeps_what_was_typed(ann: Client) -> None:
    answer = _save(ann, name="x" * 61, days=".2026-11-23")
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "A name of at most 60 characters" in text
    assert "x" * 61 in text
    settings = _settings(answer)
    assert (settings["rows"], settings["layout"]["group_by"]) == (
        "/explore/trades/rows?to=2026-11-23",
        ["desk"],
    )
    assert _save(ann, layout=[]).status_code == 422
    assert not SavedView.objects.exists()


def test_its_address_leads_to_the_grid(ann: Client) -> None:
    for what in ("layouts", "layouts/delete"):
        assert ann.get(f"/explore/trades/{what}")["Location"] == "/explore/trades"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"theme": "x"}',
        json.dumps({"columns": ["x" * LAYOUT_MAX]}),
        '{"filter": ["\\u0000"]}',
    ],
)
def test_no_layout_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        content_of(text)
    assert [fault.pointer for fault in refused.value.faults] == ["/layout"]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8", min_codepoint=1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*KEPT, "theme", "settings"]), VALUES, max_size=5))
def test_a_layout_is_kept_to_the_letter_and_nothing_else_is(layout: dict[str, Any]) -> None:
    kept = {name: value for name, value in layout.items() if name in KEPT}
    if kept:
        assert layout_of(content_of(json.dumps(layout))) == kept
