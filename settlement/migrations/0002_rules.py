"""Sealed means sealed: PostgreSQL refuses any change to a batch and what is in it."""

from django.db import migrations

RULES = """
SELECT core_append_only('settlement_batch');
SELECT core_append_only('settlement_batch_page');
SELECT core_append_only('settlement_instruction');
SELECT core_append_only('settlement_status_report');
SELECT core_never_deleted('settlement_obligation');
SELECT core_never_deleted('settlement_instruction_state');

-- A leg of a later date waits without an instruction and gets one once.
CREATE FUNCTION settlement_instruct_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.instruction_id IS NOT NULL
       OR to_jsonb(NEW) - 'instruction_id' IS DISTINCT FROM to_jsonb(OLD) - 'instruction_id' THEN
        RAISE EXCEPTION 'an obligation is never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER instruct_once BEFORE UPDATE ON settlement_obligation
    FOR EACH ROW EXECUTE FUNCTION settlement_instruct_once();

-- Pages are read far more often than written, and compress badly against their size: keep them plain.
ALTER TABLE settlement_batch_page ALTER COLUMN content SET STORAGE EXTERNAL;
"""
UNDO = """
DROP TRIGGER instruct_once ON settlement_obligation;
DROP FUNCTION settlement_instruct_once();
DROP TRIGGER never_deleted ON settlement_instruction_state;
DROP TRIGGER never_deleted ON settlement_obligation;
DROP TRIGGER append_only ON settlement_status_report;
DROP TRIGGER append_only ON settlement_instruction;
DROP TRIGGER append_only ON settlement_batch_page;
DROP TRIGGER append_only ON settlement_batch;
ALTER TABLE settlement_batch_page ALTER COLUMN content SET STORAGE EXTENDED;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0001_initial"), ("core", "0002_rules")]
    operations = [migrations.RunSQL(RULES, UNDO)]
