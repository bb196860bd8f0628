"""What was said of an instruction's matching and cancellation stands beside its processing and its settlement."""

from django.db import migrations, models

NAMES = ("matching", "matching_reason", "cancellation", "cancellation_reason")


class Migration(migrations.Migration):
    dependencies = [("settlement", "0254_attestations")]
    operations = [
        *(
            migrations.AddField("instructionstate", name, models.TextField(db_default="", default=""))
            for name in NAMES
        ),
        migrations.AlterField(
            "statusreport",
            "kind",
            models.TextField(help_text="ACCEPTED, REJECTED, CANCELLED, or what a report says"),
        ),
    ]
