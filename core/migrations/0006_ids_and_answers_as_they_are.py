"""Ids that wait and answers that are kept are stored as they are: compressing them took longer than all the rest
of queueing a load, and both are gone within seconds and days."""

from django.db import migrations

COLUMNS = (("core_work", "subject_ids"), ("core_idempotency_key", "body"))


class Migration(migrations.Migration):
    dependencies = [("core", "0005_claim_failed_alone")]
    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL",
            f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTENDED",
        )
        for table, column in COLUMNS
    ]
