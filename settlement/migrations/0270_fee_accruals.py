"""Charges of deals as they are accrued and reversed: never changed."""

import core.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("settlement", "0260_matching_and_cancellation"),
    ]

    operations = [
        migrations.CreateModel(
            name='FeeAccrual',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('trade_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('type', models.TextField()),
                ('currency', models.TextField()),
                ('amount', models.DecimalField(decimal_places=4, max_digits=28)),
                ('rule_version_id', models.BigIntegerField(null=True)),
                ('is_stated', models.BooleanField(help_text='the front office stated it with the deal')),
                ('reverses', models.BigIntegerField(null=True, unique=True)),
                ('accrued_at', models.DateTimeField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
            ],
            options={
                'db_table': 'settlement_fee_accrual',
                'indexes': [models.Index(fields=['trade_id', 'id'], name='settlement_accrual_trade'), models.Index(fields=['xid', 'id'], name='settlement_accrual_order')],
            },
        ),
        migrations.RunSQL(
            "SELECT core_append_only('settlement_fee_accrual')",
            "DROP TRIGGER never_truncated ON settlement_fee_accrual;"
            " DROP TRIGGER append_only ON settlement_fee_accrual",
        ),
    ]
