"""Back-tests of checks: their progress and figures, and the trades of another outcome."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0051_proposals_are_frozen'),
        ('risk', '0140_parameters_of_checks'),
    ]

    operations = [
        migrations.CreateModel(
            name='BackTest',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('code', models.TextField()),
                ('version', models.IntegerField(help_text='the version in force when it was asked for')),
                ('before', models.JSONField()),
                ('after', models.JSONField()),
                ('days', models.IntegerField()),
                ('since', models.DateTimeField()),
                ('asked_by', models.TextField()),
                ('asked_at', models.DateTimeField()),
                ('state', models.TextField(choices=[('WAITING', 'Waiting'), ('RUNNING', 'Running'), ('DONE', 'Done'), ('CANCELLED', 'Cancelled'), ('FAILED', 'Failed')], default='WAITING')),
                ('finished_at', models.DateTimeField(null=True)),
                ('first_id', models.BigIntegerField(default=0)),
                ('until_id', models.BigIntegerField(default=0)),
                ('position_id', models.BigIntegerField(default=0)),
                ('looked_at', models.BigIntegerField(default=0)),
                ('changed', models.BigIntegerField(default=0, help_text='trades of another outcome')),
                ('unmeasured', models.BigIntegerField(default=0, help_text='trades of another outcome without a base amount')),
                ('failing', models.BigIntegerField(default=0)),
                ('failing_amount', models.DecimalField(decimal_places=4, default=0, max_digits=30)),
                ('passing', models.BigIntegerField(default=0)),
                ('passing_amount', models.DecimalField(decimal_places=4, default=0, max_digits=30)),
                ('held', models.BigIntegerField(default=0)),
                ('held_amount', models.DecimalField(decimal_places=4, default=0, max_digits=30)),
                ('freed', models.BigIntegerField(default=0)),
                ('freed_amount', models.DecimalField(decimal_places=4, default=0, max_digits=30)),
                ('straight_before', models.BigIntegerField(default=0)),
                ('straight_after', models.BigIntegerField(default=0)),
                ('proposal', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.proposal')),
            ],
            options={
                'db_table': 'risk_back_test',
            },
        ),
        migrations.CreateModel(
            name='BackTestTrade',
            fields=[
                ('pk', models.CompositePrimaryKey('back_test_id', 'trade_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('trade_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('before', models.TextField()),
                ('after', models.TextField()),
                ('message', models.TextField()),
                ('base_amount', models.DecimalField(decimal_places=4, max_digits=28, null=True)),
                ('back_test', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='trades', to='risk.backtest')),
            ],
            options={
                'db_table': 'risk_back_test_trade',
            },
        ),
        migrations.AddIndex(
            model_name='backtest',
            index=models.Index(fields=['code', '-id'], name='risk_back_test_code'),
        ),
        migrations.AddConstraint(
            model_name='backtest',
            constraint=models.CheckConstraint(condition=models.Q(('days__gte', 1)), name='risk_back_test_days'),
        ),
        migrations.AddConstraint(
            model_name='backtest',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['WAITING', 'RUNNING']), ('finished_at__isnull', False), _connector='XOR'), name='risk_back_test_finished'),
        ),
    ]
