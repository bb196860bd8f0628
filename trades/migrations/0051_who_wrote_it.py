"""Findings and exceptions know the transactions that opened and closed them, so that they can be read as of a moment.

Rows that are there already count as written by this migration: every kept moment comes after it.
"""

from django.db import migrations, models

import core.models

RULES = """
CREATE FUNCTION trades_note_closing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.closed_xid := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER note_closing BEFORE UPDATE ON trades_finding
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL) EXECUTE FUNCTION trades_note_closing();
CREATE TRIGGER note_closing BEFORE UPDATE ON trades_exception
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL) EXECUTE FUNCTION trades_note_closing();
"""
UNDO = """
DROP TRIGGER note_closing ON trades_exception;
DROP TRIGGER note_closing ON trades_finding;
DROP FUNCTION trades_note_closing();
"""


def _fields(model: str) -> list[migrations.AddField]:
    return [
        migrations.AddField(
            model_name=model,
            name="xid",
            field=models.BigIntegerField(db_default=core.models.TransactionId(), editable=False),
        ),
        migrations.AddField(
            model_name=model, name="closed_xid", field=models.BigIntegerField(null=True, editable=False)
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("trades", "0050_versions_follow_on"), ("core", "0040_moments")]
    operations = [*_fields("finding"), *_fields("exceptionitem"), migrations.RunSQL(RULES, UNDO)]
