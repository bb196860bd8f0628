"""Statements, reconciliations with their versions and runs, breaks, and what two people have matched."""

import core.models
import django.contrib.postgres.fields
from django.db import migrations, models

RULES = """
SELECT core_append_only('ledger_statement');
SELECT core_append_only('ledger_statement_line');
SELECT core_append_only('ledger_reconciliation_version');
SELECT core_append_only('ledger_run_result');
SELECT core_append_only('ledger_break_step');
SELECT core_never_deleted('ledger_reconciliation');
SELECT core_never_deleted('ledger_reconciliation_run');
SELECT core_never_deleted('ledger_break');
SELECT core_never_deleted('ledger_forced_match');
"""
UNDO = """
DROP TRIGGER never_truncated ON ledger_statement;
DROP TRIGGER append_only ON ledger_statement;
DROP TRIGGER never_truncated ON ledger_statement_line;
DROP TRIGGER append_only ON ledger_statement_line;
DROP TRIGGER never_truncated ON ledger_reconciliation_version;
DROP TRIGGER append_only ON ledger_reconciliation_version;
DROP TRIGGER never_truncated ON ledger_run_result;
DROP TRIGGER append_only ON ledger_run_result;
DROP TRIGGER never_truncated ON ledger_break_step;
DROP TRIGGER append_only ON ledger_break_step;
DROP TRIGGER never_truncated ON ledger_reconciliation;
DROP TRIGGER never_deleted ON ledger_reconciliation;
DROP TRIGGER never_truncated ON ledger_reconciliation_run;
DROP TRIGGER never_deleted ON ledger_reconciliation_run;
DROP TRIGGER never_truncated ON ledger_break;
DROP TRIGGER never_deleted ON ledger_break;
DROP TRIGGER never_truncated ON ledger_forced_match;
DROP TRIGGER never_deleted ON ledger_forced_match;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "0352_fills"),
    ]

    operations = [
        migrations.CreateModel(
            name='Reconciliation',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('code', models.TextField(unique=True)),
            ],
            options={
                'db_table': 'ledger_reconciliation',
            },
        ),
        migrations.CreateModel(
            name='ReconciliationVersion',
            fields=[
                ('pk', models.CompositePrimaryKey('reconciliation_id', 'version', blank=True, editable=False, primary_key=True, serialize=False)),
                ('reconciliation_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('title', models.TextField()),
                ('kind', models.TextField()),
                ('source', models.TextField()),
                ('levels', models.JSONField()),
                ('window_days', models.IntegerField()),
                ('schedule', models.TextField()),
                ('owner', models.TextField()),
                ('is_active', models.BooleanField()),
                ('proposal_id', models.BigIntegerField()),
                ('approved_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'ledger_reconciliation_version',
            },
        ),
        migrations.CreateModel(
            name='Break',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('reconciliation_id', models.BigIntegerField()),
                ('key', models.TextField()),
                ('outcome', models.TextField(choices=[('DIFFERENT', 'the sides differ'), ('OURS', 'only we have it'), ('THEIRS', 'only they have it')])),
                ('business_date', models.DateField()),
                ('ours', models.JSONField()),
                ('theirs', models.JSONField()),
                ('differences', models.JSONField()),
                ('near', models.JSONField()),
                ('amount', models.DecimalField(decimal_places=10, max_digits=38, null=True)),
                ('unit', models.TextField(db_default='', default='', help_text="the amount's currency, or its instrument")),
                ('base_amount', models.DecimalField(decimal_places=4, max_digits=28, null=True)),
                ('opened_at', models.DateTimeField()),
                ('first_run_id', models.BigIntegerField()),
                ('last_run_id', models.BigIntegerField()),
                ('changed_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('closing', models.TextField(choices=[('AGREED', 'both sides agree'), ('FORCED', 'matched by two people')], db_default='', default='')),
                ('reopened_at', models.DateTimeField(null=True)),
                ('reopened_because', models.TextField(db_default='', default='')),
            ],
            options={
                'db_table': 'ledger_break',
                'indexes': [models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['reconciliation_id', 'id'], name='ledger_break_open')],
                'constraints': [models.UniqueConstraint(fields=('reconciliation_id', 'key'), name='ledger_break_key')],
            },
        ),
        migrations.CreateModel(
            name='BreakStep',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('break_id', models.BigIntegerField()),
                ('run_id', models.BigIntegerField(null=True)),
                ('step', models.TextField()),
                ('reason', models.TextField(db_default='', default='')),
                ('happened_at', models.DateTimeField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
            ],
            options={
                'db_table': 'ledger_break_step',
                'indexes': [models.Index(fields=['break_id', 'id'], name='ledger_break_step_break'), models.Index(fields=['run_id', 'id'], name='ledger_break_step_run')],
            },
        ),
        migrations.CreateModel(
            name='ForcedMatch',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('reconciliation_id', models.BigIntegerField()),
                ('break_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('ours', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('theirs', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('theirs_hash', models.TextField()),
                ('condition', models.JSONField()),
                ('reason', models.TextField()),
                ('proposal_id', models.BigIntegerField(unique=True)),
                ('approved_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_because', models.TextField(db_default='', default='')),
            ],
            options={
                'db_table': 'ledger_forced_match',
                'indexes': [models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['reconciliation_id', 'id'], name='ledger_forced_match_open')],
            },
        ),
        migrations.CreateModel(
            name='ReconciliationRun',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('reconciliation_id', models.BigIntegerField()),
                ('version', models.IntegerField(db_default=0, default=0)),
                ('business_date', models.DateField()),
                ('start_date', models.DateField(null=True)),
                ('state', models.TextField(choices=[('WAITING', 'waits'), ('DONE', 'done'), ('FAILED', 'failed')], db_default='WAITING', default='WAITING')),
                ('asked_by', models.TextField()),
                ('asked_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('failure', models.TextField(db_default='', default='')),
                ('statement_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('ours', models.IntegerField(db_default=0, default=0)),
                ('theirs', models.IntegerField(db_default=0, default=0)),
                ('matched_ours', models.IntegerField(db_default=0, default=0)),
                ('matched_theirs', models.IntegerField(db_default=0, default=0)),
                ('forced_ours', models.IntegerField(db_default=0, default=0)),
                ('forced_theirs', models.IntegerField(db_default=0, default=0)),
                ('differing_ours', models.IntegerField(db_default=0, default=0)),
                ('differing_theirs', models.IntegerField(db_default=0, default=0)),
                ('unmatched_ours', models.IntegerField(db_default=0, default=0)),
                ('unmatched_theirs', models.IntegerField(db_default=0, default=0)),
                ('new', models.IntegerField(db_default=0, default=0)),
                ('unchanged', models.IntegerField(db_default=0, default=0)),
                ('changed', models.IntegerField(db_default=0, default=0)),
                ('cleared', models.IntegerField(db_default=0, default=0)),
            ],
            options={
                'db_table': 'ledger_reconciliation_run',
                'indexes': [models.Index(fields=['reconciliation_id', 'id'], name='ledger_run_reconciliation')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'WAITING')), fields=('reconciliation_id', 'business_date'), name='ledger_run_waiting')],
            },
        ),
        migrations.CreateModel(
            name='RunResult',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('run_id', models.BigIntegerField()),
                ('outcome', models.TextField()),
                ('level', models.IntegerField(null=True)),
                ('ours', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('theirs', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
            options={
                'db_table': 'ledger_run_result',
                'indexes': [models.Index(fields=['run_id', 'id'], name='ledger_run_result_run')],
            },
        ),
        migrations.CreateModel(
            name='Statement',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.TextField()),
                ('source', models.TextField()),
                ('business_date', models.DateField()),
                ('revision', models.IntegerField()),
                ('format', models.TextField()),
                ('file_name', models.TextField()),
                ('sha256', models.TextField()),
                ('line_count', models.IntegerField()),
                ('balances', models.JSONField()),
                ('received_at', models.DateTimeField()),
                ('received_by', models.TextField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
            ],
            options={
                'db_table': 'ledger_statement',
                'constraints': [models.UniqueConstraint(fields=('kind', 'source', 'business_date', 'revision'), name='ledger_statement_revision'), models.UniqueConstraint(fields=('kind', 'source', 'business_date', 'sha256'), name='ledger_statement_once')],
            },
        ),
        migrations.CreateModel(
            name='StatementLine',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('statement_id', models.BigIntegerField()),
                ('number', models.IntegerField()),
                ('key', models.TextField()),
                ('fields', models.JSONField()),
            ],
            options={
                'db_table': 'ledger_statement_line',
                'constraints': [models.UniqueConstraint(fields=('statement_id', 'key'), name='ledger_statement_line_key')],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
