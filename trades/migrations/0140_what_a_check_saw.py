"""A finding says how its check was set and what it compared; findings of a time are found by it."""

import django.core.serializers.json
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("trades", "0110_what_becomes_of_an_early_change"),
    ]

    operations = [
        migrations.AddField(
            model_name='finding',
            name='inputs',
            field=models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, null=True),
        ),
        migrations.AddField(
            model_name='finding',
            name='parameter_version',
            field=models.IntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(fields=['found_at', 'code'], name='trades_finding_found'),
        ),
    ]
