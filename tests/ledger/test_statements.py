"""Statements are taken whole or not at all, each file once, and the highest revision of a day counts."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from core import sql
from core.http.problem import Problem
from ledger.selectors.statements import lines_of, read_statement, statements_in_force
from ledger.services.statements import Sent, preview_statement
from tests.ledger.statements import ACCOUNT, camt, csv_file, entry, listed, send
from tests.support.api import Api, pointers, problem
from tests.support.records import NOW, TODAY, race

pytestmark = pytest.mark.django_db

HEAD = "account,currency,amount,value_date,reference,type\n"
GOOD = HEAD + (
    f"{ACCOUNT},EUR,100.00,2026-11-23,,OPENING\n"
    f"{ACCOUNT},EUR,-40.50,2026-11-23,ins-2DK,\n"
    f"{ACCOUNT},EUR,59.50,2026-11-23,,CLOSING\n"
)


def refused(sent: Sent) -> tuple[int, list[tuple[str, str]]]:
    """Return the status and the faults of a file that is refused, of which nothing is stored."""
    with pytest.raises(Problem) as caught:
        send(sent)
    assert sql.rows("SELECT 1 FROM ledger_statement") == []
    return caught.value.status, [(fault.pointer, fault.code) for fault in caught.value.faults]


def of_day(kind: str = "CASH", source: str = "BANK") -> list[tuple[int, int]]:
    return [
        (each["revision"], each["line_count"])
        for each in statements_in_force(kind=kind, source=source, start=TODAY, until=TODAY)
    ]


def test_a_statement_of_cash_is_kept_with_its_balances_and_its_lines_in_one_spelling():
    stored = send(csv_file(GOOD))
    found = read_statement(stored.statement_id)
    assert found is not None
    assert found["balances"] == [
        {"account": ACCOUNT, "currency": "EUR", "opening": "100", "entries": "-40.5", "closing": "59.5"}
    ]
    assert (found["revision"], found["line_count"], found["in_force"], found["format"]) == (1, 1, True, "CSV")
    assert [(key, fields) for _, key, _, fields in lines_of([stored.statement_id])] == [
        (
            f"2026-11-23|{ACCOUNT}|EUR|2026-11-23|ins_2DK|-40.5",
            {
                "account": ACCOUNT,
                "currency": "EUR",
                "amount": "-40.5",
                "value_date": "2026-11-23",
                "reference": "ins_2DK",
            },
        )
    ]


def test_every_fault_of_a_file_is_named_by_its_line_and_field_and_nothing_of_it_is_stored():
    bent = HEAD + f"{ACCOUNT},EUX,1.00,2026-11-23,,\n,EUR,1e5,2026-13-01,,\n{ACCOUNT},EUR,1.00,2026-11-23,,\n"
    assert refused(csv_file(bent)) == (
        400,
        [
            ("/lines/2/currency", "type"),
            ("/lines/3/account", "missing"),
            ("/lines/3/amount", "type"),
            ("/lines/3/value_date", "type"),
        ],
    )


def test_a_head_without_a_column_that_is_needed_or_with_one_that_nobody_knows_is_refused():
    assert refused(csv_file("account,currency,value_date,colour\n")) == (
        400,
        [("/lines/1/colour", "unknown-field"), ("/lines/1/amount", "missing")],
    )


def test_entries_that_do_not_make_the_closing_balance_are_refused_by_name():
    short = GOOD.replace("59.50", "59.49")
    with pytest.raises(Problem) as caught:
        send(csv_file(short))
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.code) == (f"/balances/{ACCOUNT}/EUR", "balance")
    assert fault.detail == "100 and entries of -40.5 EUR do not make 59.49: 0.01 too much."


def test_a_balance_without_its_other_one_is_refused():
    assert refused(csv_file("\n".join(GOOD.splitlines()[:-1]))) == (
        400,
        [(f"/balances/{ACCOUNT}/EUR", "missing")],
    )


def test_the_same_file_of_a_day_twice_adds_nothing():
    first, again = send(csv_file(GOOD)), send(csv_file(GOOD), now=NOW + timedelta(hours=1))
    assert (first.is_new, again.is_new) == (True, False)
    assert (first.statement_id, first.revision) == (again.statement_id, again.revision)
    assert sql.row("SELECT count(*), (SELECT count(*) FROM ledger_statement_line) FROM ledger_statement") == (
        1,
        1,
    )


def test_a_corrected_file_is_the_next_revision_and_counts_instead():
    send(listed("TRADES", [{"source_ref": "E-1", "currency": "EUR", "amount": "1"}], source="FO"))
    corrected = send(listed("TRADES", [], source="FO"))
    assert (corrected.revision, corrected.in_force) == (2, True)
    assert of_day("TRADES", "FO") == [(2, 0)]


def test_in_whatever_order_revisions_come_the_same_one_counts():
    files = [
        listed("CASH", [{"account": "A", "currency": "EUR", "amount": str(n), "value_date": "2026-11-23"}] * n,
               revision=n, source=f"BANK-{order}")
        for order, numbers in enumerate(permutations((1, 2, 3)))
        for n in numbers
    ]  # fmt: skip
    for each in files:
        send(each)
    assert [of_day(source=f"BANK-{order}") for order in range(6)] == [[(3, 3)]] * 6


def test_another_file_under_a_revision_that_is_taken_is_refused():
    send(csv_file(GOOD, revision=1))
    with pytest.raises(Problem) as caught:
        send(csv_file(GOOD.replace("2DK", "XYZ"), revision=1))
    assert (caught.value.status, caught.value.code) == (409, "revision-taken")
    with pytest.raises(Problem) as caught:
        send(csv_file(GOOD, revision=2))
    assert (caught.value.status, caught.value.code) == (409, "same-file")


def test_lines_that_say_the_same_are_told_apart():
    line = {"account": "A|B", "currency": "EUR", "amount": "1", "value_date": "2026-11-23"}
    stored = send(listed("CASH", [line, line, {**line, "account": "A"}]))
    keys = [key for _, key, _, _ in lines_of([stored.statement_id])]
    assert keys == [
        "2026-11-23|A\\|B|EUR|2026-11-23||1",
        "2026-11-23|A\\|B|EUR|2026-11-23||1|2",
        "2026-11-23|A|EUR|2026-11-23||1",
    ]


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        (Sent("GOLD", "BANK", b"", "text/csv", TODAY), "/kind"),
        (Sent("CASH", "a b", b"", "text/csv", TODAY), "/source"),
        (Sent("CASH", "BANK", b"", "text/csv", TODAY, 0), "/revision"),
    ],
)
def test_a_kind_source_or_revision_that_cannot_be_is_refused(sent: Sent, pointer: str):
    status, faults = refused(sent)
    assert (status, [each for each, _ in faults]) == (422, [pointer])


def test_a_day_that_is_missing_or_to_come_is_refused():
    assert refused(csv_file(GOOD, day=None)) == (400, [("/business_date", "missing")])
    assert refused(csv_file(GOOD, day=TODAY + timedelta(days=2))) == (400, [("/business_date", "range")])


def test_a_preview_names_faults_and_stores_nothing():
    seen = preview_statement(sent=csv_file(GOOD.replace("59.50", "1")), now=NOW)
    assert (len(seen.parsed.lines), seen.parsed.fault_count) == (1, 1)
    assert sql.rows("SELECT 1 FROM ledger_statement") == []


def test_what_is_stored_is_never_changed():
    stored = send(csv_file(GOOD))
    for statement in (
        "UPDATE ledger_statement SET revision = 9 WHERE id = %s",
        "DELETE FROM ledger_statement_line WHERE statement_id = %s",
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql.run(statement, [stored.statement_id])


@pytest.mark.django_db(transaction=True)
def test_the_same_file_twice_at_once_is_stored_once():
    stored = race(*[lambda: send(csv_file(GOOD))] * 3)
    assert sorted(each.is_new for each in stored) == [False, False, True]
    assert sql.row("SELECT count(*) FROM ledger_statement") == (1,)


# --- over the API, and by command


def test_a_file_is_sent_read_and_listed_over_the_api():
    api = Api("bank")
    path = "/statements?kind=CASH&source=BANK&business_date=2026-11-23"
    answer = api.post(path, GOOD.encode(), content_type="text/csv")
    assert (answer.status_code, answer.json()["lines"]) == (201, 1)
    assert api.get(answer["Location"].removeprefix("/api/v1")).json() == answer.json()
    assert api.get("/statements", kind="CASH").json() == {"items": [answer.json()], "next": None}
    assert api.post(path, GOOD.encode(), content_type="text/csv").status_code == 200
    tried = api.post(
        f"{path}&dry_run=true", GOOD.replace("59.50", "1").encode(), content_type="text/csv", key=""
    )
    assert pointers(problem(tried, 400, "unreadable")) == [f"/balances/{ACCOUNT}/EUR"]


def test_pages_of_the_list_go_on_where_the_last_one_ended():
    api = Api("bank")
    for n in range(3):
        send(listed("TRADES", [], source="FO", day=TODAY - timedelta(days=n)))
    first = api.get("/statements", limit="2").json()
    second = api.get("/statements", limit="2", cursor=first["next"]).json()
    assert [len(first["items"]), len(second["items"]), second["next"]] == [2, 1, None]


def test_a_client_sends_for_its_own_sources_only():
    api = Api("front", sources=["FO-EQ"])
    path = "/statements?kind=TRADES&business_date=2026-11-23&source="
    problem(api.post(path + "FO-FX", {"lines": []}), 403, "foreign-source")
    assert api.post(path + "FO-EQ", {"lines": []}).status_code == 201


def test_what_a_request_does_not_say_is_named():
    found = problem(Api("bank").post("/statements?revision=x&business_date=today", b""), 400, "unreadable")
    assert pointers(found) == ["query:business_date", "query:kind", "query:revision", "query:source"]


def test_a_format_that_cannot_carry_the_kind_is_refused():
    path = "/statements?kind=TRADES&source=FO&business_date=2026-11-23"
    answer = Api("bank").post(path, camt().content, content_type="application/xml")
    assert problem(answer, 415, "unsupported-media-type")["title"] == "Send it as application/json, text/csv."


def test_a_statement_is_loaded_from_a_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "statement.xml"
    file.write_bytes(camt(entry("5.00"), closing="5.00").content)
    for said in ("stored", "was stored before"):
        call_command("load_statement", file, kind="CASH", source="BANK")
        assert f"{said}: 1 lines of 2026-11-23, revision 1" in capsys.readouterr().out


def test_the_command_names_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "statement.csv"
    file.write_text(GOOD.replace("59.50", "1"))
    with pytest.raises(CommandError, match="nothing of it was stored"):
        call_command("load_statement", file, kind="CASH", source="BANK", date=TODAY)
    assert f"/balances/{ACCOUNT}/EUR: 100 and entries" in capsys.readouterr().err
