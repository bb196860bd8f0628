"""Whoever asks for the next batch finds it among those that are not answered in full."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0250_manifests")]
    operations = [
        migrations.AddIndex(
            model_name="batchstate",
            index=models.Index(
                condition=models.Q(("instruction_count__gt", models.F("accepted") + models.F("rejected"))),
                fields=["batch_id"],
                name="settlement_state_open",
            ),
        )
    ]
