"""What is open of instructions is found by indexes that hold nothing else."""

from django.db import migrations, models

_ACCEPTED = models.Q(processing="ACCEPTED")
_TROUBLE = models.Q(settlement__in=["FAILED", "PARTIAL"]) | models.Q(
    models.Q(matching="UNMATCHED") | ~models.Q(cancellation=""), settlement="PENDING"
)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0312_remainders")]
    operations = [
        migrations.AddIndex(
            "instructionstate",
            models.Index(
                fields=["instruction_id"], condition=_ACCEPTED & _TROUBLE, name="settlement_istate_trouble"
            ),
        ),
        migrations.AddIndex(
            "instructionstate",
            models.Index(
                fields=["instruction_id"],
                condition=_ACCEPTED
                & models.Q(~models.Q(matching="UNMATCHED"), settlement="PENDING", cancellation=""),
                name="settlement_istate_quiet",
            ),
        ),
        migrations.AddIndex(
            "instructionstate",
            models.Index(
                fields=["instruction_id"],
                condition=models.Q(processing="REJECTED"),
                name="settlement_istate_rejected",
            ),
        ),
    ]
