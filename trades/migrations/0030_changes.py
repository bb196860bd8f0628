"""What front offices send to change a deal, also before it came, and which changes need two people."""

import django.contrib.postgres.fields
import django.core.serializers.json
from django.db import migrations, models

RULES = "SELECT core_append_only('trades_change_message');"
UNDO = "DROP TRIGGER append_only ON trades_change_message;"


class Migration(migrations.Migration):
    dependencies = [("trades", "0005_capture_by_record")]
    operations = [
        migrations.CreateModel(
            name="ChangeMessage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("source", models.TextField()),
                ("source_ref", models.TextField()),
                ("source_version", models.IntegerField()),
                ("kind", models.TextField(help_text="AMEND or CANCEL")),
                (
                    "changes",
                    models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, null=True),
                ),
                ("reason", models.TextField()),
                ("effective_at", models.DateTimeField(null=True)),
                ("actor", models.TextField()),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "db_table": "trades_change_message",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "source_ref", "source_version"), name="trades_change_message_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EarlyChange",
            fields=[
                ("message_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("source", models.TextField()),
                ("source_ref", models.TextField()),
            ],
            options={
                "db_table": "trades_early_change",
                "indexes": [models.Index(fields=["source", "source_ref"], name="trades_early_change_deal")],
            },
        ),
        migrations.CreateModel(
            name="ChangePolicy",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.TextField(
                        choices=[("AMEND", "amendments"), ("CANCEL", "cancellations"), ("ANY", "both")],
                        default="ANY",
                    ),
                ),
                (
                    "states",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SmallIntegerField(),
                        default=list,
                        help_text="empty: in every state",
                        size=None,
                    ),
                ),
                (
                    "base_amount",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        help_text="from this on; empty: any amount",
                        max_digits=28,
                        null=True,
                    ),
                ),
            ],
            options={"db_table": "trades_change_policy", "verbose_name_plural": "change policies"},
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
