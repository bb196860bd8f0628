"""The issuer of an instrument, by which limits are kept too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("refdata", "0150_what_controls_look_up")]
    operations = [
        migrations.AddField(
            "instrument",
            "issuer",
            models.TextField(blank=True, default="", help_text="who issued it, by code or LEI"),
        ),
    ]
