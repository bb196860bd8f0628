"""A change that came before its deal may wait for a second person, or be refused for a person to see."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trades", "0100_allocations")]
    operations = [
        migrations.AddField(
            "earlychange",
            "outcome",
            models.TextField(
                choices=[
                    ("", "waits"),
                    ("REFUSED", "refused, for a person to see"),
                    ("DROPPED", "came to nothing"),
                ],
                db_default="",
                default="",
            ),
        ),
        migrations.AddField("earlychange", "refusal", models.TextField(db_default="", default="")),
        migrations.AddIndex(
            "earlychange",
            models.Index(
                fields=["message_id"],
                condition=models.Q(outcome=""),
                name="trades_early_change_waiting",
            ),
        ),
        migrations.AlterField(
            "exceptionitem",
            "kind",
            models.TextField(
                choices=[
                    ("FINDING", "check findings"),
                    ("REJECTION", "rejected by the back office"),
                    ("FAIL", "settlement failed"),
                    ("CHANGE", "change that could not be applied"),
                ]
            ),
        ),
    ]
