"""What is no trade is refused with every fault and its pointer; what is one reads back exactly."""

from __future__ import annotations

import copy
import string
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit import encode
from tests.support.factories import equity, fx, goods
from trades.products import PRODUCTS
from trades.products._reading import Unreadable, read_document, read_message
from trades.products.base import Message


def read(document: Any) -> Message:
    return read_message(msgspec.json.encode(document))


def faults(raw: Any) -> list[tuple[str, str]]:
    """Return (pointer, code) of every fault of a document or of raw bytes."""
    data = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
    with pytest.raises(Unreadable) as caught:
        read_message(data)
    assert all(fault.detail for fault in caught.value.faults)
    return sorted((fault.pointer, fault.code) for fault in caught.value.faults)


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def test_every_fault_is_told_in_one_answer_each_with_its_pointer():
    bad = without(equity(side="HOLD", quantity="many", colour="red"), "price", "book")
    bad["fees"] = [{"type": "TAX", "amount": "1", "currency": "usd"}, {"amount": True, "currency": "USD"}]
    assert faults(bad) == [
        ("/book", "missing"),
        ("/colour", "unknown-field"),
        ("/fees/0/currency", "type"),
        ("/fees/1/amount", "type"),
        ("/fees/1/type", "missing"),
        ("/price", "missing"),
        ("/quantity", "type"),
        ("/side", "type"),
    ]


def test_faults_within_order_lines_name_the_line():
    order = goods(
        lines=[
            {"sku": "SKU-1", "quantity": "1", "unit_price": "1"},
            {"sku": "", "quantity": None, "unit_price": "1", "size": "XL"},
        ]
    )
    assert faults(order) == [
        ("/terms/lines/1/quantity", "type"),
        ("/terms/lines/1/size", "unknown-field"),
        ("/terms/lines/1/sku", "type"),
    ]


def test_faults_within_exchange_terms_name_the_side():
    deal = fx()
    deal["terms"] = {"bought": {"currency": "EURO", "amount": "1"}, "sold": [], "rate_basis": "UP"}
    assert faults(deal) == [
        ("/terms/bought/currency", "type"),
        ("/terms/rate", "missing"),
        ("/terms/rate_basis", "type"),
        ("/terms/sold", "type"),
    ]


@pytest.mark.parametrize(
    ("product", "code"),
    [
        ("SWAPTION", "unknown-product"),
        ("equity", "unknown-product"),
        (None, "unknown-product"),
        (7, "unknown-product"),
    ],
)
def test_a_product_nobody_declares_is_refused_and_its_common_fields_are_read_all_the_same(product, code):
    assert faults(without(equity(product=product), "source")) == [("/product", code), ("/source", "missing")]


def test_a_missing_product_is_told_with_what_else_is_missing():
    found = faults({})
    assert ("/product", "missing") in found
    assert {("/source", "missing"), ("/source_ref", "missing"), ("/trade_date", "missing")} <= set(found)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"nonsense", b'{"source": "A",}', b"{} {}", b"\xff\xfe", b'{"source": NaN}', b'{"price": Infinity}',
     b'{"source": "a\tb"}', b'{"source": "\\ud800"}', b'{"source": "\\x"}', b'{"source": 01}'],
    ids=repr,
)  # fmt: skip
def test_what_is_not_json_is_told_as_malformed(raw):
    assert faults(raw) == [("", "malformed")]


@pytest.mark.parametrize("stray", [b"\xff", b"\xed\xa0\x80", b"\xc3"], ids=["byte", "surrogate", "cut"])
def test_text_that_is_not_utf_8_is_told_as_malformed(stray):
    raw = msgspec.json.encode(equity(trader="@")).replace(b"@", stray)
    assert faults(raw) == [("", "malformed")]


@pytest.mark.parametrize("document", [[], [equity()], "EQUITY", 1, None, True])
def test_what_is_not_an_object_is_no_trade(document):
    assert faults(document) == [("", "type")]


@pytest.mark.parametrize("sign", ["\0", "\x01", "\t", "\n", "\x1f", "\x7f"], ids=repr)
@pytest.mark.parametrize("name", ["source", "source_ref", "counterparty", "book", "trader", "instrument"])
def test_a_control_character_is_refused_where_it_stands(name, sign):
    assert faults(equity(**{name: f"A{sign}B"})) == [(f"/{name}", "control-character")]


