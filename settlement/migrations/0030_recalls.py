"""What was instructed and must not be done any more: its cancellation in a later batch, and what replaces it."""

import django.contrib.postgres.fields
from django.db import migrations, models

RULES = """
SELECT core_never_deleted('settlement_recall');

-- A recall gets its cancellation once, and another only after the back office rejected it; nothing else of it ever
-- changes.
CREATE FUNCTION settlement_cancel_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.cancellation_id IS NOT NULL AND (NEW.cancellation_id IS NOT NULL OR NOT EXISTS (
            SELECT 1 FROM settlement_instruction_state s
            WHERE s.instruction_id = OLD.cancellation_id AND s.processing = 'REJECTED')))
       OR to_jsonb(NEW) - 'cancellation_id' IS DISTINCT FROM to_jsonb(OLD) - 'cancellation_id' THEN
        RAISE EXCEPTION 'a recall is never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cancel_once BEFORE UPDATE ON settlement_recall
    FOR EACH ROW EXECUTE FUNCTION settlement_cancel_once();
"""
UNDO = """
DROP TRIGGER cancel_once ON settlement_recall;
DROP FUNCTION settlement_cancel_once();
DROP TRIGGER never_deleted ON settlement_recall;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0006_fewer_indexes")]
    operations = [
        migrations.AddField("instruction", "cancels", models.BigIntegerField(null=True)),
        migrations.AddField(
            "instruction",
            "replaces",
            django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.CreateModel(
            name="Recall",
            fields=[
                ("instruction_id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "cause_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("recalled_at", models.DateTimeField()),
                ("recalled_by", models.TextField()),
                ("cancellation_id", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "settlement_recall",
                "indexes": [
                    models.Index(
                        condition=models.Q(("cancellation_id__isnull", True)),
                        fields=["instruction_id"],
                        name="settlement_recall_pending",
                    ),
                    models.Index(fields=["cancellation_id"], name="settlement_recall_cancel"),
                ],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
