"""Marks: a moment of the log behind which no transaction can still write, so that readers may go by id.

A writer holds its transaction id before it draws an id of the log. Whoever then reads the last id drawn and takes
a transaction id of its own knows: every id up to there belongs to an older transaction. Once all of those have
ended, what is visible up to there is all there will ever be.
"""

from django.db import migrations

MARK = """
CREATE FUNCTION core_take_xid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_current_xact_id();
    RETURN NULL;
END $$;
-- Once a statement, before its first row: the default of the id is drawn after it.
CREATE TRIGGER take_xid BEFORE INSERT ON core_event FOR EACH STATEMENT EXECUTE FUNCTION core_take_xid();

-- In two steps, because the order matters: first the last id that was drawn, then a transaction id.
CREATE FUNCTION core_event_mark(OUT last_id bigint, OUT xid bigint) LANGUAGE plpgsql AS $$
BEGIN
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO last_id FROM core_event_id_seq s;
    xid := pg_current_xact_id()::text::bigint;
END $$;
"""
UNDO = """
DROP FUNCTION core_event_mark();
DROP TRIGGER take_xid ON core_event;
DROP FUNCTION core_take_xid();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0011_audit_seal")]
    operations = [migrations.RunSQL(MARK, UNDO)]
