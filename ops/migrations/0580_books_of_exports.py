"""The books that whoever has an export made sees, so that nobody takes it who sees less by then."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ops", "0525_flow")]
    operations = [
        migrations.AddField(
            model_name="export",
            name="books",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                help_text="the books whose rows it has; null: those of the whole firm",
                null=True,
                size=None,
            ),
        ),
    ]