def test_control_characters_are_found_at_any_depth_and_beside_other_faults():
    order = goods(lines=[{"sku": "S\0", "description": "a\rb", "quantity": "1", "unit_price": "x"}])
    assert faults(order) == [
        ("/terms/lines/0/description", "control-character"),
        ("/terms/lines/0/sku", "control-character"),
        ("/terms/lines/0/unit_price", "type"),
    ]


def test_a_key_with_a_control_character_is_unknown_and_shown_harmlessly():
    assert ("/a?b~1c~0", "unknown-field") in faults(equity(**{"a\0b/c~": "1"}))


def test_backslashes_and_any_script_are_text_like_any_other():
    message = read(equity("A\\B\\t\\0", trader="Ωλ 東京 🙂 \u2028"))
    assert (message.source_ref, message.trader) == ("A\\B\\t\\0", "Ωλ 東京 🙂 \u2028")


@pytest.mark.parametrize("depth", [13, 200])
def test_a_document_nested_too_deep_is_refused_as_such(depth):
    assert faults(equity(terms=nested(depth))) == [("", "too-deep")]


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_document_nested_beyond_any_stack_is_refused(opening):
    assert faults(opening * 100_000) == [("", "malformed")]


DECIMALS = ["quantity", "price", "gross_amount", "net_amount"]


@pytest.mark.parametrize("name", DECIMALS)
@pytest.mark.parametrize(
    "value",
    ["NaN", "sNaN", "Infinity", "-Infinity", "1e999999999", "1e-999999999", "1e16", "1234567890123456",
     "0.12345678901", "0E-999999", "0E+999999"],
)  # fmt: skip
def test_a_decimal_that_cannot_be_kept_exactly_is_refused(name, value):
    assert faults(equity(**{name: value})) == [(f"/{name}", "scale")]


@pytest.mark.parametrize("name", ["quantity", "price"])
@pytest.mark.parametrize(
    "value", ["0.1234567891", "123456789012345", "-1", "0", "1E+3", "1.50000000000000000000"]
)
def test_a_decimal_within_15_digits_and_10_places_is_kept_exactly(name, value):
    other = {"quantity": "price", "price": "quantity"}[name]
    message = read(equity(**{name: value, other: "1"}))
    assert getattr(message, name) == Decimal(value)


def test_a_number_is_read_by_its_digits_not_as_a_float():
    raw = msgspec.json.encode(equity(price="@")).replace(b'"@"', b"0.1000000001")
    assert read_message(raw).price == Decimal("0.1000000001")


def test_a_number_beyond_scale_is_refused():
    raw = msgspec.json.encode(equity(price="@")).replace(b'"@"', b"0.10000000000000001")
    assert faults(raw) == [("/price", "scale")]


@pytest.mark.parametrize("amount", ["1.00001", "0.12345"])
@pytest.mark.parametrize("name", ["gross_amount", "net_amount"])
def test_an_amount_with_more_than_four_places_is_refused(name, amount):
    assert faults(equity(**{name: amount})) == [(f"/{name}", "scale")]


def test_factors_whose_product_is_beyond_any_amount_are_refused():
    assert faults(equity(quantity="999999999999999", price="999999999999999")) == [("", "joint")]


@pytest.mark.parametrize(
    ("quantity", "price"), [("31622776", "31622776"), ("-1000", "999999999999.9"), ("1E+14", "9")]
)
def test_factors_whose_product_is_just_an_amount_are_read(quantity, price):
    assert read(equity(quantity=quantity, price=price)).quantity == Decimal(quantity)


def test_lines_whose_quantities_add_up_beyond_any_number_are_refused():
    line = {"sku": "SKU-1", "quantity": "999999999999999", "unit_price": "0.1"}
    assert faults(goods(lines=[line, line])) == [("/terms", "joint")]


def test_order_lines_whose_product_is_beyond_any_amount_are_refused():
    line = {"sku": "SKU-1", "quantity": "999999999999999", "unit_price": "999999999999999"}
    assert faults(goods(lines=[line])) == [("/terms/lines/0", "joint")]


@pytest.mark.parametrize("value", [True, [], {}, None, "", "1,000", "12a", "0x10"], ids=repr)
def test_what_is_no_decimal_is_a_type_fault(value):
    assert faults(equity(price=value)) == [("/price", "type")]


