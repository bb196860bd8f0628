"""Real files, the whole way: every row is accounted for, every sum is kept, and again adds nothing.

The files lie beside the project, not in it; without them these tests are skipped and say so.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from stdnum import isin

from core import sql
from core.audit import system
from core.clock import utc_now
from core.http.authentication import Client
from core.ids import INSTRUCTION, database_id
from refdata.services import load_rows
from risk.services.check import check_captured
from settlement.models import Batch
from settlement.selectors import content
from settlement.services.acknowledge import Answer, Control, acknowledge_instructions
from settlement.services.advance import advance_queued
from settlement.services.claim import claim_batch
from settlement.services.seal import seal_batches
from settlement.simulation import Pull, control_totals
from trades.lifecycle import State

CHANNELS = ("CASH", "SECURITIES", "GOODS")
DATA = Path(__file__).parents[3] / "shared" / "data"
CONFIRMATIONS = DATA / "broker_confirmations.csv"
ORDERS = sorted((DATA / "retail_orders").glob("*.csv"))

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not CONFIRMATIONS.exists() or not ORDERS, reason=f"real files are not in {DATA}"),
]


def rows_of(*files: Path) -> Iterator[dict[str, str]]:
    for file in files:
        with file.open(newline="") as stream:
            yield from csv.DictReader(stream)


def run_import(file: Path, mapping: str) -> str:
    out = io.StringIO()
    call_command(
        "import_trades", str(file), f"--mapping={mapping}", "--prepare-refdata", stdout=out, stderr=out
    )
    return out.getvalue()


@pytest.fixture
def rates() -> None:
    """Today's rates: a file of deals has none, and without them no limit can be measured."""
    now = utc_now()
    rows = [{"currency": code, "date": now.date(), "rate": "1.1"} for code in ("CHF", "GBP", "USD")]
    load_rows(kind="fx-rates", rows=rows, mode="atomic", actor=system("test"), now=now)


def check_all() -> None:
    while check_captured(now=datetime.now(UTC)):
        pass


def held() -> dict[str, set[str]]:
    """Return the references of the trades that are held, with the codes of what was found."""
    found = sql.rows(
        """
        SELECT v.source_ref, array_agg(DISTINCT f.code) FROM trades_state s
        JOIN trades_version v USING (trade_id, version)
        JOIN trades_finding f ON f.trade_id = s.trade_id AND f.closed_at IS NULL AND f.severity = 'BLOCK'
        WHERE s.state = 2 GROUP BY v.source_ref
        """
    )
    return {reference: set(codes) for reference, codes in found}


def stored() -> list[dict[str, Any]]:
    return sql.records("SELECT * FROM trades_version ORDER BY trade_id")


def test_every_confirmation_is_a_trade_with_its_money_to_the_cent(rates):
    rows = list(rows_of(CONFIRMATIONS))
    shown = run_import(CONFIRMATIONS, "broker_confirmations")
    assert "343 rows read, 343 trades:" in shown
    assert "created            343 trades        343 rows" in shown
    trades = stored()
    assert len(trades) == len(rows) == 343
    for row, trade in zip(rows, trades, strict=True):
        gross, fees, taxes, net = (Decimal(row[name]) for name in ("gross", "fees", "taxes", "net"))
        charges = fees + taxes if row["side"] == "BUY" else -(fees + taxes)
        assert trade["net_amount"] == net == gross + charges, trade["source_ref"]
        assert (trade["gross_amount"], trade["quantity"]) == (gross, Decimal(row["shares"]))
        assert round(trade["quantity"] * trade["price"], 2) == gross
        assert trade["trade_date"] == date.fromisoformat(row["traded_at"][:10])
        assert trade["source_ref"].startswith(f"{row['bank']}/{row['statement']}/{row['line']}")
        kept = sql.json_value(trade["fees"]) or []
        assert sum((Decimal(fee["amount"]) for fee in kept), Decimal(0)) == fees + taxes
    named = Counter(f"{row['bank']}/{row['statement']}/{row['line']}" for row in rows)
    numbered = [each["source_ref"] for each in trades if "#" in each["source_ref"]]
    assert numbered == [f"{reference}#2" for reference, count in named.items() if count == 2]
    assert len(numbered) == 1


def test_confirmations_again_add_nothing(rates):
    run_import(CONFIRMATIONS, "broker_confirmations")
    again = run_import(CONFIRMATIONS, "broker_confirmations")
    assert "Reference data added: 0 parties, 0 books, 0 instruments, 0 ssis" in again
    assert "existing           343 trades        343 rows" in again
    assert len(stored()) == 343


def test_confirmations_are_validated_or_held_by_name(rates):
    run_import(CONFIRMATIONS, "broker_confirmations")
    check_all()
    wrong = {
        f"{row['bank']}/{row['statement']}/{row['line']}"
        for row in rows_of(CONFIRMATIONS)
        if not isin.is_valid(row["isin"])
    }
    found = held()
    assert {reference for reference, codes in found.items() if "BAD_IDENTIFIER" in codes} == wrong
    assert len(wrong) == 2
    # What else is held was confirmed twice with the same terms: two real deals, for a person to say so.
    assert {frozenset(codes) for reference, codes in found.items() if reference not in wrong} <= {
        frozenset({"POSSIBLE_DUPLICATE"})
    }


