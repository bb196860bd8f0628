"""A proposal knows the transactions that made and decided it, so that it can be read as of a moment.

Proposals that are there already count as written by this migration.
"""

from django.db import migrations, models

import core.models

_CHANGED = """
CREATE OR REPLACE FUNCTION core_freeze_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'PENDING' OR (
        NEW.id, NEW.kind, NEW.subject, NEW.subject_id, NEW.content, NEW.content_hash, NEW.maker_id, NEW.reason,
        NEW.made_at{xid_new}
    ) IS DISTINCT FROM (
        OLD.id, OLD.kind, OLD.subject, OLD.subject_id, OLD.content, OLD.content_hash, OLD.maker_id, OLD.reason,
        OLD.made_at{xid_old}
    ) THEN
        RAISE EXCEPTION 'UPDATE on core_proposal is refused: what is proposed or decided is never changed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    {decided}
    RETURN NEW;
END $$;
"""
RULES = """
ALTER TABLE core_proposal DISABLE TRIGGER frozen;
UPDATE core_proposal SET decided_xid = pg_current_xact_id()::text::bigint WHERE state <> 'PENDING';
ALTER TABLE core_proposal ENABLE TRIGGER frozen;
""" + _CHANGED.format(
    xid_new=", NEW.xid",
    xid_old=", OLD.xid",
    decided="NEW.decided_xid := CASE WHEN NEW.state <> 'PENDING' THEN pg_current_xact_id()::text::bigint END;",
)
UNDO = _CHANGED.format(xid_new="", xid_old="", decided="")


class Migration(migrations.Migration):
    dependencies = [("core", "0051_proposals_are_frozen")]
    operations = [
        migrations.AddField(
            "proposal",
            "xid",
            models.BigIntegerField(db_default=core.models.TransactionId(), editable=False),
        ),
        migrations.AddField("proposal", "decided_xid", models.BigIntegerField(null=True, editable=False)),
        migrations.RunSQL(RULES, UNDO),
    ]
