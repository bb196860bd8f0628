"""How far the journal is sealed for the general ledger."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0450_reconciled_as_of"), ("settlement", "0530_records")]
    operations = [
        migrations.CreateModel(
            name="HandOff",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("entity_id", models.BigIntegerField()),
                ("closed_through", models.DateField(help_text="the closing that it is of")),
                ("posting_date", models.DateField()),
                ("entry_id", models.BigIntegerField()),
                ("entry_count", models.IntegerField()),
                ("batch_id", models.BigIntegerField(unique=True)),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_hand_off",
                "indexes": [models.Index(fields=["entity_id", "id"], name="ledger_hand_off_entity")],
            },
        ),
        migrations.AddIndex(
            model_name="journalentry",
            index=models.Index(fields=["entity_id", "posting_date", "id"], name="ledger_journal_hand_off"),
        ),
        migrations.RunSQL(
            "SELECT core_append_only('ledger_hand_off')",
            "DROP TRIGGER append_only ON ledger_hand_off; DROP TRIGGER never_truncated ON ledger_hand_off",
        ),
    ]
