"""What failed settlements cost, day by day: never changed."""

import core.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('settlement', '0330_invoices'),
    ]

    operations = [
        migrations.CreateModel(
            name='Penalty',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('instruction_id', models.BigIntegerField()),
                ('day', models.DateField()),
                ('number', models.IntegerField()),
                ('rate_id', models.BigIntegerField(null=True)),
                ('basis_points', models.DecimalField(decimal_places=6, max_digits=10, null=True)),
                ('price', models.DecimalField(decimal_places=20, max_digits=38, null=True)),
                ('price_date', models.DateField(null=True)),
                ('quantity', models.DecimalField(decimal_places=10, max_digits=28)),
                ('currency', models.TextField()),
                ('amount', models.DecimalField(decimal_places=4, max_digits=28, null=True)),
                ('payer', models.TextField(choices=[('US', 'we pay'), ('COUNTERPARTY', 'the counterparty pays')])),
                ('gap', models.TextField(choices=[('', 'none'), ('NO_RATE', 'no penalty rate holds on the day'), ('NO_PRICE', 'no close price of the day or shortly before')], default='')),
                ('reverses', models.BigIntegerField(null=True, unique=True)),
                ('recorded_at', models.DateTimeField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
            ],
            options={
                'db_table': 'settlement_penalty',
            },
        ),
        migrations.AddIndex(
            model_name='statusreport',
            index=models.Index(condition=models.Q(('kind__in', ['FAILED', 'PARTIAL'])), fields=['instruction_id'], name='settlement_report_fails'),
        ),
        migrations.AddIndex(
            model_name='penalty',
            index=models.Index(fields=['xid', 'id'], name='settlement_penalty_order'),
        ),
        migrations.AddConstraint(
            model_name='penalty',
            constraint=models.UniqueConstraint(condition=models.Q(('reverses__isnull', True)), fields=('instruction_id', 'day', 'number'), name='settlement_penalty_once'),
        ),
        migrations.AddConstraint(
            model_name='penalty',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__isnull', False), ('gap', '')), models.Q(('amount__isnull', True), ('gap__in', ['NO_RATE', 'NO_PRICE'])), _connector='OR'), name='settlement_penalty_gap'),
        ),
        migrations.RunSQL(
            "SELECT core_append_only('settlement_penalty')",
            "DROP TRIGGER never_truncated ON settlement_penalty; DROP TRIGGER append_only ON settlement_penalty",
        ),
    ]