@pytest.mark.parametrize("name", ["trade_date", "settlement_date"])
@pytest.mark.parametrize("day", ["1969-12-31", "2200-01-01", "0001-01-01", "9999-12-31"])
def test_a_date_outside_of_business_is_refused(name, day):
    assert faults(equity(**{name: day})) == [(f"/{name}", "range")]


@pytest.mark.parametrize("day", ["2026-02-30", "23.11.2026", "2026-11-23T00:00:00Z", 20261123, ""], ids=repr)
def test_what_is_no_date_is_a_type_fault(day):
    assert faults(equity(trade_date=day)) == [("/trade_date", "type")]


@pytest.mark.parametrize("moment", ["2026-11-23T14:03:11", "14:03:11Z", "2026-11-23", 0], ids=repr)
def test_a_moment_without_an_offset_is_refused(moment):
    assert faults(equity(executed_at=moment)) == [("/executed_at", "type")]


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T00:00:00Z"]
)
def test_a_moment_outside_of_business_is_refused(moment):
    assert faults(equity(executed_at=moment)) == [("/executed_at", "range")]


def test_a_moment_is_kept_with_its_offset():
    message = read(equity(executed_at="2026-11-23T09:03:11.123456-05:00"))
    assert message.executed_at == datetime(2026, 11, 23, 14, 3, 11, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"source": ""}, "/source"),
        ({"source": "S" * 65}, "/source"),
        ({"source_ref": ""}, "/source_ref"),
        ({"source_ref": "R" * 129}, "/source_ref"),
        ({"trader": "T" * 65}, "/trader"),
        ({"source_version": 0}, "/source_version"),
        ({"source_version": 2_000_000_001}, "/source_version"),
        ({"source_version": 1.5}, "/source_version"),
        ({"currency": "usd"}, "/currency"),
        ({"fees": {}}, "/fees"),
        ({"terms": {"colour": "red"}}, "/terms/colour"),
    ],
)
def test_a_field_beyond_its_bounds_is_named(changes, pointer):
    assert [where for where, _ in faults(equity(**changes))] == [pointer]


@pytest.mark.parametrize("count", [0, 5_001])
def test_an_order_has_1_to_5000_lines(count):
    line = {"sku": "SKU-1", "quantity": "1", "unit_price": "1"}
    bad = goods()
    bad["terms"]["lines"] = [line] * count
    assert faults(bad) == [("/terms/lines", "type")]


def test_an_order_of_5000_equal_lines_is_read():
    line = {"sku": "SKU-1", "quantity": "1", "unit_price": "1"}
    assert len(read(goods(lines=[line] * 5_000)).terms.lines) == 5_000


def test_a_forward_must_say_when_it_settles():
    assert faults(without(fx(product="FX_FORWARD"), "settlement_date")) == [("/settlement_date", "missing")]


def test_an_exchange_has_one_side():
    assert faults(fx(side="SELL")) == [("/side", "type")]


@pytest.mark.parametrize("code", sorted(PRODUCTS))
def test_the_example_of_every_product_is_read(code):
    message = read(PRODUCTS[code].example)
    assert type(message) is PRODUCTS[code].message


