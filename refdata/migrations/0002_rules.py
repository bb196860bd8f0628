"""Reference rows are never deleted: trades keep their ids without a foreign key."""

from django.db import migrations

TABLES = ["party", "instrument", "instrument_identifier", "book", "ssi"]


class Migration(migrations.Migration):
    dependencies = [("refdata", "0001_initial"), ("core", "0002_rules")]
    operations = [
        migrations.RunSQL(
            f"SELECT core_never_deleted('refdata_{table}')",
            f"DROP TRIGGER never_deleted ON refdata_{table}",
        )
        for table in TABLES
    ]
