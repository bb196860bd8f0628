"""What a person of one desk sees and does, on a day on which another desk has one of everything."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from core import ids, sql
from middleoffice.access import Route, routes
from ops.models import DeskScope
from ops.permissions import OF_THE_FIRM, ROLES
from refdata.models import Book
from tests.support import factories, records
from tests.support.records import person
from tests.test_authorisation import SCREENS, Things, answer, logged_in, things  # noqa: F401

OURS, THEIRS = "OURS-4711", "jdoe"


def of_one_desk(desk: str = "DESK-2", *roles: str) -> Client:
    """Return a browser of somebody who has roles, every one that is not about the firm unless told, and one desk."""
    limited = person(f"limited to {desk or 'none'}")
    limited.groups.set(Group.objects.filter(name__in=roles or set(ROLES) - OF_THE_FIRM))
    DeskScope.objects.create(user=limited, desks=[desk] if desk else [])
    return logged_in(limited)


@pytest.fixture
def own(things: Things) -> str:  # noqa: F811
    """Return the reference of a held trade of the other desk, beside everything that DESK-1 has."""
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=Book.objects.get().entity)
    (trade,) = factories.captured_ids(factories.equity(OURS, book="BOOK-2", trader="ours"))
    records.hold(trade)
    return ids.public_id(ids.TRADE, trade)


def tell_tales() -> set[str]:
    """Return what would tell of the other desk: its people, the names of its deals and of what hangs on them."""
    found = {"jdoe", "asmith"}
    for statement, prefix in (
        ("SELECT DISTINCT v.trade_id FROM trades_version v WHERE v.trader <> 'ours'", ids.TRADE),
        ("SELECT id FROM trades_exception e WHERE e.trade_id IS NULL OR e.trade_id NOT IN"
         " (SELECT trade_id FROM trades_version WHERE trader = 'ours')", ids.EXCEPTION),
        ("SELECT id FROM settlement_instruction", ids.INSTRUCTION),
        ("SELECT id FROM settlement_batch", ids.BATCH),
        ("SELECT id FROM core_proposal", ids.PROPOSAL),
        ("SELECT id FROM trades_confirmation", ids.CONFIRMATION),
        ("SELECT id FROM settlement_invoice", ids.INVOICE),
        ("SELECT id FROM ledger_break", ids.BREAK),
    ):  # fmt: skip
        found |= {ids.public_id(prefix, number) for (number,) in sql.rows(statement)}
    rows = sql.rows("SELECT DISTINCT source_ref FROM trades_version WHERE source_ref <> %s", [OURS])
    return found | {ref for (ref,) in rows}


def looked_at(caller: Client, path: str) -> tuple[HttpResponse, bytes]:
    """Return what a GET comes to, and all of its bytes; it is then undone."""
    with transaction.atomic():
        got: HttpResponse = caller.get(path)
        body = b"".join(got) if got.streaming else got.content  # type: ignore[arg-type]
        transaction.set_rollback(True)
    return got, body


def screens(things: Things) -> Iterator[tuple[Route, str]]:  # noqa: F811
    for route in routes():
        if route.rights and not route.form_of:
            yield route, things.path(route)


def test_nobody_of_one_desk_is_told_of_another_by_any_screen(own: str, things: Things) -> None:  # noqa: F811
    caller, tales, wrong = of_one_desk(), tell_tales(), []
    for route, path in screens(things):
        got, body = looked_at(caller, path)
        asked = set(re.findall(r"[A-Za-z0-9_-]+", path))
        told = sorted(each for each in tales - asked if re.search(rf"\b{re.escape(each)}\b".encode(), body))
        if told or got.status_code not in {200, 302, 403, 404, SCREENS.get(route.name)}:
            wrong.append((route.name, got.status_code, told))
    assert wrong == []
