"""Every unfinished record has exactly one answer to the question whose move it is, and what is finished has none."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from core import sql
from core.audit import system
from core.ids import INSTRUCTION, TRADE, public_id
from risk.services.excess import propose_excess
from settlement import open_records
from settlement.moves.base import Mover
from settlement.moves.table import POPULATIONS, RULES
from settlement.open_records import Wanted, count_open, list_open, moves_of_instructions, moves_of_trade
from settlement.services.acknowledge import Answer, Control, acknowledge_instructions
from settlement.services.claim import claim_batch
from settlement.services.report import report_status
from settlement.services.standing import Report
from tests.settlement.support import (
    VALUE_DATE,
    advance,
    batch_of,
    client,
    control_of,
    instruction_ids,
    lines_of,
    seal,
    validate,
    validated,
    waiting_leg,
)
from tests.support.api import Api, pointers
from tests.support.factories import captured_ids, equity, world
from tests.support.records import CLERK, NOW, hold, person
from trades.lifecycle import State

DAY = timedelta(days=1)
BACK_OFFICE = system("back office")


def everything(**wanted: Any) -> list[dict[str, Any]]:
    return list_open(wanted=Wanted(**wanted), now=NOW, limit=100_000)


def rules(rows: list[dict[str, Any]]) -> list[str]:
    return [row["rule"] for row in rows]


def accepted(batch_id: int) -> None:
    made = client()
    claim_batch(batch_id=batch_id, client=made, lease_seconds=300, actor=BACK_OFFICE, now=NOW)
    lines = lines_of(batch_id)
    control = control_of(lines)
    acknowledge_instructions(
        batch_id=batch_id,
        answers=[Answer(each, "ACCEPTED", "") for each in instruction_ids(batch_id)],
        control=Control(
            control["count"],
            {
                asset: {way: Decimal(total) for way, total in ways.items()}
                for asset, ways in control["totals"].items()
            },
        ),
        client=made,
        actor=BACK_OFFICE,
        now=NOW,
    )


def test_the_table_names_each_row_once_and_ends_every_population_with_one_that_takes_the_rest():
    assert len(RULES) == sum(len(each.rules) for each in POPULATIONS)
    assert [each.code for each in POPULATIONS if each.rules[-1].when != "true"] == []
    early = [rule.code for each in POPULATIONS for rule in each.rules[:-1] if rule.when == "true"]
    assert early == []  # nothing after such a row could ever be reached
    assert {rule.mover for _, rule in RULES.values()} == set(Mover)


def test_a_trade_goes_from_one_mover_to_the_next_until_it_is_settled(db: None):
    world()
    (trade_id,) = captured_ids(equity())
    assert [(each["rule"], each["mover"]) for each in everything()] == [("UNCHECKED", Mover.SYSTEM)]
    sql.run("DELETE FROM core_work")
    validate([trade_id])
    assert rules(everything()) == ["WAITS_FOR_CUT_OFF"]
    seal()
    assert rules(everything()) == ["UNCLAIMED", "UNCLAIMED"]
    cash, securities = batch_of("CASH"), batch_of("SECURITIES")
    claim_batch(batch_id=cash, client=client("payer"), lease_seconds=60, actor=BACK_OFFICE, now=NOW)
    advance()
    by_channel = {each["channel"]: each for each in everything()}
    assert (by_channel["CASH"]["rule"], by_channel["CASH"]["who"]) == ("CLAIMED", "payer")
    assert by_channel["SECURITIES"]["rule"] == "UNCLAIMED"
    late = list_open(wanted=Wanted(channel="CASH"), now=NOW + timedelta(hours=1), limit=10)
    assert rules(late) == ["CLAIM_ENDED"]
    accepted(securities)
    (delivery,) = instruction_ids(securities)
    assert moves_of_instructions([delivery], now=NOW)[delivery]["rule"] == "NOT_MATCHED_YET"
    for report, rule, mover in (
        (Report(delivery, "UNMATCHED", "CMIS"), "UNMATCHED_AT_COUNTERPARTY", Mover.COUNTERPARTY),
        (Report(delivery, "MATCHED"), "WAITS_FOR_VALUE_DATE", Mover.TIME),
        (Report(delivery, "FAILED", "LACK"), "FAILED", Mover.BACK_OFFICE),
        (Report(delivery, "PARTIAL", "CLAC", Decimal(1)), "FAILS_AT_COUNTERPARTY", Mover.COUNTERPARTY),
    ):
        report_status(reports=[report], actor=BACK_OFFICE, now=NOW)
        found = moves_of_instructions([delivery], now=NOW)[delivery]
        assert (found["rule"], found["mover"]) == (rule, mover)
        assert found["evidence"].startswith("rpt_")
    ordered = sql.rows("SELECT quantity FROM settlement_instruction WHERE id = %s", [delivery])
    assert moves_of_instructions([delivery], now=NOW)[delivery]["quantity"] == ordered[0][0] - 1
    report_status(reports=[Report(delivery, "SETTLED")], actor=BACK_OFFICE, now=NOW)
    assert moves_of_instructions([delivery], now=NOW) == {}
    assert [each["rule"] for each in moves_of_trade(trade_id, now=NOW)] == ["CLAIMED"]


def test_a_held_trade_is_moved_by_whom_its_exception_asks(db: None):
    world()
    trade_id, other = captured_ids(equity("a"), equity("b"))
    hold(trade_id)
    hold(other)
    sql.run("UPDATE trades_exception SET move = 'FRONT_OFFICE' WHERE trade_id = %s", [other])
    found = {each["trade_id"]: each for each in everything()}
    assert (found[trade_id]["rule"], found[other]["rule"]) == ("HELD_OPERATIONS", "HELD_FRONT_OFFICE")
    assert found[other]["evidence"].startswith("exc_")
    propose_excess(
        trade_id=trade_id,
        codes=["OFF_MARKET_PRICE"],
        reason="because",
        user=person("maker"),
        actor=CLERK,
        now=NOW,
    )
    (waiting,) = everything(mover=Mover.APPROVER)
    assert (waiting["rule"], waiting["reference"]) == ("HELD_FOR_APPROVAL", public_id(TRADE, trade_id))


def test_a_leg_of_a_later_date_waits_for_its_own_cut_off(db: None):
    world()
    (trade_id,) = validated(equity())
    waiting_leg(trade_id, "10", value_date="2026-12-01")
    seal()
    (leg,) = [each for each in everything() if each["record"] == "LEG"]
    assert (leg["rule"], leg["reference"]) == ("LEG_WAITS", f"{public_id(TRADE, trade_id)}/3")
    assert (leg["value_date"], leg["asset"], leg["quantity"]) == (date(2026, 12, 1), "USD", Decimal(10))


# --- every combination of what can be said of an instruction ---

PROCESSING = ("SEALED", "ACCEPTED", "REJECTED")
SETTLEMENT = ("PENDING", "FAILED", "PARTIAL", "SETTLED", "CANCELLED")
MATCHING = ("", "UNMATCHED", "MATCHED")
CANCELLATION = ("", "REQUESTED", "PENDING", "DENIED", "COMPLETED")
RECALL = ("none", "unsent", "sent", "refused", "with batch")
CASES = list(itertools.product(PROCESSING, SETTLEMENT, MATCHING, CANCELLATION, RECALL, (-DAY, 0 * DAY, DAY)))
_FIRST = 1_000
_CANCELLATIONS = 1_000_000


def _combine(batch_id: int, counterparty_id: int) -> None:
    """Have an instruction of a batch in every combination, and the cancellations that some of them need."""
    instructions, states, recalls = [], [], []

    def make(key: int, batch: int, day: date, *said: str) -> None:
        instructions.append([key, batch, key, counterparty_id, day])
        states.append([key, batch, *said])

    for key, (processing, settlement, matching, cancellation, recall, later) in enumerate(
        CASES, start=_FIRST
    ):
        make(key, batch_id, NOW.date() + later, processing, settlement, matching, cancellation)
        if recall == "none":
            continue
        other = _CANCELLATIONS + key if recall in {"sent", "refused"} else None
        if other:
            make(
                other,
                batch_id + 1,
                NOW.date(),
                "REJECTED" if recall == "refused" else "SEALED",
                "PENDING",
                "",
                "",
            )
        recalls.append([key, other, recall == "with batch"])
    sql.run(_INSTRUCTIONS, [[*each] for each in zip(*instructions, strict=True)])
    sql.run(_STATES, [NOW, *([*each] for each in zip(*states, strict=True))])
    sql.run(_RECALLS, [NOW, *([*each] for each in zip(*recalls, strict=True))])


_INSTRUCTIONS = """
INSERT INTO settlement_instruction (id, batch_id, line, counterparty_id, value_date, channel, entity_id, asset_kind,
    asset, direction, quantity, our_ssi_id, their_ssi_id, gross_count, trade_ids)
