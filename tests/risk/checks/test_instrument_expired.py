"""INSTRUMENT_EXPIRED holds a deal in what has ended."""

from datetime import date

import pytest

from tests.support.factories import bond, bund, derivative, listed, told_of, world

pytestmark = pytest.mark.django_db


def test_a_contract_dealt_after_its_expiry_is_found():
    world()
    listed(expiry=date(2026, 11, 20))
    assert told_of(derivative()) == {
        "INSTRUMENT_EXPIRED": (
            "BLOCK",
            "instrument",
            "2026-11-20",
            "FESX-2612",
            "FESX-2612 ended on 2026-11-20.",
        )
    }


def test_a_contract_dealt_on_its_last_day_passes():
    world()
    listed(expiry=date(2026, 11, 23))
    assert told_of(derivative()) == {}


@pytest.mark.parametrize(("maturity", "codes"), [("2026-11-25", ["INSTRUMENT_EXPIRED"]), ("2026-11-26", [])])
def test_a_bond_must_settle_before_it_matures(maturity, codes):
    world()
    bund(maturity=date.fromisoformat(maturity))
    assert list(told_of(bond())) == codes
