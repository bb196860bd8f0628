"""Since when our side counts, and as of which moment a run has read it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "0445_profit_sign_off_by_book"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='reconciliationrun',
            name='ledger_run_waiting',
        ),
        migrations.AddField(
            model_name='reconciliationrun',
            name='as_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='reconciliationrun',
            name='looks_back',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='reconciliationversion',
            name='basis',
            field=models.TextField(db_default='', default=''),
        ),
        migrations.AddConstraint(
            model_name='reconciliationrun',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'WAITING')), fields=('reconciliation_id', 'business_date', 'as_at'), name='ledger_run_waiting', nulls_distinct=False),
        ),
    ]
