"""Back offices read the calendar of obligations, and what is behind each of its figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from core import sql
from core.ids import BATCH, public_id
from settlement import obligations
from tests.settlement.support import (
    VALUE_DATE,
    batch_of,
    instruction_ids,
    ref,
    seal,
    trade_ref,
    validated,
)
from tests.support.api import Api, pointers
from tests.support.factories import APPLE, equity, world
from tests.support.records import NOW

LATER = (VALUE_DATE + timedelta(days=7)).isoformat()


@pytest.fixture
def api(db: None) -> Iterator[Api]:
    world()
    with time_machine.travel(NOW, tick=False):
        yield Api(scopes=["settlement:read"], sources=[])


def test_a_client_pages_through_the_days_and_reads_what_is_owed(api: Api) -> None:
    validated(equity())
    seal("SECURITIES")
    validated(equity(settlement_date=LATER))
    first = api.get("/obligation-days?limit=1").json()
    line = {"asset_kind": "CASH", "asset": "USD", "direction": "DELIVER"}
    owed = {"OPEN": {"count": 1, "quantity": "18725.00"}}
    assert first["items"] == [
        {
            "value_date": VALUE_DATE.isoformat(),
            "late": False,
            "lines": [
                {**line, "figures": owed},
                {
                    "asset_kind": "SECURITY",
                    "asset": APPLE,
                    "direction": "RECEIVE",
                    "figures": {"SEALED": {"count": 1, "quantity": "100"}},
                },
            ],
            "lines_left_off": 0,
            "at_least": [],
        }
    ]
    second = api.get(f"/obligation-days?limit=1&cursor={first['next']}").json()
    assert [each["value_date"] for each in second["items"]] == [LATER]
    assert second["next"] is None
    assert api.get(f"/obligation-days?value_date={LATER}").json() == second
    (empty,) = api.get("/obligation-days?value_date=2020-01-01").json()["items"]
    assert (empty["lines"], empty["late"]) == ([], False)


def test_a_client_pages_through_what_is_behind_a_figure(api: Api) -> None:
    one, two = validated(equity("a"), equity("b"))
    leg = {
        "record": "LEG",
        "reference": f"{trade_ref(one)}/2",
        "trade": trade_ref(one),
        "batch": None,
        "standing": "OPEN",
        "value_date": VALUE_DATE.isoformat(),
        "party": "BROKER-01",
        "asset_kind": "CASH",
        "asset": "USD",
        "direction": "DELIVER",
        "quantity": "18725.00",
    }
    path = f"/obligations?value_date={VALUE_DATE}&asset=USD&direction=DELIVER&standing=OPEN&limit=1"
    first = api.get(path).json()
    assert first["items"] == [leg]
    second = api.get(f"{path}&cursor={first['next']}").json()
    assert second["items"] == [{**leg, "reference": f"{trade_ref(two)}/2", "trade": trade_ref(two)}]
    assert api.get(f"{path}&cursor={second['next']}").json() == {"items": [], "next": None}
    seal()
    (cash,) = instruction_ids(batch_of("CASH"))
    sealed = {
        "record": "INSTRUCTION",
        "reference": ref(cash),
        "batch": public_id(BATCH, batch_of("CASH")),
        "standing": "SEALED",
        "quantity": "37450.00",
    }
    assert api.get(f"/obligations?value_date={VALUE_DATE}&asset=USD").json()["items"] == [{**leg, **sealed}]


def test_every_fault_of_what_is_asked_is_named(api: Api) -> None:
    for path, faults in (
        ("/obligation-days?value_date=soon&limit=32", ["limit", "value_date"]),
        ("/obligation-days?limit=0", ["limit"]),
        ("/obligation-days?limit=many", ["limit"]),
        ("/obligation-days?cursor=bent", ["cursor"]),
        ("/obligation-days?cursor=WzBd", ["cursor"]),  # of the day before the first
        ("/obligations", ["value_date"]),
        (
            "/obligations?value_date=soon&direction=UP&standing=LOST&asset=a%00",
            ["asset", "direction", "standing", "value_date"],
        ),
        ("/obligations?value_date=2026-11-25&cursor=bent", ["cursor"]),
    ):
        answer = api.get(path)
        assert answer.status_code == 400, path
        assert pointers(answer.json()) == [f"query:{name}" for name in faults]


def test_what_looks_through_too_much_is_refused_in_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    validated(equity())
    usual = sql.row("SHOW statement_timeout")
    monkeypatch.setattr(obligations, "TIMEOUT_MS", 50)
    # Stands for a search that takes its time.
    monkeypatch.setattr(obligations, "held_back", lambda relation: sql.rows("SELECT pg_sleep(60)"))
    day = f"value_date={VALUE_DATE}"
    for path in ("/obligation-days", f"/obligation-days?{day}", f"/obligations?{day}"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (422, "too-broad"), path
    assert sql.row("SHOW statement_timeout") == usual
