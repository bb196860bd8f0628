"""Profit and loss, as the grid gets it."""

import pytest

from refdata.models import Instrument
from tests.ledger.profit_support import FRIDAY, MONDAY, tell
from tests.ops.data_sets.reading import rows_of
from tests.support.factories import EURO_SHARE, captured_ids, close, equity, world

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_line_of_the_latest_run_of_a_day_is_a_row():
    world()
    share = Instrument.objects.get(code=EURO_SHARE)
    close(share, "100", on=FRIDAY)
    close(share, "102", on=MONDAY)
    captured_ids(
        equity(on=MONDAY, price="100", instrument=EURO_SHARE, currency="EUR", side="BUY", quantity="10")
    )
    tell()
    tell(reason="again")
    names = ("day", "run", "book", "instrument", "new trades", "market", "total", "priced")
    assert rows_of("profit", only=names) == [
        {
            "day": MONDAY,
            "run": 2.0,
            "book": "BOOK-1",
            "instrument": EURO_SHARE,
            "new trades": 20.0,
            "market": 0.0,
            "total": 20.0,
            "priced": True,
        }
    ]
