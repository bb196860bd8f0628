"""What amounts are multiplied by is bounded, so that no product of a deal's numbers exceeds what can be stored."""

from django.db import migrations

BOUNDS = """
ALTER TABLE refdata_instrument ADD CONSTRAINT refdata_instrument_multiplier
    CHECK (multiplier > 0 AND multiplier <= 1000000) NOT VALID;
ALTER TABLE refdata_fx_rate ADD CONSTRAINT refdata_fx_rate_bounded
    CHECK (rate > 0 AND rate <= 1000000000) NOT VALID;
"""
UNDO = """
ALTER TABLE refdata_fx_rate DROP CONSTRAINT refdata_fx_rate_bounded;
ALTER TABLE refdata_instrument DROP CONSTRAINT refdata_instrument_multiplier;
"""


class Migration(migrations.Migration):
    dependencies = [("refdata", "0011_resolve_with_terms")]
    operations = [migrations.RunSQL(BOUNDS, UNDO)]
