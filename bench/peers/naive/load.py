"""Load the benchmark's reference data, and print the token of a client.

python -m bench.peers.naive.load YYYY-MM-DD
"""

import os
import sys
from datetime import date

import django

from bench.reference import LIMITS, Reference


def main() -> None:
    """Load everything."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.naive.settings")
    django.setup()
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    from bench.peers.naive import models

    kinds = Reference(date.fromisoformat(sys.argv[1])).kinds()
    models.Party.objects.bulk_create(models.Party(**row) for row in kinds["parties"])
    party_ids = dict(models.Party.objects.values_list("code", "id"))
    models.Instrument.objects.bulk_create(models.Instrument(**row) for row in kinds["instruments"])
    instrument_ids = dict(models.Instrument.objects.values_list("code", "id"))
    models.Book.objects.bulk_create(
        models.Book(code=row["code"], desk=row["desk"], entity_id=party_ids[row["entity"]])
        for row in kinds["books"]
    )
    models.Ssi.objects.bulk_create(
        models.Ssi(
            party_id=party_ids[row["party"]], kind=row["kind"], key=row["key"], valid_from=row["valid_from"]
        )
        for row in kinds["ssis"]
    )
    models.Holiday.objects.bulk_create(models.Holiday(**row) for row in kinds["holidays"])
    models.ClosePrice.objects.bulk_create(
        models.ClosePrice(**{**row, "instrument": None, "instrument_id": instrument_ids[row["instrument"]]})
        for row in kinds["close-prices"]
    )
    models.FxRate.objects.bulk_create(models.FxRate(**row) for row in kinds["fx-rates"])
    models.Limit.objects.bulk_create(
        models.Limit(code=code, dimension=dimension, accumulates=measure != "SINGLE_SIZE", hard=hard)
        for code, measure, dimension, hard in LIMITS
    )
    print(Token.objects.create(user=User.objects.create_user("client")).key)


if __name__ == "__main__":
    main()
