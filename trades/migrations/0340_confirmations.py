"""What counterparties confirm, in versions that never change, and where it stands against our trades."""

import django.core.serializers.json
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trades', '0210_items_on_anything'),
    ]

    operations = [
        migrations.CreateModel(
            name='Confirmation',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('party_id', models.BigIntegerField()),
                ('reference', models.TextField()),
                ('version_id', models.BigIntegerField(unique=True)),
                ('version', models.IntegerField()),
                ('status', models.TextField(choices=[('UNMATCHED', 'no trade of ours'), ('MISMATCHED', 'terms differ'), ('MATCHED', 'matched'), ('DISPUTED', 'disputed'), ('CANCELLED', 'cancelled by both')])),
                ('trade_id', models.BigIntegerField(null=True)),
                ('trade_version', models.IntegerField(null=True)),
                ('differences', models.JSONField(default=list, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('opened_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('matched_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'trades_confirmation',
                'indexes': [models.Index(fields=['status', 'id'], name='trades_confirmation_status')],
                'constraints': [models.UniqueConstraint(fields=('party_id', 'reference'), name='trades_confirmation_once'), models.UniqueConstraint(condition=models.Q(('trade_id__isnull', False)), fields=('trade_id',), name='trades_confirmation_of_trade'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'UNMATCHED'), ('trade_id__isnull', True), ('trade_version__isnull', True)), models.Q(models.Q(('status', 'UNMATCHED'), _negated=True), ('trade_id__isnull', False), ('trade_version__isnull', False)), _connector='OR'), name='trades_confirmation_stands'), models.CheckConstraint(condition=models.Q(models.Q(('matched_at__isnull', False), ('status', 'MATCHED')), models.Q(models.Q(('status', 'MATCHED'), _negated=True), ('matched_at__isnull', True)), _connector='OR'), name='trades_confirmation_matched')],
            },
        ),
        migrations.CreateModel(
            name='ConfirmationVersion',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('party_id', models.BigIntegerField()),
                ('reference', models.TextField()),
                ('version', models.IntegerField()),
                ('action', models.TextField(choices=[('CONFIRM', 'confirms'), ('CANCEL', 'cancels')])),
                ('named_trade_id', models.BigIntegerField(null=True)),
                ('source', models.TextField(null=True)),
                ('source_ref', models.TextField(null=True)),
                ('product', models.TextField()),
                ('side', models.TextField()),
                ('instrument_ref', models.TextField(null=True)),
                ('instrument_id', models.BigIntegerField(null=True)),
                ('quantity', models.DecimalField(decimal_places=10, max_digits=28, null=True)),
                ('price', models.DecimalField(decimal_places=10, max_digits=28, null=True)),
                ('currency', models.TextField()),
                ('net_amount', models.DecimalField(decimal_places=4, max_digits=28, null=True)),
                ('contra_currency', models.TextField(null=True)),
                ('contra_amount', models.DecimalField(decimal_places=4, max_digits=28, null=True)),
                ('trade_date', models.DateField()),
                ('settlement_date', models.DateField(null=True)),
                ('received_at', models.DateTimeField()),
                ('actor', models.TextField()),
            ],
            options={
                'db_table': 'trades_confirmation_version',
                'indexes': [models.Index(fields=['party_id', 'trade_date'], name='trades_confirmation_day'), models.Index(condition=models.Q(('named_trade_id__isnull', False)), fields=['named_trade_id'], name='trades_confirmation_named'), models.Index(condition=models.Q(('source__isnull', False)), fields=['source', 'source_ref'], name='trades_confirmation_deal')],
                'constraints': [models.UniqueConstraint(fields=('party_id', 'reference', 'version'), name='trades_confirmation_version_once')],
            },
        ),
        migrations.RunSQL(
            "SELECT core_append_only('trades_confirmation_version')",
            "DROP TRIGGER append_only ON trades_confirmation_version",
        ),
    ]
