"""CONCENTRATION: the share of one member in all that differ from it in the last dimension only."""

import pytest

from tests.support.factories import (
    EURO_SHARE,
    captured_ids,
    check_everything,
    codes_of,
    findings_of,
    instrument,
    limit,
    unit_trade,
    used,
    world,
)

pytestmark = pytest.mark.django_db
OTHER = "DE0005557508"


def test_an_instruments_share_of_its_book_is_bounded():
    world()
    instrument(OTHER, currency="EUR", market="XETR")
    limit("L", hard="60", measure="CONCENTRATION", dimensions=("book", "instrument"), floor="150")
    ids = captured_ids(unit_trade(0), unit_trade(1, instrument=OTHER), unit_trade(2), unit_trade(3))
    check_everything()
    assert [codes_of(each) for each in ids] == [[], [], ["LIMIT_BREACH"], ["LIMIT_BREACH"]]
    assert [each["actual"] for each in findings_of(ids[3])] == ["75.00"]
    assert used("L") == {"BOOK-1|*": 400, f"BOOK-1|{OTHER}": 100, f"BOOK-1|{EURO_SHARE}": 300}
