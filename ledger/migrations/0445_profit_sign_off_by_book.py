"""A day of profit is signed off book by book. Nothing was ever written to the table that this one replaces."""

import django.db.models.deletion
from django.db import migrations, models

_LET_GO = """
DROP TRIGGER never_truncated ON ledger_profit_sign_off; DROP TRIGGER append_only ON ledger_profit_sign_off;
"""
_KEEP = "SELECT core_append_only('ledger_profit_sign_off');"


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "0440_profit_gains"),
    ]

    operations = [
        migrations.RunSQL(_LET_GO, _KEEP),
        migrations.DeleteModel(name="ProfitSignOff"),
        migrations.CreateModel(
            name="ProfitSignOff",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("run", models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT, related_name="sign_offs", to="ledger.profitrun")),
                ("book_id", models.BigIntegerField()),
                ("proposal_id", models.BigIntegerField(unique=True)),
                ("signed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_profit_sign_off",
                "constraints": [
                    models.UniqueConstraint(fields=("run", "book_id"), name="ledger_profit_sign_off_once")],
            },
        ),
        migrations.RunSQL(_KEEP, _LET_GO),
    ]
