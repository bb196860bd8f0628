"""An obligation's key is (trade, leg, attempt), and an instruction knows its trades: one index for the three it
had, on the table that grows most.

The table is made anew: nothing was sealed before.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

RULES = """
SELECT core_never_deleted('settlement_obligation');
CREATE TRIGGER instruct_once BEFORE UPDATE ON settlement_obligation
    FOR EACH ROW EXECUTE FUNCTION settlement_instruct_once();
"""
NO_RULES = """
DROP TRIGGER instruct_once ON settlement_obligation;
DROP TRIGGER never_deleted ON settlement_obligation;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0003_progress")]
    operations = [
        migrations.RunSQL(NO_RULES, RULES),
        migrations.DeleteModel("Obligation"),
        migrations.CreateModel(
            name="Obligation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "trade_id",
                        "leg",
                        "attempt",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("trade_id", models.BigIntegerField()),
                ("leg", models.IntegerField()),
                ("attempt", models.SmallIntegerField()),
                ("version", models.IntegerField()),
                ("instruction_id", models.BigIntegerField(null=True)),
                ("asset_kind", models.TextField()),
                ("asset", models.TextField()),
                ("direction", models.TextField()),
                ("quantity", models.DecimalField(decimal_places=10, max_digits=28)),
                ("value_date", models.DateField()),
            ],
            options={
                "db_table": "settlement_obligation",
                "indexes": [
                    models.Index(
                        condition=models.Q(instruction_id__isnull=True),
                        fields=["value_date"],
                        name="settlement_obligation_waiting",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, NO_RULES),
        migrations.AddField(
            model_name="instruction",
            name="trade_ids",
            field=ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
            preserve_default=False,
        ),
    ]
