"""The group a party belongs to and the issuer of an instrument: what limits are kept by."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("refdata", "0060_bounded_factors")]
    operations = [
        migrations.AddField(
            "party",
            "party_group",
            models.TextField(
                blank=True, default="", help_text="the group it belongs to, by its code; empty: of none"
            ),
        ),
        migrations.AddField(
            "instrument",
            "issuer",
            models.TextField(blank=True, default="", help_text="who issued it, by code or LEI"),
        ),
    ]