def test_every_order_line_is_in_an_order_and_the_money_is_kept_to_the_penny():
    rows = list(rows_of(*ORDERS))
    for file in ORDERS:
        run_import(file, "retail_orders")
    trades = stored()
    invoices = Counter(row["InvoiceNo"] for row in rows)
    assert len(rows) == 5_217
    assert len(trades) == len(invoices) == 310
    lines = {trade["source_ref"]: sql.json_value(trade["terms"])["lines"] for trade in trades}
    assert {reference: len(each) for reference, each in lines.items()} == dict(invoices)
    assert sum(len(each) for each in lines.values()) == 5_217
    signed = [trade["gross_amount"] * (1 if trade["side"] == "SELL" else -1) for trade in trades]
    assert sum(signed) == sum(Decimal(row["Quantity"]) * Decimal(row["UnitPrice"]) for row in rows)
    assert sum(signed) == Decimal("104842.84")
    returns = [trade for trade in trades if trade["source_ref"].startswith("C")]
    assert {trade["side"] for trade in returns} == {"BUY"}
    assert all(Decimal(line["quantity"]) > 0 for trade in returns for line in lines[trade["source_ref"]])


def test_orders_again_add_nothing():
    for file in ORDERS:
        run_import(file, "retail_orders")
    again = [run_import(file, "retail_orders") for file in ORDERS]
    assert all("created              0 trades          0 rows" in shown for shown in again)
    assert len(stored()) == 310


def test_orders_are_validated_or_held_by_name(rates):
    for file in ORDERS:
        run_import(file, "retail_orders")
    check_all()
    found = held()
    rows = list(rows_of(*ORDERS))
    without_customer = {row["InvoiceNo"] for row in rows if not row["CustomerID"]}
    not_positive = {
        row["InvoiceNo"]
        for row in rows
        if Decimal(row["UnitPrice"]) == 0
        or (Decimal(row["Quantity"]) < 0 and not row["InvoiceNo"].startswith("C"))
    }
    assert {reference for reference, codes in found.items() if "UNKNOWN_PARTY" in codes} == without_customer
    assert {reference for reference, codes in found.items() if "NON_POSITIVE" in codes} == not_positive
    again = repeated_orders(rows)
    assert {reference for reference, codes in found.items() if "POSSIBLE_DUPLICATE" in codes} == again
    assert set(found) == without_customer | not_positive | again
    assert (len(without_customer), len(not_positive), len(again)) == (23, 12, 14)


def test_all_that_is_not_held_goes_the_whole_way_to_acknowledged_batches(rates):
    run_import(CONFIRMATIONS, "broker_confirmations")
    for file in ORDERS:
        run_import(file, "retail_orders")
    check_all()
    validated = counted_states()["VALIDATED"]
    assert validated > 600
    owed = sql.rows(
        "SELECT currency, sum(CASE side WHEN 'BUY' THEN net_amount ELSE -net_amount END) FROM"
        " trades_version JOIN trades_state USING (trade_id, version) WHERE state = 3 GROUP BY currency"
    )
    now = utc_now()
    batch_ids = seal_batches(value_date=now.date(), channels=CHANNELS, actor=system("test"), now=now)
    assert counted_states()["INSTRUCTED"] == validated
    paid: dict[str, Decimal] = {}
    for batch in Batch.objects.filter(id__in=batch_ids):
        for asset, by_direction in acknowledge(batch).items():
            if batch.channel_id == "CASH":
                net = by_direction.get("DELIVER", Decimal(0)) - by_direction.get("RECEIVE", Decimal(0))
                paid[asset] = paid.get(asset, Decimal(0)) + net
    assert paid == dict(owed)
    found = counted_states()
    assert found["ACKNOWLEDGED"] + found.get("SETTLED", 0) == validated
    assert set(found) <= {"ACKNOWLEDGED", "SETTLED", "EXCEPTION"}
    assert seal_batches(value_date=now.date(), channels=CHANNELS, actor=system("test"), now=now) == []


def counted_states() -> dict[str, int]:
    found = sql.rows("SELECT state, count(*) FROM trades_state GROUP BY state")
    return {State(state).name: count for state, count in found}


def acknowledge(batch: Batch) -> dict[str, dict[str, Decimal]]:
    """Claim a batch, verify its bytes as a consumer would, accept all of it; return its totals."""
    now, actor = utc_now(), system("test")
    client = Client(1, "test", frozenset(), frozenset())
    claim_batch(batch_id=batch.id, client=client, lease_seconds=60, actor=actor, now=now)
    pull = Pull()
    for chunk in content(batch.id):
        pull.take(chunk)
    assert not pull.faults(
        sha256=batch.sha256, etag=batch.sha256, count=batch.instruction_count, totals=batch.control_totals
    )
    totals = control_totals(pull.lines)
    ids = [database_id(INSTRUCTION, line.instruction) or 0 for line in pull.lines]
    acknowledge_instructions(
        batch_id=batch.id,
        answers=[Answer(each, "ACCEPTED") for each in ids],
        control=Control(len(ids), totals),
        client=client,
        actor=actor,
        now=now,
    )
    while advance_queued(now=now, actor=actor):
        pass
    return totals


def repeated_orders(rows: list[dict[str, str]]) -> set[str]:
    """Return the invoices with the lines of an earlier one of the same customer and day."""
    orders: dict[str, list[tuple[str, ...]]] = {}
    for row in rows:
        economics = (
            row["CustomerID"],
            row["InvoiceDate"][:10],
            row["StockCode"],
            row["Quantity"],
            row["UnitPrice"],
        )
        orders.setdefault(row["InvoiceNo"], []).append(economics)
    seen: set[tuple[tuple[str, ...], ...]] = set()
    repeated = set()
    for invoice, economics_of_lines in orders.items():
        if tuple(economics_of_lines) in seen:
            repeated.add(invoice)
        seen.add(tuple(economics_of_lines))
    return repeated
