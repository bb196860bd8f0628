"""What a unit of goods or of a service costs, from a day on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("refdata", "0400_maximum_sizes"),
    ]

    operations = [
        migrations.CreateModel(
            name="StandardCost",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("valid_from", models.DateField(help_text="first trade date for which it holds")),
                ("cost", models.DecimalField(decimal_places=10, help_text="of one unit", max_digits=28)),
                ("currency", models.TextField(help_text="ISO 4217")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="standard_costs",
                        to="refdata.instrument",
                    ),
                ),
            ],
            options={
                "db_table": "refdata_standard_cost",
                "constraints": [
                    models.UniqueConstraint(fields=("instrument", "valid_from"), name="refdata_standard_cost_once"),
                    models.CheckConstraint(
                        condition=models.Q(("cost__gte", 0)), name="refdata_standard_cost_sign"
                    ),
                ],
            },
        ),
        migrations.RunSQL("SELECT core_never_deleted('refdata_standard_cost')", migrations.RunSQL.noop),
    ]
