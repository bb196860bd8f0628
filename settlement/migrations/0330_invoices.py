"""Invoices, credit notes and their lines: never changed, numbered without gaps, credited up to what was billed."""

import core.models
import django.db.models.expressions
from django.db import migrations, models

TABLES = ("settlement_invoice", "settlement_invoice_line")
# Credits of one line are counted one after the other. A row's own lock would need the right to change the row.
RULES = (
    "".join(f"SELECT core_append_only('{table}');\n" for table in TABLES)
    + """
SELECT core_never_deleted('settlement_invoice_series');
CREATE FUNCTION settlement_credit_within() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    billed settlement_invoice_line;
    open_quantity numeric;
    open_net numeric;
    open_tax numeric;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('settlement_invoice_line', NEW.credits));
    SELECT * INTO billed FROM settlement_invoice_line
    WHERE id = NEW.credits AND credits IS NULL AND trade_id = NEW.trade_id AND item = NEW.item;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a credit is of an invoice line of its own item' USING ERRCODE = 'check_violation';
    END IF;
    SELECT billed.quantity - coalesce(sum(c.quantity), 0), abs(billed.net - coalesce(sum(c.net), 0)),
           abs(billed.tax - coalesce(sum(c.tax), 0))
    INTO open_quantity, open_net, open_tax FROM settlement_invoice_line c WHERE c.credits = NEW.credits;
    IF NEW.quantity > open_quantity OR abs(NEW.net) > open_net OR abs(NEW.tax) > open_tax THEN
        RAISE EXCEPTION 'a credit is of no more than is open of its line' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER credit_within BEFORE INSERT ON settlement_invoice_line
FOR EACH ROW WHEN (NEW.credits IS NOT NULL) EXECUTE FUNCTION settlement_credit_within();
"""
)
UNDO = (
    "DROP TRIGGER credit_within ON settlement_invoice_line;\nDROP FUNCTION settlement_credit_within();\n"
    + "DROP TRIGGER never_deleted ON settlement_invoice_series;\n"
    + "".join(
        f"DROP TRIGGER IF EXISTS never_truncated ON {table}; DROP TRIGGER append_only ON {table};\n" for table in TABLES
    )
)


class Migration(migrations.Migration):

    dependencies = [
        ("settlement", "0320_open_instructions"),
    ]

    operations = [
        migrations.CreateModel(
            name='Invoice',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.TextField(choices=[('INVOICE', 'invoice'), ('CREDIT_NOTE', 'credit note')])),
                ('series', models.TextField()),
                ('number', models.BigIntegerField()),
                ('reference', models.TextField(unique=True)),
                ('entity_id', models.BigIntegerField()),
                ('customer_id', models.BigIntegerField()),
                ('billing', models.JSONField()),
                ('currency', models.TextField(help_text='ISO 4217')),
                ('invoice_date', models.DateField()),
                ('due_date', models.DateField()),
                ('trade_id', models.BigIntegerField(null=True)),
                ('credits', models.BigIntegerField(null=True)),
                ('reason', models.TextField(default='', help_text='of a credit note')),
                ('net', models.DecimalField(decimal_places=4, max_digits=28)),
                ('tax', models.DecimalField(decimal_places=4, max_digits=28)),
                ('gross', models.DecimalField(decimal_places=4, max_digits=28)),
                ('issued_at', models.DateTimeField()),
                ('issued_by', models.TextField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
            ],
            options={
                'db_table': 'settlement_invoice',
                'indexes': [models.Index(fields=['xid', 'id'], name='settlement_invoice_order'), models.Index(fields=['customer_id', 'id'], name='settlement_invoice_customer'), models.Index(condition=models.Q(('credits__isnull', False)), fields=['credits'], name='settlement_invoice_credits')],
                'constraints': [models.UniqueConstraint(fields=('entity_id', 'series', 'number'), name='settlement_invoice_number'), models.CheckConstraint(condition=models.Q(('gross', django.db.models.expressions.CombinedExpression(models.F('net'), '+', models.F('tax')))), name='settlement_invoice_gross'), models.CheckConstraint(condition=models.Q(models.Q(('credits__isnull', True), ('kind', 'INVOICE')), models.Q(('credits__isnull', False), ('kind', 'CREDIT_NOTE'), ('series', 'CRN')), _connector='OR'), name='settlement_invoice_kind')],
            },
        ),
        migrations.CreateModel(
            name='InvoiceLine',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('invoice_id', models.BigIntegerField()),
                ('line', models.IntegerField()),
                ('trade_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('item', models.TextField()),
                ('part', models.IntegerField()),
                ('leg', models.IntegerField(null=True)),
                ('instruction_id', models.BigIntegerField(null=True)),
                ('report_id', models.BigIntegerField(null=True)),
                ('accrual_id', models.BigIntegerField(null=True)),
                ('text', models.TextField()),
                ('quantity', models.DecimalField(decimal_places=10, max_digits=28)),
                ('unit_price', models.DecimalField(decimal_places=10, max_digits=28)),
                ('net', models.DecimalField(decimal_places=4, max_digits=28)),
                ('tax_rate', models.DecimalField(decimal_places=6, help_text='per cent', max_digits=12, null=True)),
                ('tax_rule_version_id', models.BigIntegerField(null=True)),
                ('tax', models.DecimalField(decimal_places=4, max_digits=28)),
                ('gross', models.DecimalField(decimal_places=4, max_digits=28)),
                ('credits', models.BigIntegerField(null=True)),
                ('is_closing', models.BooleanField(default=False)),
            ],
            options={
                'db_table': 'settlement_invoice_line',
                'indexes': [models.Index(fields=['accrual_id'], name='settlement_invoice_line_accr')],
                'constraints': [models.UniqueConstraint(fields=('invoice_id', 'line'), name='settlement_invoice_line_once'), models.UniqueConstraint(condition=models.Q(('credits__isnull', True)), fields=('trade_id', 'item', 'part'), name='settlement_invoice_line_part'), models.UniqueConstraint(condition=models.Q(('credits__isnull', False)), fields=('credits', 'part'), name='settlement_invoice_line_credit'), models.UniqueConstraint(condition=models.Q(('is_closing', True)), fields=('credits',), name='settlement_invoice_line_closed'), models.CheckConstraint(condition=models.Q(('gross', django.db.models.expressions.CombinedExpression(models.F('net'), '+', models.F('tax')))), name='settlement_invoice_line_gross')],
            },
        ),
        migrations.CreateModel(
            name='InvoiceSeries',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('entity_id', models.BigIntegerField()),
                ('series', models.TextField()),
                ('last_number', models.BigIntegerField()),
            ],
            options={
                'db_table': 'settlement_invoice_series',
                'constraints': [models.UniqueConstraint(fields=('entity_id', 'series'), name='settlement_invoice_series_once')],
            },
        ),
        migrations.AddIndex(
            model_name='feeaccrual',
            index=models.Index(condition=models.Q(('amount__gt', 0), ('is_stated', False), ('reverses__isnull', True)), fields=['trade_id'], name='settlement_accrual_billable'),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
