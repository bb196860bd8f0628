"""A webhook whose last answer was slow is known, so that it holds up no other."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("feed", "0120_no_secret_in_answers")]
    operations = [
        migrations.AddField("webhook", "is_slow", models.BooleanField(default=False, editable=False)),
    ]
