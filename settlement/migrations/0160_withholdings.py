"""Batches that nobody may claim, because they have trades that must not leave."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0120_cancellations_said"), ("core", "0051_proposals_are_frozen")]
    operations = [
        migrations.CreateModel(
            "Withholding",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("batch_id", models.BigIntegerField()),
                ("withheld_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "settlement_withholding",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["batch_id"],
                        condition=models.Q(ended_at__isnull=True),
                        name="settlement_withholding_open",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "SELECT core_never_deleted('settlement_withholding')",
            "DROP TRIGGER never_deleted ON settlement_withholding",
        ),
    ]
