"""Who was asked to move what is stuck, and when again."""

from django.db import migrations, models

from core.models import TransactionId


class Migration(migrations.Migration):
    dependencies = [("settlement", "0530_records")]
    operations = [
        migrations.CreateModel(
            "Chase",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("instruction_id", models.BigIntegerField()),
                (
                    "way",
                    models.TextField(choices=[("MAIL", "Mail"), ("PHONE", "Phone"), ("NOTE", "Note")]),
                ),
                ("mover", models.TextField()),
                ("whom", models.TextField()),
                ("note", models.TextField()),
                ("next_on", models.DateField(null=True)),
                ("chased_by", models.TextField()),
                ("chased_at", models.DateTimeField()),
                ("key", models.TextField()),
                ("xid", models.BigIntegerField(db_default=TransactionId(), editable=False)),
            ],
            options={
                "db_table": "settlement_chase",
                "constraints": [
                    models.UniqueConstraint(fields=["instruction_id", "key"], name="settlement_chase_once"),
                    models.CheckConstraint(
                        condition=models.Q(("way__in", ["MAIL", "PHONE", "NOTE"])),
                        name="settlement_chase_way",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mover__in", ["COUNTERPARTY", "BACK_OFFICE", "MARKET"])),
                        name="settlement_chase_mover",
                    ),
                ],
                "indexes": [models.Index(fields=["instruction_id", "id"], name="settlement_chase_of")],
            },
        ),
        migrations.RunSQL(
            "SELECT core_append_only('settlement_chase')",
            "DROP TRIGGER append_only ON settlement_chase; DROP TRIGGER never_truncated ON settlement_chase",
        ),
    ]
