"""A repair is a new version with a reason; amounts follow, and a refusal writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core.http.problem import Problem
from refdata.models import FxRate, Instrument, Party
from tests.support.records import (
    CLERK,
    EQUITY,
    FX,
    GOODS,
    LATER,
    NOW,
    all_written,
    captured,
    events_of,
    held,
    hold,
    race,
    reference_data,
    state_of,
    version_of,
)
from trades.lifecycle import State
from trades.products import PRODUCTS
from trades.products._reading import read_message
from trades.products.base import COLUMNS
from trades.services import guards, repair
from trades.services.capture import capture_trades, context_of, enrich
from trades.services.difference import differing_columns
from trades.services.repair import REPAIRABLE, repair_fields, repair_trade
from trades.services.versions import current_versions, restate

D = Decimal


@pytest.fixture
def desk(db: None) -> None:
    reference_data()


def _repair(trade_id: int, changes: dict[str, str], *, version: int = 1, reason: str = "typo") -> int:
    return repair_trade(
        trade_id=trade_id, version=version, changes=changes, reason=reason, actor=CLERK, now=LATER
    )


def _refused(trade_id: int, changes: dict[str, str], **arguments) -> Problem:
    """Return why a repair is refused, having seen that it wrote nothing."""
    before = all_written()
    with pytest.raises(Problem) as refused:
        _repair(trade_id, changes, **arguments)
    assert all_written() == before
    return refused.value


def _differences(trade_id: int) -> dict[str, object]:
    """Return what version 2 changed of version 1, beside its own stamps and the key for duplicates."""
    one, two = version_of(trade_id, 1), version_of(trade_id, 2)
    stamps = {"version", "recorded_at", "cause", "duplicate_key"}
    return {name: two[name] for name in one if name not in stamps and one[name] != two[name]}


@pytest.mark.usefixtures("desk")
class TestNewVersion:
    def test_a_changed_quantity_moves_gross_net_and_base(self) -> None:
        trade_id = held(EQUITY)
        assert _repair(trade_id, {"quantity": " 110 "}, reason=" one nought short ") == 2
        # 110 × 187.25 = 20,597.50; + 1.95 commission; × 0.92
        assert _differences(trade_id) == {
            "quantity": D(110),
            "gross_amount": D("20597.50"),
            "net_amount": D("20599.45"),
            "base_amount": D("18949.70"),
        }
        two = version_of(trade_id, 2)
        assert (two["cause"], two["recorded_at"], two["effective_at"]) == ("REPAIR", LATER, NOW)
        assert two["duplicate_key"] != version_of(trade_id, 1)["duplicate_key"]

    def test_it_goes_back_to_the_checks_and_tells_before_and_after(self) -> None:
        trade_id = held(EQUITY)
        _repair(trade_id, {"quantity": "110"}, reason=" one nought short ")
        assert state_of(trade_id) == (State.CAPTURED, 2)
        repaired, rechecked = events_of(trade_id, "trade.repaired", "trade.rechecked")
        assert repaired == (
            "trade.repaired", 2, "user:clerk", "req-1", "one nought short",
            {
                "quantity": {"before": "100", "after": "110"},
                "gross_amount": {"before": "18725", "after": "20597.5"},
                "net_amount": {"before": "18726.95", "after": "20599.45"},
                "base_amount": {"before": "17227", "after": "18949.7"},
            },
        )  # fmt: skip
        assert rechecked[1:5] == (2, "user:clerk", "req-1", "one nought short")
        queued = all_written()["core_work"]
        assert len(queued) == 2  # its capture and its re-check
        assert all(str(trade_id) in row for row in queued)

    def test_an_explicit_amount_that_would_disagree_is_computed_anew(self) -> None:
        trade_id = held(EQUITY, gross_amount="99999.00", net_amount="99999.99")
        _repair(trade_id, {"price": "200"})
        two = version_of(trade_id, 2)
        assert (two["gross_amount"], two["net_amount"]) == (D(20000), D("20001.95"))

    def test_amounts_stay_as_stated_when_nothing_moves_them(self) -> None:
        trade_id = held(EQUITY, gross_amount="99999.00", net_amount="99999.99")
        _repair(trade_id, {"trader": "asmith", "trade_date": "2026-11-20"})
        assert _differences(trade_id) == {"trader": "asmith", "trade_date": date(2026, 11, 20)}

    def test_a_corrected_amount_is_kept_and_the_net_follows(self) -> None:
        trade_id = held(EQUITY)
        _repair(trade_id, {"gross_amount": "18725.01", "side": "SELL"})
        assert _differences(trade_id) == {
            "side": "SELL",
            "gross_amount": D("18725.01"),
            "net_amount": D("18723.06"),
            "base_amount": D("17227.0092"),
        }

    def test_amounts_corrected_together_are_both_kept(self) -> None:
        trade_id = held(EQUITY)
        _repair(trade_id, {"quantity": "110", "gross_amount": "1.00", "net_amount": "2.00"})
        two = version_of(trade_id, 2)
        assert (two["gross_amount"], two["net_amount"]) == (D(1), D(2))

    def test_a_whole_form_with_one_difference_changes_that_only(self) -> None:
        trade_id = held(EQUITY)
        form = {field.name: field.value for field in repair_fields(trade_id=trade_id)}
        _repair(trade_id, {**form, "quantity": "110"})
        assert version_of(trade_id, 2)["gross_amount"] == D("20597.50")
        (event,) = events_of(trade_id, "trade.repaired")
        assert set(event[5]) == {"quantity", "gross_amount", "net_amount", "base_amount"}

    def test_a_reference_is_resolved_again_and_the_size_stays(self) -> None:
        trade_id = held(EQUITY, counterparty="BROKR-01")
        FxRate.objects.update(rate=D("0.5"))
        _repair(trade_id, {"counterparty": "BROKER-01"})
        party = Party.objects.get(code="BROKER-01").id
        assert _differences(trade_id) == {"counterparty_ref": "BROKER-01", "counterparty_id": party}
        (event,) = events_of(trade_id, "trade.repaired")
        assert event[5] == {
            "counterparty": {"before": "BROKR-01", "after": "BROKER-01"},
            "counterparty_id": {"before": None, "after": str(party)},
        }

    def test_an_instrument_brings_its_multiplier(self) -> None:
        fund = Instrument.objects.create(
            code="X", name="X", product_class="FUND", currency="USD", multiplier=10
        )
        trade_id = held(EQUITY, instrument="Y")
        _repair(trade_id, {"instrument": "X"})
        two = version_of(trade_id, 2)
        assert (two["instrument_id"], two["gross_amount"]) == (fund.id, D(187250))

    def test_a_repaired_trade_can_be_held_and_repaired_again(self) -> None:
        trade_id = held(EQUITY)
        _repair(trade_id, {"quantity": "110"})
        hold(trade_id, version=2)
        assert _repair(trade_id, {"quantity": "100"}, version=2) == 3
        assert version_of(trade_id, 3)["gross_amount"] == D(18725)
        assert version_of(trade_id, 3)["duplicate_key"] == version_of(trade_id, 1)["duplicate_key"]


@pytest.mark.usefixtures("desk")
class TestOtherProducts:
    def test_of_an_exchange_the_bought_amount_moves_its_gross_net_and_base(self) -> None:
        trade_id = held(FX)
        _repair(trade_id, {"terms.bought.amount": "1000500.25"})
        assert _differences(trade_id) == {
            "quantity": D("1000500.25"),
            "gross_amount": D("1000500.25"),
            "net_amount": D("1000500.25"),
            "base_amount": D("1000500.25"),
        }
        assert version_of(trade_id, 2)["contra_amount"] == D(1085000)  # agreed, so never derived

    def test_of_an_exchange_the_rest_is_corrected_by_its_place(self) -> None:
        trade_id = held(FX)
        changes = {
            "terms.sold.currency": "GBP",
            "terms.sold.amount": "900000",
            "terms.rate": "0.9",
            "terms.rate_basis": "SOLD_PER_BOUGHT",
        }
        _repair(trade_id, changes)
        assert _differences(trade_id) == {
            "contra_currency": "GBP",
            "contra_amount": D(900000),
            "price": D("0.9"),
            "terms": {"rate_basis": "SOLD_PER_BOUGHT"},
        }

    def test_a_line_of_an_order_moves_the_whole_order(self) -> None:
        trade_id = held(GOODS)
        _repair(trade_id, {"lines.0.quantity": "10", "lines.1.unit_price": "8"})
        two = version_of(trade_id, 2)
        assert [(line["quantity"], line["unit_price"], line["amount"]) for line in two["terms"]["lines"]] == [
            ("10", "4.25", "42.50"), ("6", "8", "48.00"),
        ]  # fmt: skip
        assert (two["quantity"], two["gross_amount"], two["net_amount"]) == (D(16), D("90.50"), D("90.50"))
        assert two["base_amount"] == D("83.26")
        assert [line["instrument_id"] for line in two["terms"]["lines"]] == [
            line["instrument_id"] for line in version_of(trade_id, 1)["terms"]["lines"]
        ]

    def test_the_head_of_an_order_leaves_its_lines_alone(self) -> None:
        trade_id = held(GOODS, settlement_date="2026-11-28")
        _repair(trade_id, {"settlement_date": "2026-11-30", "lines.1.description": "Towel, linen"})
        changed = _differences(trade_id)
        assert set(changed) == {"settlement_date", "terms"}
        assert changed["terms"]["lines"][1]["description"] == "Towel, linen"


@pytest.mark.usefixtures("desk")
class TestRefusals:
    def test_every_bad_value_is_named(self) -> None:
        trade_id = held(EQUITY)
        changes = {
            "quantity": "a lot",
            "price": "1.12345678901",
            "currency": "usd",
            "settlement_date": "25/11/2026",
            "side": "HOLD",
            "counterparty": " ",
            "trader": "a\nb",
            "source_ref": "E-2",
            "lines.0.quantity": "1",
            "terms.rate": "1",
            "a/b~c": "1",
        }
        problem = _refused(trade_id, changes, reason=" ")
        assert problem.status == 422
        assert {(fault.pointer, fault.code) for fault in problem.faults} == {
            ("/reason", "missing"),
            ("/changes/quantity", "type"),
            ("/changes/price", "scale"),
            ("/changes/currency", "type"),
            ("/changes/settlement_date", "type"),
            ("/changes/side", "type"),
            ("/changes/counterparty", "type"),
            ("/changes/trader", "control-character"),
            ("/changes/source_ref", "unknown-field"),
            ("/changes/lines.0.quantity", "unknown-field"),
            ("/changes/terms.rate", "unknown-field"),
            ("/changes/a~1b~0c", "unknown-field"),
        }

    def test_bad_values_inside_of_terms_are_named_by_their_field(self) -> None:
        order, exchange = held(GOODS), held(FX)
        problem = _refused(order, {"lines.1.quantity": "x", "lines.2.quantity": "1", "lines.a.sku": "S"})
        assert [(fault.pointer, fault.code) for fault in problem.faults] == [
            ("/changes/lines.2.quantity", "unknown-field"),
            ("/changes/lines.a.sku", "unknown-field"),
            ("/changes/lines.1.quantity", "type"),
        ]
        problem = _refused(exchange, {"terms.bought.currency": "EURO", "side": "SELL", "terms.rate": ""})
        assert {(fault.pointer, fault.code) for fault in problem.faults} == {
            ("/changes/side", "unknown-field"),
            ("/changes/terms.bought.currency", "type"),
            ("/changes/terms.rate", "type"),
        }

    @pytest.mark.parametrize("changes", [{}, {"quantity": "100.00", "counterparty": "BROKER-01"}])
    def test_a_change_of_nothing(self, changes: dict[str, str]) -> None:
        problem = _refused(held(EQUITY), changes)
        assert (problem.status, problem.code) == (422, "nothing-changed")

    def test_a_version_that_is_not_current_says_which_is(self) -> None:
        problem = _refused(held(EQUITY), {"quantity": "1"}, version=7)
        assert (problem.status, problem.extra) == (412, {"version": 1})

    def test_a_trade_that_is_not_held(self) -> None:
        problem = _refused(captured(EQUITY), {"quantity": "1"})
        assert (problem.status, problem.code, problem.extra) == (409, "not-held", {"status": "CAPTURED"})

    def test_a_trade_that_does_not_exist(self) -> None:
        assert _refused(5, {"quantity": "1"}).status == 404


@pytest.fixture
def guarded() -> Iterator[list[int]]:
    """Guard every trade as settlement does while instructions are live; return who was asked about."""
    asked: list[int] = []

    def guard(trade_ids: Sequence[int]) -> dict[int, str]:
        asked.extend(trade_ids)
        return dict.fromkeys(trade_ids, "Instruction 7 is at the back office.")

    guards.guard_economics(guard)
    yield asked
    guards._GUARDS.remove(guard)


@pytest.mark.usefixtures("desk")
class TestGuards:
    def test_economics_that_are_live_are_refused_with_the_reason(self, guarded: list[int]) -> None:
        trade_id = held(EQUITY)
        problem = _refused(trade_id, {"quantity": "1", "trader": "x", "book": "Y"})
        assert (problem.status, problem.code) == (409, "live-instructions")
        assert problem.detail == "Instruction 7 is at the back office."
        assert [fault.pointer for fault in problem.faults] == ["/changes/book", "/changes/quantity"]
        assert guarded == [trade_id]

    def test_what_is_no_economics_is_corrected_unasked(self, guarded: list[int]) -> None:
        trade_id = held(EQUITY)
        assert _repair(trade_id, {"trader": "x", "quantity": "100"}) == 2
        assert guarded == []


@pytest.mark.usefixtures("desk")
class TestFields:
    def test_a_form_shows_what_a_product_has_with_its_values(self) -> None:
        def shown(document):
            return {each.name: each.value for each in repair_fields(trade_id=held(document))}

        assert shown(EQUITY) == {
            "counterparty": "BROKER-01", "book": "EQ-US", "trader": "jdoe", "side": "BUY",
            "instrument": "US0378331005", "quantity": "100", "price": "187.25", "currency": "USD",
            "gross_amount": "18725", "net_amount": "18726.95", "trade_date": "2026-11-23",
            "settlement_date": "2026-11-25",
        }  # fmt: skip
        assert shown(FX) == {
            "counterparty": "BROKER-01", "book": "EQ-US", "trader": "asmith", "net_amount": "1000000",
            "trade_date": "2026-11-23", "settlement_date": "2026-11-25", "terms.bought.currency": "EUR",
            "terms.bought.amount": "1000000", "terms.sold.currency": "USD",
            "terms.sold.amount": "1085000", "terms.rate": "1.085", "terms.rate_basis": "",
        }  # fmt: skip
        goods = shown(GOODS)
        assert [name for name in goods if name.startswith("lines.1")] == [
            "lines.1.sku", "lines.1.description", "lines.1.quantity", "lines.1.unit_price",
        ]  # fmt: skip
        assert (goods["lines.1.quantity"], goods["side"], goods["trader"]) == ("6", "SELL", "")

    def test_a_line_is_named_as_people_count(self) -> None:
        labels = {each.name: each.label for each in repair_fields(trade_id=held(GOODS))}
        assert labels["lines.1.unit_price"] == "Line 2 unit price"
        assert labels["counterparty"] == "Counterparty"

    def test_every_repairable_field_is_one_of_some_product(self) -> None:
        used = {name for product in PRODUCTS.values() for name in repair._patterns(product.message)}
        assert used == set(REPAIRABLE)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_of_two_repairs_at_once_one_is_made_and_the_other_is_stale() -> None:
    reference_data()
    for n in range(5):
        trade_id = held(EQUITY, source_ref=f"R-{n}")
        results = race(*[partial(_repair, trade_id, {"quantity": q}) for q in ("1", "2", "3")])
        assert [each for each in results if not isinstance(each, Problem)] == [2]
        assert [each.status for each in results if isinstance(each, Problem)] == [412, 412]
        assert len(events_of(trade_id, "trade.repaired")) == 1
        assert state_of(trade_id) == (State.CAPTURED, 2)


_codes = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
# Adding nought turns a negative nought, which no column keeps, into a plain one.
_sizes = st.decimals("-9999999", "9999999", places=10).map(lambda size: str(size + 0))
_money = st.decimals("-9999999", "9999999", places=4).map(lambda amount: str(amount + 0))
_currencies = st.sampled_from(["EUR", "USD", "JPY", "BHD", "XXX"])
_days = st.dates(date(2026, 1, 1), date(2027, 12, 31)).map(str)
_references = {
    "counterparty": st.sampled_from(["BROKER-01", "529900T8BM49AURSDO55"]) | _codes,
    "book": st.just("EQ-US") | _codes,
    "trader": st.just("") | _codes,
    "trade_date": _days,
    "settlement_date": _days,
}
_fees = st.lists(
    st.fixed_dictionaries({"type": _codes, "amount": _money, "currency": _currencies}),
    max_size=3,
)
_optional = {
    "fees": _fees,
    "net_amount": _money,
    "source_version": st.integers(1, 9),
    "executed_at": st.datetimes(date_min := NOW.replace(tzinfo=None), date_min + timedelta(9)).map(
        lambda moment: moment.isoformat() + "+02:00"
    ),
}
_sides = st.sampled_from(["BUY", "SELL"])
_positive = st.decimals("0", "9999999", places=4).map(str)
_cash = st.fixed_dictionaries({"currency": _currencies, "amount": _positive})
_line = st.fixed_dictionaries(
    {"sku": st.just("SKU-1") | _codes, "quantity": _sizes, "unit_price": _sizes},
    optional={"description": _codes},
)
_equities = st.fixed_dictionaries(
    {
        **_references,
        "product": st.just("EQUITY"),
        "side": _sides,
        "instrument": st.just("US0378331005") | _codes,
        "quantity": _sizes,
        "price": _sizes,
        "currency": _currencies,
    },
    optional={**_optional, "gross_amount": _money},
)
_exchanges = st.fixed_dictionaries(
    {
        **_references,
        "product": st.sampled_from(["FX_SPOT", "FX_FORWARD"]),
        "terms": st.fixed_dictionaries(
            {"bought": _cash, "sold": _cash, "rate": _sizes},
            optional={"rate_basis": st.sampled_from(["SOLD_PER_BOUGHT", "BOUGHT_PER_SOLD"])},
        ),
    },
    optional=_optional,
)
_orders = st.fixed_dictionaries(
    {
        **_references,
        "product": st.just("GOODS"),
        "side": _sides,
        "currency": _currencies,
        "terms": st.fixed_dictionaries({"lines": st.lists(_line, min_size=1, max_size=4)}),
    },
    optional={**_optional, "gross_amount": _money},
)


class TestRestating(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        reference_data()

    @settings(max_examples=60, deadline=None)
    @given(document=_equities | _exchanges | _orders)
    def test_what_is_stored_says_again_what_was_sent(self, document: dict[str, object]) -> None:
        sent = read_message(msgspec.json.encode({**document, "source": "S", "source_ref": "R"}))
        trade_id = capture_trades(messages=[sent], actor=CLERK, at=NOW)[0].trade_id
        row = current_versions(trade_ids=[trade_id])[0]
        message = restate(row)
        terms = enrich(message, context_of([message], at=NOW))
        assert differing_columns(row, terms) == {}
        assert set(COLUMNS) < set(row)
