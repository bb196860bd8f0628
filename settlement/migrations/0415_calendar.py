"""What is sealed is found by its value date, and what of it is not done with by an index that holds nothing else."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0410_tie_out_breaks")]
    operations = [
        migrations.AddIndex(
            "batch", models.Index(fields=["value_date", "id"], name="settlement_batch_value_date")
        ),
        migrations.AddIndex(
            "batchstate",
            models.Index(
                fields=["batch_id"],
                condition=models.Q(
                    instruction_count__gt=models.F("rejected") + models.F("settled"), recalled_at__isnull=True
                ),
                name="settlement_state_unfinished",
            ),
        ),
    ]
