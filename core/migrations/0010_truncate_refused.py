"""TRUNCATE is refused too: a trigger for each row does not see it.

On every table whose rows are never changed or never deleted, those that exist and, through core_append_only() and
core_never_deleted(), those to come. A test runner empties tables between tests: it asks for that with the setting
`middleoffice.may_truncate`, which nothing in the product sets. It is a guard against accidents of whoever owns the
tables, who could drop the trigger as well; the application's own role (`manage.py grant_app_role`) has no right to
TRUNCATE, with or without the setting.
"""

from django.db import migrations

REFUSE = """
CREATE FUNCTION core_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('middleoffice.may_truncate', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'TRUNCATE on % is refused: its rows are never deleted', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION core_never_truncated(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON %s'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_truncate()', target);
END $$;

CREATE OR REPLACE FUNCTION core_append_only(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s'
                   ' FOR EACH ROW EXECUTE FUNCTION core_refuse_change()', target);
    PERFORM core_never_truncated(target);
END $$;

CREATE OR REPLACE FUNCTION core_never_deleted(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER never_deleted BEFORE DELETE ON %s'
                   ' FOR EACH ROW EXECUTE FUNCTION core_refuse_change()', target);
    PERFORM core_never_truncated(target);
END $$;

SELECT core_never_truncated(tgrelid) FROM pg_trigger WHERE tgname IN ('append_only', 'never_deleted');
"""
UNDO = """
DROP FUNCTION core_refuse_truncate() CASCADE;
DROP FUNCTION core_never_truncated(regclass);

CREATE OR REPLACE FUNCTION core_append_only(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s'
                   ' FOR EACH ROW EXECUTE FUNCTION core_refuse_change()', target);
END $$;

CREATE OR REPLACE FUNCTION core_never_deleted(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER never_deleted BEFORE DELETE ON %s'
                   ' FOR EACH ROW EXECUTE FUNCTION core_refuse_change()', target);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0006_ids_and_answers_as_they_are")]
    operations = [migrations.RunSQL(REFUSE, UNDO)]
