"""Deals of a trader in an instrument, or a pair of currencies, in the order of their execution.

The checks look for near duplicates and for deals that undo each other, a few minutes around a deal. The date stands
first, so that the deals of a day lie together; what has no moment of execution is left out.
"""

from django.db import migrations

INDEX = """
CREATE INDEX trades_version_neighbours ON trades_version (
    trade_date, trader,
    coalesce(instrument_id, hashtext(least(currency, contra_currency) || greatest(currency, contra_currency))),
    executed_at
) WHERE executed_at IS NOT NULL AND (instrument_id IS NOT NULL OR contra_currency IS NOT NULL);
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0140_what_a_check_saw")]
    operations = [migrations.RunSQL(INDEX, "DROP INDEX trades_version_neighbours")]
