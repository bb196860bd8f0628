"""The one way to hold an idempotency key while its request is worked on, for statements and functions alike."""

from django.db import migrations

LOCK = """
CREATE FUNCTION core_hold_idempotency_key(client bigint, key text) RETURNS boolean LANGUAGE sql AS $$
    SELECT pg_try_advisory_xact_lock(hashtextextended(client::text || ' ' || key, 7))
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0003_one_index_on_events")]
    operations = [
        migrations.RunSQL(LOCK, "DROP FUNCTION core_hold_idempotency_key(bigint, text)")
    ]
