"""How often requests of clients failed alike, hour by hour."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0520_marks_in_their_schema")]
    operations = [
        migrations.CreateModel(
            name="ApiFailure",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "hour", "client_id", "method", "route", "status", "code",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("client_id", models.BigIntegerField()),
                ("method", models.TextField()),
                ("route", models.TextField()),
                ("status", models.SmallIntegerField()),
                ("code", models.TextField()),
                ("count", models.BigIntegerField()),
                ("last_at", models.DateTimeField()),
                ("request_id", models.TextField()),
                ("detail", models.TextField()),
            ],
            options={"db_table": "core_api_failure"},
        ),
    ]
