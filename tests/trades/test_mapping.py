"""The mapping language and the reading of foreign files: what comes out, and that nothing is lost."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from core import sql
from refdata.models import Instrument, Party, Ssi
from trades.foreign_files import Read, Unusable, read_messages
from trades.mapping import FileMapping, MappingInvalid, compile_mapping, load_mapping

DEALS = """
source: TEST
repeats: {repeats}
fields:
  product: EQUITY
  source_ref: {{column: ref}}
  side: {{lookup: {{column: side}}, in: {{K: BUY, V: SELL}}}}
  instrument: {{column: isin}}
  quantity: {{number: {{column: shares}}}}
  price: {{divide: [{{column: gross}}, {{column: shares}}], decimals: 10}}
  currency: EUR
  counterparty: {{first: [{{column: bank}}, UNKNOWN]}}
  book: B
  trade_date: {{date: {{column: day}}, formats: ["%d.%m.%Y", "%Y-%m-%d"]}}
  fees:
    list:
      - {{when: {{column: fee, above: 0}}, item: {{object: {{type: FEE, amount: {{column: fee}}, currency: EUR}}}}}}
control: {{amount: {{column: gross}}, currency: EUR}}
"""
HEADER = "ref,side,isin,shares,gross,bank,day,fee"
ORDERS = """
source: SHOP
group_by: {column: order}
same: [customer]
fields:
  product: GOODS
  source_ref: {column: order}
  currency: GBP
  counterparty: {column: customer}
  book: B
  trade_date: "2026-11-23"
  terms: {object: {lines: {rows: {object: {sku: {column: sku}, quantity: {column: qty}, unit_price: {column: price}}}}}}
