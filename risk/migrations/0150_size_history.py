"""How large the trades of each trader and book have been lately."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("risk", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="SizeHistory",
            fields=[
                ("pk", models.CompositePrimaryKey("scope", "key", "product", blank=True, editable=False, primary_key=True, serialize=False)),
                ("scope", models.TextField()),
                ("key", models.TextField()),
                ("product", models.TextField()),
                ("trades", models.IntegerField()),
                ("mean", models.DecimalField(decimal_places=6, max_digits=12)),
                ("spread", models.DecimalField(decimal_places=6, max_digits=12)),
            ],
            options={"db_table": "risk_size_history"},
        ),
        migrations.CreateModel(
            name="SizeMark",
            fields=[
                ("one", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("trade_id", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "risk_size_mark",
                "constraints": [models.CheckConstraint(condition=models.Q(one=True), name="risk_size_mark_one")],
            },
        ),
    ]
