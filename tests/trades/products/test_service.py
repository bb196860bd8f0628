"""SERVICE: every line is billed on its own day, and all that is billed is the net amount."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.money import ZERO
from refdata.models import Holiday, Party
from tests.support.factories import captured_ids, checked, codes_of, service, told_of, world
from tests.support.legs import legs_of
from tests.support.records import version_of
from trades.products._reading import Unreadable, read_message
from trades.services.versions import current_versions, restate

pytestmark = pytest.mark.django_db
FIRST, SECOND = date(2026, 12, 2), date(2026, 12, 9)
FEES = [{"type": "TRAVEL", "amount": "80", "currency": "EUR"}]


def line(**changes):
    return {"sku": "SKU-1", "quantity": "1", "unit_price": "100", **changes}


def stored(**changes):
    (trade_id,) = captured_ids(service(**changes))
    return version_of(trade_id, 1)


def test_its_columns_hold_the_sum_of_its_lines_and_the_first_day():
    world()
    found = stored()
    assert (found["quantity"], found["gross_amount"], found["net_amount"]) == (Decimal("13.5"), 2_925, 2_925)
    assert found["settlement_date"] == FIRST
    assert [(each["amount"], each["due_date"]) for each in found["terms"]["lines"]] == [
        ("2400.00", "2026-12-02"),
        ("525.00", "2026-12-09"),
    ]
    assert "charges" not in found["terms"]


def test_each_line_is_delivered_and_billed_on_its_own_day():
    of = world()
    (trade_id,) = captured_ids(service())
    where = (of.customer.id, of.book.id)
    assert legs_of(trade_id) == [
        (1001, "GOODS", "SKU-1", "DELIVER", Decimal(1), FIRST, *where, "*"),
        (1002, "GOODS", "SKU-2", "DELIVER", Decimal("12.5"), SECOND, *where, "*"),
        (11001, "CASH", "EUR", "RECEIVE", Decimal(2_400), FIRST, *where, "EUR"),
        (11002, "CASH", "EUR", "RECEIVE", Decimal(525), SECOND, *where, "EUR"),
    ]


def test_fees_are_billed_on_the_first_day():
    of = world()
    (trade_id,) = captured_ids(service(fees=FEES))
    where = (of.customer.id, of.book.id)
    assert legs_of(trade_id)[0] == (3, "CASH", "EUR", "RECEIVE", Decimal(80), FIRST, *where, "EUR")
    assert version_of(trade_id, 1)["net_amount"] == 3_005


def test_work_that_is_done_for_us_is_paid_by_us():
    world()
    (trade_id,) = captured_ids(service(side="BUY"))
    assert {leg[1]: leg[3] for leg in legs_of(trade_id)} == {"CASH": "DELIVER", "GOODS": "RECEIVE"}


def test_a_line_without_a_day_is_due_with_the_order():
    world()
    assert stored(lines=[line()])["settlement_date"] == date(2026, 11, 25)
    found = stored(lines=[line(), line(milestone="2026-12-02")], settlement_date="2026-12-07")
    assert [each["due_date"] for each in found["terms"]["lines"]] == ["2026-12-07", "2026-12-02"]
    assert found["settlement_date"] == FIRST


def test_it_passes_the_checks():
    world()
    assert told_of(service()) == {}
    assert told_of(service(fees=FEES, side="BUY")) == {}


def test_a_later_line_on_a_closed_day_is_found():
    world()
    Holiday.objects.create(calendar="EUR", date=SECOND)
    told = told_of(service())
    assert (list(told), told["NOT_BUSINESS_DAY"][3]) == (["NOT_BUSINESS_DAY"], "2026-12-09")


def test_a_party_whose_instructions_end_before_the_last_line_is_found():
    world()
    Party.objects.get(code="CUST-01").ssis.update(valid_to=FIRST)
    assert codes_of(checked(service())) == ["SSI_MISSING", "SSI_MISSING"]  # of cash and of goods


def test_a_service_nobody_knows_is_found():
    world()
    assert codes_of(checked(service(lines=[line(sku="MAGIC")]))) == ["UNKNOWN_INSTRUMENT"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"milestone": "2026-12-02", "period": {"start": "2026-12-02", "end": "2026-12-09"}},
            ("/terms/lines/0", "A line has a milestone or a period, not both."),
        ),
        (
            {"period": {"start": "2026-12-09", "end": "2026-12-02"}},
            ("/terms/lines/0/period", "The period ends before it starts."),
        ),
    ],
)
def test_days_that_contradict_each_other_are_refused(changes, fault):
    with pytest.raises(Unreadable) as refused:
        read_message(msgspec.json.encode(service(lines=[line(**changes)])))
    assert [(each.pointer, each.detail) for each in refused.value.faults] == [fault]


LINES = st.fixed_dictionaries(
    {
        "sku": st.sampled_from(["SKU-1", "SKU-2"]),
        "quantity": st.decimals("0.001", "9999", places=3).map(str),
        "unit_price": st.decimals("0.01", "9999", places=4).map(str),
    },
    optional={"milestone": st.dates(date(2026, 11, 24), date(2027, 11, 24)).map(date.isoformat)},
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(LINES, min_size=1, max_size=6),
    fees=st.sampled_from([[], FEES]),
    net=st.none() | st.just("7"),
)
def test_what_is_billed_over_all_days_is_the_net_amount(lines, fees, net):
    if not Party.objects.exists():
        world()
    document = service(lines=lines, fees=fees, **({"net_amount": net} if net else {}))
    (trade_id,) = captured_ids(document)
    cash = [leg for leg in legs_of(trade_id) if leg[1] == "CASH"]
    billed = sum((leg[4] * (1 if leg[3] == "RECEIVE" else -1) for leg in cash), ZERO)
    assert billed == version_of(trade_id, 1)["net_amount"]
    (row,) = current_versions(trade_ids=[trade_id])
    assert restate(row).terms == read_message(msgspec.json.encode(document)).terms
