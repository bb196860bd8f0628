"""What netting must keep: nothing is lost, and the order of arrival changes nothing."""

from __future__ import annotations

import random
import re
from datetime import date
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import sql
from refdata.models import Book, NettingAgreement, Party
from tests.settlement.support import bytes_of, seal, validated
from tests.support.factories import (
    NETS_NOTHING,
    equity,
    fx,
    goods,
    instrument,
    netting_agreement,
    party,
    settle_gross,
    ssi,
    world,
)

pytestmark = pytest.mark.django_db

_DAYS = ("2026-11-24", "2026-11-25")
_PARTIES = ("NET-A", "NET-B", "GROSS-C")
_amounts = st.decimals(min_value="0.01", max_value="999999.99", places=2).map(str)
_common = st.fixed_dictionaries(
    {
        "counterparty": st.sampled_from(_PARTIES),
        "book": st.sampled_from(["BOOK-1", "BOOK-2"]),
        "settlement_date": st.sampled_from(_DAYS),
    }
)
_equities = st.builds(
    lambda common, side, quantity, amount, code: equity(
        "", side=side, quantity=quantity, net_amount=amount, instrument=code, **common
    ),
    _common,
    st.sampled_from(["BUY", "SELL"]),
    _amounts,
    _amounts,
    st.sampled_from(["US0378331005", "US0000000001"]),
)
_exchanges = st.builds(
    lambda common, bought, sold, there: fx(
        terms={
            "bought": {"currency": "EUR" if there else "USD", "amount": bought},
            "sold": {"currency": "USD" if there else "EUR", "amount": sold},
            "rate": "1",
        },
        **common,
    ),
    _common,
    _amounts,
    _amounts,
    st.booleans(),
)
_orders = st.builds(
    lambda common, side, quantities: goods(
        side=side,
        lines=[{"sku": "SKU-1", "quantity": each, "unit_price": "1.25"} for each in quantities],
        **common,
    ),
    _common,
    st.sampled_from(["BUY", "SELL"]),
    st.lists(_amounts, min_size=1, max_size=3),
)
_books = st.lists(st.one_of(_equities, _exchanges, _orders), min_size=1, max_size=25)


@pytest.fixture
def parties() -> None:
    made = world()
    instrument("US0000000001")
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=party("OURS-2", role=Party.Role.ENTITY))
    for code in _PARTIES:
        party(code, netting=code != "GROSS-C")
    assert made.book.code == "BOOK-1"
    bank = Party.objects.get(code="NET-B")
    for kind, key, narrowed in (
        ("CASH", "USD", {"product": "EQUITY"}),
        ("CASH", "USD", {"book": "BOOK-2"}),
        ("SECURITY", "*", {"currency": "USD", "book": "BOOK-1"}),
        ("GOODS", "*", {"product": "GOODS", "book": "BOOK-2"}),
    ):
        ssi(bank, kind, key, **narrowed, account=f"{kind} {narrowed}")


_GROSS = """
SELECT o.asset_kind, o.asset, o.value_date, v.counterparty_id, k.entity_id,
       sum(CASE o.direction WHEN 'RECEIVE' THEN o.quantity ELSE -o.quantity END), count(*)
FROM settlement_obligation o
JOIN trades_version v ON v.trade_id = o.trade_id AND v.version = o.version
JOIN refdata_book k ON k.id = v.book_id
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
_NET = """
SELECT asset_kind, asset, value_date, counterparty_id, entity_id,
       sum(CASE direction WHEN 'RECEIVE' THEN quantity WHEN 'DELIVER' THEN -quantity ELSE 0 END), sum(gross_count)
FROM settlement_instruction GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
# Which account a leg belongs to, told apart from the seal: the rows that fit, and what is named in their order.
_ACCOUNTS = """
SELECT o.trade_id, o.leg, i.their_ssi_id, (
    SELECT s.id FROM refdata_ssi s
    WHERE s.party_id = v.counterparty_id AND s.kind = o.asset_kind
      AND s.product IN ('*', v.product) AND s.currency IN ('*', v.currency) AND s.book IN ('*', k.code)
      AND s.key IN ('*', CASE o.asset_kind WHEN 'CASH' THEN o.asset ELSE 'XNAS' END)
    ORDER BY concat(s.key = '*', s.book = '*', s.product = '*', s.currency = '*') LIMIT 1
)
FROM settlement_obligation o
JOIN settlement_instruction i ON i.id = o.instruction_id
JOIN trades_version v ON v.trade_id = o.trade_id AND v.version = o.version
JOIN refdata_book k ON k.id = v.book_id
"""
_EXPECTED = """
SELECT count(*) FROM trades_version v,
LATERAL (SELECT CASE v.product WHEN 'GOODS' THEN jsonb_array_length(v.terms->'lines') + 1 ELSE 2 END AS n) legs,
generate_series(1, legs.n)
"""


