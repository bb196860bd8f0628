"""An index of what was bought and sold, by position and day."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0351_corporate_actions'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='positionentry',
            index=models.Index(condition=models.Q(('basis', 'TRADED'), ('reverses__isnull', True), ('trade_id__isnull', False), models.Q(('instrument_id', 0), _negated=True)), fields=['book_id', 'instrument_id', 'effective_date', 'id'], name='ledger_entry_fills'),
        ),
    ]
