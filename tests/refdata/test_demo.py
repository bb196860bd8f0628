"""The demo's reference data."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db.models import Count, Max, Min
from stdnum import isin, lei

from core.models import Event
from refdata.demo import load_demo_refdata
from refdata.demo_universe import EQUITIES, EUROS_PER_UNIT, MARKETS, WITHOUT_NETTING, WITHOUT_SSI
from refdata.models import (
    Agreement,
    Book,
    ClosePrice,
    FxRate,
    Holiday,
    Instrument,
    Mandate,
    Party,
    Ssi,
    WatchEntry,
)
from refdata.selectors import resolve
from tests.refdata.conftest import ACTOR, NOW
from trades.products import PRODUCTS

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]
TODAY = date(2026, 11, 23)


def demo(today: date = TODAY) -> None:
    reports = load_demo_refdata(today=today, actor=ACTOR, now=NOW)
    assert all(report.applied for report in reports), [
        result for report in reports for result in report.results if result.faults
    ]


class TestTheDemo:
    def test_has_firms_books_shares_and_goods(self) -> None:
        demo()

        assert dict(Party.objects.values_list("role").annotate(Count("id"))) == {
            "ENTITY": 3,
            "COUNTERPARTY": 41,
            "CUSTOMER": 12,
        }
        assert set(Book.objects.values_list("code", flat=True)) >= {
            "EQ-US",
            "EQ-EU",
            "EQ-UK",
            "FX-G10",
            "FX-EM",
            "GOODS-UK",
            "GOODS-EU",
        }
        assert dict(Instrument.objects.values_list("product_class").annotate(Count("id"))) == {
            "EQUITY": 163,
            "BOND": 8,
            "LISTED_DERIVATIVE": 8,
            "GOODS": 60,
            "SERVICE": 4,
        }
        assert Party.objects.filter(restricted=True).count() == 1
        others = Party.objects.filter(netting_agreements=None).exclude(role=Party.Role.ENTITY)
        assert set(others.values_list("code", flat=True)) == WITHOUT_NETTING

    def test_has_right_check_digits(self) -> None:
        demo()

        assert all(lei.is_valid(party.lei) for party in Party.objects.all())
        assert all(isin.is_valid(share.code) for share in Instrument.objects.filter(scheme="ISIN"))

    def test_lets_every_counterparty_but_one_settle_everything(self) -> None:
        demo()
        traders = Party.objects.exclude(role="CUSTOMER").exclude(code__in=WITHOUT_SSI)

        for party in traders:
            keys = set(party.ssis.values_list("kind", "key"))
            assert keys >= {("CASH", each) for each in EUROS_PER_UNIT}
            assert keys >= {("SECURITY", each) for each in MARKETS}
        for customer in Party.objects.filter(role="CUSTOMER"):
            assert set(customer.ssis.values_list("kind", "key")) == {
                ("CASH", "GBP"),
                ("CASH", "EUR"),
                ("GOODS", "*"),
            }
        assert not Ssi.objects.filter(party__code__in=WITHOUT_SSI).exists()
        assert set(Ssi.objects.filter(kind="GOODS", party__role="ENTITY").values_list("key")) == {("*",)}

    def test_has_ten_business_days_of_closes_and_rates_up_to_today(self) -> None:
        demo()

        for model in (ClosePrice, FxRate):
            days = sorted(set(model.objects.values_list("date", flat=True)))
            assert len(days) == 10
            assert (days[0], days[-1]) == (date(2026, 11, 10), TODAY)
            assert all(day.weekday() < 5 for day in days)
        assert ClosePrice.objects.count() == 10 * Instrument.objects.count()
        assert set(Holiday.objects.aggregate(Min("date__year"), Max("date__year")).values()) == {2025, 2027}

    def test_resolves_a_trade_s_references(self) -> None:
        demo()

        found = resolve(
            parties=["NORDHAVN"],
            instruments=["US0378331005"],
            books=["EQ-US"],
            currencies=["USD"],
            on=TODAY,
        )

        assert found.instruments["US0378331005"].settlement_cycle == 1
        assert set(found.parties) and set(found.books) and set(found.rates)

    def test_is_the_same_when_loaded_again(self) -> None:
        demo()
        written = Event.objects.count()

        demo()

        assert Event.objects.count() == written

    def test_gains_only_the_new_day_and_the_range_of_the_last_on_the_next(self) -> None:
        demo()
        written = Event.objects.count()

        demo(TODAY + timedelta(days=1))

        gained = Instrument.objects.count() + len(EUROS_PER_UNIT) - 1 + len(EQUITIES)
        assert Event.objects.count() - written == gained

    def test_ends_on_friday_when_today_is_a_sunday(self) -> None:
        demo(date(2026, 11, 22))

        assert FxRate.objects.aggregate(Max("date")) == {"date__max": date(2026, 11, 20)}

    def test_has_something_for_every_control_of_parties_lists_and_mandates(self) -> None:
        demo()

        assert Party.objects.filter(kyc_valid_to__lt=TODAY).count() == 1
        assert Party.objects.filter(lei_valid_to__lt=TODAY).count() == 1
        assert Party.objects.filter(onboarded_on__isnull=False).count() == 1
        assert Party.objects.filter(credit_limit__isnull=False).count() == 12
        assert set(Mandate.objects.values_list("trader", "product")) == {("*", code) for code in PRODUCTS}
        assert Agreement.objects.filter(valid_to__lt=TODAY).values("party").distinct().count() == 1
        assert set(WatchEntry.objects.values_list("measure", flat=True)) == {"RESTRICTED", "WATCHED"}
        assert {
            key: Instrument.objects.filter(liquidity_class=key).count() for key in ("HIGH", "MEDIUM", "LOW")
        } == {"HIGH": 40, "MEDIUM": 80, "LOW": 43}
