"""Versions of how checks are set: never changed, and made by approved proposals only."""

import django.db.models.deletion
from django.db import migrations, models

RULES = """
SELECT core_append_only('risk_check_parameters');
SELECT core_append_only('risk_check');

CREATE FUNCTION risk_only_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM core_proposal p
        WHERE p.id = NEW.proposal_id AND p.kind = 'check_parameters' AND p.subject = 'check'
          AND p.subject_id = NEW.check_id AND p.state = 'APPROVED'
    ) THEN
        RAISE EXCEPTION 'a version of a check needs an approved proposal for it'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_approved BEFORE INSERT ON risk_check_parameters
FOR EACH ROW EXECUTE FUNCTION risk_only_approved();
"""
UNDO = """
DROP TRIGGER only_approved ON risk_check_parameters;
DROP FUNCTION risk_only_approved();
DROP TRIGGER never_truncated ON risk_check;
DROP TRIGGER append_only ON risk_check;
DROP TRIGGER never_truncated ON risk_check_parameters;
DROP TRIGGER append_only ON risk_check_parameters;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0051_proposals_are_frozen'),
        ('risk', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='RegisteredCheck',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('code', models.TextField(unique=True)),
            ],
            options={
                'db_table': 'risk_check',
            },
        ),
        migrations.CreateModel(
            name='CheckParameters',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('version', models.IntegerField()),
                ('valid_from', models.DateField()),
                ('is_active', models.BooleanField()),
                ('severity', models.TextField()),
                ('parameters', models.JSONField(help_text='numbers as text, by name')),
                ('scope', models.JSONField(help_text='members by dimension: the check looks at trades of all of them; {}: at every')),
                ('approved_at', models.DateTimeField()),
                ('proposal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.proposal')),
                ('check_of', models.ForeignKey(db_column='check_id', on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='risk.registeredcheck')),
            ],
            options={
                'db_table': 'risk_check_parameters',
                'constraints': [models.UniqueConstraint(fields=('check_of', 'version'), name='risk_check_parameters_version'), models.CheckConstraint(condition=models.Q(('version__gte', 1)), name='risk_check_parameters_from_one'), models.CheckConstraint(condition=models.Q(('severity__in', ['BLOCK', 'WARN', 'INFO'])), name='risk_check_parameters_severity')],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
