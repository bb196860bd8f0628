"""Daily profit and loss: runs, their lines, the prices behind them, adjustments and sign-offs."""

import core.models
import django.db.models.deletion
from django.db import migrations, models


# What an intraday run said gives way to the next; every other run stays as it is for ever.
_GUARD = """
CREATE FUNCTION ledger_profit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM gone g JOIN ledger_profit_run r ON r.id = g.run_id WHERE r.kind <> 'INTRADAY') THEN
        RAISE EXCEPTION 'A run that is not intraday is never changed.' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION ledger_profit_run_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR OLD.kind <> 'INTRADAY' THEN
        RAISE EXCEPTION 'A run that is not intraday is never changed.' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON ledger_profit_run
    FOR EACH ROW EXECUTE FUNCTION ledger_profit_run_guard();
CREATE TRIGGER kept AFTER DELETE ON ledger_profit_line REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_profit_guard();
CREATE TRIGGER kept_as_it_is AFTER UPDATE ON ledger_profit_line REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_profit_guard();
CREATE TRIGGER kept AFTER DELETE ON ledger_profit_price REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_profit_guard();
CREATE TRIGGER kept_as_it_is AFTER UPDATE ON ledger_profit_price REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_profit_guard();
SELECT core_never_truncated('ledger_profit_run');
SELECT core_never_truncated('ledger_profit_line');
SELECT core_never_truncated('ledger_profit_price');
SELECT core_append_only('ledger_profit_adjustment');
SELECT core_append_only('ledger_profit_flag_acceptance');
SELECT core_append_only('ledger_profit_sign_off');
"""
_UNDO = """
DROP TRIGGER never_truncated ON ledger_profit_sign_off; DROP TRIGGER append_only ON ledger_profit_sign_off;
DROP TRIGGER never_truncated ON ledger_profit_flag_acceptance;
DROP TRIGGER append_only ON ledger_profit_flag_acceptance;
DROP TRIGGER never_truncated ON ledger_profit_adjustment; DROP TRIGGER append_only ON ledger_profit_adjustment;
DROP TRIGGER never_truncated ON ledger_profit_price; DROP TRIGGER never_truncated ON ledger_profit_line;
DROP TRIGGER never_truncated ON ledger_profit_run;
DROP TRIGGER kept_as_it_is ON ledger_profit_price; DROP TRIGGER kept ON ledger_profit_price;
DROP TRIGGER kept_as_it_is ON ledger_profit_line; DROP TRIGGER kept ON ledger_profit_line;
DROP TRIGGER kept ON ledger_profit_run;
DROP FUNCTION ledger_profit_run_guard(); DROP FUNCTION ledger_profit_guard();
"""


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "0360_reconciliation"),
    ]

    operations = [
        migrations.CreateModel(
            name='ProfitPrice',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('instrument_id', models.BigIntegerField()),
                ('currency', models.TextField()),
                ('date', models.DateField(null=True)),
                ('quoted', models.DecimalField(decimal_places=10, max_digits=28, null=True)),
                ('price', models.DecimalField(decimal_places=20, max_digits=48, null=True)),
                ('interest', models.DecimalField(decimal_places=20, max_digits=48)),
                ('flag', models.TextField(choices=[('MISSING', 'there is none'), ('STALE', 'older than is allowed'), ('CURRENCY', 'in another currency than its instrument'), ('INTEREST', "the bond's coupons are not known")], help_text='empty: none')),
            ],
            options={
                'db_table': 'ledger_profit_price',
            },
        ),
        migrations.CreateModel(
            name='ProfitRun',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('number', models.IntegerField(help_text='of its day, from 1 on')),
                ('kind', models.TextField(choices=[('OPENING', 'opening balance'), ('INTRADAY', 'intraday'), ('CLOSE', 'end of day')])),
                ('as_at', models.DateTimeField()),
                ('seen', models.TextField(help_text="PostgreSQL's snapshot")),
                ('last_trade_id', models.BigIntegerField()),
                ('base_currency', models.TextField()),
                ('reason', models.TextField(help_text='why the day is told again; empty: it is not')),
                ('actor', models.TextField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
                ('opening', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.profitrun')),
            ],
            options={
                'db_table': 'ledger_profit_run',
            },
        ),
        migrations.CreateModel(
            name='FlagAcceptance',
            fields=[
                ('price', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='ledger.profitprice')),
                ('reason', models.TextField()),
                ('actor', models.TextField()),
                ('accepted_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'ledger_profit_flag_acceptance',
            },
        ),
        migrations.CreateModel(
            name='ProfitAdjustment',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('book_id', models.BigIntegerField()),
                ('instrument_id', models.BigIntegerField()),
                ('currency', models.TextField()),
                ('amount', models.DecimalField(decimal_places=4, max_digits=28)),
                ('valid_from', models.DateField()),
                ('reverses_on', models.DateField()),
                ('reason', models.TextField()),
                ('proposal_id', models.BigIntegerField(unique=True)),
                ('approved_at', models.DateTimeField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
            ],
            options={
                'db_table': 'ledger_profit_adjustment',
                'constraints': [models.CheckConstraint(condition=models.Q(('reverses_on__gt', models.F('valid_from'))), name='ledger_profit_adjustment_range')],
            },
        ),
        migrations.CreateModel(
            name='ProfitSignOff',
            fields=[
                ('run', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='ledger.profitrun')),
                ('proposal_id', models.BigIntegerField(unique=True)),
                ('signed_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'ledger_profit_sign_off',
            },
        ),
        migrations.AddField(
            model_name='profitprice',
            name='run',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prices', to='ledger.profitrun'),
        ),
        migrations.CreateModel(
            name='ProfitLine',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('book_id', models.BigIntegerField()),
                ('product', models.TextField()),
                ('instrument_id', models.BigIntegerField()),
                ('currency', models.TextField()),
                ('trader', models.TextField()),
                ('counterparty_id', models.BigIntegerField()),
                ('starts_on', models.DateField(null=True)),
                ('accrues_from', models.DateField(null=True)),
                ('quantity', models.DecimalField(decimal_places=10, max_digits=38)),
                ('cash', models.DecimalField(decimal_places=20, max_digits=48)),
                ('fees_ahead', models.DecimalField(decimal_places=4, max_digits=28)),
                ('value', models.DecimalField(decimal_places=20, max_digits=48)),
                ('opening_value', models.DecimalField(decimal_places=20, max_digits=48)),
                ('base_value', models.DecimalField(decimal_places=4, max_digits=38)),
                ('is_priced', models.BooleanField()),
                ('new_trades', models.DecimalField(decimal_places=4, max_digits=38)),
                ('amendments', models.DecimalField(decimal_places=4, max_digits=38)),
                ('market', models.DecimalField(decimal_places=4, max_digits=38)),
                ('fx', models.DecimalField(decimal_places=4, max_digits=38)),
                ('carry', models.DecimalField(decimal_places=4, max_digits=38)),
                ('fees', models.DecimalField(decimal_places=4, max_digits=38)),
                ('adjustments', models.DecimalField(decimal_places=4, max_digits=38)),
                ('unexplained', models.DecimalField(decimal_places=4, max_digits=38)),
                ('total', models.DecimalField(decimal_places=4, max_digits=38)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='ledger.profitrun')),
            ],
            options={
                'db_table': 'ledger_profit_line',
            },
        ),
        migrations.CreateModel(
            name='ValuationRule',
            fields=[
                ('code', models.TextField(help_text='a product class, FX, or * for every other', primary_key=True, serialize=False)),
                ('days', models.SmallIntegerField(help_text='business days before the day that is told')),
            ],
            options={
                'db_table': 'ledger_valuation_rule',
                'constraints': [models.CheckConstraint(condition=models.Q(('days__gte', 0), ('days__lte', 250)), name='ledger_valuation_rule_days')],
            },
        ),
        migrations.AddConstraint(
            model_name='profitrun',
            constraint=models.UniqueConstraint(fields=('day', 'number'), name='ledger_profit_run_number'),
        ),
        migrations.AddConstraint(
            model_name='profitrun',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['OPENING', 'INTRADAY', 'CLOSE'])), name='ledger_profit_run_kind'),
        ),
        migrations.AddConstraint(
            model_name='profitprice',
            constraint=models.UniqueConstraint(fields=('run', 'instrument_id', 'currency'), name='ledger_profit_price_once'),
        ),
        migrations.AddIndex(
            model_name='profitline',
            index=models.Index(fields=['run', 'book_id', 'instrument_id'], name='ledger_profit_line_place'),
        ),
        migrations.RunSQL(_GUARD, _UNDO),
    ]
