"""The desks that API clients are limited to."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0527_api_failures")]
    operations = [
        migrations.AddField(
            model_name="apiclient",
            name="desks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(), blank=True, default=list, size=None
            ),
        ),
    ]
