"""A recall knows the transaction that made it, so that it can be read as of a moment."""

from django.db import migrations, models

import core.models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0050_progress_kept")]
    operations = [
        migrations.AddField(
            "recall",
            "xid",
            models.BigIntegerField(db_default=core.models.TransactionId(), editable=False),
        ),
    ]
