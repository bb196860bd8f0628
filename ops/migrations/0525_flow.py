"""How much flows, minute by minute, counted once from the log."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ops", "0520_desk_scopes")]
    operations = [
        migrations.CreateModel(
            name="FlowCount",
            fields=[
                ("pk", models.CompositePrimaryKey("minute", "type", blank=True, editable=False, primary_key=True, serialize=False)),
                ("minute", models.DateTimeField()),
                ("type", models.TextField()),
                ("count", models.BigIntegerField()),
            ],
            options={"db_table": "ops_flow_count"},
        ),
        migrations.CreateModel(
            name="FlowMark",
            fields=[
                ("one", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("event_id", models.BigIntegerField()),
            ],
            options={
                "db_table": "ops_flow_mark",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("one", True)), name="ops_flow_mark_is_one")
                ],
            },
        ),
    ]