control: {amount: {multiply: [{column: qty}, {column: price}]}, currency: GBP}
"""


def mapping_of(text: str) -> FileMapping:
    return compile_mapping(yaml.safe_load(text), name="test")


def deals(repeats: str = "refuse") -> FileMapping:
    return mapping_of(DEALS.format(repeats=repeats))


def read(mapping: FileMapping, *lines: str | bytes) -> list[Read]:
    data = b"".join((each if isinstance(each, bytes) else each.encode()) + b"\n" for each in lines)
    return list(read_messages(io.BytesIO(data), mapping=mapping))


def row(ref: str = "1", side: str = "K", shares: str = "3", fee: str = "0", day: str = "23.11.2026") -> str:
    return f"{ref},{side},US0378331005,{shares},10.00,,{day},{fee}"


def test_a_row_becomes_a_typed_message():
    (found,) = read(deals(), HEADER, row(fee="1.50"))
    message: Any = found.message
    assert (message.source, message.source_ref, message.side) == ("TEST", "1", "BUY")
    assert message.price == Decimal("3.3333333333")
    assert message.counterparty == "UNKNOWN"
    assert message.trade_date.isoformat() == "2026-11-23"
    assert [(fee.type, fee.amount) for fee in message.fees] == [("FEE", Decimal("1.50"))]
    assert found.control == {"EUR": Decimal("10.00")}


def test_rows_that_cannot_be_read_are_named_by_line_and_reason():
    found = read(
        deals(),
        HEADER,
        row("1"),
        row("2", side="X"),
        "3,K",
        row("4", shares="0"),
        row("5", shares="three"),
        row("6", day="yesterday"),
        b"7,K,\xff\xfe,1,1,,23.11.2026,0",
        '8,K,"open,1,1,,23.11.2026,0',
    )
    reasons = [each.reason for each in found]
    assert [each.lines for each in found] == [(2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9)]
    assert reasons[0] == ""
    assert reasons[1] == "side: 'X' is not one of K, V"
    assert reasons[2] == "2 columns instead of 8"
    assert reasons[3] == "price: a division by zero"
    assert reasons[4] == "quantity: 'three' is not a number"
    assert "'yesterday' is not a date in the form %d.%m.%Y or %Y-%m-%d" in reasons[5]
    assert reasons[6] == "isin: not utf-8-sig text"
    assert reasons[7].startswith("not CSV: ")


def test_what_the_product_refuses_is_named_with_its_pointer():
    (found,) = read(deals(), HEADER, "1,K,,3,10.00,,23.11.2026,0")
    assert found.message is None
    assert found.reason == "/instrument This field is required."


def test_a_reference_that_comes_again_is_refused():
    found = read(deals(), HEADER, row("1"), row("1"))
    assert [each.reason for each in found] == ["", "source_ref 1 came before on line 2"]


def test_a_reference_that_comes_again_is_numbered_where_the_mapping_says_so():
    found = read(deals("number"), HEADER, row("1"), row("1#2"), row("1"), row("1"))
    assert [each.message.source_ref for each in found if each.message] == ["1", "1#2", "1#3", "1#4"]


def test_a_column_that_is_not_used_stops_the_import():
    with pytest.raises(Unusable, match="the column extra is not used"):
        read(deals(), HEADER + ",extra")


def test_a_column_that_is_not_there_stops_the_import():
    with pytest.raises(Unusable, match="there is no column fee"):
        read(deals(), HEADER.removesuffix(",fee"))


def test_rows_of_one_group_make_one_order_with_equal_lines_kept():
    found = read(
        mapping_of(ORDERS), "order,customer,sku,qty,price", "1,A,X,2,1.10", "1,A,X,2,1.10", "2,A,Y,1,0"
    )
    messages: list[Any] = [each.message for each in found]
    assert [len(each.terms.lines) for each in messages] == [2, 1]
    assert [each.rows for each in found] == [2, 1]
    assert found[0].control == {"GBP": Decimal("4.40")}


def test_a_group_whose_rows_disagree_is_refused_whole():
    (found,) = read(mapping_of(ORDERS), "order,customer,sku,qty,price", "1,A,X,2,1", "1,B,X,2,1")
    assert (found.rows, found.lines) == (2, (2, 3))
    assert found.reason == "customer differs within 1: A, B"


def test_a_group_that_comes_back_is_refused():
    found = read(mapping_of(ORDERS), "order,customer,sku,qty,price", "1,A,X,2,1", "2,A,X,2,1", "1,A,X,2,1")
    assert [each.reason for each in found] == ["", "", "source_ref 1 came before on line 2"]


def test_orders_beside_a_broken_row_are_refused_with_it_because_it_may_be_theirs():
    rows = ["1,A,X,1,1", "2,A,X,1,1", "broken", "2,A,X,1,1", "3,A,X,1,1"]
    found = read(mapping_of(ORDERS), "order,customer,sku,qty,price", *rows)
    beside = "line 4 beside it cannot be read and may belong to it"
    assert [each.reason for each in found] == ["", beside, "1 columns instead of 5", beside, ""]


def test_json_lines_are_read_without_floats():
    mapping = mapping_of(
        ORDERS.replace("{column: qty}", "{column: how.many}").replace("source:", "format: ndjson\nsource:")
    )
    (found,) = read(mapping, '{"order": 1, "customer": "A", "sku": "X", "how": {"many": 0.1}, "price": 3.30}')
    message: Any = found.message
    assert message.terms.lines[0].quantity == Decimal("0.1")


def test_json_lines_that_are_no_rows_are_named():
    mapping = mapping_of("format: ndjson\n" + ORDERS)
    reasons = [each.reason for each in read(mapping, "[]", "{", '{"order": 1, "extra": 2}')]
    assert [each.partition(":")[0] for each in reasons[:2]] == ["not a JSON object", "not JSON"]
    assert reasons[2] == "not used, nor named under `ignore`: extra"


def test_numbers_may_be_written_with_a_decimal_comma():
    mapping = mapping_of("numbers: {decimal: ',', group: '.'}\n" + DEALS.format(repeats="refuse"))
    (found,) = read(mapping, HEADER, '1,K,US0378331005,"1.234,5","2.469,00",,2026-11-23,0')
    message: Any = found.message
    assert (message.quantity, message.price) == (Decimal("1234.5"), Decimal(2))


def test_every_fault_of_a_mapping_is_named_before_a_row_is_read():
    with pytest.raises(MappingInvalid) as raised:
        mapping_of(
            """
            formt: csv
            repeats: maybe
            fields:
              side: {colum: side}
              day: {date: {column: day}, fromats: []}
              ref: {replace: {column: ref}, pattern: "("}
              at: {moment: {column: at}, zone: Mars/Olympus}
            refdata: {prices: []}
            """
        )
    faults = "\n".join(raised.value.faults)
    for part in (
        "formt",
        "'maybe'",
        "fields/side",
        "fromats",
        "regular expression",
        "Mars/Olympus",
        "prices",
    ):
        assert part in faults
    assert len(raised.value.faults) == 7


def test_the_shipped_mappings_compile():
    for path in (Path(__file__).parents[2] / "trades" / "mappings").glob("*.yaml"):
        assert load_mapping(path.stem).source


IMPLIED = """
refdata:
  parties:
    - {code: HOUSE, name: House, role: ENTITY}
    - {code: {column: customer}, name: {column: customer}, role: CUSTOMER}
  instruments:
    - {code: {column: sku}, name: {column: sku}, product_class: GOODS, currency: GBP}
  books: [{code: B, desk: D, entity: HOUSE}]
  ssis:
    - {party: {column: customer}, kind: GOODS, key: "*", delivery_address: There, valid_from: "2020-01-01"}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    data, mapping = tmp_path / "orders.csv", tmp_path / "orders.yaml"
    data.write_text("order,customer,sku,qty,price\n1,A,X,2,1.10\n1,A,Y,1,0.80\n2,B,X,1,1.10\n")
    mapping.write_text(ORDERS + IMPLIED)
    return data, mapping


