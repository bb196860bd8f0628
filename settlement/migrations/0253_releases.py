"""Batches that leave only when two people let them go, above an amount that is data of their channel."""

from django.db import migrations, models

KEEP = """
CREATE OR REPLACE FUNCTION settlement_keep_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settlement_batch_progress
        (batch_id, recorded_at, accepted, rejected, settled, claimed_at, recalled_at{column})
    VALUES (NEW.batch_id, NEW.changed_at, NEW.accepted, NEW.rejected, NEW.settled, NEW.claimed_at, NEW.recalled_at{value});
    RETURN NULL;
END $$;
"""
RULES = "SELECT core_append_only('settlement_release');" + KEEP.format(
    column=", released_at", value=", NEW.released_at"
)
UNDO = (
    "DROP TRIGGER never_truncated ON settlement_release; DROP TRIGGER append_only ON settlement_release;"
    + KEEP.format(column="", value="")
)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0252_batch_recalls")]
    operations = [
        migrations.CreateModel(
            name="Release",
            fields=[
                ("batch_id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="in base currency; empty where it is not known",
                        max_digits=32,
                        null=True,
                    ),
                ),
            ],
            options={"db_table": "settlement_release"},
        ),
        migrations.AddField(
            "channel",
            "release_from",
            models.DecimalField(
                blank=True,
                decimal_places=4,
                help_text="in base currency: batches from this amount on wait until two people release them; empty: none",
                max_digits=28,
                null=True,
            ),
        ),
        migrations.AddConstraint(
            "channel",
            models.CheckConstraint(
                condition=models.Q(("release_from__gte", 0)), name="settlement_channel_release_from"
            ),
        ),
        migrations.AddField("batchstate", "released_at", models.DateTimeField(help_text="by two people", null=True)),
        migrations.AddField("batchprogress", "released_at", models.DateTimeField(null=True)),
        migrations.RunSQL(RULES, UNDO),
    ]
