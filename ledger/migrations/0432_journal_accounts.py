"""What accounts are called in the general ledgers, and the journal in the order of commit."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0431_journal_rules'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccountName',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('entity_id', models.BigIntegerField()),
                ('account', models.TextField(choices=[('INVENTORY', 'Trading positions and inventory, at cost'), ('CASH', 'Cash'), ('RECEIVABLE', 'Receivable from counterparties'), ('PAYABLE', 'Payable to counterparties'), ('POSITION', 'Currency and contract positions'), ('ACCRUED_INTEREST', 'Interest paid and received with bonds'), ('REALISED_GAIN', 'Realised profit and loss'), ('INVESTMENT_INCOME', 'Dividends, coupons and redemptions'), ('FEE_INCOME', 'Fees and charges received'), ('FEE_EXPENSE', 'Fees paid'), ('REVENUE', 'Revenue'), ('COST_OF_SALES', 'Cost of sales'), ('ACCRUED_CHARGES', 'Charges accrued and not yet paid'), ('TAX_PAYABLE', 'Sales taxes to be paid over'), ('SUSPENSE', 'Suspense')])),
                ('version', models.IntegerField()),
                ('number', models.TextField(help_text='in the general ledger')),
                ('name', models.TextField()),
                ('proposal_id', models.BigIntegerField()),
                ('approved_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'ledger_account_name',
            },
        ),
        migrations.AddIndex(
            model_name='journalentry',
            index=models.Index(fields=['xid', 'id'], name='ledger_journal_order'),
        ),
        migrations.AddConstraint(
            model_name='accountname',
            constraint=models.UniqueConstraint(fields=('entity_id', 'account', 'version'), name='ledger_account_name_version'),
        ),
        migrations.AddConstraint(
            model_name='accountname',
            constraint=models.CheckConstraint(condition=models.Q(('account__in', ['INVENTORY', 'CASH', 'RECEIVABLE', 'PAYABLE', 'POSITION', 'ACCRUED_INTEREST', 'REALISED_GAIN', 'INVESTMENT_INCOME', 'FEE_INCOME', 'FEE_EXPENSE', 'REVENUE', 'COST_OF_SALES', 'ACCRUED_CHARGES', 'TAX_PAYABLE', 'SUSPENSE'])), name='ledger_account_name_account'),
        ),
        migrations.RunSQL(
            "SELECT core_append_only('ledger_account_name')",
            "DROP TRIGGER append_only ON ledger_account_name; DROP TRIGGER never_truncated ON ledger_account_name",
        ),
    ]
