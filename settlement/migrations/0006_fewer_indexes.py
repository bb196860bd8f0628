"""States are read by instruction, never by batch: its counts stand in the batch's own state."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("settlement", "0005_quicker_bytes")]
    operations = [migrations.RemoveIndex(model_name="instructionstate", name="settlement_istate_batch")]
