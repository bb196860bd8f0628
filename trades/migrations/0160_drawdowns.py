"""Which reservation of limits the message of a deal names."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trades", "0150_neighbours"), ("core", "0051_proposals_are_frozen")]
    operations = [
        migrations.CreateModel(
            "Drawdown",
            [
                ("trade_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("reservation_id", models.BigIntegerField()),
            ],
            options={"db_table": "trades_drawdown"},
        ),
        migrations.RunSQL(
            "SELECT core_append_only('trades_drawdown')", "DROP TRIGGER append_only ON trades_drawdown"
        ),
    ]
