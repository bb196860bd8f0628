"""The exceptions desk: whose move, causes, teams, snoozing, escalation, and items that open again with their history.

What an item was closed with is kept when it opens again, so that it can be read as of a moment in between.
"""

import core.models
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


RULES = """
SELECT core_append_only('trades_exception_closing');

CREATE FUNCTION trades_keep_closing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trades_exception_closing
        (exception_id, closed_at, closed_by, resolution, closed_xid, reopened_at)
    VALUES (OLD.id, OLD.closed_at, OLD.closed_by, OLD.resolution, OLD.closed_xid, NEW.reopened_at);
    RETURN NULL;
END $$;
CREATE TRIGGER keep_closing AFTER UPDATE OF closed_at ON trades_exception
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL AND NEW.closed_at IS NULL)
    EXECUTE FUNCTION trades_keep_closing();

-- What is open already shares a cause with what has the same codes, until it is told anew.
UPDATE trades_exception SET causes = codes WHERE closed_at IS NULL;
"""
UNDO = """
DROP TRIGGER keep_closing ON trades_exception;
DROP FUNCTION trades_keep_closing();
DROP TRIGGER append_only ON trades_exception_closing;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ("trades", "0160_drawdowns"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AssignmentRule',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('position', models.IntegerField(help_text='the lowest that fits is taken')),
                ('kind', models.TextField(blank=True, default='', help_text='kind of work item; empty: any')),
                ('code', models.TextField(blank=True, default='', help_text='a code on the item; empty: any')),
                ('source', models.TextField(blank=True, default='', help_text='front-office system; empty: any')),
                ('book', models.TextField(blank=True, default='', help_text='book as the trade names it; empty: any')),
            ],
            options={
                'db_table': 'trades_assignment_rule',
            },
        ),
        migrations.CreateModel(
            name='ExceptionClosing',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('exception_id', models.BigIntegerField()),
                ('closed_at', models.DateTimeField()),
                ('closed_by', models.TextField()),
                ('resolution', models.TextField()),
                ('closed_xid', models.BigIntegerField(null=True)),
                ('reopened_at', models.DateTimeField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
            ],
            options={
                'db_table': 'trades_exception_closing',
            },
        ),
        migrations.AddField(
            model_name='comment',
            name='audience',
            field=models.TextField(choices=[('INTERNAL', 'among ourselves'), ('FRONT_OFFICE', 'the front office')], db_default='INTERNAL'),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='causes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='escalated_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='move',
            field=models.TextField(choices=[('OPERATIONS', 'operations'), ('FRONT_OFFICE', 'front office'), ('BACK_OFFICE', 'back office'), ('REFERENCE_DATA', 'reference data'), ('RISK', 'risk')], db_default='OPERATIONS'),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='reopened_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='reopenings',
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='root_cause',
            field=models.TextField(db_default=''),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='snooze_reason',
            field=models.TextField(db_default=''),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='snoozed_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='team',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='exceptions', to='auth.group'),
        ),
        migrations.AddField(
            model_name='exceptionitem',
            name='waits',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None),
        ),
        migrations.AlterField(
            model_name='exceptionitem',
            name='kind',
            field=models.TextField(),
        ),
        migrations.AddIndex(
            model_name='exceptionitem',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('closed_at__isnull', True)), fields=['causes'], name='trades_exception_causes'),
        ),
        migrations.AddIndex(
            model_name='exceptionitem',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('closed_at__isnull', True)), fields=['waits'], name='trades_exception_waits'),
        ),
        migrations.AddIndex(
            model_name='exceptionitem',
            index=models.Index(fields=['xid', 'id'], name='trades_exception_written'),
        ),
        migrations.AddField(
            model_name='assignmentrule',
            name='owner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='assignmentrule',
            name='team',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group'),
        ),
        migrations.AddIndex(
            model_name='exceptionclosing',
            index=models.Index(fields=['exception_id', 'id'], name='trades_exception_closing_item'),
        ),
        migrations.AddConstraint(
            model_name='assignmentrule',
            constraint=models.CheckConstraint(condition=models.Q(('owner__isnull', False), ('team__isnull', False), _connector='OR'), name='trades_assignment_to_somebody'),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
