"""The journal: entries with their postings, what is due to be posted, and how far books are closed."""

import core.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0370_profit'),
        ('settlement', '0270_fee_accruals'),
    ]

    operations = [
        migrations.CreateModel(
            name='JournalDue',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('source', models.TextField(choices=[('T', 'trade'), ('A', 'corporate action')])),
                ('source_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'ledger_journal_due',
            },
        ),
        migrations.CreateModel(
            name='JournalEntry',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('source', models.TextField(choices=[('T', 'trade'), ('A', 'corporate action')])),
                ('source_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('rule', models.TextField()),
                ('rule_version', models.IntegerField()),
                ('entity_id', models.BigIntegerField()),
                ('book_id', models.BigIntegerField()),
                ('currency', models.TextField()),
                ('effective_date', models.DateField()),
                ('posting_date', models.DateField()),
                ('turn', models.IntegerField()),
                ('reverses', models.BigIntegerField(null=True, unique=True)),
                ('recorded_at', models.DateTimeField()),
                ('xid', models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
            ],
            options={
                'verbose_name_plural': 'journal entries',
                'db_table': 'ledger_journal',
                'indexes': [models.Index(fields=['entity_id', 'currency', 'posting_date', 'id'], name='ledger_journal_entity')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('reverses__isnull', True)), fields=('source_id', 'source', 'rule', 'entity_id', 'book_id', 'currency', 'effective_date', 'turn'), name='ledger_journal_once'), models.CheckConstraint(condition=models.Q(('posting_date__gte', models.F('effective_date'))), name='ledger_journal_dates')],
            },
        ),
        migrations.CreateModel(
            name='JournalMark',
            fields=[
                ('one', models.BooleanField(default=True, primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'ledger_journal_mark',
                'constraints': [models.CheckConstraint(condition=models.Q(('one', True)), name='ledger_journal_mark_one')],
            },
        ),
        migrations.CreateModel(
            name='PeriodClosing',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('entity_id', models.BigIntegerField()),
                ('closed_through', models.DateField()),
                ('proposal_id', models.BigIntegerField(unique=True)),
                ('approved_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'ledger_period_closing',
                'constraints': [models.UniqueConstraint(fields=('entity_id', 'closed_through'), name='ledger_period_closing_once')],
            },
        ),
        migrations.CreateModel(
            name='Posting',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('entry_id', models.BigIntegerField()),
                ('account', models.TextField(choices=[('INVENTORY', 'Trading positions and inventory, at cost'), ('CASH', 'Cash'), ('RECEIVABLE', 'Receivable from counterparties'), ('PAYABLE', 'Payable to counterparties'), ('POSITION', 'Currency and contract positions'), ('ACCRUED_INTEREST', 'Interest paid and received with bonds'), ('REALISED_GAIN', 'Realised profit and loss'), ('INVESTMENT_INCOME', 'Dividends, coupons and redemptions'), ('FEE_INCOME', 'Fees and charges received'), ('FEE_EXPENSE', 'Fees paid'), ('REVENUE', 'Revenue'), ('COST_OF_SALES', 'Cost of sales'), ('ACCRUED_CHARGES', 'Charges accrued and not yet paid'), ('TAX_PAYABLE', 'Sales taxes to be paid over'), ('SUSPENSE', 'Suspense')])),
                ('instrument_id', models.BigIntegerField()),
                ('leg', models.IntegerField()),
                ('debit', models.DecimalField(decimal_places=10, max_digits=38)),
                ('credit', models.DecimalField(decimal_places=10, max_digits=38)),
                ('price', models.DecimalField(decimal_places=10, max_digits=28, null=True)),
                ('lot_trade_id', models.BigIntegerField(null=True)),
                ('lot_leg', models.IntegerField(null=True)),
            ],
            options={
                'db_table': 'ledger_posting',
                'indexes': [models.Index(fields=['entry_id', 'id'], name='ledger_posting_entry')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('credit', 0), ('debit__gt', 0)), models.Q(('credit__gt', 0), ('debit', 0)), _connector='OR'), name='ledger_posting_side'), models.CheckConstraint(condition=models.Q(('account__in', ['INVENTORY', 'CASH', 'RECEIVABLE', 'PAYABLE', 'POSITION', 'ACCRUED_INTEREST', 'REALISED_GAIN', 'INVESTMENT_INCOME', 'FEE_INCOME', 'FEE_EXPENSE', 'REVENUE', 'COST_OF_SALES', 'ACCRUED_CHARGES', 'TAX_PAYABLE', 'SUSPENSE'])), name='ledger_posting_account')],
            },
        ),
    ]
