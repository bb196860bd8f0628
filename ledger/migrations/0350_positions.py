"""Positions with the entries behind them, and lots with what became of them."""

import core.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("core", "0250_signing_keys")]

    operations = [
        migrations.CreateModel(
            name='Lot',
            fields=[
                ('pk', models.CompositePrimaryKey('book_id', 'instrument_id', 'currency', 'lot_trade_id', 'lot_leg', blank=True, editable=False, primary_key=True, serialize=False)),
                ('book_id', models.BigIntegerField()),
                ('instrument_id', models.BigIntegerField()),
                ('currency', models.TextField()),
                ('lot_trade_id', models.BigIntegerField()),
                ('lot_leg', models.IntegerField()),
                ('lot_version', models.IntegerField()),
                ('lot_day', models.DateField()),
                ('lot_moment', models.DateTimeField()),
                ('quantity', models.DecimalField(decimal_places=10, max_digits=38)),
                ('cost', models.DecimalField(decimal_places=4, max_digits=38)),
            ],
            options={
                'db_table': 'ledger_lot',
            },
        ),
        migrations.CreateModel(
            name='PositionDue',
            fields=[
                ('pk', models.CompositePrimaryKey('book_id', 'instrument_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('book_id', models.BigIntegerField()),
                ('instrument_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'ledger_position_due',
            },
        ),
        migrations.CreateModel(
            name='LotMovement',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('book_id', models.BigIntegerField()),
                ('instrument_id', models.BigIntegerField()),
                ('currency', models.TextField()),
                ('day', models.DateField()),
                ('rank', models.TextField(choices=[('A', 'ACTION'), ('T', 'TRADE')])),
                ('moment', models.DateTimeField()),
                ('source_id', models.BigIntegerField()),
                ('leg', models.IntegerField()),
                ('version', models.IntegerField()),
                ('kind', models.TextField(choices=[('OPEN', 'OPEN'), ('CLOSE', 'CLOSE'), ('POOL', 'POOL'), ('SPLIT', 'SPLIT'), ('REFUSED', 'REFUSED')])),
                ('lot_trade_id', models.BigIntegerField()),
                ('lot_leg', models.IntegerField()),
                ('lot_version', models.IntegerField()),
                ('lot_day', models.DateField()),
                ('lot_moment', models.DateTimeField()),
                ('quantity', models.DecimalField(decimal_places=10, max_digits=38)),
                ('cost', models.DecimalField(decimal_places=4, max_digits=38)),
                ('value', models.DecimalField(decimal_places=4, max_digits=38)),
                ('gain', models.DecimalField(decimal_places=4, max_digits=38)),
            ],
            options={
                'db_table': 'ledger_lot_movement',
                'indexes': [models.Index(fields=['book_id', 'instrument_id', 'day', 'rank', 'moment', 'source_id', 'leg', 'id'], name='ledger_lot_movement_place'), models.Index(fields=['lot_trade_id', 'id'], name='ledger_lot_movement_lot'), models.Index(fields=['source_id', 'id'], name='ledger_lot_movement_source')],
            },
        ),
        migrations.CreateModel(
            name='LotPolicy',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('book_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('valid_from', models.DateField()),
                ('method', models.TextField(choices=[('FIFO', 'FIFO'), ('LIFO', 'LIFO'), ('AVERAGE', 'AVERAGE')])),
                ('opens_short', models.BooleanField(help_text='what is sold beyond what is held opens a short; else it is refused')),
                ('with_fees', models.BooleanField(help_text='fees are part of what a lot costs')),
                ('proposal_id', models.BigIntegerField(unique=True)),
                ('approved_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'lot policies',
                'db_table': 'ledger_lot_policy',
                'constraints': [models.UniqueConstraint(fields=('book_id', 'version'), name='ledger_lot_policy_version')],
            },
        ),
        migrations.CreateModel(
            name='Position',
            fields=[
                ('pk', models.CompositePrimaryKey('book_id', 'instrument_id', 'currency', 'counterparty_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('book_id', models.BigIntegerField()),
                ('instrument_id', models.BigIntegerField()),
                ('currency', models.TextField()),
                ('counterparty_id', models.BigIntegerField()),
                ('traded', models.DecimalField(decimal_places=10, max_digits=38)),
                ('settled', models.DecimalField(decimal_places=10, max_digits=38)),
            ],
            options={
                'db_table': 'ledger_position',
                'indexes': [models.Index(fields=['instrument_id', 'book_id'], name='ledger_position_instrument')],
            },
        ),
        migrations.CreateModel(
            name='PositionEntry',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('trade_id', models.BigIntegerField(null=True)),
                ('version', models.IntegerField()),
                ('leg', models.IntegerField(default=0)),
                ('action_id', models.BigIntegerField(null=True)),
                ('basis', models.TextField(choices=[('TRADED', 'traded'), ('SETTLED', 'settled')])),
                ('book_id', models.BigIntegerField()),
                ('instrument_id', models.BigIntegerField()),
                ('currency', models.TextField()),
                ('counterparty_id', models.BigIntegerField()),
                ('quantity', models.DecimalField(decimal_places=10, max_digits=28)),
                ('amount', models.DecimalField(decimal_places=4, max_digits=28)),
                ('fees', models.DecimalField(decimal_places=4, max_digits=28)),
                ('effective_date', models.DateField()),
                ('moment', models.DateTimeField()),
                ('reverses', models.BigIntegerField(null=True, unique=True)),
                ('recorded_at', models.DateTimeField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
            ],
            options={
                'db_table': 'ledger_position_entry',
                'indexes': [models.Index(fields=['trade_id', 'id'], name='ledger_entry_trade'), models.Index(fields=['book_id', 'instrument_id', 'currency', 'effective_date', 'id'], name='ledger_entry_position'), models.Index(condition=models.Q(('action_id__isnull', False)), fields=['action_id', 'book_id'], name='ledger_entry_action')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('action_id__isnull', False), ('trade_id__isnull', True)), models.Q(('action_id__isnull', True), ('trade_id__isnull', False)), _connector='OR'), name='ledger_entry_source')],
            },
        ),
        migrations.CreateModel(
            name='PositionMark',
            fields=[
                ('one', models.BooleanField(default=True, primary_key=True, serialize=False)),
                ('xid', models.BigIntegerField(default=0)),
                ('trade_id', models.BigIntegerField(default=0)),
            ],
            options={
                'db_table': 'ledger_position_mark',
                'constraints': [models.CheckConstraint(condition=models.Q(('one', True)), name='ledger_position_mark_one')],
            },
        ),
        migrations.RunSQL(
            "SELECT core_append_only('ledger_position_entry'); SELECT core_append_only('ledger_lot_policy')",
            "DROP TRIGGER never_truncated ON ledger_lot_policy; DROP TRIGGER append_only ON ledger_lot_policy;"
            " DROP TRIGGER never_truncated ON ledger_position_entry;"
            " DROP TRIGGER append_only ON ledger_position_entry",
        ),
    ]
