"""Whoever proposes never approves, whichever way it is tried, superuser or not; nothing comes of the attempt."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, transaction
from django.test import Client

from core import four_eyes, ids, sql
from core.audit import Actor
from core.http.problem import Problem
from core.models import Proposal
from middleoffice.access import routes
from ops.permissions import ROLES
from ops.proposals import DECISIONS
from risk.services.terms import Terms
from tests.ledger.reconciling import terms as reconciliation_terms
from tests.support.factories import captured_ids, equity, world
from tests.support.fees import terms
from tests.support.records import LATER, NOW, all_written, person

KINDS = sorted(four_eyes._KINDS)
OWN = "Somebody else must decide on your proposal."
APPS = ("core", "refdata", "trades", "risk", "settlement", "ledger", "feed", "ops", "middleoffice")


@pytest.fixture(params=[False, True], ids=["a person of every role", "a superuser of every role"])
def maker(request: pytest.FixtureRequest, db: None) -> User:
    made = person("maker", is_superuser=request.param, is_staff=request.param)
    made.groups.set(Group.objects.filter(name__in=ROLES))
    return made


# What a proposal of every kind says as far as the screens show it.
SETTING = {
    **dict.fromkeys(Terms.__slots__), "code": "CPTY",
    **reconciliation_terms().content(),
    **terms().content(),
    "active": True, "severity": "WARN", "parameters": {}, "scope": {},
}  # fmt: skip
CONTENT = {
    "effects": {}, "findings": [], "told": {}, "version": 1, "code": "OFF_MARKET_PRICE", "valid_from": None,
    "before": SETTING, "after": SETTING, "channel": "CASH", "sequence": 1, "value_date": "2026-11-25",
    "instruction_count": 2, "sha256": "0" * 64,
    "product": "EQUITY", "demanded": True, "demanded_before": None,
    "hours_before": [None, None], "overdue_after_hours": 24, "remind_every_hours": None,
    "break_ids": [1], "ours": ["a"], "theirs": [], "difference": "1", "unit": "EUR",
    "condition": {"until": "2026-12-31", "difference_max": None, "theirs_unchanged": True},
    "party": "BROKER-01", "rows": [], "changes": [],
    "hold": "hld_11", "kind": "COUNTERPARTY", "subject": "BROKER-01", "asset": "", "until": None, "trades": 1,
    "of_kind": "holidays", "of": "USD", "withdrawn": False, "held_because": "because", "amount": "1.00",
    "invoice": "OURS-INV-000001", "gross": "1.00", "lines": [],
    "book": "BOOK-1", "instrument": "", "currency": "EUR", "adjustment": "1.00", "reverses_on": "2026-12-31",
    "day": "2026-11-23", "run": 1, "run_id": 1, "total": "1.00", "parts": [], "accepted": [],
    "told_again_because": "", "file": "", "created": 0, "changed": 0, "wide": 0, "first": [],
    "closed_before": None, "closed_through": "2026-10-31",
    "effect": {"trades": 0, "instructions": 0, "partial": False, "totals": [], "deadlines": 0,
               "cut_offs": 0},
}  # fmt: skip


def proposed(kind: str, maker: User) -> int:
    """Propose something of a kind for a trade. What it says is never carried out: its maker does not get so far."""
    world()
    (trade_id,) = captured_ids(equity())
    return four_eyes.propose(
        kind=kind,
        subject="trade",
        subject_id=trade_id,
        content=CONTENT,
        user=maker,
        reason="because",
        now=NOW,
        actor=Actor("user:maker"),
    )


def by_the_console(proposal_id: int, maker: User, decision: str) -> None:
    """Try every address that takes a decision; raise why the one that knows the kind refuses it."""
    browser = Client()
    browser.force_login(maker, backend="django.contrib.auth.backends.ModelBackend")
    statuses = set()
    for path in sorted(addresses(ids.public_id(ids.PROPOSAL, proposal_id), decision)):
        answer = browser.post(path, {"note": "all well"})
        statuses.add(answer.status_code)
        if OWN in answer.content.decode():
            raise Problem(answer.status_code, "own-proposal", OWN)
    assert statuses == {404}
    raise Problem(404, "unknown", "No address decides on this kind.")


def addresses(reference: str, decision: str) -> set[str]:
    """Return the addresses of the console at which a decision on a proposal can be asked for."""
    found = set()
    for route in routes():
        path = re.sub(r"<(\w+:)?decision>", decision, route.path)
        if path != route.path or ("decision", decision) in route.parameters:
            found.add("/" + re.sub(r"<[^>]+>", reference, path))
    return found


def by_the_service(proposal_id: int, maker: User, decision: str) -> None:
    """Call what the console calls for the kind, or what all of them call."""
    kind = Proposal.objects.get(id=proposal_id).kind
    common = {"approve": four_eyes.approve, "decline": four_eyes.decline}[decision]
    service = DECISIONS[kind][decision].service if kind in DECISIONS else common
    service(proposal_id=proposal_id, user=maker, note="all well", actor=Actor("user:maker"), now=LATER)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decision", ["approve", "decline"])
@pytest.mark.parametrize("way", [by_the_console, by_the_service])
def test_no_way_of_the_product_lets_the_maker_decide(
    way: Callable[[int, User, str], None], decision: str, kind: str, maker: User
) -> None:
    proposal_id = proposed(kind, maker)
    before = all_written()
    with pytest.raises(Problem) as refused:
        way(proposal_id, maker, decision)
    assert refused.value.code == "own-proposal" or kind not in DECISIONS
    assert all_written() == before


BY_HAND: dict[str, Callable[[int, int], Any]] = {
    "an update": lambda proposal, maker: Proposal.objects.filter(id=proposal).update(
        state="APPROVED", checker_id=maker, decided_at=LATER
    ),
    "a bulk update": lambda proposal, maker: Proposal.objects.bulk_update(
        [Proposal(id=proposal, state="REJECTED", checker_id=maker, decided_at=LATER)],
        ["state", "checker", "decided_at"],
    ),
    "an approval by nobody": lambda proposal, maker: sql.run(
        "UPDATE core_proposal SET state = 'APPROVED', decided_at = now() WHERE id = %s", [proposal]
    ),
    "another maker first": lambda proposal, maker: sql.run(
        "UPDATE core_proposal SET maker_id = maker_id + 1 WHERE id = %s", [proposal]
    ),
    "other content": lambda proposal, maker: sql.run(
        "UPDATE core_proposal SET content = '{}' WHERE id = %s", [proposal]
    ),
    "its end": lambda proposal, maker: sql.run("DELETE FROM core_proposal WHERE id = %s", [proposal]),
}


@pytest.mark.parametrize("way", BY_HAND)
def test_the_database_refuses_it_to_whoever_writes_by_hand(way: str, maker: User) -> None:
    proposal_id = proposed(KINDS[0], maker)
    before = all_written()
    with pytest.raises(DatabaseError), transaction.atomic():
        BY_HAND[way](proposal_id, maker.pk)
    assert all_written() == before


def test_there_is_no_other_way() -> None:
    """Whatever decides goes through `core.four_eyes`, which refuses the maker: nothing else writes proposals, and the
    admin does not know them."""
    writes = re.compile(
        r"(UPDATE|INTO|DELETE FROM) core_proposal"
        r"|Proposal\.objects[^\n]*\.(create|update|delete|bulk_\w+|\w+_or_create)\("
    )
    writers = {
        str(path.relative_to(settings.BASE_DIR))
        for app in APPS
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py")
        if "migrations" not in path.parts and writes.search(path.read_text())
    }
    assert writers == {"core/four_eyes.py"}
    assert Proposal not in site._registry
