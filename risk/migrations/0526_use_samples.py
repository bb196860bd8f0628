"""How full the fullest members of limits were, hour by hour."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("risk", "0210_work_items_of_limits")]
    operations = [
        migrations.CreateModel(
            name="UseSample",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "limit_id", "key", "hour", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("limit_id", models.BigIntegerField()),
                ("key", models.TextField()),
                ("hour", models.DateTimeField()),
                ("figure", models.DecimalField(decimal_places=4, max_digits=28)),
                ("hard", models.DecimalField(decimal_places=4, max_digits=28)),
            ],
            options={"db_table": "risk_use_sample"},
        ),
    ]
