"""A stretch of the log by its BRIN, whatever the planner knows: after a restore or a bulk load it knows nothing yet,
and would read millions of rows for a page of a thousand.
"""

from django.db import migrations

BETWEEN = """
CREATE FUNCTION core_events_between(above bigint, up_to bigint) RETURNS SETOF core_event
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off AS $$
    SELECT * FROM core_event WHERE id > above AND id <= up_to ORDER BY id
$$;
"""
UNDO = "DROP FUNCTION core_events_between(bigint, bigint);"


class Migration(migrations.Migration):
    dependencies = [("core", "0020_feed_mark")]
    operations = [migrations.RunSQL(BETWEEN, UNDO)]
