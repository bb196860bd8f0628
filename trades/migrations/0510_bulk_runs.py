"""Runs of one action on many trades or exceptions, and what became of each."""

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trades', '0421_confirmation_links'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkRun',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('subject', models.TextField(choices=[('trade', 'Trade'), ('exception', 'Exception')])),
                ('action', models.TextField()),
                ('asked', models.JSONField(default=dict)),
                ('actor', models.TextField()),
                ('request_id', models.TextField(default='')),
                ('key', models.TextField(unique=True)),
                ('digest', models.TextField(help_text='SHA-256 of what was asked, in hexadecimal')),
                ('asked_at', models.DateTimeField()),
                ('state', models.TextField(choices=[('RUNNING', 'Running'), ('DONE', 'Done'), ('STOPPED', 'Stopped'), ('FAILED', 'Failed')], default='RUNNING')),
                ('finished_at', models.DateTimeField(null=True)),
                ('items', models.IntegerField()),
                ('position', models.IntegerField(default=0)),
                ('done', models.IntegerField(default=0)),
                ('unchanged', models.IntegerField(default=0)),
                ('proposed', models.IntegerField(default=0)),
                ('refused', models.IntegerField(default=0)),
                ('again', models.ForeignKey(help_text='whose refused items it tries', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trades.bulkrun')),
                ('undoes', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='trades.bulkrun')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'trades_bulk_run',
            },
        ),
        migrations.CreateModel(
            name='BulkItem',
            fields=[
                ('pk', models.CompositePrimaryKey('run_id', 'place', blank=True, editable=False, primary_key=True, serialize=False)),
                ('place', models.IntegerField(help_text='from 1')),
                ('subject_id', models.BigIntegerField()),
                ('seen', models.TextField(default='')),
                ('outcome', models.TextField(default='')),
                ('detail', models.TextField(default='')),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='trades.bulkrun')),
            ],
            options={
                'db_table': 'trades_bulk_item',
            },
        ),
        migrations.AddConstraint(
            model_name='bulkrun',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'RUNNING'), ('finished_at__isnull', False), _connector='XOR'), name='trades_bulk_run_finished'),
        ),
        migrations.AddConstraint(
            model_name='bulkrun',
            constraint=models.CheckConstraint(condition=models.Q(('items__lte', 10000), ('position__gte', 0), ('position__lte', models.F('items'))), name='trades_bulk_run_bounds'),
        ),
        migrations.AddConstraint(
            model_name='bulkrun',
            constraint=models.CheckConstraint(condition=models.Q(('position', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('done'), '+', models.F('unchanged')), '+', models.F('proposed')), '+', models.F('refused')))), name='trades_bulk_run_counts'),
        ),
        migrations.AddConstraint(
            model_name='bulkitem',
            constraint=models.UniqueConstraint(fields=('run', 'subject_id'), name='trades_bulk_item_once'),
        ),
    ]
