"""The lines of batches that have records of other apps. They are never changed but for the one answer to each."""

import django.contrib.postgres.fields
from django.db import migrations, models

RULES = """
CREATE FUNCTION settlement_check_record() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said CONSTANT text[] := ARRAY['status', 'reason', 'answered_at', 'answered_xid', 'again_in'];
BEGIN
    IF to_jsonb(NEW) - said IS DISTINCT FROM to_jsonb(OLD) - said
       OR OLD.status <> 'SEALED' AND (NEW.status, NEW.reason, NEW.answered_at, NEW.answered_xid)
           IS DISTINCT FROM (OLD.status, OLD.reason, OLD.answered_at, OLD.answered_xid)
       OR OLD.again_in IS NOT NULL AND NEW.again_in IS DISTINCT FROM OLD.again_in
       OR NEW.again_in IS NOT NULL AND NEW.status NOT IN ('REJECTED', 'RECALLED') THEN
        RAISE EXCEPTION 'a sealed record is answered once, and not changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER answered_once BEFORE UPDATE ON settlement_record
    FOR EACH ROW EXECUTE FUNCTION settlement_check_record();
SELECT core_never_deleted('settlement_record');
"""
UNDO = """
DROP TRIGGER never_deleted ON settlement_record;
DROP TRIGGER never_truncated ON settlement_record;
DROP TRIGGER answered_once ON settlement_record;
DROP FUNCTION settlement_check_record();
"""
_WORDS = ["SEALED", "ACCEPTED", "REJECTED", "RECALLED"]


class Migration(migrations.Migration):
    dependencies = [("settlement", "0415_calendar")]
    operations = [
        migrations.CreateModel(
            name="Record",
            fields=[
                ("pk", models.CompositePrimaryKey("batch_id", "line", blank=True, editable=False, primary_key=True, serialize=False)),
                ("batch_id", models.BigIntegerField()),
                ("line", models.IntegerField()),
                ("channel", models.TextField()),
                ("package", models.BigIntegerField()),
                ("record_id", models.BigIntegerField()),
                ("attempt", models.IntegerField()),
                ("asset", models.TextField()),
                (
                    "quantities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DecimalField(decimal_places=10, max_digits=38), size=None
                    ),
                ),
                (
                    "status",
                    models.TextField(choices=[(each, each.capitalize()) for each in _WORDS], default="SEALED"),
                ),
                ("reason", models.TextField(default="")),
                ("answered_at", models.DateTimeField(null=True)),
                ("answered_xid", models.BigIntegerField(null=True)),
                ("again_in", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "settlement_record",
                "indexes": [
                    models.Index(
                        condition=models.Q(("again_in__isnull", True), ("status__in", ["REJECTED", "RECALLED"])),
                        fields=["channel", "package"],
                        name="settlement_record_again",
                    ),
                    models.Index(
                        condition=models.Q(("again_in__isnull", False)),
                        fields=["again_in"],
                        name="settlement_record_next",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "record_id", "attempt"), name="settlement_record_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answered_at__isnull", True), ("status", "SEALED")),
                            models.Q(
                                ("answered_at__isnull", False),
                                ("status__in", ["ACCEPTED", "REJECTED", "RECALLED"]),
                            ),
                            _connector="OR",
                        ),
                        name="settlement_record_answer",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
