"""Sealing: what comes of validated trades, to the row and the byte."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest

from core import sql
from core.ids import BATCH, INSTRUCTION, public_id
from refdata.models import Book, Instrument, InstrumentIdentifier, Party, Ssi
from settlement.models import CHANNELS
from settlement.services import _sealing
from settlement.services import seal as seal_module
from tests.settlement.support import (
    SEALER,
    VALUE_DATE,
    batch,
    batch_of,
    bytes_of,
    counts,
    instruction_ids,
    legs_of,
    lines_of,
    seal,
    state,
    trade_ref,
    validate,
    validated,
    waiting_leg,
)
from tests.support.factories import APPLE, equity, fx, goods, instrument, party, settle_gross, ssi, world
from tests.support.records import NOW, events_of

pytestmark = pytest.mark.django_db


def test_a_trade_becomes_two_legs_in_two_batches_and_is_instructed():
    world()
    (trade_id,) = validated(equity("E-1"))

    sealed = seal()

    assert [(batch(each)["channel_id"], batch(each)["sequence"]) for each in sealed] == [
        ("CASH", 1),
        ("SECURITIES", 1),
    ]
    cash, securities = (instruction_ids(each)[0] for each in sealed)
    legs = [
        (leg["leg"], leg["attempt"], leg["asset"], leg["direction"], leg["quantity"], leg["instruction_id"])
        for leg in legs_of(trade_id)
    ]
    assert legs == [
        (1, 1, APPLE, "RECEIVE", Decimal("100"), securities),
        (2, 1, "USD", "DELIVER", Decimal("18725"), cash),
    ]
    assert state(trade_id) == "INSTRUCTED"
    assert [event[:4] for event in events_of(trade_id, "trade.instructed")] == [
        ("trade.instructed", 1, "user:sealer", "req-seal-1")
    ]


def test_the_line_of_a_single_trade_says_everything_in_its_documented_order():
    made = world()
    Ssi.objects.filter(party=made.broker, kind="CASH", key="USD").update(
        account='GB "33"', agent_bic="CHASUS33", place_of_settlement="", delivery_address="1 Wall St\nNY"
    )
    Party.objects.filter(id=made.broker.id).update(bic="CHASUS33")
    settle_gross(made.broker)
    (trade_id,) = validated(equity("E-1"))
    seal()
    batch_id = batch_of("CASH")
    (instruction_id,) = instruction_ids(batch_id)
    against = public_id(INSTRUCTION, instruction_ids(batch_of("SECURITIES"))[0])

    expected = (
        '{"instruction":"' + public_id(INSTRUCTION, instruction_id) + '","line":1,'
        '"batch":"' + public_id(BATCH, batch_id) + '","channel":"CASH","value_date":"2026-11-25",'
        '"counterparty":{"code":"BROKER-01","name":"Broker-01","lei":"529900T8BM49AURSDO55","bic":"CHASUS33"},'
        '"entity":{"code":"OURS","name":"Ours","lei":null,"bic":null},'
        '"asset_kind":"CASH","asset":"USD","direction":"DELIVER","quantity":"18725.00",'
        '"our_ssi":{"account":"OURS-CASH-USD","agent_bic":"","place_of_settlement":"","delivery_address":""},'
        '"their_ssi":{"account":"GB \\"33\\"","agent_bic":"CHASUS33","place_of_settlement":"",'
        '"delivery_address":"1 Wall St\\nNY"},'
        '"legs":1,"trade":{"id":"' + trade_ref(trade_id) + '","source":"FO-EQ","source_ref":"E-1"},'
        '"kind":"NEW","cancels":null,"replaces":[],"settlement_type":"DVP",'
        '"linked":{"instruction":"' + against + '","common_reference":"' + against + '",'
        '"asset":"US0378331005","quantity":"100"},"shape":null}\n'
    )
    assert bytes_of(batch_id).decode() == expected


def test_a_batch_has_its_hash_size_counts_and_control_totals():
    world()
    validated(equity(), equity(side="SELL", quantity="40"), fx())
    seal()
    cash, data = batch(batch_of("CASH")), bytes_of(batch_of("CASH"))

    assert cash["sha256"] == hashlib.sha256(data).hexdigest()
    assert cash["byte_count"] == len(data)
    assert (cash["instruction_count"], cash["trade_count"], cash["value_date"]) == (2, 3, VALUE_DATE)
    assert cash["control_totals"] == {
        "EUR": {"RECEIVE": {"count": 1, "sum": "1000000.00"}},
        "USD": {"DELIVER": {"count": 1, "sum": "1096235.00"}},
    }
    assert batch(batch_of("SECURITIES"))["control_totals"] == {APPLE: {"RECEIVE": {"count": 1, "sum": "60"}}}
    assert sql.rows("SELECT subject_id FROM core_event WHERE type = 'batch.sealed' ORDER BY id") == [
        (batch_of("CASH"),),
        (batch_of("SECURITIES"),),
    ]


def test_what_cancels_out_is_one_nil_instruction_that_shows_its_legs():
    world()
    validated(equity(), equity(side="SELL"))
    seal()

    (line,) = lines_of(batch_of("CASH"))
    assert (line["direction"], line["quantity"], line["legs"], line["trade"]) == ("NIL", "0.00", 2, None)


def test_a_party_without_a_netting_agreement_gets_an_instruction_for_each_leg():
    made = world()
    settle_gross(made.broker)
    validated(equity("E-2"), equity("E-1"), equity("E-3", side="SELL"))
    seal()

    found = [(line["direction"], line["trade"]["source_ref"]) for line in lines_of(batch_of("CASH"))]
    assert found == [("DELIVER", "E-1"), ("DELIVER", "E-2"), ("RECEIVE", "E-3")]


def test_currencies_are_paid_in_their_minor_units_and_quantities_shown_without_trailing_zeros():
    world()
    terms = {
        "bought": {"currency": "JPY", "amount": "1000000"},
        "sold": {"currency": "EUR", "amount": "6100.50"},
        "rate": "163.9",
    }
    validated(fx(terms=terms), equity(quantity="0.5000", net_amount="93.6275"))
    seal()

    assert {line["asset"]: line["quantity"] for line in lines_of(batch_of("CASH"))} == {
        "EUR": "6100.50",
        "JPY": "1000000",
        "USD": "93.63",
    }
    assert [line["quantity"] for line in lines_of(batch_of("SECURITIES"))] == ["0.5"]


def test_goods_are_delivered_by_article_against_one_payment():
    world()
    lines = [
        {"sku": "SKU-1", "quantity": "12", "unit_price": "4.25"},
        {"sku": "SKU-1", "quantity": "12", "unit_price": "4.25"},
        {"sku": "SKU-2", "quantity": "6", "unit_price": "7.50"},
    ]
    (trade_id,) = validated(goods(lines=lines))
    seal()

    found = [
        (line["asset"], line["direction"], line["quantity"], line["legs"])
        for line in lines_of(batch_of("GOODS"))
    ]
    assert found == [("SKU-1", "DELIVER", "24", 2), ("SKU-2", "DELIVER", "6", 1)]
    assert batch(batch_of("GOODS"))["trade_count"] == 1
    assert state(trade_id) == "INSTRUCTED"


def test_a_security_nets_with_itself_however_the_front_office_called_it():
    made = world()
    InstrumentIdentifier.objects.create(instrument=made.apple, scheme="SEDOL", value="2046251")
    validated(equity(), equity(instrument="2046251"))
    seal()

    (line,) = lines_of(batch_of("SECURITIES"))
    assert (line["asset"], line["quantity"], line["legs"]) == (APPLE, "200", 2)


def test_the_exact_key_of_an_ssi_goes_before_the_star():
    made = world()
    exact = ssi(made.broker, "SECURITY", "XNAS", account="for this market")
    validated(equity())
    seal()

    (line,) = lines_of(batch_of("SECURITIES"))
    assert line["their_ssi"]["account"] == exact.account
    assert line["our_ssi"]["account"] == "OURS-SECURITY-*"


def test_legs_that_settle_by_different_accounts_are_not_netted_together():
    made = world()
    ssi(made.broker, "CASH", "USD", product="EQUITY", account="for shares")
    validated(equity(net_amount="100.00"), equity(net_amount="50.00"), fx())
    seal()

    dollars = [line for line in lines_of(batch_of("CASH")) if line["asset"] == "USD"]
    assert sorted((line["their_ssi"]["account"], line["legs"]) for line in dollars) == [
        ("BROKER-01-CASH-USD", 1),
        ("for shares", 2),
    ]


def test_our_own_account_for_a_book_is_used_for_its_trades_alone():
    made = world()
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=made.ours)
    ssi(made.ours, "CASH", "USD", book="BOOK-2", account="of book 2")
    validated(equity(), equity(book="BOOK-2"))
    seal()

    lines = lines_of(batch_of("CASH"))
    assert [line["our_ssi"]["account"] for line in lines] == ["OURS-CASH-USD", "of book 2"]
    assert [line["legs"] for line in lines_of(batch_of("SECURITIES"))] == [2]


def test_a_trade_that_no_narrowed_ssi_fits_goes_back_to_the_checks():
    made = world()
    Ssi.objects.filter(party=made.broker, kind="CASH", key="USD").update(product="FX_SPOT")
    bare, good = validated(equity(), fx())
    seal()

    assert (state(bare), state(good)) == ("CAPTURED", "INSTRUCTED")


def test_an_ssi_that_does_not_hold_on_the_value_date_is_not_used():
    made = world()
    ssi(made.broker, "SECURITY", "XNAS", account="not yet", valid_from="2026-11-26")
    ssi(made.broker, "SECURITY", "XNAS", account="no more", valid_to="2026-11-24")
    validated(equity())
    seal()

    assert lines_of(batch_of("SECURITIES"))[0]["their_ssi"]["account"] == "BROKER-01-SECURITY-*"


def test_a_trade_without_an_ssi_goes_back_to_the_checks_and_holds_up_no_other():
    world()
    party("BARE", ssis=[("CASH", "USD")])
    bare, good = validated(equity(counterparty="BARE"), equity())
    seal()

    assert (state(bare), state(good)) == ("CAPTURED", "INSTRUCTED")
    assert legs_of(bare) == []
    ((event, version, *_, reason, _),) = events_of(bare, "trade.rechecked")
    assert (event, version, reason) == ("trade.rechecked", 1, seal_module.RECHECK_REASON)


def test_a_trade_without_an_ssi_is_sent_back_once_for_each_version():
    world()
    party("BARE", ssis=[])
    (bare,) = validated(equity(counterparty="BARE"))
    seal()
    validate([bare])
    seal()

    assert state(bare) == "VALIDATED"
    assert len(events_of(bare, "trade.rechecked")) == 1


def test_only_what_is_due_is_taken_and_each_value_date_has_its_own_batch():
    world()
    early, due, late = validated(
        equity(settlement_date="2026-11-24"), equity(), equity(settlement_date="2026-11-26")
    )
    sealed = seal()

    assert [(batch(each)["channel_id"], str(batch(each)["value_date"])) for each in sealed] == [
        ("CASH", "2026-11-24"),
        ("CASH", "2026-11-25"),
        ("SECURITIES", "2026-11-24"),
        ("SECURITIES", "2026-11-25"),
    ]
    assert [batch(each)["sequence"] for each in sealed] == [1, 2, 1, 2]
    assert [state(each) for each in (early, due, late)] == ["INSTRUCTED", "INSTRUCTED", "VALIDATED"]


def test_sealing_again_seals_nothing():
    world()
    validated(equity())
    seal()
    before = counts()

    assert seal() == []
    assert counts() == before


def test_one_channel_leaves_the_trade_validated_until_its_last_leg_is_instructed():
    world()
    (trade_id,) = validated(equity())

    assert [batch(each)["channel_id"] for each in seal("SECURITIES")] == ["SECURITIES"]
    assert state(trade_id) == "VALIDATED"
    assert seal("SECURITIES") == []
    assert [leg["leg"] for leg in legs_of(trade_id)] == [1]

    assert [batch(each)["channel_id"] for each in seal()] == ["CASH"]
    assert state(trade_id) == "INSTRUCTED"
    assert [(leg["leg"], leg["attempt"]) for leg in legs_of(trade_id)] == [(1, 1), (2, 1)]


def test_a_leg_of_a_later_date_waits_and_is_netted_on_its_own_day():
    world()
    first, second = validated(equity(), equity())
    seal()
    waiting_leg(first, "5.00", value_date="2026-11-26")
    waiting_leg(second, "7.00", value_date="2026-11-26")

    assert seal() == []
    (later,) = seal(value_date=VALUE_DATE.replace(day=26))

    (line,) = lines_of(later)
    assert (line["value_date"], line["direction"], line["quantity"], line["legs"]) == (
        "2026-11-26",
        "DELIVER",
        "12.00",
        2,
    )
    (instruction_id,) = instruction_ids(later)
    assert [legs_of(each)[-1]["instruction_id"] for each in (first, second)] == [instruction_id] * 2
    assert [len(legs_of(each)) for each in (first, second)] == [3, 3]


def test_a_counterparty_is_never_split_by_the_bound_of_a_transaction(monkeypatch):
    monkeypatch.setattr(seal_module, "MAX_TRADES", 2)
    world()
    for code in ("A", "B", "C"):
        party(code)
    validated(*(equity(counterparty=code) for code in "AAABBC"))
    progress: list[int] = []

    sealed = seal_module.seal_batches(
        value_date=VALUE_DATE, channels=CHANNELS, actor=SEALER, now=NOW, progress=progress.append
    )

    found = [
        [(line["counterparty"]["code"], line["legs"]) for line in lines_of(each)]
        for each in sealed
        if batch(each)["channel_id"] == "CASH"
    ]
    assert found == [[("A", 3)], [("B", 2)], [("C", 1)]]
    assert [batch(each)["sequence"] for each in sealed] == [1, 1, 2, 2, 3, 3]
    assert progress == [3, 5, 6]


def test_more_than_a_page_of_lines_is_paged_and_numbered_without_gaps():
    made = world()
    settle_gross(made.broker)
    validated(*(equity(f"E-{n:04}") for n in range(1_003)))
    seal()
    batch_id = batch_of("CASH")

    assert [line["line"] for line in lines_of(batch_id)] == list(range(1, 1_004))
    pages = sql.rows(
        "SELECT number, first_line, line_count, byte_count = octet_length(content)"
        " FROM settlement_batch_page WHERE batch_id = %s ORDER BY number",
        [batch_id],
    )
    assert pages == [(1, 1, 1000, True), (2, 1001, 3, True)]


def test_totals_over_very_many_assets_are_one_hash_total(monkeypatch):
    world()
    for n in range(3):
        instrument(f"US{n:010}")
    validated(*(equity(instrument=f"US{n:010}", quantity=str(n + 1)) for n in range(3)))
    monkeypatch.setattr(_sealing, "TOTALS", _sealing.TOTALS.replace("> 1000", "> 2"))
    seal()

    assert batch(batch_of("SECURITIES"))["control_totals"] == {"*": {"RECEIVE": {"count": 3, "sum": "6"}}}
    assert Instrument.objects.filter(code__startswith="US000").count() == 3


def test_public_ids_of_the_database_are_those_of_python():
    numbers = [1, 28, 29, 31, 32, 1023, 1024, 123_456_789, 2**40, 2**63 - 1]
    found = sql.rows("SELECT settlement_public_id('ins', n) FROM unnest(%s::bigint[]) AS n", [numbers])
    assert [each for (each,) in found] == [public_id(INSTRUCTION, number) for number in numbers]
