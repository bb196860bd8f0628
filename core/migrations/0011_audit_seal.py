"""The chain of seals over the log."""

from django.db import migrations, models

RULES = """
SELECT core_append_only('core_audit_seal');
-- Hashes do not compress.
ALTER TABLE core_audit_seal ALTER COLUMN leaves SET STORAGE EXTERNAL;
CREATE INDEX core_audit_seal_last_id ON core_audit_seal (last_id);
"""
UNDO = """
DROP INDEX core_audit_seal_last_id;
DROP TRIGGER append_only ON core_audit_seal;
DROP TRIGGER never_truncated ON core_audit_seal;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0010_truncate_refused")]
    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("sequence", models.BigIntegerField(primary_key=True, serialize=False)),
                ("sealed_at", models.DateTimeField()),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("event_count", models.IntegerField()),
                ("record_count", models.IntegerField()),
                (
                    "total_count",
                    models.BigIntegerField(help_text="events in this and all earlier seals"),
                ),
                ("layout", models.TextField()),
                ("names", models.TextField()),
                ("leaves", models.BinaryField()),
                ("root", models.TextField()),
                ("previous", models.TextField()),
                ("hash", models.TextField()),
            ],
            options={"db_table": "core_audit_seal"},
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
