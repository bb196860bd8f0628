"""What the database itself refuses, and the claim function."""

from django.db import migrations

RULES = """
CREATE FUNCTION core_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION core_append_only(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s'
                   ' FOR EACH ROW EXECUTE FUNCTION core_refuse_change()', target);
END $$;

CREATE FUNCTION core_never_deleted(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER never_deleted BEFORE DELETE ON %s'
                   ' FOR EACH ROW EXECUTE FUNCTION core_refuse_change()', target);
END $$;

SELECT core_append_only('core_event');

-- Rows are fetched, and so locked, one by one: a claim never locks work that it does not take.
CREATE FUNCTION core_claim_work(wanted_task text, wanted integer, at timestamptz)
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

-- The queue is short-lived rows: without eager vacuuming its index fills with dead entries.
ALTER TABLE core_work SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
"""
UNDO = """
DROP FUNCTION core_claim_work(text, integer, timestamptz);
DROP TRIGGER append_only ON core_event;
DROP FUNCTION core_never_deleted(regclass);
DROP FUNCTION core_append_only(regclass);
DROP FUNCTION core_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunSQL(RULES, UNDO)]
