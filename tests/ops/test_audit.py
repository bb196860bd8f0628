"""The audit screen finds who did what and why, says how far the log is sealed, and gives evidence away."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from core import log
from core.audit import Actor, record
from core.ids import BATCH, TRADE, public_id
from tests.ops.conftest import SignIn
from tests.settlement.support import batch_of, validated
from tests.settlement.support import seal as seal_batches
from tests.support.factories import World, equity
from tests.support.packs import lines_of, unpack, verify
from tests.support.records import NOW
from tests.support.sealing import seal, tell


@pytest.fixture
def auditor(sign_in: SignIn) -> Client:
    return sign_in("auditor")


def shown(client: Client, **query: str) -> list[int]:
    """Return the ids of the events on a page of the log."""
    page = client.get("/audit", query)
    assert page.status_code == 200
    return [int(each) for each in re.findall(r'<td class="n">(\d+)</td>', page.content.decode())]


@pytest.fixture
def told(db: None) -> dict[str, int]:
    """Tell the log of four things; return their ids by name."""
    first = Actor("user:ann", "req-one-1")
    record(type="limit.changed", subject="limit", ids=[3], actor=first, at=NOW, reason="too <tight>",
           data={"before": {"hard": "1"}, "after": {"hard": "2"}})  # fmt: skip
    record(type="user.logged_in", subject="user", ids=[3], actor=first, at=NOW - timedelta(days=2))
    other = Actor("client:fo", "req-two-2")
    record(type="trade.captured", subject="trade", ids=[1001], versions=[1], actor=other, at=NOW)
    record(type="user.log_in_failed", subject="user", ids=[0], actor=Actor("anonymous"), at=NOW)
    ids = [row["id"] for row in log.search(log.Filter()).rows]
    return dict(zip(("failed", "trade", "login", "limit"), ids, strict=True))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["failed", "trade", "login", "limit"]),
        ({"actor": "ann"}, ["login", "limit"]),
        ({"actor": "client:fo"}, ["trade"]),
        ({"actor": "anonymous"}, ["failed"]),
        ({"type": "user."}, ["failed", "login"]),
        ({"subject": "limit"}, ["limit"]),
        ({"subject": "user 3"}, ["login"]),
        ({"subject": public_id(TRADE, 1001)}, ["trade"]),
        ({"request": "req-one-1"}, ["login", "limit"]),
        ({"from": "2026-11-23"}, ["failed", "trade", "limit"]),
        ({"to": "2026-11-22"}, ["login"]),
        ({"actor": "ann", "type": "limit.changed", "to": "2026-11-22"}, []),
    ],
    ids=str,
)
def test_a_filter_finds_its_events_newest_first(auditor, told, query, expected):
    assert shown(auditor, **query) == [told[name] for name in expected]
    seal()
    assert shown(auditor, **query) == [told[name] for name in expected]


def test_what_is_told_late_is_found_on_its_day(auditor, told):
    seal(now=NOW + timedelta(days=30))
    tell(1)
    seal(now=NOW + timedelta(days=31))
    record(type="late", subject="limit", ids=[4], actor=Actor("system:import"), at=NOW - timedelta(days=9))
    seal(now=NOW + timedelta(days=32))
    (late,) = shown(auditor, to="2026-11-15")
    assert late > max(told.values())
    assert shown(auditor, **{"from": "2026-11-24"}) == []


def test_a_change_is_shown_before_and_after_with_its_reason(auditor, told):
    page = auditor.get("/audit", {"subject": "limit 3"}).content.decode()
    assert '<del class="was">1</del> <ins>2</ins>' in page
    assert "too &lt;tight&gt;" in page


@pytest.mark.parametrize(
    ("query", "fault"),
    [({"from": "yesterday"}, "Write a date"), ({"subject": "trd_ZZZ"}, "Write a reference")],
)
def test_what_cannot_be_read_is_said_and_filters_nothing(auditor, told, query, fault):
    page = auditor.get("/audit", query).content.decode()
    assert fault in page
    assert len(shown(auditor, **query)) == 4


def test_pages_follow_one_another_without_a_gap(auditor, db):
    tell(*range(1, 121))
    first = shown(auditor)
    second = shown(auditor, before=str(first[-1]))
    third = shown(auditor, before=str(second[-1]))
    assert len(first + second + third) == len(set(first + second + third)) == 120
    assert [*first, *second, *third] == sorted([*first, *second, *third], reverse=True)


def test_a_rare_event_is_searched_for_a_stretch_at_a_time(auditor, told, monkeypatch):
    tell(*range(1, 101))
    monkeypatch.setattr(log, "_STRETCH", 10)
    monkeypatch.setattr(log, "_LOOKED_THROUGH_MAX", 30)
    page = auditor.get("/audit", {"type": "limit."}).content.decode()
    assert "Nothing among the events searched so far" in page
    for _ in range(10):
        found = shown_by(page)
        if found:
            break
        (before,) = re.findall(r'class="button filled" href="\?[^"]*before=(\d+)', page)
        page = auditor.get("/audit", {"type": "limit.", "before": before}).content.decode()
    assert found == [told["limit"]]


def shown_by(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'<td class="n">(\d+)</td>', page)]


def test_the_chain_says_how_far_it_goes(auditor, told):
    assert "seal is late" in auditor.get("/audit").content.decode()
    seal()
    tell(1)
    chain = log.chain()
    assert (chain.sequence, chain.total_count, chain.waiting) == (1, 4, 1)
    page = auditor.get("/audit").content.decode()
    assert "sealed</span>" in page
    assert chain.hash in page


def test_evidence_is_exported_from_the_trade_and_the_batch(world: World, auditor, tmp_path: Path):
    (trade_id,) = validated(equity())
    seal_batches()
    seal()
    for place, ref in (
        ("trades", public_id(TRADE, trade_id)),
        ("batches", public_id(BATCH, batch_of("CASH"))),
    ):
        address = f"/{place}/{ref}/evidence"
        assert f'href="{address}"' in auditor.get(f"/{place}/{ref}").content.decode()
        answer = auditor.get(address)
        folder = unpack(io.BytesIO(answer.getvalue()), tmp_path / place)
        assert lines_of(folder, "versions.jsonl")[0]["trade_id"] == trade_id
        assert verify(folder)[0] == 0


def test_evidence_of_a_day_is_exported(auditor, told, tmp_path: Path):
    answer = auditor.get("/audit/evidence", {"date": "2026-11-23"})
    folder = unpack(io.BytesIO(answer.getvalue()), tmp_path)
    assert len(lines_of(folder, "events.jsonl")) == 3
    assert auditor.get("/audit/evidence", {"date": "never"}).status_code == 422


@pytest.mark.parametrize("address", ["/trades/trd_ZZ/evidence", "/batches/bat_ZZ/evidence"])
def test_there_is_no_evidence_of_nothing(auditor, address):
    assert auditor.get(address).status_code == 404


def test_who_may_not_export_sees_no_button_and_is_refused(world: World, sign_in: SignIn):
    (trade_id,) = validated(equity())
    client = sign_in("operations")
    reference = public_id(TRADE, trade_id)
    assert "Export evidence" not in client.get(f"/trades/{reference}").content.decode()
    assert client.get(f"/trades/{reference}/evidence").status_code == 403
