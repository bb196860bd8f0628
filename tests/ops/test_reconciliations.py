"""On the screens of reconciliation people upload statements, see both sides, and match breaks with four eyes."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core import sql
from core.ids import BREAK, PROPOSAL, RECONCILIATION_RUN, public_id
from core.models import Proposal
from ledger.selectors.reconciliations import newest_version
from ops.reconciliation_form import level_line, level_lines, typed_terms
from tests.ledger.reconciling import break_ids, defined, open_breaks, run, run_all
from tests.ledger.statements import listed, send
from tests.ledger.test_runs import line
from tests.ops.conftest import SignIn
from tests.support.factories import World, captured_ids, equity
from tests.support.records import LATER, NOW, TODAY

FORM = {
    "code": "TRADES-FO", "title": "Trades of the desk", "kind": "TRADES", "source": "FO-EQ",
    "levels": "source_ref: amount 0.01, price 0.1%, settlement_date 1, side\nMANY_TO_MANY instrument side: amount",
    "window_days": "3", "schedule": "", "owner": "", "active": "on", "reason": "as agreed",
}  # fmt: skip
HEAD = "source_ref,side,currency,amount\n"


def text_of(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def pending() -> str:
    return public_id(PROPOSAL, Proposal.objects.get(state="PENDING").id)


def file_of(text: str, name: str = "list.csv") -> dict[str, Any]:
    file = SimpleUploadedFile(name, text.encode(), content_type="text/csv")
    return {"kind": "TRADES", "source": "FO-EQ", "business_date": "2026-11-23", "file": file}


@pytest.fixture
def broken(world: World) -> str:
    """Leave a break: their amount of E-1 is a dollar more. Return its reference."""
    captured_ids(equity("E-1"))
    defined()
    send(listed("TRADES", [line("E-1", amount="18726"), line("E-9")], source="FO-EQ"))
    run()
    return public_id(BREAK, break_ids()[0])


def test_what_one_person_proposes_another_approves(world: World, sign_in: SignIn) -> None:
    maker, checker = sign_in("operations", name="ann"), sign_in("supervisor", name="bob")
    assert "Nothing is reconciled yet" in text_of(maker.get("/reconciliations"))
    assert maker.get("/reconciliations/new").status_code == 200
    assert maker.post("/reconciliations/propose", FORM)["Location"] == "/reconciliations"
    assert newest_version("TRADES-FO") is None
    shown = text_of(checker.get("/approvals"))
    for told in ("TRADES-FO", "price 0.1%", "MANY_TO_MANY instrument side: amount 0", "as agreed"):
        assert told in shown
    assert checker.post(f"/approvals/{pending()}/approve", {"note": ""}).status_code == 303
    page = text_of(checker.get("/reconciliations/TRADES-FO"))
    assert "Trades of the desk" in page
    assert "amount 0.01" in page
    assert "TRADES-FO" in text_of(checker.get("/reconciliations"))


def test_a_run_that_looks_back_says_so(world: World, sign_in: SignIn) -> None:
    defined("CUSTODY", kind="POSITIONS", source="CUSTODIAN", basis="TRADED")
    send(listed("POSITIONS", [], source="CUSTODIAN"))
    moment = LATER - timedelta(minutes=1)
    looked = public_id(RECONCILIATION_RUN, run("CUSTODY", as_at=moment)["id"])
    desk = sign_in("operations")
    page = text_of(desk.get(f"/reconciliations/runs/{looked}"))
    assert "This run looks back" in page
    assert "ours as known at" in page
    page = text_of(desk.get("/reconciliations/CUSTODY"))
    assert ("looks back" in page, "as traded" in page) == (True, True)


def test_somebody_looks_back_from_the_screen(world: World, sign_in: SignIn) -> None:
    defined("CUSTODY", kind="POSITIONS", source="CUSTODIAN")
    send(listed("POSITIONS", [], source="CUSTODIAN"))
    run("CUSTODY")
    desk = sign_in("operations")
    path = "/reconciliations/CUSTODY/run"
    refused = desk.post(path, {"through": "soon", "as_at": "then"})
    assert refused.status_code == 422
    for told in ("A date such as", "A moment such as", 'value="then"'):
        assert told in text_of(refused)
    asked = {"through": TODAY.isoformat(), "as_at": NOW.isoformat()}
    assert desk.post(path, asked).status_code == 303
    waiting = sql.rows("SELECT business_date, as_at FROM ledger_reconciliation_run WHERE state = 'WAITING'")
    assert (TODAY, NOW) in waiting


def test_levels_read_as_they_are_written(world: World) -> None:
    terms = typed_terms(FORM)
    assert level_lines(terms.levels) == FORM["levels"].replace(": amount\n", "") + " 0"
    assert level_line({"keys": ["a", "b"], "compare": {}}) == "a b"


def test_a_form_with_faults_comes_back_with_what_was_typed(world: World, sign_in: SignIn) -> None:
    answer = sign_in("operations").post(
        "/reconciliations/propose", {**FORM, "levels": "ref: colour 1", "window_days": "x"}
    )
    text = text_of(answer)
    assert answer.status_code == 422
    for told in ("ref: colour 1", "Line 1: there is no field colour.", "A whole number of days."):
        assert told in text
    assert Proposal.objects.count() == 0


def test_a_file_is_looked_at_then_stored_and_reconciled(broken: str, sign_in: SignIn) -> None:
    clerk = sign_in("operations")
    assert clerk.get("/reconciliations/upload").status_code == 200
    seen = clerk.post("/reconciliations/upload", file_of(f"{HEAD}E-1,BUY,USD,18725\n"))
    assert sql.rows("SELECT count(*) FROM ledger_statement") == [(1,)]
    assert "1 line of 2026-11-23" in text_of(seen)
    carried = {name: seen.context[name] for name in ("content", "file_name")}
    form = {"step": "store", "kind": "TRADES", "source": "FO-EQ", "business_date": "2026-11-23", **carried}
    assert clerk.post("/reconciliations/upload", form)["Location"] == "/reconciliations"
    run_all()
    assert open_breaks() == []
    assert clerk.post("/reconciliations/upload", form, follow=True).status_code == 200
    assert sql.rows("SELECT count(*) FROM ledger_statement") == [(2,)]


def test_every_fault_of_a_file_is_shown_and_it_cannot_be_stored(world: World, sign_in: SignIn) -> None:
    answer = sign_in("operations").post("/reconciliations/upload", file_of(f"{HEAD}E-1,BUY,XXQ,many\n"))
    text = text_of(answer)
    assert answer.status_code == 422
    for told in ("2 faults", "/lines/2/currency", "/lines/2/amount"):
        assert told in text
    assert "Store it" not in text


@pytest.mark.parametrize("name", ["list.doc", ""])
def test_what_is_no_file_is_refused(world: World, sign_in: SignIn, name: str) -> None:
    clerk = sign_in("operations")
    form = file_of("x", name) if name else {"kind": "TRADES", "source": "FO-EQ"}
    assert clerk.post("/reconciliations/upload", form).status_code == 422


def test_a_break_shows_both_sides_and_is_matched_by_two_people(broken: str, sign_in: SignIn) -> None:
    maker, checker = sign_in("operations", name="ann"), sign_in("supervisor", name="bob")
    text = text_of(maker.get(f"/breaks/{broken}"))
    for told in ("18725", "18726", "the sides differ", "Match it with two people"):
        assert told in text
    form = {"until": "2026-12-31", "difference_max": "0.5", "theirs_unchanged": "on", "reason": "known"}
    refused = maker.post(f"/breaks/{broken}/match", form)
    assert (refused.status_code, "The two sides lie 1 USD apart already." in text_of(refused)) == (422, True)
    assert (
        maker.post(f"/breaks/{broken}/match", {**form, "difference_max": "2"})["Location"]
        == f"/breaks/{broken}"
    )
    assert broken in text_of(checker.get("/approvals"))
    assert checker.post(f"/approvals/{pending()}/approve", {"note": ""}).status_code == 303
    assert "matched by two" in text_of(maker.get(f"/breaks/{broken}"))
    assert len(open_breaks()) == 1


def test_its_work_item_leads_to_the_break_and_back(broken: str, sign_in: SignIn) -> None:
    clerk = sign_in("operations")
    page = clerk.get(f"/breaks/{broken}")
    item = text_of(clerk.get(f"/exceptions/{page.context['exception']}"))
    assert f"/breaks/{broken}" in item
    assert "18726" in item
    assert "break" in text_of(clerk.get("/exceptions"))


def test_a_run_tells_where_each_line_went(broken: str, sign_in: SignIn) -> None:
    clerk = sign_in("operations")
    asked = clerk.post("/reconciliations/TRADES-FO/run")
    assert "A worker does it" in text_of(clerk.get(asked["Location"]))
    run_all()
    ((first,),) = sql.rows("SELECT min(id) FROM ledger_reconciliation_run WHERE state = 'DONE'")
    text = text_of(clerk.get(f"/reconciliations/runs/{public_id(RECONCILIATION_RUN, first)}"))
    for told in (broken, "2 new", "Where each line went"):
        assert told in text


@pytest.mark.parametrize("path", ["/reconciliations/X", "/reconciliations/runs/X", "/breaks/X"])
def test_what_there_is_not_is_not_found(world: World, sign_in: SignIn, path: str) -> None:
    assert sign_in("operations").get(path).status_code == 404