def run(data: Path, mapping: Path, *more: str) -> str:
    out = io.StringIO()
    call_command("import_trades", str(data), f"--mapping={mapping}", *more, stdout=out, stderr=out)
    return out.getvalue()


def count(table: str) -> int:
    found = sql.row(f"SELECT count(*) FROM {table}")
    assert found is not None
    return int(found[0])


@pytest.mark.django_db
def test_an_import_captures_every_row_once_and_again_adds_nothing(files):
    first = run(*files)
    assert "created              2 trades          3 rows" in first
    assert "control sum GBP: 4.10 in the file, 4.10 in the trades" in first
    assert "existing             2 trades          3 rows" in run(*files)
    assert count("trades_version") == 2


@pytest.mark.django_db
def test_small_chunks_come_to_the_same(files):
    assert "created              2 trades          3 rows" in run(*files, "--chunk=1")


@pytest.mark.django_db
def test_an_import_fails_when_a_row_could_not_be_read_but_captures_the_others(files):
    data, mapping = files
    data.write_text(data.read_text() + "3,A,X,many,1\n")
    with pytest.raises(CommandError, match="1 rows could not be read"):
        run(data, mapping)
    assert count("trades_version") == 2
    shown = run(data, mapping, "--allow-unreadable")
    assert "line 5: unreadable: " in shown
    assert "existing             2 trades          3 rows" in shown


@pytest.mark.django_db
def test_an_import_fails_when_terms_conflict_with_what_was_captured(files):
    data, mapping = files
    run(data, mapping)
    data.write_text(data.read_text().replace("0.80", "0.90"))
    with pytest.raises(CommandError, match="2 rows conflict"):
        run(data, mapping, "--allow-unreadable")
    assert count("trades_version") == 2


@pytest.mark.django_db
def test_implied_reference_data_is_added_and_what_is_known_stays_as_it_is(files):
    Party.objects.create(code="A", name="A and Sons", role="CUSTOMER")
    Ssi.objects.create(
        party=Party.objects.get(code="A"),
        kind="GOODS",
        key="*",
        delivery_address="Here",
        valid_from="2024-01-01",
    )
    assert "2 parties, 1 books, 2 instruments, 1 ssis; known already: 2" in run(*files, "--prepare-refdata")
    assert Party.objects.get(code="A").name == "A and Sons"
    assert Ssi.objects.get(party__code="A").delivery_address == "Here"
    assert Instrument.objects.get(code="X").scheme == "SKU"
    assert "0 parties, 0 books, 0 instruments, 0 ssis; known already: 8" in run(*files, "--prepare-refdata")