@given(_books)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_nets_are_the_sum_of_the_gross_legs_by_asset_account_and_date(parties, documents):
    with transaction.atomic():
        validated(*documents)
        seal()
        gross, net = sql.rows(_GROSS), sql.rows(_NET)
        assert gross == net
        assert sum(row[-1] for row in gross) == sql.rows(_EXPECTED)[0][0]
        assert all(row[-1] >= 1 for row in net)
        assert [row for row in sql.rows(_ACCOUNTS) if row[2] != row[3]] == []
        transaction.set_rollback(True)


@given(_books, st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_in_which_trades_came_changes_no_byte_but_the_ids(parties, documents, shuffle):
    assert _sealed_bytes(documents) == _sealed_bytes(shuffle.sample(documents, len(documents)))


_ID = re.compile(rb'"(ins|bat|trd)_[0-9A-Z]+"')


def _sealed_bytes(documents: list[dict[str, object]]) -> list[bytes]:
    with transaction.atomic():
        validated(*documents)
        found = [_ID.sub(rb'"\1"', bytes_of(each)) for each in seal()]
        transaction.set_rollback(True)
    return found


def test_a_large_net_is_exact_to_the_cent(parties):
    chance = random.Random(5)
    amounts = [Decimal(chance.randrange(1, 10**12)).scaleb(-2) for _ in range(2_000)]
    validated(
        *(equity(f"L-{n}", counterparty="NET-A", net_amount=str(each)) for n, each in enumerate(amounts))
    )
    seal()

    found = sql.rows("SELECT quantity, gross_count FROM settlement_instruction WHERE channel = 'CASH'")
    assert found == [(sum(amounts), 2_000)]


# --- by agreement ----------------------------------------------------------------------------------------


def _lines(channel: str) -> list[int]:
    """Seal everything and return how many gross legs each instruction of a channel has, in its order."""
    seal(value_date=date(2026, 11, 30))
    found = sql.rows(
        "SELECT gross_count FROM settlement_instruction WHERE channel = %s ORDER BY value_date, line",
        [channel],
    )
    return [count for (count,) in found]


@pytest.mark.parametrize(
    ("agreed", "counts"),
    [
        ({"payments": "CURRENCY"}, {"CASH": [4], "SECURITIES": [1, 1], "GOODS": [1, 1, 1, 1]}),
        ({"securities": "SECURITY"}, {"CASH": [2, 1, 1], "SECURITIES": [2], "GOODS": [1, 1, 1, 1]}),
        ({"goods": "ITEM"}, {"CASH": [1, 1, 1, 1], "SECURITIES": [1, 1], "GOODS": [2, 2]}),
    ],
)
def test_an_agreement_nets_what_it_names_and_nothing_else(agreed, counts):
    made = world()
    NettingAgreement.objects.filter(party=made.broker).update(**{**NETS_NOTHING, **agreed})
    orders = (goods(counterparty="BROKER-01", currency="USD") for _ in range(2))
    validated(equity(), equity(), *orders)

    assert {channel: _lines(channel) for channel in counts} == counts


def test_an_agreement_with_our_entity_goes_before_one_with_every_entity():
    made = world()
    other = party("OURS-2", role=Party.Role.ENTITY)
    Book.objects.create(code="BOOK-2", desk="DESK-2", entity=other)
    netting_agreement(made.broker, entity="OURS-2", **NETS_NOTHING)
    validated(*(equity(book=code) for code in ("BOOK-1", "BOOK-1", "BOOK-2", "BOOK-2")))

    assert _lines("CASH") == [2, 1, 1]


def test_an_agreement_holds_for_value_dates_from_its_first_day_to_its_last():
    made = world()
    NettingAgreement.objects.filter(party=made.broker).update(valid_from=_DAYS[1], valid_to=_DAYS[1])
    days = ("2026-11-24", "2026-11-24", "2026-11-25", "2026-11-25", "2026-11-26", "2026-11-26")
    validated(*(equity(settlement_date=day) for day in days))

    assert _lines("CASH") == [1, 1, 2, 1, 1]


def test_what_nobody_agreed_on_is_settled_gross():
    made = world()
    settle_gross(made.broker)
    party("NEW-BANK", netting=False)
    validated(*(equity(counterparty=code) for code in ("BROKER-01", "BROKER-01", "NEW-BANK", "NEW-BANK")))

    assert _lines("SECURITIES") == [1, 1, 1, 1]


def test_the_trades_of_a_net_stand_in_the_order_of_their_capture():
    world()
    ids = validated(*(equity(quantity=str(n)) for n in range(5, 0, -1)))
    seal()

    found = sql.rows("SELECT trade_ids FROM settlement_instruction")
    assert found == [(sorted(ids),), (sorted(ids),)]
