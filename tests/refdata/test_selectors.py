"""Resolving what trades refer to."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError

from refdata.accrual import Coupons
from refdata.models import Book, Instrument, Party
from refdata.selectors import BookRef, ContractRef, InstrumentRef, PartyRef, References, resolve
from tests.refdata.conftest import LEI, load
from tests.support.factories import BUND, FUTURE, OPTION, bund, listed

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 23)


def ask(**asked: list[str]) -> References:
    names = ("parties", "instruments", "books", "currencies")
    return resolve(**{name: asked.get(name, []) for name in names}, on=TODAY)


class TestResolving:
    def test_takes_one_query(self, party, apple, django_assert_num_queries) -> None:
        load("books", {"code": "EQ-US", "desk": "EQ", "entity": "ENT"})
        load("fx-rates", {"currency": "USD", "date": "2026-11-20", "rate": "0.86"})

        with django_assert_num_queries(1):
            found = ask(
                parties=["CP", LEI],
                instruments=["US0378331005", "037833100"],
                books=["EQ-US"],
                currencies=["USD", "EUR"],
            )

        cp, apple_id = Party.objects.get(code="CP").id, Instrument.objects.get().id
        a_party = PartyRef(cp, "CP", False, "DE", "COUNTERPARTY")
        a_share = InstrumentRef(apple_id, "US0378331005", "USD", "EQUITY", "UNIT", Decimal(1), 1, "XNAS")
        book = Book.objects.get()
        assert found == References(
            parties={"CP": a_party, LEI: a_party},
            instruments={"US0378331005": a_share, "037833100": a_share},
            books={"EQ-US": BookRef(book.id, "EQ-US", "EQ", book.entity_id)},
            rates={"USD": Decimal("0.86"), "EUR": Decimal(1)},
        )

    def test_leaves_out_what_is_unknown(self, party, apple) -> None:
        found = ask(parties=["NOBODY"], instruments=["X"], books=["X"], currencies=["XYZ", ""])

        assert found == References()

    def test_gives_a_party_only_under_the_name_asked_for(self, party) -> None:
        assert list(ask(parties=[LEI]).parties) == [LEI]

    def test_prefers_a_code_to_another_party_s_lei(self, party) -> None:
        load("parties", {"code": LEI, "name": "Named like another's LEI"})

        assert ask(parties=[LEI]).parties[LEI].code == LEI

    def test_prefers_a_code_to_another_instrument_s_identifier(self, apple) -> None:
        load(
            "instruments",
            {"code": "037833100", "name": "A good", "product_class": "GOODS", "currency": "GBP"},
        )

        assert ask(instruments=["037833100"]).instruments["037833100"].product_class == "GOODS"

    @pytest.mark.parametrize(
        ("day", "expected"),
        [("2026-11-23", {"USD"}), ("2026-11-13", {"USD"}), ("2026-11-12", set()), ("2026-11-24", set())],
    )
    def test_takes_a_rate_of_the_last_ten_days_only(self, day: str, expected: set[str]) -> None:
        load("fx-rates", {"currency": "USD", "date": day, "rate": "0.86"})

        assert set(ask(currencies=["USD"]).rates) == expected

    def test_takes_the_latest_rate_that_was_known(self) -> None:
        for day, rate in (("2026-11-19", "0.1"), ("2026-11-20", "0.2"), ("2026-11-24", "0.3")):
            load("fx-rates", {"currency": "USD", "date": day, "rate": rate})

        assert ask(currencies=["USD"]).rates == {"USD": Decimal("0.2")}


class TestWhatAnInstrumentTells:
    def test_of_a_bond_is_its_coupons(self) -> None:
        bund()
        assert ask(instruments=[BUND]).instruments[BUND].bond == Coupons(
            Decimal("1.7"), 1, "ACT/ACT.ICMA", False, date(2022, 7, 8), date(2032, 8, 15)
        )

    def test_of_a_listed_contract_is_its_expiry_and_of_an_option_its_strike(self) -> None:
        listed(FUTURE)
        listed(OPTION)
        found = ask(instruments=[FUTURE, OPTION]).instruments
        expiry, underlying = date(2026, 12, 18), "EURO STOXX 50"
        assert found[FUTURE].contract == ContractRef(expiry, "", None, underlying)
        assert found[OPTION].contract == ContractRef(expiry, "CALL", Decimal(5000), underlying)

    def test_is_nothing_while_it_is_not_known(self, apple) -> None:
        bund(coupon_frequency=None)
        listed(FUTURE, expiry=None)
        found = ask(instruments=[BUND, FUTURE, "US0378331005"]).instruments
        assert [(each.bond, each.contract) for each in found.values()] == [(None, None)] * 3

    @pytest.mark.parametrize(
        "part", [{"maturity": None}, {"dated_date": None}, {"coupon_rate": None}, {"day_count": ""}]
    )
    def test_is_whole_or_nothing_in_the_database_too(self, part) -> None:
        with pytest.raises(IntegrityError, match="refdata_instrument_bond"):
            bund(**part)

    @pytest.mark.parametrize("part", [{"strike": None}, {"expiry": None}, {"option_type": "SWAP"}])
    def test_of_an_option_is_whole_in_the_database_too(self, part) -> None:
        with pytest.raises(IntegrityError, match="refdata_instrument_option"):
            listed(OPTION, **part)