# --- any value

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["EQUITY", "GOODS", "FX_SPOT", "USD", "1.5", "2026-11-23", "NaN", "1e99"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
_EXAMPLES = st.sampled_from([equity(), fx(), goods(), fx(product="FX_FORWARD")])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_crash_the_reader(raw):
    with pytest.raises(Unreadable):
        read_message(raw)


@settings(max_examples=300, deadline=None)
@given(_EXAMPLES, st.data())
def test_no_value_in_any_place_of_a_trade_crashes_the_reader(example, data):
    document = copy.deepcopy(example)
    place = document
    while True:
        key = data.draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else 0
        if not isinstance(place[key], (dict, list)) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(_JSON)
    try:
        message = read_message(encode(document).encode("utf-8", "surrogatepass"))
    except Unreadable as error:
        assert error.faults
    else:
        assert isinstance(message, Message)


# --- any valid message

_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.sampled_from('\\"/~'),
    min_size=1,
    max_size=30,
)
_CURRENCY = st.text(string.ascii_uppercase, min_size=3, max_size=3)
_NUMBER = st.decimals(-(10**7), 10**7, places=7)
_AMOUNT = st.decimals(-(10**14), 10**14, places=4)
_DAY = st.dates(date(1970, 1, 1), date(2199, 12, 31))
_MOMENT = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
    datetime(2199, 1, 1),  # noqa: DTZ001
    timezones=st.timezones(),
)
_FEES = st.lists(st.fixed_dictionaries({"type": _TEXT, "amount": _AMOUNT, "currency": _CURRENCY}), max_size=3)
_COMMON = {
    "source": _TEXT, "source_ref": _TEXT, "counterparty": _TEXT, "book": _TEXT, "trade_date": _DAY,
    "settlement_date": _DAY,
}  # fmt: skip
_OPTIONAL = {
    "trader": _TEXT, "source_version": st.integers(1, 2_000_000_000), "executed_at": _MOMENT,
    "net_amount": _AMOUNT, "fees": _FEES,
}  # fmt: skip
_MONEY = st.fixed_dictionaries({"currency": _CURRENCY, "amount": _AMOUNT})
_SECURITY = {"side": st.sampled_from(["BUY", "SELL"]), "instrument": _TEXT, "quantity": _NUMBER, "price": _NUMBER,
             "currency": _CURRENCY}  # fmt: skip
_FX = {"terms": st.fixed_dictionaries(
    {"bought": _MONEY, "sold": _MONEY, "rate": _NUMBER},
    optional={"rate_basis": st.sampled_from(["SOLD_PER_BOUGHT", "BOUGHT_PER_SOLD"])},
)}  # fmt: skip
_LINE = st.fixed_dictionaries(
    {"sku": _TEXT, "quantity": _NUMBER, "unit_price": _NUMBER}, optional={"description": _TEXT}
)
_GOODS = {"side": st.sampled_from(["BUY", "SELL"]), "currency": _CURRENCY,
          "terms": st.fixed_dictionaries({"lines": st.lists(_LINE, min_size=1, max_size=4)})}  # fmt: skip
_MESSAGES = st.one_of(
    st.fixed_dictionaries({"product": st.just(product), **_COMMON, **own}, optional=_OPTIONAL)
    for product, own in (("EQUITY", _SECURITY), ("FX_SPOT", _FX), ("FX_FORWARD", _FX), ("GOODS", _GOODS))
)


@settings(max_examples=150, deadline=None)
@given(_MESSAGES)
def test_any_valid_message_reads_back_as_it_was_sent(document):
    message = read_message(encode(document).encode())
    told = msgspec.to_builtins(message, builtin_types=(Decimal, date, datetime))
    for name, value in document.items():
        if name == "executed_at":
            assert abs(told[name] - value) <= timedelta(microseconds=1)
        elif name not in {"terms", "fees"}:
            assert told[name] == value, name
    assert read_message(msgspec.json.encode(message)) == message


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.sampled_from(
        ["", "12.5", "2026-11-24", "2026-11-24T10:00:00Z", "JPY", "SELL", "a\nb", "a\x7fb", "\\", '"']
    ),
    st.text(max_size=70).filter(lambda text: text.isprintable()),
    st.just([{"type": "TAX", "amount": "1", "currency": "USD"}]),
    st.just([{"type": "T\tX", "amount": Decimal("1.00001"), "currency": "usd"}]),
    st.just({}),
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_document_that_was_changed_is_read_as_the_bytes_that_say_it(data: st.DataObject) -> None:
    """What a message says already may stand in it as decimals, dates and moments."""
    product = PRODUCTS[data.draw(st.sampled_from(list(PRODUCTS)))]
    example, declared = product.example, product.message
    message = read(example)
    known = {
        name: value if isinstance(value := getattr(message, name, None), (Decimal, date)) else example[name]
        for name in example
    }
    names = sorted({*example, "net_amount", "fees", "colour"} - {"product"})
    patch = data.draw(st.dictionaries(st.sampled_from(names), _VALUES, max_size=3))
    document = {**known, **patch}
    try:
        expected: Any = read(document)
    except Unreadable as error:
        with pytest.raises(Unreadable) as caught:
            read_document(document, declared=declared, given=patch)
        assert caught.value.faults == error.faults
    else:
        assert read_document(document, declared=declared, given=patch) == expected
