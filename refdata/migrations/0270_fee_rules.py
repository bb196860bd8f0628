"""Rules of fees: versions that never change and that approved proposals only make."""

import django.db.models.deletion
from django.db import migrations, models


RULES = """
SELECT core_append_only('refdata_fee_rule_version');
SELECT core_append_only('refdata_fee_rule');

CREATE FUNCTION refdata_only_approved_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM core_proposal p
        WHERE p.id = NEW.proposal_id AND p.kind = 'fee_rule' AND p.subject = 'fee_rule'
          AND p.subject_id = NEW.rule_id AND p.state = 'APPROVED'
    ) THEN
        RAISE EXCEPTION 'a version of a fee rule needs an approved proposal for it'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_approved BEFORE INSERT ON refdata_fee_rule_version
FOR EACH ROW EXECUTE FUNCTION refdata_only_approved_rule();
"""
UNDO = """
DROP TRIGGER only_approved ON refdata_fee_rule_version;
DROP FUNCTION refdata_only_approved_rule();
DROP TRIGGER never_truncated ON refdata_fee_rule;
DROP TRIGGER append_only ON refdata_fee_rule;
DROP TRIGGER never_truncated ON refdata_fee_rule_version;
DROP TRIGGER append_only ON refdata_fee_rule_version;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0130_approval_policy'),
        ("refdata", "0240_specific_ssis"),
    ]

    operations = [
        migrations.CreateModel(
            name='FeeRule',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('code', models.TextField(unique=True)),
            ],
            options={
                'db_table': 'refdata_fee_rule',
            },
        ),
        migrations.CreateModel(
            name='FeeRuleVersion',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('version', models.IntegerField()),
                ('valid_from', models.DateField()),
                ('is_active', models.BooleanField()),
                ('title', models.TextField()),
                ('type', models.TextField(help_text='as the front office calls it: COMMISSION, STAMP_DUTY …')),
                ('product', models.TextField(help_text='a product, or * for every one')),
                ('market', models.TextField(help_text='a MIC (ISO 10383), or * for every one')),
                ('currency', models.TextField(help_text='ISO 4217, or * for every one')),
                ('side', models.TextField(help_text='BUY or SELL, seen from us, or * for both')),
                ('basis', models.TextField(choices=[('BPS', 'basis points of the gross amount'), ('PER_UNIT', 'an amount for each unit'), ('FLAT', 'an amount for the deal')])),
                ('rate', models.DecimalField(decimal_places=8, max_digits=18)),
                ('tiers', models.JSONField(null=True)),
                ('minimum', models.DecimalField(decimal_places=4, max_digits=28, null=True)),
                ('maximum', models.DecimalField(decimal_places=4, max_digits=28, null=True)),
                ('is_stated', models.BooleanField()),
                ('direction', models.TextField(choices=[('PAY', 'we pay it'), ('RECEIVE', 'we receive it')])),
                ('proposal_id', models.BigIntegerField(unique=True)),
                ('approved_at', models.DateTimeField()),
                ('party', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='refdata.party')),
                ('rule', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='refdata.feerule')),
            ],
            options={
                'db_table': 'refdata_fee_rule_version',
                'constraints': [models.UniqueConstraint(fields=('rule', 'version'), name='refdata_fee_rule_version_once'), models.CheckConstraint(condition=models.Q(('version__gte', 1)), name='refdata_fee_rule_version_from_one'), models.CheckConstraint(condition=models.Q(('basis__in', ['BPS', 'PER_UNIT', 'FLAT']), ('direction__in', ['PAY', 'RECEIVE'])), name='refdata_fee_rule_version_words'), models.CheckConstraint(condition=models.Q(models.Q(('currency', '*'), _negated=True), models.Q(('basis', 'BPS'), ('maximum__isnull', True), ('minimum__isnull', True)), _connector='OR'), name='refdata_fee_rule_version_currency'), models.CheckConstraint(condition=models.Q(('minimum__isnull', True), ('maximum__isnull', True), ('minimum__lte', models.F('maximum')), _connector='OR'), name='refdata_fee_rule_version_range')],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
