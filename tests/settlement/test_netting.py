"""What netting must keep: nothing is lost, and the order of arrival changes nothing."""

from __future__ import annotations

import hashlib
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
from settlement.selectors import content
from tests.settlement.support import bytes_of, seal, validated
from tests.support.factories import (
    NETS_ALL,
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
_AGREED: dict[str, dict[str, str]] = {
    "NET-A": NETS_ALL,
    "NET-B": NETS_ALL,
    "GROSS-C": NETS_NOTHING,
    "PAIR-D": {**NETS_NOTHING, "securities": "SECURITY"},
    "CASH-E": {**NETS_NOTHING, "payments": "CURRENCY"},
}
_PARTIES = tuple(_AGREED)
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
    for code, agreed in _AGREED.items():
        netting_agreement(party(code, netting=False), **agreed)
    assert made.book.code == "BOOK-1"
    netting_agreement(Party.objects.get(code="NET-A"), entity="OURS-2", payments="NONE")
    for code in ("NET-B", "PAIR-D"):
        bank = Party.objects.get(code=code)
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
# Instructions that are not the sum of their legs, by which every net is right by account as well.
_UNLIKE_LEGS = """
SELECT i.id FROM settlement_instruction i
LEFT JOIN settlement_obligation o ON o.instruction_id = i.id
GROUP BY i.id
HAVING coalesce(sum(CASE o.direction WHEN 'RECEIVE' THEN o.quantity ELSE -o.quantity END), 0)
       <> CASE i.direction WHEN 'RECEIVE' THEN i.quantity WHEN 'DELIVER' THEN -i.quantity ELSE 0 END
    OR count(o.trade_id) <> i.gross_count OR i.trade_ids <> array_agg(o.trade_id ORDER BY o.trade_id)
"""
# Linked instructions that are not a delivery of the trades of which the other one is the payment.
_UNPAIRED = """
SELECT i.id FROM settlement_instruction i
LEFT JOIN settlement_instruction o ON o.id = i.linked_id AND o.linked_id = i.id AND o.trade_ids = i.trade_ids
    AND o.value_date = i.value_date AND o.counterparty_id = i.counterparty_id AND o.entity_id = i.entity_id
    AND (i.asset_kind, o.asset_kind) IN (('CASH', 'SECURITY'), ('SECURITY', 'CASH'))
    AND (i.direction, o.direction) IN (('DELIVER', 'RECEIVE'), ('RECEIVE', 'DELIVER'))
WHERE i.linked_id IS NOT NULL AND o.id IS NULL
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
        assert sql.rows(_UNLIKE_LEGS) == sql.rows(_UNPAIRED) == []
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


# Validated trades in bulk, made of templates: which one, what differs and the place in the order of capture follow from
# a number, so that the same trades can come in any order.
_VERSIONS = """
INSERT INTO trades_version
SELECT (jsonb_populate_record(v, jsonb_build_object(
    'trade_id', %(above)s + t.place, 'source_ref', 'N-' || t.number,
    'side', CASE WHEN t.chance %% 2 = 0 THEN 'BUY' ELSE 'SELL' END,
    'quantity', 1 + t.chance %% 9973, 'net_amount', (1 + t.chance %% 99991) / 100.0,
    'contra_amount', CASE WHEN v.contra_amount IS NULL THEN NULL ELSE (1 + t.chance %% 99989) / 100.0 END,
    'counterparty_id', (%(parties)s::bigint[])[1 + t.chance / 7 %% %(n)s],
    'book_id', (%(books)s::bigint[])[1 + t.chance / 3 %% 2],
    'settlement_date', DATE '2026-11-24' + (t.chance / 11 %% 2)::int))).*
FROM (
    SELECT number, hashtextextended(number::text, 7) & 1073741823 AS chance,
           row_number() OVER (ORDER BY {order}) AS place
    FROM generate_series(1, %(size)s) AS g(number)
) AS t
JOIN trades_version v ON v.trade_id = (%(templates)s::bigint[])[1 + t.number %% 4]
ORDER BY t.place
"""
_STATES = """
INSERT INTO trades_state
SELECT (jsonb_populate_record(s, jsonb_build_object('trade_id', v.trade_id))).*
FROM trades_version v CROSS JOIN trades_state s WHERE v.trade_id > %(above)s AND s.trade_id = %(above)s
"""
_ORDERS = {"as numbered": "number", "backwards": "number DESC", "shuffled": "md5(number::text)"}


@pytest.mark.parametrize("size", [2_000, pytest.param(1_000_000, marks=pytest.mark.nightly)])
def test_many_random_trades_net_to_their_sum_and_to_the_same_bytes_in_any_order(parties, size):
    sealed = []
    for order in _ORDERS.values():
        with transaction.atomic():
            _many(size, order)
            sealed.append([_bare_digest(each) for each in seal()])
            gross = sql.rows(_GROSS)
            assert gross == sql.rows(_NET)
            assert sql.rows(_UNLIKE_LEGS) == sql.rows(_UNPAIRED) == []
            assert sum(row[-1] for row in gross) == sql.rows(_EXPECTED)[0][0]
            transaction.set_rollback(True)
    assert sealed[0] == sealed[1] == sealed[2]
    assert len(sealed[0]) >= 6  # three channels and two days


def _many(size: int, order: str) -> None:
    templates = validated(
        equity("T-1"), equity("T-2", instrument="US0000000001"), fx(source_ref="T-3"), goods(source_ref="T-4")
    )
    ids = dict(sql.rows("SELECT code, id FROM refdata_party"))
    given = {
        "above": templates[-1],
        "templates": templates,
        "parties": [ids[code] for code in _PARTIES],
        "n": len(_PARTIES),
        "books": [each for (each,) in sql.rows("SELECT id FROM refdata_book ORDER BY code")],
        "size": size,
    }
    sql.run("SET LOCAL statement_timeout = 0")  # a million trades are more than a request may ask for
    sql.run(_VERSIONS.format(order=order), given)
    sql.run(_STATES, given)
    sql.run("ANALYZE trades_version, trades_state")


def _bare_digest(batch_id: int) -> str:
    """Return the hash of a batch's lines without the ids in them."""
    digest = hashlib.sha256()
    for page in content(batch_id):
        digest.update(_ID.sub(rb'"\1"', page))
    return digest.hexdigest()


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
