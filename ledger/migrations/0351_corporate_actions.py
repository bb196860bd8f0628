"""Corporate actions, and when each entry of a position settles."""

import datetime
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0350_positions'),
    ]

    operations = [
        migrations.CreateModel(
            name='CorporateAction',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('reference', models.TextField(unique=True)),
            ],
            options={
                'db_table': 'ledger_corporate_action',
            },
        ),
        migrations.AddField(
            model_name='positionentry',
            name='settles_on',
            field=models.DateField(default=datetime.date(1970, 1, 1)),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='positionmark',
            name='paid_to',
            field=models.DateField(db_default=datetime.date(1970, 1, 1)),
        ),
        migrations.CreateModel(
            name='CorporateActionVersion',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('version', models.IntegerField()),
                ('type', models.TextField(choices=[('SPLF', 'SPLF'), ('DVCA', 'DVCA'), ('INTR', 'INTR'), ('REDM', 'REDM')], help_text='ISO 15022 CAEV')),
                ('instrument_id', models.BigIntegerField()),
                ('ex_date', models.DateField()),
                ('record_date', models.DateField()),
                ('pay_date', models.DateField()),
                ('currency', models.TextField(default='', help_text='ISO 4217; empty for a split')),
                ('rate', models.DecimalField(decimal_places=10, max_digits=28, null=True)),
                ('new_quantity', models.DecimalField(decimal_places=10, max_digits=28, null=True)),
                ('old_quantity', models.DecimalField(decimal_places=10, max_digits=28, null=True)),
                ('is_cancelled', models.BooleanField(default=False)),
                ('proposal_id', models.BigIntegerField(unique=True)),
                ('approved_at', models.DateTimeField()),
                ('action', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='ledger.corporateaction')),
            ],
            options={
                'db_table': 'ledger_corporate_action_version',
                'indexes': [models.Index(fields=['instrument_id', 'action'], name='ledger_action_instrument'), models.Index(fields=['pay_date'], name='ledger_action_pay_date')],
                'constraints': [models.UniqueConstraint(fields=('action', 'version'), name='ledger_action_version'), models.CheckConstraint(condition=models.Q(models.Q(('new_quantity__gt', 0), ('old_quantity__gt', 0), ('type', 'SPLF')), models.Q(models.Q(('type', 'SPLF'), _negated=True), ('rate__gt', 0), models.Q(('currency', ''), _negated=True)), _connector='OR'), name='ledger_action_terms')],
            },
        ),
        migrations.RunSQL(
            "SELECT core_append_only('ledger_corporate_action_version');"
            " SELECT core_never_deleted('ledger_corporate_action')",
            "DROP TRIGGER never_truncated ON ledger_corporate_action;"
            " DROP TRIGGER never_deleted ON ledger_corporate_action;"
            " DROP TRIGGER never_truncated ON ledger_corporate_action_version;"
            " DROP TRIGGER append_only ON ledger_corporate_action_version",
        ),
    ]
