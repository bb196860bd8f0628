"""A process beside the product that is under fire: it makes the world to deal in, or seals without end.

    python -m tests.faults.under_fire world              prints the tokens of a front and a back office, as JSON
    python -m tests.faults.under_fire seal THREADS DATE  seals what is due by DATE until it is killed

Both work on the database of `MIDDLEOFFICE_VAR`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import date

import django

django.setup()

from django.db import connection  # noqa: E402
from django.db.utils import Error  # noqa: E402

from core.audit import system  # noqa: E402
from core.clock import utc_now  # noqa: E402
from refdata.models import Party  # noqa: E402
from settlement.models import CHANNELS  # noqa: E402
from settlement.services.seal import seal_batches  # noqa: E402
from tests.support.factories import api_client, live_today, party, world  # noqa: E402

NETTING = 4  # of as many counterparties, which net; so many more do not


def make_world() -> None:
    """Store what trades refer to, and print the tokens."""
    world(today=live_today())
    for number in range(2 * NETTING):
        party(f"PARTY-{number}", role=Party.Role.COUNTERPARTY, netting=number < NETTING)
    print(json.dumps({name: api_client(name)[1] for name in ("front", "back")}))


def seal_for_ever(due: date) -> None:
    """Seal again and again; where the server has gone, try until it is back."""
    while True:
        try:
            seal_batches(value_date=due, channels=CHANNELS, actor=system("under fire"), now=utc_now())
        except Error:
            connection.close()
        time.sleep(0.3)  # others seal too; without a breath the lock would be all that is measured


def main(*arguments: str) -> None:
    """Do what is asked."""
    match arguments:
        case ["world"]:
            make_world()
        case ["seal", threads, due]:
            for _ in range(int(threads)):
                threading.Thread(target=seal_for_ever, args=(date.fromisoformat(due),), daemon=True).start()
            threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
