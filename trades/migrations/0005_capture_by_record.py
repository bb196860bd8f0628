"""A new deal is stored after the key of its answer, whose own index says whether the key is new.

A look-up before it was planned while the table was empty, and read it whole until its statistics were made.
"""

import importlib

from django.db import migrations

_before = importlib.import_module("trades.migrations.0003_capture_new").CAPTURE

CAPTURE = """
CREATE OR REPLACE FUNCTION trades_capture_new(
    terms trades_version, first_state smallint, task text, event text, actor text, request text,
    client bigint, idempotency_key text, request_hash bytea, status smallint, headers jsonb, body bytea
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    xid bigint := pg_current_xact_id()::text::bigint;
BEGIN
    IF NOT core_hold_idempotency_key(client, idempotency_key) THEN
        RETURN false;
    END IF;
    INSERT INTO core_idempotency_key (client_id, key, request_hash, status, headers, body, created_at)
    VALUES (client, idempotency_key, request_hash, status, headers, body, terms.recorded_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO trades_version SELECT terms.*
    ON CONFLICT (source, source_ref) WHERE version = 1 DO NOTHING;
    IF NOT FOUND THEN
        DELETE FROM core_idempotency_key k WHERE k.client_id = client AND k.key = idempotency_key;
        RETURN false;
    END IF;
    INSERT INTO trades_state (trade_id, version, state, changed_at, changed_xid)
    VALUES (terms.trade_id, terms.version, first_state, terms.recorded_at, xid);
    INSERT INTO core_event
        (recorded_at, xid, type, subject, subject_id, version, actor, request_id, reason)
    VALUES (terms.recorded_at, xid, event, 'trade', terms.trade_id, terms.version, actor, request, '');
    INSERT INTO core_work (task, subject_ids) VALUES (task, ARRAY[terms.trade_id]);
    RETURN true;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0004_duplicates_by_trade")]
    operations = [
        migrations.RunSQL(CAPTURE, _before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    ]
