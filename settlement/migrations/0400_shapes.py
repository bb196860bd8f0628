"""A net over the maximum size of an instruction is sealed as several, and a leg may so have several parts."""

from django.db import migrations, models

KEY = """
ALTER TABLE settlement_obligation DROP CONSTRAINT settlement_obligation_pkey,
    ADD CONSTRAINT settlement_obligation_pkey PRIMARY KEY (trade_id, leg, attempt, part);
"""
KEY_BEFORE = """
ALTER TABLE settlement_obligation DROP CONSTRAINT settlement_obligation_pkey,
    ADD CONSTRAINT settlement_obligation_pkey PRIMARY KEY (trade_id, leg, attempt);
"""
RULE = """
CREATE OR REPLACE FUNCTION settlement_instruct_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.instruction_id IS NOT NULL
       OR to_jsonb(NEW) - '{instruction_id,quantity}'::text[]
          IS DISTINCT FROM to_jsonb(OLD) - '{instruction_id,quantity}'::text[]
       OR NEW.quantity IS DISTINCT FROM OLD.quantity
          AND (NEW.instruction_id IS NULL OR NEW.quantity <= 0 OR NEW.quantity > OLD.quantity) THEN
        RAISE EXCEPTION 'an obligation is never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
RULE_BEFORE = """
CREATE OR REPLACE FUNCTION settlement_instruct_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.instruction_id IS NOT NULL
       OR to_jsonb(NEW) - 'instruction_id' IS DISTINCT FROM to_jsonb(OLD) - 'instruction_id' THEN
        RAISE EXCEPTION 'an obligation is never changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('settlement', '0380_penalties'),
    ]

    operations = [
        migrations.AddField(
            model_name='obligation',
            name='part',
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.RunSQL(KEY, KEY_BEFORE, state_operations=[
            migrations.AlterField(
                model_name='obligation',
                name='pk',
                field=models.CompositePrimaryKey(
                    'trade_id', 'leg', 'attempt', 'part', blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
        ]),
        migrations.RunSQL(RULE, RULE_BEFORE),
        migrations.AddField(
            model_name='instruction', name='shape', field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name='instruction', name='shapes', field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name='instruction', name='shaped_with', field=models.BigIntegerField(null=True),
        ),
    ]
