"""The simulated back office: it takes nothing for granted, and says the same whenever it is asked."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import msgspec

from settlement.simulation import FAILURES, REJECTIONS, Line, Pull, Temper, answer, control_totals, report

LINES = [
    Line(f"ins_{number}", "CASH", "CASH", "EUR", "DELIVER" if number % 2 else "RECEIVE", Decimal(number))
    for number in range(1, 201)
]
BODY = b"".join(msgspec.json.encode({**msgspec.structs.asdict(each), "more": 1}) + b"\n" for each in LINES)
TOTALS = {"EUR": {"DELIVER": {"count": 100, "sum": "10000"}, "RECEIVE": {"count": 100, "sum": "10100"}}}
SHA256 = hashlib.sha256(BODY).hexdigest()


def pulled(body: bytes = BODY, size: int = 700) -> Pull:
    pull = Pull()
    for at in range(0, len(body), size):
        pull.take(body[at : at + size])
    return pull


def faults(pull: Pull, **said: Any) -> list[str]:
    return pull.faults(**{"sha256": SHA256, "etag": f'"{SHA256}"', "count": 200, "totals": TOTALS, **said})


def test_a_batch_is_read_in_pieces_of_any_size():
    for size in (1, 97, 100_000):
        assert pulled(size=size).lines == LINES
    assert faults(pulled()) == []


def test_whatever_is_not_as_said_is_named():
    less = pulled(BODY[: BODY.rindex(b"\n", 0, -1) + 1])
    found = "\n".join(faults(less))
    assert all(word in found for word in ("sha256", "ETag", "count", "total EUR RECEIVE"))
    assert faults(pulled(), totals={}) != []
    assert faults(pulled(), etag='"other"') == [f"ETag: other is said, {SHA256} came"]
    assert "the last line has no end" in faults(pulled(BODY[:-1]))


def test_control_totals_are_by_asset_and_direction():
    assert control_totals(LINES) == {"EUR": {"DELIVER": Decimal(10_000), "RECEIVE": Decimal(10_100)}}


def test_nothing_goes_wrong_unless_it_is_asked_for():
    assert {answer(line, Temper()).status for line in LINES} == {"ACCEPTED"}
    assert {report(line, Temper()).status for line in LINES} == {"SETTLED"}


def test_what_is_asked_for_goes_wrong_with_a_reason_and_the_same_each_time():
    temper = Temper(7, reject=Decimal(20), fail=Decimal(20), partial=Decimal(20))
    answers = [answer(line, temper) for line in LINES]
    assert answers == [answer(line, temper) for line in LINES]
    rejected = [each for each in answers if each.status == "REJECTED"]
    assert 15 < len(rejected) < 65
    assert {each.reason for each in rejected} <= set(REJECTIONS["CASH"])
    reports = [report(line, temper) for line in LINES]
    assert {each.status for each in reports} == {"SETTLED", "PARTIAL", "FAILED"}
    assert all((each.reason in FAILURES["CASH"]) == (each.status == "FAILED") for each in reports)
    by_id = {line.instruction: line.quantity for line in LINES}
    assert all(0 < each.quantity < by_id[each.instruction] for each in reports if each.quantity is not None)
