"""Batches that operations have recalled, and what was asked of whoever had them."""

from django.db import migrations, models

# An instruction that is recalled with its batch needs no cancellation: nobody must do it. A cancellation that was recalled
# with its own batch is asked anew.
RULES = """
SELECT core_never_deleted('settlement_batch_recall');

CREATE OR REPLACE FUNCTION settlement_cancel_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.cancellation_id IS NOT NULL AND (NEW.cancellation_id IS NOT NULL OR NOT EXISTS (
            SELECT 1 FROM settlement_instruction_state s
            WHERE s.instruction_id = OLD.cancellation_id
              AND (s.processing = 'REJECTED' OR s.settlement = 'CANCELLED'))))
       OR (OLD.with_batch AND NOT NEW.with_batch)
       OR (NEW.with_batch AND NEW.cancellation_id IS NOT NULL)
       OR to_jsonb(NEW) - 'cancellation_id' - 'with_batch'
          IS DISTINCT FROM to_jsonb(OLD) - 'cancellation_id' - 'with_batch' THEN
        RAISE EXCEPTION 'a recall is never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION settlement_keep_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settlement_batch_progress
        (batch_id, recorded_at, accepted, rejected, settled, claimed_at, recalled_at)
    VALUES (NEW.batch_id, NEW.changed_at, NEW.accepted, NEW.rejected, NEW.settled, NEW.claimed_at, NEW.recalled_at);
    RETURN NULL;
END $$;
"""
UNDO = """
CREATE OR REPLACE FUNCTION settlement_keep_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settlement_batch_progress (batch_id, recorded_at, accepted, rejected, settled, claimed_at)
    VALUES (NEW.batch_id, NEW.changed_at, NEW.accepted, NEW.rejected, NEW.settled, NEW.claimed_at);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION settlement_cancel_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.cancellation_id IS NOT NULL AND (NEW.cancellation_id IS NOT NULL OR NOT EXISTS (
            SELECT 1 FROM settlement_instruction_state s
            WHERE s.instruction_id = OLD.cancellation_id AND s.processing = 'REJECTED')))
       OR to_jsonb(NEW) - 'cancellation_id' IS DISTINCT FROM to_jsonb(OLD) - 'cancellation_id' THEN
        RAISE EXCEPTION 'a recall is never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER never_truncated ON settlement_batch_recall;
DROP TRIGGER never_deleted ON settlement_batch_recall;
"""
_RECALLED = models.DateTimeField(help_text="when operations recalled it", null=True)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0251_open_batches")]
    operations = [
        migrations.CreateModel(
            name="BatchRecall",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("batch_id", models.BigIntegerField()),
                ("state", models.TextField(help_text="REQUESTED, RECALLED or REFUSED")),
                ("reason", models.TextField()),
                ("requested_by", models.TextField()),
                ("requested_at", models.DateTimeField()),
                ("client_id", models.BigIntegerField(help_text="whose consent it needs", null=True)),
                ("answered_by", models.TextField(default="")),
                ("answered_at", models.DateTimeField(null=True)),
                ("answer_reason", models.TextField(default="")),
            ],
            options={
                "db_table": "settlement_batch_recall",
                "indexes": [models.Index(fields=["batch_id", "id"], name="settlement_brecall_batch")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "REFUSED"), _negated=True),
                        fields=["batch_id"],
                        name="settlement_brecall_one",
                    )
                ],
            },
        ),
        migrations.AddField("batchstate", "recalled_at", _RECALLED),
        migrations.AddField("batchprogress", "recalled_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "recall",
            "with_batch",
            models.BooleanField(
                db_default=False, default=False, help_text="its batch was recalled: nothing is to be cancelled"
            ),
        ),
        migrations.RemoveIndex("recall", "settlement_recall_pending"),
        migrations.AddIndex(
            "recall",
            models.Index(
                condition=models.Q(("cancellation_id__isnull", True), ("with_batch", False)),
                fields=["instruction_id"],
                name="settlement_recall_pending",
            ),
        ),
        migrations.RemoveIndex("batchstate", "settlement_state_open"),
        migrations.AddIndex(
            "batchstate",
            models.Index(
                condition=models.Q(
                    ("instruction_count__gt", models.F("accepted") + models.F("rejected")),
                    ("recalled_at__isnull", True),
                ),
                fields=["batch_id"],
                name="settlement_state_open",
            ),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
