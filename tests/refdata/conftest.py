"""Reference data for the tests of this folder, loaded as an operator loads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as HttpClient

from core.audit import Actor, system
from core.http.authentication import issue_client
from core.models import Event
from refdata.services import LoadReport, load_rows

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ACTOR = Actor("user:tester")
LEI = "5493001KJTIIGC8Y1R12"
OTHER_LEI = "HWUPKR0MPOU8FGXBT394"
CASH_SSI = {
    "party": "CP",
    "kind": "CASH",
    "key": "EUR",
    "account": "DE89370400440532013000",
    "agent_bic": "DEUTDEFF",
    "valid_from": "2026-01-01",
}


def load(kind: str, *rows: Any, mode: Any = "partial") -> LoadReport:
    """Load rows of a kind at NOW, by ACTOR."""
    return load_rows(kind=kind, rows=rows, mode=mode, actor=ACTOR, now=NOW)


def faults(report: LoadReport) -> list[tuple[int, str, str]]:
    """Return every fault of a report as row number, field and code."""
    return [(result.number, fault.field, fault.code) for result in report.results for fault in result.faults]


def outcomes(report: LoadReport) -> list[str]:
    """Return the outcome of every row, in order."""
    return [result.outcome for result in report.results]


def events() -> list[tuple[str, dict[str, Any]]]:
    """Return type and data of every reference data event, oldest first."""
    found = Event.objects.exclude(subject="client").order_by("id")
    return [(event.type, event.data) for event in found]


@pytest.fixture
def party(db: None) -> None:
    """Store an entity ENT and a counterparty CP with an LEI."""
    load(
        "parties",
        {"code": "ENT", "name": "Entity", "role": "ENTITY", "country": "GB"},
        {"code": "CP", "name": "Counterparty", "lei": LEI, "country": "DE"},
    )


@pytest.fixture
def apple(db: None) -> None:
    """Store one share with its CUSIP."""
    load(
        "instruments",
        {
            "code": "US0378331005",
            "name": "Apple Inc.",
            "product_class": "EQUITY",
            "currency": "USD",
            "settlement_cycle": 1,
            "market": "XNAS",
            "identifiers": {"037833100": "CUSIP"},
        },
    )


@pytest.fixture
def token(db: None) -> Callable[..., str]:
    """Return a maker of API tokens with the given scopes."""

    def make(*scopes: str) -> str:
        _, made = issue_client(
            name=f"test {' '.join(scopes)}",
            scopes=list(scopes),
            sources=[],
            expires_at=None,
            actor=system("tests"),
            at=NOW,
        )
        return made

    return make


@pytest.fixture
def writer(token: Callable[..., str]) -> Iterator[HttpClient]:
    """Return an HTTP client that may load and list reference data."""
    bearer = token("refdata:write", "ssis:load", "trades:read")
    yield HttpClient(headers={"Authorization": f"Bearer {bearer}"})
