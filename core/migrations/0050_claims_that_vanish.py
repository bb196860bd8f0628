"""Work that was tried before, or waits suspiciously long, is noted before it is worked on: whoever finds the note
of a session that is gone knows that the work ended its worker."""

import importlib

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

_before = importlib.import_module("core.migrations.0005_claim_failed_alone").CLAIM

CLAIM = """
DROP FUNCTION core_claim_work(text, integer, timestamptz);
CREATE FUNCTION core_claim_work(wanted_task text, wanted integer, at timestamptz)
RETURNS TABLE (work_id bigint, subject_ids bigint[], suspect boolean, crashes integer) LANGUAGE plpgsql AS $$
DECLARE
    taken integer := 0;
    failed boolean := false;
    tries integer;
    since timestamptz;
    waiting CURSOR FOR
        SELECT w.id, w.subject_ids, w.attempts, w.crashes, w.created_at FROM core_work w
        WHERE w.task = wanted_task AND (w.not_before IS NULL OR w.not_before <= at)
        ORDER BY w.id FOR UPDATE SKIP LOCKED;
BEGIN
    OPEN waiting;
    WHILE taken < wanted AND NOT failed LOOP
        FETCH waiting INTO work_id, subject_ids, tries, crashes, since;
        EXIT WHEN NOT FOUND;
        failed := tries > 0;
        EXIT WHEN failed AND taken > 0;
        suspect := failed OR since < clock_timestamp() - interval '10 seconds';
        taken := taken + cardinality(subject_ids);
        RETURN NEXT;
    END LOOP;
    CLOSE waiting;
END $$;
"""
BEFORE = f"DROP FUNCTION core_claim_work(text, integer, timestamptz); {_before}"


class Migration(migrations.Migration):
    dependencies = [("core", "0040_moments")]
    operations = [
        migrations.AddField(
            "work",
            "crashes",
            models.IntegerField(default=0, db_default=0, help_text="times that it ended its worker, alone"),
        ),
        migrations.CreateModel(
            name="ClaimNote",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("pid", models.IntegerField()),
                ("backend_start", models.DateTimeField()),
                (
                    "work_ids",
                    ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
            ],
            options={"db_table": "core_claim_note"},
        ),
        migrations.RunSQL(CLAIM, BEFORE),
    ]