SELECT u.*, 'CASH', 1, 'CASH', 'USD', 'DELIVER', 10, 1, 1, 1, '{1}'
FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::date[]) AS u
"""
_STATES = """
INSERT INTO settlement_instruction_state (instruction_id, batch_id, processing, settlement, matching, cancellation,
    processing_reason, settlement_reason, settled_quantity, changed_at)
SELECT u.*, '', '', 0, %s FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[]) AS u
"""
_RECALLS = """
INSERT INTO settlement_recall (instruction_id, cancellation_id, with_batch, cause_ids, recalled_at, recalled_by)
SELECT u.*, '{1}', %s, 'x' FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS u
"""


def _is_open(case: tuple[Any, ...]) -> bool:
    """Tell whether somebody must still act on an instruction itself, in words of its own."""
    processing, settlement, _, _, recall, _ = case
    if processing == "REJECTED" or recall == "with batch":
        return False  # its trade is held, or its legs are sealed anew
    if recall == "sent":
        return False  # its cancellation is what somebody must act on
    if processing == "SEALED":
        return settlement != "CANCELLED" and (recall == "none" or settlement != "SETTLED")
    return settlement in {"PENDING", "FAILED", "PARTIAL"}


@pytest.mark.parametrize("claimed", [False, True])
def test_every_combination_of_what_is_said_of_an_instruction_has_exactly_one_answer(db: None, claimed: bool):
    made = world()
    for batch_id, sequence in ((900, 900), (901, 901)):
        sql.run(
            "INSERT INTO settlement_batch (id, channel_id, sequence, value_date, sealed_at, sealed_by,"
            " instruction_count, trade_count, control_totals, byte_count, sha256)"
            " VALUES (%s, 'CASH', %s, %s, %s, 'x', 9999999, 1, '{}', 0, '')",
            [batch_id, sequence, VALUE_DATE, NOW],
        )
        sql.run(
            "INSERT INTO settlement_batch_state (batch_id, instruction_count, accepted, rejected, settled, claimed_at,"
            " changed_at) VALUES (%s, 9999999, 0, 0, 0, %s, %s)",
            [batch_id, NOW if claimed else None, NOW],
        )
    _combine(900, made.broker.id)
    answers = Counter(
        each["key"]
        for each in everything()
        if each["record"] == "INSTRUCTION" and each["key"] < _CANCELLATIONS
    )
    expected = {_FIRST + at: 1 for at, case in enumerate(CASES) if _is_open(case)}
    assert {CASES[key - _FIRST]: n for key, n in answers.items()} == {
        CASES[key - _FIRST]: n for key, n in expected.items()
    }
    again = moves_of_instructions(list(range(_FIRST, _FIRST + len(CASES))), now=NOW)
    assert set(again) == set(expected)


def test_pages_go_through_every_record_once_and_counts_agree_with_them(db: None):
    world()
    validated(*(equity(f"t{n}") for n in range(7)))
    captured_ids(equity("c1"), equity("c2"))
    whole = everything()
    assert len(whole) == 9
    seen, after = [], None
    while page := list_open(wanted=Wanted(), now=NOW, after=after, limit=2):
        seen += [each["reference"] for each in page]
        after = page[-1]["at"]
    assert seen == [each["reference"] for each in whole]
    groups = count_open(wanted=Wanted(), now=NOW + timedelta(hours=25))
    assert {each.rule.code: (each.count, each.capped) for each in groups} == {
        "UNCHECKED": (2, False),
        "WAITS_FOR_CUT_OFF": (7, False),
    }
    for group in groups:
        of_it = [each for each in whole if each["rule"] == group.rule.code]
        assert group.money == {"USD": sum(each["quantity"] for each in of_it)}
        assert group.ages["1d-3d"] == group.count == sum(group.ages.values())


def test_filters_by_party_book_channel_day_and_age_narrow_to_what_they_name(db: None):
    made = world()
    validated(equity())
    seal()
    delivery = {"channel": "SECURITIES"}
    assert [each["channel"] for each in everything(**delivery)] == ["SECURITIES"]
    party, book = everything()[0]["party"], made.book.code
    assert len(everything(party=party, book=book)) == len(everything(party=party)) == 2
    assert everything(party="NOBODY") == everything(book="NONE") == []
    assert len(everything(value_date=VALUE_DATE)) == 2
    assert everything(value_date=VALUE_DATE + DAY) == []
    assert len(everything(age="under-1h")) == 2
    assert everything(age="1h-1d") == []
    assert [each["asset"] for each in everything(asset="USD")] == ["USD"]


def test_a_settled_or_cancelled_trade_has_nobody_to_move(db: None):
    world()
    (trade_id,) = captured_ids(equity())
    for state in (State.SETTLED, State.CANCELLED):
        sql.run("UPDATE trades_state SET state = %s WHERE trade_id = %s", [state.value, trade_id])
        assert moves_of_trade(trade_id, now=NOW) == []
        assert everything() == []


def test_references_of_instructions_lead_to_them(db: None):
    world()
    validated(equity())
    seal()
    (cash,) = instruction_ids(batch_of("CASH"))
    assert public_id(INSTRUCTION, cash) in {each["reference"] for each in everything()}


# --- the API ---


@pytest.fixture
def api(db: None) -> Iterator[Api]:
    world()
    with time_machine.travel(NOW, tick=False):
        yield Api(scopes=["settlement:read"], sources=[])


def test_a_client_pages_through_open_records_and_reads_their_counts(api: Api):
    (first, second) = validated(equity("a"), equity("b"))
    one = api.get("/open-records?limit=1").json()
    assert one["items"] == [
        {
            **one["items"][0],
            "record": "TRADE",
            "reference": public_id(TRADE, first),
            "trade": public_id(TRADE, first),
            "rule": "WAITS_FOR_CUT_OFF",
            "mover": "TIME",
            "who": None,
            "channel": None,
            "value_date": VALUE_DATE.isoformat(),
            "asset": "USD",
        }
    ]
    two = api.get(f"/open-records?limit=1&cursor={one['next']}").json()
    assert [each["reference"] for each in two["items"]] == [public_id(TRADE, second)]
    assert api.get(f"/open-records?cursor={two['next']}").json() == {"items": [], "next": None}
    (counted,) = api.get("/open-record-counts?mover=TIME").json()["items"]
    assert (counted["rule"], counted["count"], counted["capped"]) == ("WAITS_FOR_CUT_OFF", 2, False)
    amounts = [Decimal(each["items"][0]["quantity"]) for each in (one, two)]
    assert {code: Decimal(total) for code, total in counted["money"].items()} == {"USD": sum(amounts)}


def test_every_fault_of_a_filter_is_named(api: Api):
    wrong = "mover=NOBODY&rule=X&age=old&channel=SEA&party=NONE&book=NONE&value_date=soon"
    for path in ("/open-records", "/open-record-counts"):
        answer = api.get(f"{path}?{wrong}")
        assert answer.status_code == 400
        assert pointers(answer.json()) == sorted(
            f"query:{name}" for name in ("mover", "rule", "age", "channel", "party", "book", "value_date")
        )
    assert api.get("/open-records?party=a%00b").status_code == 400
    assert api.get("/open-records?cursor=bent").status_code == 400


def test_a_filter_that_looks_through_too_much_is_refused_in_time(api: Api, monkeypatch: pytest.MonkeyPatch):
    validated(equity())
    usual = sql.row("SHOW statement_timeout")
    assert api.get("/open-record-counts?asset=USD").status_code == 200
    assert sql.row("SHOW statement_timeout") == usual
    slow = "pg_sleep(60) IS NULL"  # stands for a search that no index serves
    where = open_records._where
    monkeypatch.setattr(open_records, "_where", lambda *row: f"{where(*row)} AND {slow}")
    monkeypatch.setattr(open_records, "TIMEOUT_MS", 50)
    for path in ("/open-records", "/open-record-counts"):
        answer = api.get(f"{path}?asset=USD")
        assert (answer.status_code, answer.json()["code"]) == (422, "too-broad")
    assert sql.row("SHOW statement_timeout") == usual
