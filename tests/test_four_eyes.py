"""Whoever proposes never approves, whichever way it is tried, superuser or not; nothing comes of the attempt."""

from __future__ import annotations

import ast
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
from ops.views import approvals
from ops.views.approvals import DECISIONS
from tests.support.factories import captured_ids, equity, world
from tests.support.records import LATER, NOW, all_written, person

KINDS = sorted(DECISIONS)
APPS = ("core", "refdata", "trades", "risk", "settlement", "ledger", "feed", "ops", "middleoffice")


@pytest.fixture(params=[False, True], ids=["a person of every role", "a superuser of every role"])
def maker(request: pytest.FixtureRequest, db: None) -> User:
    made = person("maker", is_superuser=request.param, is_staff=request.param)
    made.groups.set(Group.objects.filter(name__in=ROLES))
    return made


def proposed(kind: str, maker: User) -> int:
    """Propose something of a kind for a trade. What it says is never looked at: its maker does not get so far."""
    world()
    (trade_id,) = captured_ids(equity())
    return four_eyes.propose(
        kind=kind,
        subject="trade",
        subject_id=trade_id,
        content={"effects": {}, "findings": [], "told": {}, "version": 1},
        user=maker,
        reason="because",
        now=NOW,
        actor=Actor("user:maker"),
    )


def by_the_console(proposal_id: int, maker: User, decision: str) -> None:
    browser = Client()
    browser.force_login(maker, backend="django.contrib.auth.backends.ModelBackend")
    path = f"/approvals/{ids.public_id(ids.PROPOSAL, proposal_id)}/{decision}"
    answer = browser.post(path, {"note": "all well"})
    if answer.status_code == 403 and answer.context["problem"] is not None:
        raise Problem(403, "own-proposal", answer.context["problem"].title)
    raise AssertionError(f"{path} was answered {answer.status_code}")


def by_the_service(proposal_id: int, maker: User, decision: str) -> None:
    kind = Proposal.objects.get(id=proposal_id).kind
    DECISIONS[kind][decision].service(
        proposal_id=proposal_id, user=maker, note="all well", actor=Actor("user:maker"), now=LATER
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decision", ["approve", "decline"])
@pytest.mark.parametrize("way", [by_the_console, by_the_service])
def test_no_way_of_the_product_lets_the_maker_decide(
    way: Callable[[int, User, str], None], decision: str, kind: str, maker: User
) -> None:
    proposal_id = proposed(kind, maker)
    before = all_written()
    with pytest.raises(Problem, match="Somebody else must decide"):
        way(proposal_id, maker, decision)
    assert {name: rows for name, rows in all_written().items() if "session" not in name} == before


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


def calls(name: str) -> set[str]:
    """Return the functions, as `file:function`, that call `four_eyes.<name>`."""
    found = set()
    for app in APPS:
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py"):
            for function in ast.walk(ast.parse(path.read_text())):
                if isinstance(function, ast.FunctionDef) and f"four_eyes.{name}(" in ast.unparse(function):
                    found.add(f"{path.relative_to(settings.BASE_DIR)}:{function.name}")
    return found


def test_there_is_no_other_way() -> None:
    """Every function that decides is one that the tests above try; no address but the console's leads to one, the
    admin does not know proposals, and nothing but `core.four_eyes` writes them."""
    tried = {each.service for kind in DECISIONS.values() for each in kind.values()}
    known = {f"{each.__module__.replace('.', '/')}.py:{each.__name__}" for each in tried}
    assert calls("approve") | calls("decline") <= known
    leading = {
        route.name for route in routes() if route.view.__module__ == approvals.__name__ and route.parameters
    }
    assert leading == {"approval_decide"}
    assert Proposal not in site._registry
    writers = {
        str(path.relative_to(settings.BASE_DIR))
        for app in APPS
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py")
        if "migrations" not in path.parts
        and any(
            text in path.read_text()
            for text in ("UPDATE core_proposal", "INTO core_proposal", "Proposal.objects")
        )
    }
    assert writers == {"core/four_eyes.py"}
