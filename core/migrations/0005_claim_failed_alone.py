"""Work that has failed before is claimed alone: gathered with other rows, one bad subject would fail them all again."""

from django.db import migrations

CLAIM = """
CREATE OR REPLACE FUNCTION core_claim_work(wanted_task text, wanted integer, at timestamptz)
RETURNS TABLE (work_id bigint, subject_ids bigint[]) LANGUAGE plpgsql AS $$
DECLARE
    taken integer := 0;
    failed boolean := false;
    tries integer;
    waiting CURSOR FOR
        SELECT w.id, w.subject_ids, w.attempts FROM core_work w
        WHERE w.task = wanted_task AND (w.not_before IS NULL OR w.not_before <= at)
        ORDER BY w.id FOR UPDATE SKIP LOCKED;
BEGIN
    OPEN waiting;
    WHILE taken < wanted AND NOT failed LOOP
        FETCH waiting INTO work_id, subject_ids, tries;
        EXIT WHEN NOT FOUND;
        failed := tries > 0;
        EXIT WHEN failed AND taken > 0;
        taken := taken + cardinality(subject_ids);
        RETURN NEXT;
    END LOOP;
    CLOSE waiting;
END $$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION core_claim_work(wanted_task text, wanted integer, at timestamptz)
RETURNS TABLE (work_id bigint, subject_ids bigint[]) LANGUAGE plpgsql AS $$
DECLARE
    taken integer := 0;
    waiting CURSOR FOR
        SELECT w.id, w.subject_ids FROM core_work w
        WHERE w.task = wanted_task AND (w.not_before IS NULL OR w.not_before <= at)
        ORDER BY w.id FOR UPDATE SKIP LOCKED;
BEGIN
    OPEN waiting;
    WHILE taken < wanted LOOP
        FETCH waiting INTO work_id, subject_ids;
        EXIT WHEN NOT FOUND;
        taken := taken + cardinality(subject_ids);
        RETURN NEXT;
    END LOOP;
    CLOSE waiting;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0004_idempotency_lock")]
    operations = [migrations.RunSQL(CLAIM, BEFORE)]
