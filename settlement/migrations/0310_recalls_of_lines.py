"""Recalls of single instructions, asked for and answered as those of batches are."""

from django.db import migrations, models

_ASKED = models.Q(("state", "REFUSED"), _negated=True)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0300_linked_instructions")]
    operations = [
        migrations.AddField("batchrecall", "instruction_id", models.BigIntegerField(null=True)),
        migrations.RemoveConstraint("batchrecall", "settlement_brecall_one"),
        migrations.AddConstraint(
            "batchrecall",
            models.UniqueConstraint(
                condition=_ASKED & models.Q(("instruction_id__isnull", True)),
                fields=["batch_id"],
                name="settlement_brecall_one",
            ),
        ),
        migrations.AddConstraint(
            "batchrecall",
            models.UniqueConstraint(
                condition=_ASKED & models.Q(("instruction_id__isnull", False)),
                fields=["instruction_id"],
                name="settlement_brecall_line",
            ),
        ),
    ]
