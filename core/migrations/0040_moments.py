"""Which snapshot answers for a moment, so that what is read of the past never changes again."""

from django.db import migrations, models

RULES = """
SELECT core_append_only('core_moment');

-- Whether what a transaction recorded at a moment was known at another, by the snapshot that answers for it;
-- and, where the last argument is given, had happened by then. Nothing asked (as_at is null): it is known now.
CREATE FUNCTION core_known(
    xid bigint, recorded timestamptz, as_at timestamptz, seen pg_snapshot, happened_by timestamptz DEFAULT NULL
) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT recorded IS NOT NULL
       AND (as_at IS NULL OR (recorded <= as_at AND pg_visible_in_snapshot(xid::text::xid8, seen)))
       AND (happened_by IS NULL OR recorded <= happened_by)
$$;

-- The first kept moment at or after the one asked for answers; else the present snapshot is kept for it. One at a
-- time, and each statement of a volatile function sees what was committed before it: so later moments have later
-- snapshots. Sequences are read after the snapshot is taken: no row that it sees has a higher number.
CREATE FUNCTION core_mark_moment(asked timestamptz) RETURNS core_moment LANGUAGE plpgsql AS $$
DECLARE
    marked core_moment;
BEGIN
    SELECT * INTO marked FROM core_moment m WHERE m.at >= asked ORDER BY m.at LIMIT 1;
    IF FOUND THEN
        RETURN marked;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('core_moment', 0));
    SELECT * INTO marked FROM core_moment m WHERE m.at >= asked ORDER BY m.at LIMIT 1;
    IF FOUND THEN
        RETURN marked;
    END IF;
    INSERT INTO core_moment (at, seen, marks)
    SELECT asked, pg_current_snapshot()::text, jsonb_object_agg(sequencename, coalesce(last_value, start_value - 1))
    FROM pg_sequences WHERE schemaname = current_schema()
    RETURNING * INTO marked;
    RETURN marked;
END $$;
"""
UNDO = """
DROP FUNCTION core_mark_moment(timestamptz);
DROP FUNCTION core_known(bigint, timestamptz, timestamptz, pg_snapshot, timestamptz);
DROP TRIGGER append_only ON core_moment;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0030_clients_propose")]
    operations = [
        migrations.CreateModel(
            name="Moment",
            fields=[
                ("at", models.DateTimeField(primary_key=True, serialize=False)),
                ("seen", models.TextField(help_text="PostgreSQL's snapshot")),
                (
                    "marks",
                    models.JSONField(help_text="the last number of each sequence when the snapshot was taken"),
                ),
            ],
            options={"db_table": "core_moment"},
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
