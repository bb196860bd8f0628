"""A held trade's ways back: its cause is fixed, its terms are repaired, or two people accept it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core.audit import Actor
from refdata.models import ClosePrice, Instrument, Party, Ssi
from risk.services.check import check_captured
from risk.services.excess import approve_excess, propose_excess
from tests.support.records import CLERK, EQUITY, LATER, NOW, captured, person, reference_data, state_of
from trades.lifecycle import State
from trades.models import ExceptionItem, Finding
from trades.services.recheck import recheck_trades
from trades.services.repair import repair_trade


def _settles(party: Party) -> None:
    for kind in ("CASH", "SECURITY"):
        Ssi.objects.create(party=party, kind=kind, account="1", valid_from=date(2020, 1, 1))


@pytest.fixture
def desk(db: None) -> None:
    reference_data()
    for code in ("OURS", "BROKER-01"):
        _settles(Party.objects.get(code=code))
    share = Instrument.objects.get(code="US0378331005")
    ClosePrice.objects.create(instrument=share, date=NOW.date(), price=Decimal("187"), currency="USD")


def _check() -> None:
    while check_captured(now=LATER):
        pass


def _open_codes(trade_id: int) -> set[str]:
    found = Finding.objects.filter(trade_id=trade_id, closed_at=None, severity="BLOCK")
    return set(found.values_list("code", flat=True))


def _is_free(trade_id: int, version: int) -> bool:
    item = ExceptionItem.objects.get(trade_id=trade_id)
    return (
        state_of(trade_id) == (State.VALIDATED, version)
        and not _open_codes(trade_id)
        and item.closed_at is not None
    )


@pytest.mark.usefixtures("desk")
class TestWaysBack:
    def test_a_party_that_becomes_known_frees_the_trade_on_its_re_check(self) -> None:
        trade_id = captured(EQUITY, counterparty="NEW-PARTY")
        _check()
        assert state_of(trade_id) == (State.EXCEPTION, 1)
        assert "UNKNOWN_PARTY" in _open_codes(trade_id)
        _settles(Party.objects.create(code="NEW-PARTY", name="N"))
        recheck_trades(trade_ids=[trade_id], reason="party is known", actor=CLERK, now=LATER)
        _check()
        assert _is_free(trade_id, version=2)

    def test_a_repaired_price_frees_the_trade(self) -> None:
        trade_id = captured(EQUITY, price="1872.50")
        _check()
        assert _open_codes(trade_id) == {"OFF_MARKET_PRICE"}
        repair_trade(
            trade_id=trade_id,
            version=1,
            changes={"price": "187.25"},
            reason="comma",
            actor=CLERK,
            now=LATER,
        )
        _check()
        assert _is_free(trade_id, version=2)

    def test_a_finding_that_two_people_accept_frees_the_trade_as_it_is(self) -> None:
        trade_id = captured(EQUITY, price="1872.50")
        _check()
        number = propose_excess(
            trade_id=trade_id,
            codes=["OFF_MARKET_PRICE"],
            reason="client agreed",
            user=person("maker"),
            actor=CLERK,
            now=LATER,
        )
        boss = person("boss")
        approve_excess(proposal_id=number, user=boss, note="", actor=Actor("user:boss"), now=LATER)
        _check()
        assert _is_free(trade_id, version=1)
