"""Batches and reports know the transaction that wrote them, and every step of a batch's progress is kept.

Rows that are there already count as written by this migration; of a batch's progress only its last step is known.
"""

from django.db import migrations, models

import core.models

# The batch's row of state is locked by whoever changes it, so its steps are numbered in the order of commits.
RULES = """
SELECT core_append_only('settlement_batch_progress');

INSERT INTO settlement_batch_progress (batch_id, recorded_at, accepted, rejected, settled, claimed_at)
SELECT s.batch_id, greatest(s.claimed_at, max(i.changed_at)), s.accepted, s.rejected, s.settled, s.claimed_at
FROM settlement_batch_state s JOIN settlement_instruction_state i ON i.batch_id = s.batch_id
WHERE s.claimed_at IS NOT NULL OR s.accepted + s.rejected + s.settled > 0
GROUP BY s.batch_id;

CREATE FUNCTION settlement_keep_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settlement_batch_progress (batch_id, recorded_at, accepted, rejected, settled, claimed_at)
    VALUES (NEW.batch_id, NEW.changed_at, NEW.accepted, NEW.rejected, NEW.settled, NEW.claimed_at);
    RETURN NULL;
END $$;
CREATE TRIGGER keep_progress AFTER UPDATE ON settlement_batch_state
    FOR EACH ROW EXECUTE FUNCTION settlement_keep_progress();
"""
UNDO = """
DROP TRIGGER keep_progress ON settlement_batch_state;
DROP FUNCTION settlement_keep_progress();
DROP TRIGGER append_only ON settlement_batch_progress;
"""
_XID = models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0030_recalls"), ("core", "0040_moments")]
    operations = [
        migrations.CreateModel(
            name="BatchProgress",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("batch_id", models.BigIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("xid", _XID),
                ("accepted", models.IntegerField()),
                ("rejected", models.IntegerField()),
                ("settled", models.IntegerField()),
                ("claimed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "settlement_batch_progress",
                "indexes": [models.Index(fields=["batch_id", "id"], name="settlement_progress_batch")],
            },
        ),
        migrations.AddField(model_name="batch", name="xid", field=_XID.clone()),
        migrations.AddField(model_name="statusreport", name="xid", field=_XID.clone()),
        migrations.AddField(
            model_name="batchstate",
            name="changed_at",
            field=models.DateTimeField(help_text="when the counts last changed", null=True),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