def test_a_mapping_that_is_not_there_is_said_with_the_known_ones(files):
    with pytest.raises(CommandError, match="broker_confirmations, retail_orders"):
        run(files[0], Path("nothing"))


DESK = """
source: DESK
fields:
  product: {column: kind}
  source_ref: {column: ref}
  side: {choose: [{when: {column: side, empty: false}, then: {column: side}}]}
  instrument: {column: code}
  quantity: {number: {column: amount}}
  price: {number: {column: price}}
  currency: {column: currency}
  accrued_amount: {number: {column: accrued}}
  counterparty: BROKER-01
  book: BOOK-1
  trade_date: "2026-11-23"
"""
SWAPS = """
source: DESK
fields:
  product: FX_SWAP
  source_ref: {column: ref}
  counterparty: BROKER-01
  book: BOOK-1
  trade_date: "2026-11-23"
  terms:
    object:
      near:
        object:
          bought: {object: {currency: EUR, amount: {number: {column: euro}}}}
          sold: {object: {currency: USD, amount: {multiply: [{column: euro}, {column: spot}]}}}
          rate: {number: {column: spot}}
      far:
        object:
          settlement_date: {date: {column: far}, formats: ["%Y-%m-%d"]}
          bought: {object: {currency: USD, amount: {multiply: [{column: euro}, {column: forward}]}}}
          sold: {object: {currency: EUR, amount: {number: {column: euro}}}}
          rate: {number: {column: forward}}
          rate_basis: BOUGHT_PER_SOLD
"""
WORK = """
source: STUDIO
group_by: {column: order}
fields:
  product: SERVICE
  source_ref: {column: order}
  currency: GBP
  counterparty: CUST-01
  book: BOOK-1
  trade_date: "2026-11-23"
  terms:
    object:
      lines:
        rows:
          object:
            sku: {column: sku}
            quantity: {column: days}
            unit_price: {column: rate}
            milestone: {date: {column: done}, formats: ["%Y-%m-%d"]}
            period:
              choose:
                - when: {column: until, empty: false}
                  then: {object: {start: {column: from}, end: {column: until}}}
"""


def test_bonds_and_listed_contracts_are_mapped_as_they_are_sent():
    bond, contract = read(
        mapping_of(DESK),
        "kind,ref,side,code,amount,price,currency,accrued",
        "BOND,1,BUY,DE0001102606,1000000,94.46,EUR,4750.68",
        "LISTED_DERIVATIVE,2,SELL,FESX-2612,25,4912.5,EUR,",
    )
    first, second = bond.message, contract.message
    assert (type(first).__name__, first.accrued_amount) == ("BondMessage", Decimal("4750.68"))
    assert (type(second).__name__, second.quantity) == ("ListedDerivativeMessage", 25)


def test_the_two_legs_of_a_swap_come_from_one_row():
    (found,) = read(mapping_of(SWAPS), "ref,euro,spot,forward,far", "1,1000000,1.085,1.0875,2026-12-25")
    terms = found.message.terms
    assert (terms.near.sold.amount, terms.far.bought.amount) == (1_085_000, 1_087_500)
    assert terms.far.settlement_date.isoformat() == "2026-12-25"


def test_the_lines_of_a_service_keep_their_own_days():
    (found,) = read(
        mapping_of(WORK),
        "order,sku,days,rate,done,from,until",
        "1,DESIGN,1,2400,2026-12-04,,",
        "1,DAY,12.5,420,,2026-12-07,2026-12-30",
    )
    assert [line.due.isoformat() for line in found.message.terms.lines] == ["2026-12-04", "2026-12-30"]
